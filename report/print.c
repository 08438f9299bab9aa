/* report/print.c - lines that all reports print alike. */
#include "report/print.h"
#include "core/log.h"
#include "core/memory.h"
#include "report/show.h"
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
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

/* Columns that the text takes: bytes that begin a character. */
static size_t columns(const char *text, size_t n)
{
    size_t wide = 0;
    for (size_t i = 0; i < n; i++) wide += ((unsigned char)text[i] & 0xc0) != 0x80;
    return wide;
}

/* Where a broken line goes on. */
static size_t hanging(const char *line, size_t n)
{
    const size_t begin = strspn(line, " ");
    size_t at = 0;
    for (size_t i = begin + 2; i < n; i++)
        if (line[i] != ' ' && line[i - 1] == ' ' && line[i - 2] == ' ') at = columns(line, i);
    return at > 0 && at <= CO_LINE_WIDTH * 2 / 3 ? at : begin + 4;
}

/* How much of the line is printed in `room` columns: up to a blank, or the whole first word. */
static size_t part(const char *line, size_t n, size_t room)
{
    size_t end = 0;
    if (columns(line, n) <= room) return n;
    for (size_t i = strspn(line, " "); i <= n; i++) {
        if (i < n && line[i] != ' ') continue;
        if (end > 0 && columns(line, i) > room) break;
        end = i;
        if (columns(line, i) > room) break;
    }
    return end;
}

static void print_line(FILE *out, const char *line, size_t n)
{
    const size_t hang = hanging(line, n);
    size_t used = 0;
    while (n > 0 && line[n - 1] == ' ') n--;
    do {
        const size_t indent = used ? hang : 0,
                     more = part(line + used, n - used, CO_LINE_WIDTH - indent);
        size_t end = used + more;
        while (end > used && line[end - 1] == ' ') end--;
        fprintf(out, "%*s%.*s\n", (int)indent, "", (int)(end - used), line + used);
        used += more;
        while (used < n && line[used] == ' ') used++;
    } while (used < n);
}

void co_print_wrapped(FILE *out, const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    const int n = vasprintf(&text, format, args);
    va_end(args);
    if (n < 0) return; /* no memory for a help text */
    for (char *line = text; *line;) {
        const size_t length = strcspn(line, "\n");
        if (length == 0 && !line[length]) break;
        print_line(out, line, length);
        line += length + (line[length] == '\n');
    }
    free(text);
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

co_status co_show_attribute(const co_file *file, FILE *out, const char *label, const char *name)
{
    char *text = NULL;
    if (!co_file_has_attr(file, name)) return CO_OK;
    CO_TRY(co_file_get_text(file, name, &text));
    co_print_field(out, label, "%s", text);
    co_free(text);
    return CO_OK;
}
