/* sim/planners/make.c - a step's plan: the planner's rows, their coefficients, their ranks.
 *
 * Unbiased weights (Horvitz and Thompson 1952, JASA 47): the round's update is sum_i (w_i / pi_i)
 * u_i / sum_k w_k, the last sum over all devices, so that its expectation over the selection is the
 * mean over the population. In integers: a_i = w_i / (pi_i m A) with m the room of a plan and A the
 * largest w_k / pi_k, hence sum a_i <= 1. */
#include "core/memory.h"
#include "sim/devices/groups.h"
#include "sim/devices/timing.h"
#include "sim/planners/planner.h"
#include "sim/planners/secure.h"
#include <stdlib.h>
#include <string.h>

/* a_i of all rows. */
static void set_coefficients(co_plan *plan)
{
    for (size_t i = 0; i < plan->n; i++) {
        co_plan_row *row = &plan->row[i];
        if (plan->bound > 0.0)
            row->coefficient = row->weight / plan->bound /
                               plan->selector->chance(plan->chosen_by, &plan->input, row->device);
        else
            row->coefficient = plan->weight > 0.0 ? row->factor * row->weight / plan->weight : 0.0;
        row->share = plan->is_fixed_divisor && plan->weight > 0.0 ? row->weight / plan->weight
                                                                  : row->coefficient;
    }
}

static int by_id(const void *a, const void *b)
{
    const co_plan_row *x = a, *y = b;
    if (x->device != y->device) return x->device < y->device ? -1 : 1;
    return (x->start > y->start) - (x->start < y->start);
}

static int by_version(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* What devices under way start from. CO_ENOMEM. */
static co_status count_flights(const co_planner *planner, const void *self, co_plan *plan)
{
    const int64_t *version = NULL;
    const size_t n = planner->holds ? planner->holds(self, &version) : 0;
    if (n > plan->held_room) {
        int64_t *held = co_realloc(plan->held, 2 * n, sizeof *held);
        if (!held) return CO_FAIL(CO_ENOMEM, "versions of %zu devices under way", n);
        plan->held = held;
        plan->held_room = 2 * n;
    }
    if (n > 0) memcpy(plan->held, version, n * sizeof *version);
    if (n > 1) qsort(plan->held, n, sizeof *plan->held, by_version);
    plan->n_flying = (int64_t)n;
    plan->n_versions = 1;
    for (size_t k = 0; k < n; k++)
        plan->n_versions +=
            plan->held[k] < plan->round && (k == 0 || plan->held[k] != plan->held[k - 1]);
    return CO_OK;
}

co_status co_planner_make(const co_planner *planner, void *self, const co_clock *now, co_plan *plan)
{
    plan->round = now->step;
    plan->time = now->time;
    plan->n = plan->n_lost = 0;
    CO_TRY(planner->next(self, now, plan));
    CO_ASSERT(plan->time >= now->time);
    if (plan->n_lost > 1) qsort(plan->lost, plan->n_lost, sizeof *plan->lost, by_id);
    if (plan->secure) CO_TRY(co_secure_close(plan));
    plan->weight = 0.0;
    for (size_t i = 0; i < plan->n; i++) plan->weight += plan->row[i].weight;
    set_coefficients(plan);
    if (plan->groups) co_groups_plan(plan->groups, plan);
    if (plan->time >= CO_NEVER)
        return co_config_fail(
            &plan->experiment->top, co_node_find(plan->experiment->root, "clock"),
            "this round ends behind %d s (63 years) of virtual time, which no run may pass: a "
            "device is too slow (seconds_per_unit, up, down), or interval_s too long",
            CO_NEVER_S);
    CO_TRY(count_flights(planner, self, plan));
    co_plan_place(plan);
    return CO_OK;
}
