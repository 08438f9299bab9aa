/* io/readers/csv_file.c - splits a table into cells in place: one pass, a pointer a cell, no copies
 * of text. Source: RFC 4180; csv_file.h says where we differ. */
#include "io/readers/csv_file.h"
#include "core/memory.h"
#include <inttypes.h>
#include <string.h>
#include <strings.h>

typedef struct {
    char *at, *end;
    size_t line;
    char separator; /* ' ': any blanks */
} scanner;

/* What is dropped around cells. */
static bool is_blank(const scanner *s, char c)
{
    return (c == ' ' || c == '\t' || c == '\r') && (c != s->separator || c == ' ');
}

static bool ends_cell(const scanner *s, char c)
{
    return c == s->separator || c == '\n' || (s->separator == ' ' && c == '\t');
}

/* What ended the cell at *stop: the separator, a line end, or 0 at the end of the file. Blanks that
 * separate are a line end where no cell follows. */
static char take_separator(scanner *s, char *stop)
{
    if (s->separator == ' ')
        while (stop < s->end && is_blank(s, *stop)) stop++;
    const bool inside =
        stop < s->end && *stop != '\n' && (s->separator == ' ' || *stop == s->separator);
    const char found = stop >= s->end ? 0 : inside ? s->separator : '\n';
    s->at = stop + (found != 0 && !(inside && s->separator == ' '));
    s->line += found == '\n';
    return found;
}

/* The cell from the opening quote on; *stop is the place of the separator behind it. */
static co_status quoted_cell(const char *path, scanner *s, size_t column, char **stop)
{
    const size_t opened = s->line;
    char *from = s->at + 1, *to = from;
    for (;; from++) {
        if (from >= s->end)
            return CO_FAIL(CO_EDATA, "%s:%zu: column %zu: the quote opened here is never closed",
                           path, opened, column);
        if (*from == '"' && *++from != '"') break;
        if (*from == '\n') s->line++;
        *to++ = *from;
    }
    if (s->separator != ' ')
        while (from < s->end && is_blank(s, *from)) from++;
    if (from < s->end && !ends_cell(s, *from) && *from != '\r')
        return CO_FAIL(
            CO_EDATA,
            "%s:%zu: column %zu: text behind the closing quote; write a quote inside quotes twice",
            path, s->line, column);
    s->at++;
    *stop = from;
    *to = 0; /* at or before the closing quote */
    return CO_OK;
}

/* Takes one cell and sets *separator to what ended it (0 at the end of the file). */
static co_status take_cell(const char *path, scanner *s, size_t column, char **cell,
                           char *separator)
{
    char *stop = s->at;
    while (s->at < s->end && is_blank(s, *s->at)) s->at++;
    if (s->at < s->end && *s->at == '"') {
        CO_TRY(quoted_cell(path, s, column, &stop));
        *cell = s->at;
        *separator = take_separator(s, stop);
        return CO_OK;
    }
    *cell = stop = s->at;
    while (stop < s->end && !ends_cell(s, *stop)) stop++;
    char *last = stop;
    *separator = take_separator(s, stop);
    while (last > *cell && is_blank(s, last[-1])) last--;
    *last = 0;
    return CO_OK;
}

static co_status take_row(co_csv *csv, scanner *s)
{
    const size_t line = s->line, first = csv->n_rows * csv->n_columns;
    size_t n = 0;
    for (char separator = s->separator; separator == s->separator; n++) {
        CO_TRY(co_reserve((void **)&csv->cell, &csv->cell_room, first + n + 1, sizeof *csv->cell));
        CO_TRY(take_cell(csv->path, s, n, &csv->cell[first + n], &separator));
    }
    if (csv->n_rows == 0) csv->n_columns = n;
    if (n != csv->n_columns)
        return CO_FAIL(CO_EDATA, "%s:%zu: %zu columns, expected %zu as in the first row", csv->path,
                       line, n, csv->n_columns);
    CO_TRY(co_reserve((void **)&csv->line, &csv->line_room, csv->n_rows + 1, sizeof *csv->line));
    csv->line[csv->n_rows++] = line;
    return CO_OK;
}

