/* io/data/trace_draft.c - what the two forms of a trace say, checked as it comes: O(1) a value, an
 * interval. */
#include "core/memory.h"
#include "io/data/trace_draft.h"
#include <math.h>

const char *const co_trace_column_names[] = {"seconds_per_example", "up", "down", "group"};

static const char *unit_name(const co_trace_draft *d)
{
    return d->is_by_group ? "group" : "device";
}

co_status co_trace_open_column(co_trace_draft *d, const char *place, int column)
{
    if (d->value[column])
        return CO_FAIL(CO_EDATA, "%s: %s was given by a file before", place,
                       co_trace_column_names[column]);
    double *value = d->value[column] = co_malloc((size_t)d->n_devices, sizeof *value);
    if (!value) return CO_FAIL(CO_ENOMEM, "trace of %lld devices", (long long)d->n_devices);
    for (int64_t k = 0; k < d->n_devices; k++) value[k] = NAN;
    return CO_OK;
}

static co_status check_unit(const char *place, const char *what, int64_t unit, int64_t n)
{
    if (unit >= 0 && unit < n) return CO_OK;
    return CO_FAIL(CO_EDATA, "%s: there is no %s %lld; %ss are 0 to %lld", place, what,
                   (long long)unit, what, (long long)n - 1);
}

co_status co_trace_put(co_trace_draft *d, const char *place, int column, int64_t device,
                       double value)
{
    CO_TRY(check_unit(place, "device", device, d->n_devices));
    const bool good = column == CO_TRACE_GROUP
                          ? value >= 0.0 && value < 2147483647.0 && value == floor(value)
                          : value > 0.0 && value <= 1e15;
    if (!good)
        return CO_FAIL(CO_EDATA, "%s: %s of device %lld is %g; %s is allowed", place,
                       co_trace_column_names[column], (long long)device, value,
                       column == CO_TRACE_GROUP ? "a whole number from 0 to 2147483646"
                                                : "a number in (0, 1e15]");
    if (!isnan(d->value[column][device]))
        return CO_FAIL(CO_EDATA, "%s: device %lld stands here for the second time", place,
                       (long long)device);
    d->value[column][device] = value;
    return CO_OK;
}

co_status co_trace_check_devices(co_trace_draft *d, const char *path)
{
    for (int c = 0; c < CO_TRACE_COLUMNS; c++)
        for (int64_t k = 0; d->value[c] && k < d->n_devices; k++)
            if (isnan(d->value[c][k]))
                return CO_FAIL(CO_EDATA, "%s: device %lld of 0 to %lld is missing", path,
                               (long long)k, (long long)d->n_devices - 1);
    for (int64_t k = 0; d->value[CO_TRACE_GROUP] && k < d->n_devices; k++) {
        const int64_t group = (int64_t)d->value[CO_TRACE_GROUP][k];
        if (group >= d->n_groups) d->n_groups = group + 1;
    }
    return CO_OK;
}

co_status co_trace_open_intervals(co_trace_draft *d, const char *place, bool is_by_group)
{
    if (d->has_intervals)
        return CO_FAIL(CO_EDATA, "%s: intervals were given by a file before", place);
    if (is_by_group && d->n_groups == 0)
        return CO_FAIL(CO_EDATA,
                       "%s: intervals of groups need the table of devices with the column group, "
                       "in the list before them",
                       place);
    d->has_intervals = true;
    d->is_by_group = is_by_group;
    d->n_units = is_by_group ? d->n_groups : d->n_devices;
    d->count = co_calloc((size_t)d->n_units, sizeof *d->count);
    d->newest = co_calloc((size_t)d->n_units, sizeof *d->newest);
    return d->count && d->newest ? CO_OK : CO_FAIL(CO_ENOMEM, "intervals of a trace");
}

co_status co_trace_add(co_trace_draft *d, const char *place, int64_t unit, double start_s,
                       double end_s)
{
    CO_TRY(check_unit(place, unit_name(d), unit, d->n_units));
    if (!(start_s >= 0.0 && end_s > start_s && end_s <= CO_TRACE_MOST_S))
        return CO_FAIL(CO_EDATA,
                       "%s: an interval from %.15g to %.15g s; 0 <= start_s < end_s <= %d is "
                       "allowed",
                       place, start_s, end_s, CO_TRACE_MOST_S);
    const int64_t start = (int64_t)llrint(1e9 * start_s), end = (int64_t)llrint(1e9 * end_s);
    if (d->count[unit] > 0 && start < d->newest[unit])
        return CO_FAIL(CO_EDATA,
                       "%s: the interval of %s %lld begins at %.15g s, before its last one has "
                       "ended (%.15g s); intervals ascend and do not overlap",
                       place, unit_name(d), (long long)unit, start_s,
                       1e-9 * (double)d->newest[unit]);
    const size_t want = (size_t)d->n + 1;
    if (co_reserve((void **)&d->unit, &d->room[0], want, sizeof *d->unit) != CO_OK ||
        co_reserve((void **)&d->start, &d->room[1], want, sizeof *d->start) != CO_OK ||
        co_reserve((void **)&d->end, &d->room[2], want, sizeof *d->end) != CO_OK)
        return CO_FAIL(CO_ENOMEM, "%zu intervals of a trace", want);
    d->unit[d->n] = unit;
    d->start[d->n] = start;
    d->end[d->n++] = end;
    d->count[unit]++;
    d->newest[unit] = end;
    return CO_OK;
}

co_status co_trace_check_intervals(const co_trace_draft *d, const char *path)
{
    for (int64_t k = 0; k < d->n_units; k++)
        if (d->count[k] == 0)
            return CO_FAIL(CO_EDATA,
                           "%s: %s %lld is never there: it has no interval (each of 0 to %lld "
                           "needs one)",
                           path, unit_name(d), (long long)k, (long long)d->n_units - 1);
    return CO_OK;
}
