/* io/data/trace.h - traces: what devices were measured to be like, and when they were there.
 *
 * Tables (CSV with a header, also gzipped), told apart by their columns; several files together
 * make one trace, a table of devices before one of their groups' intervals:
 * - of devices: `device`, and one or more of `seconds_per_example` (local training), `up`, `down`
 *   (bytes a second), `group` (a number from 0). One line for every device, in any order.
 * - of intervals: `device` or `group`, `start_s`, `end_s` (seconds of virtual time): it is there
 *   from start_s on until before end_s. Of a device ascending, none over another; lines of several
 *   devices may be mixed. Every device has one at least.
 * HDF5, the same as datasets: `seconds_per_example`, `up`, `down`, `group`, each [n_devices], and
 * `intervals/offsets` [n_devices + 1], `intervals/start_s`, `intervals/end_s`; intervals of groups
 * stand in `group_intervals/`.
 * Devices are numbers from 0, as in the table devices of a run file. */
#pragma once
#include "core/status.h"
#include <stddef.h>
#include <stdint.h>

enum { CO_TRACE_MOST_S = 2000000000 }; /* latest second of an interval */

/* NULL: the trace does not say it. The arrays lie in one block, for a segment of a node. */
typedef struct {
    int64_t n_devices, n_groups; /* groups: 0 without the column */
    int64_t n_intervals, last;   /* last: nanosecond at which the last one ends */
    int is_by_group;             /* intervals are of groups */
    int has_seconds, has_up, has_down;
    double *seconds, *up, *down; /* [n_devices] seconds of an example, bytes a second */
    int32_t *group;              /* [n_devices] */
    int64_t *offsets;            /* [n_devices or n_groups, + 1] */
    int64_t *start, *end;        /* [n_intervals] nanoseconds */
    void *block;                 /* that holds them */
    size_t bytes;
} co_trace;

/* All files, of n_devices devices. CO_EDATA names file and line (HDF5: dataset and place) and the
 * value: a device that is not there, is missing or stands twice, values that are no positive
 * numbers, intervals that are empty, negative, unsorted or overlap, a device that is never there.
 * trace is empty after a failure. Local. */
co_status co_trace_read(const char *const *paths, size_t n_paths, int64_t n_devices,
                        co_trace *trace);
/* The arrays at their places in a block of trace->bytes. Local. */
void co_trace_place(co_trace *trace, void *block);
/* Of a trace whose block is its own. */
void co_trace_fini(co_trace *trace);
