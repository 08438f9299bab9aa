/* sim/devices/population_periods.c - examples that arrive in periods, and what a device holds of
 * its own by then. */
#include "sim/devices/population_private.h"
#include <stdlib.h>
#include <string.h>

/* What devices keep. The keys of periods and a partition in periods come together. */
co_status co_population_read_memory(const co_experiment *e, co_population *p)
{
    const co_config *devices = &e->devices;
    const co_node *rounds = co_config_node(devices, "period_rounds");
    const char *memory = co_config_string(devices, "memory");
    const co_node *replay = co_config_node(devices, "replay");
    if (!p->n_periods && (rounds || replay || strcmp(memory, "all") != 0))
        return co_config_fail(devices,
                              rounds   ? rounds
                              : replay ? replay
                                       : co_config_node(devices, "memory"),
                              "needs a partition whose examples arrive in periods (method: "
                              "temporal); these %lld devices "
                              "hold everything from the start",
                              (long long)p->n_devices);
    if (p->n_periods && !rounds)
        return co_config_fail(
            devices, devices->map,
            "the partition has %lld periods: set devices.period_rounds, the rounds that one lasts",
            (long long)p->n_periods);
    p->period_rounds = rounds ? co_config_int(devices, "period_rounds") : 1;
    for (int s = 1; s < 3 && p->n_periods; s++)
        qsort_r(p->split_ids[s], (size_t)p->n_split[s], sizeof *p->split_ids[s], co_by_arrival,
                (void *)(uintptr_t)p->period_of);
    return p->n_periods ? co_held_create(e, p, &p->memory) : CO_OK;
}

bool co_population_move(co_population *p, int64_t round)
{
    if (!p->n_periods) return false;
    p->step = round;
    const int64_t was = p->period, now = round > 0 ? (round - 1) / p->period_rounds : 0;
    p->period = now < p->n_periods ? now : p->n_periods - 1;
    return p->period != was;
}

void co_population_recent(const co_population *p, int split, int64_t *first, int64_t *n)
{
    *first = co_population_before(p, p->split_ids[split], p->n_split[split], p->period);
    *n = co_population_before(p, p->split_ids[split], p->n_split[split], p->period + 1) - *first;
}

const int64_t *co_population_held(const co_population *p, int64_t device, int64_t *n)
{
    if (p->memory) return co_held_list(p, device, n);
    *n = p->offsets[device + 1] - p->offsets[device];
    return p->examples + p->offsets[device];
}
