/* io/data/trace.c - a trace as arrays: what the files say is checked as it comes, then laid in one
 * block, intervals a device in CSR form. O(devices + intervals). */
#include "core/memory.h"
#include "io/data/trace_draft.h"
#include "io/files/file.h"
#include <math.h>
#include <string.h>

static void fini_draft(co_trace_draft *d)
{
    for (int c = 0; c < CO_TRACE_COLUMNS; c++) co_free(d->value[c]);
    co_free(d->count);
    co_free(d->newest);
    co_free(d->unit);
    co_free(d->start);
    co_free(d->end);
}

/* ---- the block ---- */

/* Arrays at their places in the block; NULL: only its bytes. */
static size_t lay_out(co_trace *t, char *block)
{
    const size_t n = (size_t)t->n_devices,
                 units =
                     t->n_intervals ? (size_t)(t->is_by_group ? t->n_groups : t->n_devices) + 1 : 0;
    size_t at = 0;
    struct {
        void **array;
        size_t bytes;
    } part[] = {{(void **)&t->seconds, t->has_seconds ? 8 * n : 0},
                {(void **)&t->up, t->has_up ? 8 * n : 0},
                {(void **)&t->down, t->has_down ? 8 * n : 0},
                {(void **)&t->offsets, 8 * units},
                {(void **)&t->start, 8 * (size_t)t->n_intervals},
                {(void **)&t->end, 8 * (size_t)t->n_intervals},
                {(void **)&t->group, t->n_groups ? 4 * n : 0}};
    for (size_t k = 0; k < sizeof part / sizeof *part; k++) {
        if (block) *part[k].array = part[k].bytes ? block + at : NULL;
        at += part[k].bytes;
    }
    return at;
}

void co_trace_place(co_trace *t, void *block)
{
    lay_out(t, block);
    t->block = block;
}

void co_trace_fini(co_trace *t)
{
    co_free(t->block);
    *t = (co_trace){0};
}

static void fill(const co_trace_draft *d, co_trace *t)
{
    double *const to[] = {t->seconds, t->up, t->down};
    for (int c = 0; c < CO_TRACE_GROUP; c++)
        if (to[c]) memcpy(to[c], d->value[c], (size_t)t->n_devices * sizeof *to[c]);
    for (int64_t k = 0; t->group && k < t->n_devices; k++)
        t->group[k] = (int32_t)d->value[CO_TRACE_GROUP][k];
    for (int64_t k = 0; k < d->n_units; k++) t->offsets[k + 1] = t->offsets[k] + d->count[k];
    for (int64_t i = d->n; i-- > 0;) { /* from behind, so that those of a unit stay in order */
        const int64_t at = t->offsets[d->unit[i]] + --d->count[d->unit[i]];
        t->start[at] = d->start[i];
        t->end[at] = d->end[i];
        if (d->end[i] > t->last) t->last = d->end[i];
    }
}

co_status co_trace_read(const char *const *paths, size_t n_paths, int64_t n_devices, co_trace *t)
{
    co_trace_draft d = {.n_devices = n_devices};
    co_status st = CO_OK;
    *t = (co_trace){0};
    for (size_t i = 0; i < n_paths && st == CO_OK; i++)
        st = co_file_is_hdf5(paths[i]) ? co_trace_read_hdf5(&d, paths[i])
                                       : co_trace_read_csv(&d, paths[i]);
    if (st == CO_OK) {
        *t = (co_trace){.n_devices = n_devices,
                        .n_groups = d.n_groups,
                        .n_intervals = d.n,
                        .is_by_group = d.is_by_group,
                        .has_seconds = d.value[CO_TRACE_SECONDS] != NULL,
                        .has_up = d.value[CO_TRACE_UP] != NULL,
                        .has_down = d.value[CO_TRACE_DOWN] != NULL};
        t->bytes = lay_out(t, NULL);
        co_trace_place(t, co_calloc(t->bytes, 1));
        if (t->block)
            fill(&d, t);
        else
            st = CO_FAIL(CO_ENOMEM, "trace of %lld devices", (long long)n_devices);
    }
    if (st != CO_OK) co_trace_fini(t);
    fini_draft(&d);
    return st;
}
