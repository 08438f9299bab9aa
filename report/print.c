/* report/print.c - lines that all reports print alike. */
#include "report/print.h"
#include "core/log.h"
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>

void co_print_field(FILE *out, const char *label, const char *format, ...)
{
    fprintf(out, "  %-16s ", label);
    va_list args;
    va_start(args, format);
    vfprintf(out, format, args);
    va_end(args);
    fputc('\n', out);
}

double co_round_digits(double value, int digits, bool up)
{
    char text[64];
    if (!isfinite(value) || value == 0.0) return value;
    const double unit = pow(10.0, floor(log10(value)) - digits + 1);
    for (double n = floor(value / unit * (1.0 - 1e-15)) - 1.0;; n++) {
        snprintf(text, sizeof text, "%.*e", digits - 1, n * unit);
        const double rounded = strtod(text, NULL);
        if (up && rounded >= value) return rounded;
        snprintf(text, sizeof text, "%.*e", digits - 1, (n + 1.0) * unit);
        if (!up && strtod(text, NULL) > value) return rounded;
    }
}

void co_print_file_size(FILE *out, const char *path)
{
    struct stat info;
    char text[32] = "?";
    if (stat(path, &info) == 0) co_format_bytes((double)info.st_size, text, sizeof text);
    co_print_field(out, "file", "%s, %s", path, text);
}
