/* sim/experiment/derived.c - what follows from the keys of several sections. */
#include "sim/experiment/experiment.h"
#include "sim/planners/planner.h"

int64_t co_min_separation(const co_experiment *e)
{
    return co_config_has(&e->devices, "min_separation")
               ? co_config_int(&e->devices, "min_separation")
               : 1;
}

co_sampling co_experiment_sampling(const co_experiment *e)
{
    return co_min_separation(e) > 1 ? CO_SAMPLING_NONE : e->selector->sampling;
}

bool co_is_timed(const co_experiment *e)
{
    return e->clock_keys.is_on || !e->planner->waits_for_all;
}

int64_t co_experiment_steps(const co_experiment *e, int64_t n)
{
    if (n == 0) return 0;
    const co_local_keys *local = &e->local_keys;
    if (local->steps) return local->steps;
    if (e->example_keys.is_on && !e->example_keys.is_shuffled) /* batches do not end with epochs */
        return local->batch == 0 || local->batch > n
                   ? local->epochs
                   : (local->epochs * n + local->batch - 1) / local->batch;
    const int64_t size = co_local_step_size(local, n);
    return local->epochs * ((n + size - 1) / size);
}
