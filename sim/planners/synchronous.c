/* sim/planners/synchronous.c - whom the selector names, all from the newest model; the step waits
 * for all of them. */
#include "sim/planners/planner.h"

static void next(void *self, const co_clock *now, co_plan *plan)
{
    (void)self;
    const size_t n = co_plan_select(plan, now->step);
    for (size_t i = 0; i < n; i++) co_plan_ask(plan, now->time, plan->devices[i]);
}

const co_planner co_planner_synchronous = {.name = "synchronous",
                                           .summary = "a step waits for all that it asked",
                                           .n_versions = 1,
                                           .next = next};
