/* sim/availability/file.c - the intervals of clock.trace (io/data/trace.h), once or over and over.
 *
 * An interval [start, end) of a device, or of its group. With period_s the trace begins again after
 * every so many seconds; without it nobody is there behind its last interval. Intervals that meet
 * are one stay. Time: binary search, and a step for each that meets the one before. */
#include "core/memory.h"
#include "sim/availability/availability.h"
#include <math.h>

typedef struct {
    const co_trace *trace;
    int64_t period; /* 0: once */
} intervals;

static co_status create(const co_config *opt, const co_availability_input *in, void **self)
{
    intervals *v = co_calloc(1, sizeof *v);
    if (!v) return CO_FAIL(CO_ENOMEM, "availability");
    const double seconds = co_config_has(opt, "period_s") ? co_config_real(opt, "period_s") : 0.0;
    *v = (intervals){.trace = in->trace, .period = (int64_t)llrint(1e9 * seconds)};
    *self = v;
    if (v->period == 0 || in->trace->last <= v->period) return CO_OK;
    co_free(v);
    *self = NULL;
    return co_config_fail(opt, co_config_node(opt, "period_s"),
                          "%g s is less than the trace, whose last interval ends at %g s", seconds,
                          1e-9 * (double)in->trace->last);
}

/* The first interval of the unit, from index `at` to `end`, that ends behind the time. */
static int64_t following(const co_trace *t, int64_t at, int64_t end, int64_t time)
{
    while (at < end) {
        const int64_t middle = at + (end - at) / 2;
        if (t->end[middle] <= time)
            at = middle + 1;
        else
            end = middle;
    }
    return at;
}

/* As `first`, within one passage of the trace. */
static int64_t within(const co_trace *t, int64_t unit, bool there, int64_t from, int64_t until)
{
    const int64_t end = t->offsets[unit + 1];
    int64_t at = following(t, t->offsets[unit], end, from);
    if (there) {
        if (at == end) return until;
        const int64_t start = t->start[at] > from ? t->start[at] : from;
        return start < until ? start : until;
    }
    while (at < end && t->start[at] <= from) from = t->end[at++];
    return from < until ? from : until;
}

static int64_t first(const void *self, int64_t device, bool there, int64_t from, int64_t until)
{
    const intervals *v = self;
    const co_trace *t = v->trace;
    const int64_t unit = t->is_by_group ? t->group[device] : device;
    if (v->period == 0) return within(t, unit, there, from, until);
    for (int passage = 0; passage < 3 && from < until;
         passage++) { /* the third finds nothing new */
        const int64_t begin = from - from % v->period,
                      stop = until - begin < v->period ? until - begin : v->period;
        const int64_t at = within(t, unit, there, from - begin, stop);
        if (at < stop) return begin + at;
        from = begin + stop;
    }
    return until;
}

static const co_param params[] = {{"period_s", CO_REAL, .lo = 1e-6, .hi = 1e9, .flags = CO_OPTIONAL,
                                   .doc = "the trace begins again after that (default: never)"},
                                  {0}};
const co_availability co_availability_file = {.name = "file",
                                              .summary = "the intervals of the trace (clock.trace)",
                                              .params = params,
                                              .is_traced = true,
                                              .create = create,
                                              .destroy = co_free,
                                              .first = first};
