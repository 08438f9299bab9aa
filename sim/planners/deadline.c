/* sim/planners/deadline.c - more devices are asked than are needed; the step is made when
 * `per_round` of them have come back, or at the deadline. Who is late is lost, or counts with the
 * local steps that it has made (partial).
 *
 * Over-selection without deadline: Bonawitz et al., MLSys 2019, arXiv:1902.01046, section 2.2; with
 * partial work: as Li et al., arXiv:1812.06127, section 5.2. */
#include "core/memory.h"
#include "sim/devices/timing.h"
#include "sim/planners/planner.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    int64_t deadline; /* of a step; CO_NEVER: none */
    size_t n_wanted;  /* 0: all */
    bool is_partial;
    co_plan_row *row; /* [n_asked] */
    int64_t *end;     /* [n_asked] of those that come */
} deadline;

static void destroy(void *self)
{
    deadline *d = self;
    if (!d) return;
    co_free(d->row);
    co_free(d->end);
    co_free(d);
}

static double asked_of(const co_config *opt, double per_round)
{
    const double factor = co_config_real(opt, "over_select");
    return factor > 1.0 ? ceil(per_round * factor - 1e-9) : per_round;
}

static bool is_partial(const co_config *opt)
{
    return strcmp(co_config_string(opt, "late"), "partial") == 0;
}

static void sizes(const co_config *opt, double per_round, double *asked, size_t *rows)
{
    *asked = asked_of(opt, per_round);
    *rows = *asked > per_round && !is_partial(opt) ? (size_t)ceil(per_round) : 0;
}

/* With a count that it waits for, who else is fast decides. */
static bool is_sampled(const co_config *opt)
{
    return co_config_real(opt, "over_select") == 1.0;
}

static co_status create(const co_config *opt, const co_plan *plan, void **self)
{
    deadline *d = co_calloc(1, sizeof *d);
    if (!d) return CO_FAIL(CO_ENOMEM, "planner");
    const double seconds =
        co_config_has(opt, "deadline_s") ? co_config_real(opt, "deadline_s") : CO_NEVER_S;
    d->deadline = seconds < CO_NEVER_S ? (int64_t)llrint(seconds * CO_NANO) : CO_NEVER;
    d->n_wanted =
        asked_of(opt, plan->per_round) > plan->per_round ? (size_t)ceil(plan->per_round) : 0;
    d->is_partial = is_partial(opt);
    d->row = co_calloc(plan->n_asked, sizeof *d->row);
    d->end = co_calloc(plan->n_asked, sizeof *d->end);
    *self = d;
    if (d->row && d->end) return CO_OK;
    destroy(d);
    *self = NULL;
    return CO_FAIL(CO_ENOMEM, "a list of %zu devices", plan->n_asked);
}

static int by_time(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* When the step is made: at the time of the last that it waits for. *n_at_end: how many of those
 * that come at that very time are still part of it. */
static int64_t end_of(deadline *d, size_t n, int64_t begin, size_t *n_at_end)
{
    const int64_t latest = d->deadline == CO_NEVER ? INT64_MAX : begin + d->deadline;
    int64_t all = begin;
    size_t n_come = 0;
    for (size_t i = 0; i < n; i++) {
        if (d->row[i].end > all) all = d->row[i].end;
        if (co_row_comes(&d->row[i])) d->end[n_come++] = d->row[i].end;
    }
    *n_at_end = n;
    if (d->n_wanted > 0 && n_come >= d->n_wanted) {
        qsort(d->end, n_come, sizeof *d->end, by_time);
        size_t first = d->n_wanted - 1;
        all = d->end[first];
        while (first > 0 && d->end[first - 1] == all) first--;
        if (all <= latest) *n_at_end = d->n_wanted - first;
    }
    return all < latest ? all : latest;
}

/* What becomes of a device that has not come back when the step is made. */
static co_status stop(const deadline *d, co_plan *plan, co_plan_row *row)
{
    const int64_t n =
        d->is_partial && plan->timing ? co_timing_steps_by(plan->timing, row, plan->time) : 0;
    row->end = plan->time;
    if (n >= 1 && row->outcome == CO_REPORTED) {
        co_plan_shorten(row, n);
        co_plan_add(plan, row);
        return CO_OK;
    }
    row->outcome = CO_LATE;
    return co_plan_lose(plan, row);
}

static co_status next(void *self, const co_clock *now, co_plan *plan)
{
    deadline *d = self;
    const size_t n = co_plan_select(plan, now->step);
    size_t n_at_end;
    for (size_t i = 0; i < n; i++)
        d->row[i] = co_plan_job(plan, plan->devices[i], now->step - 1, now->time, now->step);
    plan->time = end_of(d, n, now->time, &n_at_end);
    for (size_t i = 0; i < n; i++) {
        co_plan_row *row = &d->row[i];
        const bool comes = co_row_comes(row),
                   in_time = row->end < plan->time || (row->end == plan->time && n_at_end > 0);
        if (comes && in_time) {
            n_at_end -= row->end == plan->time;
            co_plan_add(plan, row);
        } else if (row->end > plan->time || comes) {
            CO_TRY(stop(d, plan, row));
        } else {
            CO_TRY(co_plan_lose(plan, row));
        }
    }
    return co_plan_time_goes_on(plan, now->time);
}

static const co_param params[] = {
    {"deadline_s", CO_REAL, .lo = 1e-9, .hi = 1e9, .flags = CO_OPTIONAL,
     .doc = "virtual seconds that a step takes at most (default: no bound)"},
    {"over_select", CO_REAL, .def = 1.0, .lo = 1.0, .hi = 1e6,
     .doc = "so many times per_round are asked, and the step waits for per_round of them"},
    {"late", CO_CHOICE, .words = "drop|partial",
     .doc = "who is late is lost, or counts with the local steps that it has made"},
    {0}};

const co_planner co_planner_deadline = {
    .name = "deadline",
    .summary = "a step waits for per_round of those that it asked, until the deadline",
    .source = "Bonawitz et al. 2019, arXiv:1902.01046",
    .params = params,
    .n_versions = 1,
    .is_sampled = is_sampled,
    .sizes = sizes,
    .create = create,
    .destroy = destroy,
    .next = next};
