/* io/lists/csv.c - index lists as a table with one row for each device and example. */
#include "io/lists/lists.h"
#include "io/readers/csv_file.h"
#include <string.h>

/* The column that has one of the names; n_columns when there is none. */
static size_t find_column(const co_csv *csv, const char *name, const char *other)
{
    size_t c = 0;
    while (c < csv->n_columns && strcmp(csv->header[c], name) != 0 &&
           strcmp(csv->header[c], other) != 0)
        c++;
    return c;
}

static co_status read_part(const co_lists *lists, const co_csv *csv, size_t row, size_t column,
                           bool *test)
{
    *test = false;
    if (column == csv->n_columns) return CO_OK;
    const char *part = co_csv_cell(csv, row, column);
    *test = strcmp(part, "test") == 0;
    if (*test || strcmp(part, "train") == 0 || !*part) return CO_OK;
    return CO_FAIL(CO_EDATA, "%s:%zu: part '%.40s'; train and test are read", lists->path,
                   csv->line[row], part);
}

static co_status read_rows(co_lists *lists, const co_csv *csv)
{
    const size_t device_at = find_column(csv, "device", "client"), n = csv->n_columns,
                 example_at = find_column(csv, "example", "index"),
                 part_at = find_column(csv, "part", "split");
    if (device_at == n || example_at == n)
        return CO_FAIL(CO_EDATA,
                       "%s: its header has no column %s; lists have device,example or "
                       "device,example,part",
                       lists->path, device_at == n ? "device" : "example");
    for (size_t row = 0; row < csv->n_rows; row++) {
        int32_t device;
        int64_t example;
        bool test;
        const char *cell = co_csv_cell(csv, row, example_at);
        CO_TRY(co_lists_device(lists, co_csv_cell(csv, row, device_at), &device));
        if (!*cell) continue;
        if (!co_raw_whole(cell, &example))
            return CO_FAIL(CO_EDATA, "%s:%zu: example '%.40s' is no integer", lists->path,
                           csv->line[row], cell);
        CO_TRY(read_part(lists, csv, row, part_at, &test));
        CO_TRY(co_lists_add(lists, device, test, example));
    }
    return CO_OK;
}

co_status co_lists_csv(co_lists *lists)
{
    co_csv csv;
    co_status st = co_csv_read(lists->path, 0, true, NULL, &csv);
    if (st == CO_OK) st = read_rows(lists, &csv);
    co_csv_fini(&csv);
    return st;
}
