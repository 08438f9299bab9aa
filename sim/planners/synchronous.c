/* sim/planners/synchronous.c - whom the selector names, all from the newest model; the step waits
 * for all of them. */
#include "sim/planners/planner.h"

static co_status next(void *self, const co_clock *now, co_plan *plan)
{
    (void)self;
    const size_t n = co_plan_select(plan, now->step);
    for (size_t i = 0; i < n; i++) {
        const co_plan_row row =
            co_plan_job(plan, plan->devices[i], now->step - 1, now->time, now->step);
        if (row.end > plan->time) plan->time = row.end;
        if (co_row_comes(&row))
            co_plan_add(plan, &row);
        else
            CO_TRY(co_plan_lose(plan, &row));
    }
    return co_plan_time_goes_on(plan, now->time);
}

const co_planner co_planner_synchronous = {.name = "synchronous",
                                           .summary = "a step waits for all that it asked",
                                           .waits_for_all = true,
                                           .n_versions = 1,
                                           .next = next};
