/* sim/planners/place.c - which rank trains which device. The LPT rule: devices by falling cost,
 * each to the rank with least to do; its longest rank is at most 4/3 of the best (Graham 1969,
 * SIAM J. Appl. Math. 17, theorem 2). */
#include "sim/planners/plan.h"
#include <stdlib.h>

/* The rank with less to do; ties go to the lower rank. */
static bool before(const double *load, int a, int b)
{
    return load[a] < load[b] || (load[a] == load[b] && a < b);
}

static int by_cost(const void *a, const void *b, void *rows)
{
    const size_t i = *(const size_t *)a, j = *(const size_t *)b;
    const co_plan_row *row = rows;
    if (row[i].cost != row[j].cost) return row[i].cost > row[j].cost ? -1 : 1;
    return i < j ? -1 : i > j;
}

void co_plan_place(co_plan *plan)
{
    const int size = plan->size;
    for (size_t i = 0; i < plan->n; i++) plan->order[i] = i;
    qsort_r(plan->order, plan->n, sizeof *plan->order, by_cost, plan->row);
    for (int r = 0; r < size; r++) plan->load[r] = 0.0;
    for (size_t i = 0; i < plan->n; i++) {
        co_plan_row *row = &plan->row[plan->order[i]];
        int best = 0;
        for (int r = 1; r < size; r++)
            if (before(plan->load, r, best)) best = r;
        row->rank = plan->reversed ? size - 1 - best : best;
        plan->load[best] += row->cost;
    }
    for (int r = 0; plan->reversed && r < size / 2; r++) {
        const double t = plan->load[r];
        plan->load[r] = plan->load[size - 1 - r];
        plan->load[size - 1 - r] = t;
    }
}
