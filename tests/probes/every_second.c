/* tests/probes/every_second.c - a planner: as synchronous, but every second device of a step starts
 * from the version before the newest, as if it had come late. */
#include "sim/planners/planner.h"

static co_status next(void *self, const co_clock *now, co_plan *plan)
{
    (void)self;
    const size_t n = co_plan_select(plan, now->step);
    for (size_t i = 0; i < n; i++) {
        co_plan_row *row = co_plan_ask(plan, now->time, plan->devices[i]);
        if (i % 2 == 1 && row->version > 0) row->version--;
    }
    return CO_OK;
}

const co_planner co_planner_every_second = {.name = "every_second",
                                            .summary = "every second device is a version late",
                                            .n_versions = 2,
                                            .next = next};
