/* tests/probes/drops_out.c - a planner: as synchronous, but the first device of a step drops out
 * and the last one counts for half of what it holds. */
#include "sim/planners/planner.h"

static co_status next(void *self, const co_clock *now, co_plan *plan)
{
    (void)self;
    const size_t n = co_plan_select(plan, now->step);
    for (size_t i = 0; i < n; i++) {
        co_plan_row *row = co_plan_ask(plan, now->time, plan->devices[i]);
        if (i == 0) row->outcome = CO_DROPPED;
        if (i + 1 == n) row->weight *= 0.5;
    }
    return CO_OK;
}

const co_planner co_planner_drops_out = {.name = "drops_out",
                                         .summary = "the first device of a step drops out",
                                         .waits_for_all = true,
                                         .n_versions = 1,
                                         .next = next};
