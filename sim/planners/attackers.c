/* sim/planners/attackers.c - which devices attack: those named, or as many as asked for, drawn by
 * the seed. */
#include "core/memory.h"
#include "sim/planners/plan.h"
#include <math.h>
#include <stdlib.h>

static int by_id(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* attacker_ids into plan->attackers. */
static co_status take_attackers(co_plan *plan, const co_experiment *e, const co_node *list,
                                int64_t n_devices)
{
    size_t k = 0;
    for (const co_node *item = list->first; item; item = item->next, k++)
        if (!co_node_int(item, &plan->attackers[k]) || plan->attackers[k] >= n_devices)
            return co_config_fail(&e->devices, item, "there is no device %s; ids are 0 to %lld",
                                  item->text, (long long)n_devices - 1);
    qsort(plan->attackers, k, sizeof *plan->attackers, by_id);
    return CO_OK;
}

co_status co_plan_choose_attackers(co_plan *plan)
{
    const co_experiment *e = plan->experiment;
    const int64_t n_devices = plan->population->n_devices;
    const co_node *list = co_config_node(&e->devices, "attacker_ids");
    const double asked =
        co_config_has(&e->devices, "attackers") ? co_config_real(&e->devices, "attackers") : 0.0;
    const double n =
        asked < 1.0 ? floor(asked * (double)n_devices + 1e-9) : asked; /* 0.29 x 100 is 28.99.. */
    if (n > (double)n_devices)
        return co_config_fail(&e->devices, co_config_node(&e->devices, "attackers"),
                              "%g is more than the %lld devices", n, (long long)n_devices);
    plan->n_attackers = list ? co_node_count(list) : (size_t)n;
    plan->attackers = co_malloc(plan->n_attackers, sizeof *plan->attackers);
    int64_t *scratch = co_malloc(co_draw_subset_scratch(plan->n_attackers), sizeof *scratch);
    co_status st =
        plan->attackers && scratch ? CO_OK : CO_FAIL(CO_ENOMEM, "%zu attackers", plan->n_attackers);
    if (st == CO_OK && list) {
        st = take_attackers(plan, e, list, n_devices);
    } else if (st == CO_OK) {
        co_stream s = co_stream_open((uint64_t)e->seed, CO_DRAW_ATTACK, 0, 0, 0);
        co_draw_subset(&s, n_devices, plan->n_attackers, plan->attackers, scratch);
    }
    co_free(scratch);
    return st;
}

bool co_plan_attacks(const co_plan *plan, int64_t device)
{
    return plan->n_attackers > 0 &&
           bsearch(&device, plan->attackers, plan->n_attackers, sizeof *plan->attackers, by_id);
}
