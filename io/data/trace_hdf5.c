/* io/data/trace_hdf5.c - a trace from datasets of an HDF5 file, of this program's or another's
 * making. */
#include "core/memory.h"
#include "io/data/trace_draft.h"
#include "io/files/file.h"
#include <stdio.h>

enum { WHERE = 1200, PLACE = WHERE + 32 };

static co_status read_column(co_trace_draft *d, const co_file *file, int column)
{
    const char *name = co_trace_column_names[column], *path = co_file_path(file);
    double *value = NULL;
    char place[PLACE];
    size_t n;
    CO_TRY(co_file_read_new(file, name, CO_F64, (void **)&value, &n));
    co_status st = CO_OK;
    if ((int64_t)n != d->n_devices)
        st = CO_FAIL(CO_EDATA, "%s: %s has %zu numbers for %lld devices", path, name, n,
                     (long long)d->n_devices);
    if (st == CO_OK) st = co_trace_open_column(d, path, column);
    snprintf(place, sizeof place, "%s: %s", path, name);
    for (size_t k = 0; st == CO_OK && k < n; k++)
        st = co_trace_put(d, place, column, (int64_t)k, value[k]);
    co_free(value);
    return st;
}

/* The lists of one unit after the other. */
static co_status add_lists(co_trace_draft *d, const char *where, const int64_t *offsets,
                           size_t n_offsets, const double *start, const double *end, size_t n)
{
    char place[PLACE];
    if ((int64_t)n_offsets != d->n_units + 1 || offsets[0] != 0 ||
        offsets[n_offsets - 1] != (int64_t)n)
        return CO_FAIL(CO_EDATA,
                       "%s/offsets: %zu numbers, which lead from 0 to the %zu intervals for %lld "
                       "%ss, are wanted as %lld",
                       where, n_offsets, n, (long long)d->n_units,
                       d->is_by_group ? "group" : "device", (long long)d->n_units + 1);
    for (int64_t k = 0; k < d->n_units; k++) {
        if (offsets[k + 1] < offsets[k] || offsets[k + 1] > (int64_t)n)
            return CO_FAIL(CO_EDATA, "%s/offsets: %lld stands behind %lld; offsets ascend", where,
                           (long long)offsets[k + 1], (long long)offsets[k]);
        for (int64_t i = offsets[k]; i < offsets[k + 1]; i++) {
            snprintf(place, sizeof place, "%s[%lld]", where, (long long)i);
            CO_TRY(co_trace_add(d, place, k, start[i], end[i]));
        }
    }
    return CO_OK;
}

static co_status read_intervals(co_trace_draft *d, const co_file *file, const char *group,
                                bool is_by_group)
{
    char where[WHERE], name[64];
    int64_t *offsets = NULL;
    double *start = NULL, *end = NULL;
    size_t n_offsets, n, n_end;
    co_status st = CO_OK;
    snprintf(where, sizeof where, "%s: %s", co_file_path(file), group);
    snprintf(name, sizeof name, "%s/offsets", group);
    CO_TRY_OUT(co_file_read_new(file, name, CO_I64, (void **)&offsets, &n_offsets));
    snprintf(name, sizeof name, "%s/start_s", group);
    CO_TRY_OUT(co_file_read_new(file, name, CO_F64, (void **)&start, &n));
    snprintf(name, sizeof name, "%s/end_s", group);
    CO_TRY_OUT(co_file_read_new(file, name, CO_F64, (void **)&end, &n_end));
    if (n_end != n || n_offsets == 0) {
        st = CO_FAIL(CO_EDATA, "%s: %zu starts, %zu ends, %zu offsets do not fit together", where,
                     n, n_end, n_offsets);
        goto out;
    }
    CO_TRY_OUT(co_trace_open_intervals(d, where, is_by_group));
    CO_TRY_OUT(add_lists(d, where, offsets, n_offsets, start, end, n));
    CO_TRY_OUT(co_trace_check_intervals(d, co_file_path(file)));
out:
    co_free(offsets);
    co_free(start);
    co_free(end);
    return st;
}

static co_status read_all(co_trace_draft *d, const co_file *file)
{
    bool any = false;
    for (int c = 0; c < CO_TRACE_COLUMNS; c++) {
        if (!co_file_has(file, co_trace_column_names[c])) continue;
        CO_TRY(read_column(d, file, c));
        any = true;
    }
    if (any) CO_TRY(co_trace_check_devices(d, co_file_path(file)));
    for (int by_group = 0; by_group < 2; by_group++) {
        const char *group = by_group ? "group_intervals" : "intervals";
        if (!co_file_has(file, group)) continue;
        CO_TRY(read_intervals(d, file, group, by_group));
        any = true;
    }
    if (any) return CO_OK;
    return CO_FAIL(CO_EDATA,
                   "%s: no trace: none of the datasets seconds_per_example, up, down, group, "
                   "intervals, group_intervals",
                   co_file_path(file));
}

co_status co_trace_read_hdf5(co_trace_draft *d, const char *path)
{
    co_file *file;
    CO_TRY(co_file_open_foreign(path, &file));
    const co_status st = read_all(d, file);
    co_file_close(file);
    return st;
}
