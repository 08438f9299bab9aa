/* io/data/trace_draft.h - a trace while it is read, for its two forms. Local. */
#pragma once
#include "io/data/trace.h"
#include <stdbool.h>

/* Columns of the table of devices. */
enum { CO_TRACE_SECONDS, CO_TRACE_UP, CO_TRACE_DOWN, CO_TRACE_GROUP, CO_TRACE_COLUMNS };
extern const char *const co_trace_column_names[CO_TRACE_COLUMNS];

typedef struct {
    int64_t n_devices, n_groups;
    double *value[CO_TRACE_COLUMNS]; /* [n_devices], NaN: not said yet; NULL: no such column */
    /* intervals, in the order of the files */
    bool has_intervals, is_by_group;
    int64_t n_units;         /* devices or groups that they are of */
    int64_t *count, *newest; /* [n_units] intervals so far; end of the latest */
    int64_t n, *unit, *start, *end;
    size_t room[3];
} co_trace_draft;

/* place: "FILE:LINE" or the like, for messages. */
co_status co_trace_open_column(co_trace_draft *draft, const char *place, int column);
co_status co_trace_put(co_trace_draft *draft, const char *place, int column, int64_t device,
                       double value);
/* Before the first interval. */
co_status co_trace_open_intervals(co_trace_draft *draft, const char *place, bool is_by_group);
co_status co_trace_add(co_trace_draft *draft, const char *place, int64_t unit, double start_s,
                       double end_s);
/* After a file with a table of devices: none is left out. */
co_status co_trace_check_devices(co_trace_draft *draft, const char *path);
/* After a file with intervals: no unit is without. */
co_status co_trace_check_intervals(const co_trace_draft *draft, const char *path);

co_status co_trace_read_csv(co_trace_draft *draft, const char *path);
co_status co_trace_read_hdf5(co_trace_draft *draft, const char *path);