/* Passes over lines with nothing but blanks. */
static void skip_blank_lines(scanner *s)
{
    for (;;) {
        char *p = s->at;
        while (p < s->end && is_blank(s, *p)) p++;
        if (p < s->end && *p != '\n') return;
        s->line += p < s->end;
        s->at = p + (p < s->end);
        if (p >= s->end) return;
    }
}

static co_status keep_header(co_csv *csv)
{
    csv->header = co_malloc(csv->n_columns, sizeof *csv->header);
    if (!csv->header) return CO_FAIL(CO_ENOMEM, "%s: out of memory for the header", csv->path);
    memcpy(csv->header, csv->cell, csv->n_columns * sizeof *csv->header);
    csv->n_rows--;
    memmove(csv->cell, csv->cell + csv->n_columns,
            csv->n_rows * csv->n_columns * sizeof *csv->cell);
    memmove(csv->line, csv->line + 1, csv->n_rows * sizeof *csv->line);
    return CO_OK;
}

static bool ends_in(const char *path, size_t n, const char *ending)
{
    const size_t m = strlen(ending);
    return n >= m && strncasecmp(path + n - m, ending, m) == 0;
}

static char separator_of(const char *path)
{
    size_t n = strlen(path);
    if (ends_in(path, n, ".gz")) n -= 3;
    return ends_in(path, n, ".tsv") || ends_in(path, n, ".tab") ? '\t' : ',';
}

/* The line sep=C that spreadsheets read. */
static void take_sep(co_csv *csv, scanner *s, bool use)
{
    if (use) csv->separator = s->separator = s->at[4];
    s->at += strcspn(s->at, "\n");
    s->at += *s->at == '\n';
    s->line++;
}

co_status co_csv_read(const char *path, char separator, bool header, const char *encoding,
                      co_csv *csv)
{
    *csv = (co_csv){.path = path, .separator = separator ? separator : separator_of(path)};
    CO_TRY(co_raw_text_as(path, encoding, &csv->raw));
    scanner s = {csv->raw.bytes, csv->raw.bytes + csv->raw.n, 1, csv->separator};
    if (strncmp(s.at, "sep=", 4) == 0 && s.at[4] && strchr("\r\n", s.at[5]))
        take_sep(csv, &s, !separator);
    if (*s.at == '|' && csv->separator != '|') {
        char *newline = strchr(s.at, '\n');
        s.at = newline ? newline + 1 : s.end;
        s.line++;
    }
    for (skip_blank_lines(&s); s.at < s.end; skip_blank_lines(&s)) CO_TRY(take_row(csv, &s));
    if (csv->n_rows <= header)
        return CO_FAIL(CO_EDATA, "%s: no rows%s", path, header ? " below the header" : "");
    return header ? keep_header(csv) : CO_OK;
}

void co_csv_fini(co_csv *csv)
{
    co_free(csv->cell);
    co_free(csv->line);
    co_free(csv->header);
    co_raw_fini(&csv->raw);
    *csv = (co_csv){0};
}

co_status co_csv_column(const co_csv *csv, const char *option, const char *name, size_t *column)
{
    int64_t index;
    for (size_t j = 0; csv->header && j < csv->n_columns; j++)
        if (strcmp(csv->header[j], name) == 0) {
            for (size_t k = j + 1; k < csv->n_columns; k++)
                if (strcmp(csv->header[k], name) == 0)
                    return CO_FAIL(CO_EDATA,
                                   "%s: %s=%s: columns %zu and %zu both have that name; rename one",
                                   csv->path, option, name, j, k);
            *column = j;
            return CO_OK;
        }
    if (co_raw_int(name, &index) && index >= 0 && (uint64_t)index < csv->n_columns) {
        *column = (size_t)index;
        return CO_OK;
    }
    if (csv->n_columns == 1)
        return CO_FAIL(CO_EUSAGE,
                       "%s=%s: %s has one column; if its cells are not parted by '%s', give "
                       "separator=",
                       option, name, csv->path,
                       csv->separator == '\t' ? "tab" : (char[]){csv->separator, 0});
    return CO_FAIL(CO_EUSAGE, "%s=%s: %s has columns 0 .. %zu%s", option, name, csv->path,
                   csv->n_columns - 1,
                   csv->header ? " and no such name in its header" : "; names need header=true");
}
