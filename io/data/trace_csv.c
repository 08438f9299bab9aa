/* io/data/trace_csv.c - a trace from tables of text. */
#include "io/data/trace_draft.h"
#include "io/readers/csv_file.h"
#include <stdio.h>
#include <string.h>

enum { PLACE = 1200 };

static size_t column_of(const co_csv *csv, const char *name)
{
    size_t c = 0;
    while (c < csv->n_columns && strcmp(csv->header[c], name) != 0) c++;
    return c;
}

static bool has(const co_csv *csv, const char *name)
{
    return column_of(csv, name) < csv->n_columns;
}

static void place_of(const co_csv *csv, size_t row, char place[PLACE])
{
    snprintf(place, PLACE, "%s:%zu", csv->path, csv->line[row]);
}

/* A cell as a number. */
static co_status read_cell(const co_csv *csv, size_t row, size_t column, bool whole, double *value)
{
    const char *cell = co_csv_cell(csv, row, column);
    int64_t integer;
    if (whole && co_raw_whole(cell, &integer)) {
        *value = (double)integer;
        return CO_OK;
    }
    if (!whole && co_raw_real(cell, value)) return CO_OK;
    return CO_FAIL(CO_EDATA, "%s:%zu: %s '%.40s' is no %s", csv->path, csv->line[row],
                   csv->header[column], cell, whole ? "whole number" : "number");
}

/* Every column has a known name, and stands once. */
static co_status check_header(const co_csv *csv, const char *const *known, const char *text)
{
    for (size_t c = 0; c < csv->n_columns; c++) {
        size_t k = 0;
        while (known[k] && strcmp(known[k], csv->header[c]) != 0) k++;
        if (!known[k])
            return CO_FAIL(CO_EDATA, "%s: column '%.40s' is not known; %s", csv->path,
                           csv->header[c], text);
        if (column_of(csv, csv->header[c]) != c)
            return CO_FAIL(CO_EDATA, "%s: column '%.40s' stands twice", csv->path, csv->header[c]);
    }
    return CO_OK;
}

static co_status read_devices(co_trace_draft *d, const co_csv *csv)
{
    static const char *const known[] = {"device", "seconds_per_example", "up", "down", "group",
                                        NULL};
    char place[PLACE];
    const size_t at = column_of(csv, "device");
    CO_TRY(check_header(csv, known,
                        "a trace has device and some of seconds_per_example, up, down, group, or "
                        "device (or group), start_s, end_s"));
    if (at == csv->n_columns || csv->n_columns < 2)
        return CO_FAIL(CO_EDATA,
                       "%s: its header has no column %s; a trace has device and some of "
                       "seconds_per_example, up, down, group, or device (or group), start_s, end_s",
                       csv->path, at == csv->n_columns ? "device" : "beside device");
    for (int c = 0; c < CO_TRACE_COLUMNS; c++)
        if (has(csv, co_trace_column_names[c])) CO_TRY(co_trace_open_column(d, csv->path, c));
    for (size_t row = 0; row < csv->n_rows; row++) {
        double device, value;
        place_of(csv, row, place);
        CO_TRY(read_cell(csv, row, at, true, &device));
        for (int c = 0; c < CO_TRACE_COLUMNS; c++) {
            const size_t column = column_of(csv, co_trace_column_names[c]);
            if (column == csv->n_columns) continue;
            CO_TRY(read_cell(csv, row, column, c == CO_TRACE_GROUP, &value));
            CO_TRY(co_trace_put(d, place, c, (int64_t)device, value));
        }
    }
    return co_trace_check_devices(d, csv->path);
}

static co_status read_intervals(co_trace_draft *d, const co_csv *csv)
{
    static const char *const known[] = {"device", "group", "start_s", "end_s", NULL};
    const char *const text = "intervals have device (or group), start_s, end_s";
    const bool of_groups = has(csv, "group");
    const size_t unit_at = column_of(csv, of_groups ? "group" : "device"),
                 start_at = column_of(csv, "start_s"), end_at = column_of(csv, "end_s");
    char place[PLACE];
    CO_TRY(check_header(csv, known, text));
    if (csv->n_columns != 3 || unit_at == 3 || start_at == 3 || end_at == 3)
        return CO_FAIL(CO_EDATA, "%s: %zu columns, or the wrong ones; %s", csv->path,
                       csv->n_columns, text);
    CO_TRY(co_trace_open_intervals(d, csv->path, of_groups));
    for (size_t row = 0; row < csv->n_rows; row++) {
        double unit, start, end;
        place_of(csv, row, place);
        CO_TRY(read_cell(csv, row, unit_at, true, &unit));
        CO_TRY(read_cell(csv, row, start_at, false, &start));
        CO_TRY(read_cell(csv, row, end_at, false, &end));
        CO_TRY(co_trace_add(d, place, (int64_t)unit, start, end));
    }
    return co_trace_check_intervals(d, csv->path);
}

co_status co_trace_read_csv(co_trace_draft *d, const char *path)
{
    co_csv csv;
    co_status st = co_csv_read(path, 0, true, NULL, &csv);
    if (st == CO_OK)
        st = has(&csv, "start_s") || has(&csv, "end_s") ? read_intervals(d, &csv)
                                                        : read_devices(d, &csv);
    co_csv_fini(&csv);
    return st;
}
