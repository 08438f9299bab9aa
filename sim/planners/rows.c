/* sim/planners/rows.c - a row of a plan before its step: what it is to train on a device. */
#include "sim/devices/timing.h"
#include "sim/planners/plan.h"
#include <math.h>

/* Rows (examples, or tokens of texts) that local training goes through: what it costs. n_rows: of
 * all examples that the device holds. */
static double work(const co_experiment *e, const co_plan_row *row, int64_t n_held, int64_t n_rows)
{
    const co_local_keys *local = &e->local_keys;
    const int64_t size = co_local_step_size(local, row->n_examples);
    const double whole = local->steps ? (double)row->n_steps * (double)size
                                      : (double)row->n_examples * (double)local->epochs;
    return whole * (double)n_rows / (double)n_held + 1.0; /* a device costs something by itself */
}

/* Examples that a device trains on in a round. */
static int64_t count_examples(const co_experiment *e, const co_population *population,
                              int64_t device)
{
    if (co_population_scored(population, device) == 0)
        return 0; /* texts without a token that has a label are nothing to train on */
    const int64_t n = co_population_examples(population, device);
    const int64_t most = e->local_keys.max_examples;
    return most == 0 || n < most ? n : most;
}

double co_plan_weight(const co_experiment *e, const co_population *population, int64_t device)
{
    const int64_t n = count_examples(e, population, device),
                  n_held = co_population_examples(population, device);
    const double n_rows = (double)co_population_scored(population, device);
    return co_weighting_of(e->weighting, n, n_held > 0 ? n_rows * (double)n / (double)n_held : 0.0);
}

/* Bytes that a device is sent which is to start from a version: the messages of those that it
 * lacks, or all of it where that is less. */
static int64_t sent_down(const co_plan *plan, int64_t device, int64_t version)
{
    if (!plan->has_version) return plan->bytes_down;
    const int64_t has = plan->has_version[device] - 1, all = plan->bytes_model;
    const bool is_whole =
        has < 0 || plan->bytes_version >= all || version - has > all / plan->bytes_version;
    return plan->bytes_down - all + (is_whole ? all : (version - has) * plan->bytes_version);
}

co_plan_row co_plan_describe(const co_plan *plan, int64_t device, int64_t version, int64_t start)
{
    const co_experiment *e = plan->experiment;
    const int64_t n = count_examples(e, plan->population, device);
    const bool attacker = co_plan_attacks(plan, device);
    co_plan_row row = {.device = device,
                       .n_examples = n,
                       .n_steps = co_experiment_steps(e, n),
                       .version = version,
                       .work = plan->train,
                       .into = CO_INTO_MODEL,
                       .start = start,
                       .end = start,
                       .bytes_down =
                           plan->n_surveyed > 0 ? 0 : sent_down(plan, device, version), /* has it */
                       .bytes_up = plan->bytes_up[attacker],
                       .bytes_coded = plan->bytes_up[attacker],
                       .weight = co_plan_weight(e, plan->population, device),
                       .factor = 1.0,
                       .outcome = n > 0 ? CO_REPORTED : CO_EMPTY,
                       .loss = NAN,
                       .update_norm = NAN,
                       .loss_before = NAN,
                       .attacker = attacker};
    row.cost = n > 0 ? work(e, &row, co_population_examples(plan->population, device),
                            co_population_rows(plan->population, device))
                     : 0.0;
    return row;
}

void co_plan_shorten(co_plan_row *row, int64_t n_steps)
{
    CO_ASSERT(n_steps >= 1 && n_steps <= row->n_steps);
    row->cost = 1.0 + (row->cost - 1.0) * (double)n_steps / (double)row->n_steps;
    row->n_steps = n_steps;
}

co_plan_row co_plan_survey_job(const co_plan *plan, int64_t device)
{
    const double forward = 1.0 / 3.0; /* of training: forward, and twice that backward */
    co_plan_row row = co_plan_describe(plan, device, plan->round - 1, plan->time);
    row.n_steps = 1;
    row.bytes_down = plan->bytes_down;
    row.bytes_up = CO_SURVEY_BYTES;
    row.cost = forward * (double)co_population_rows(plan->population, device) + 1.0;
    if (plan->timing) co_timing_run(plan->timing, plan->round, &row);
    return row;
}

int64_t co_plan_trip(void *of, int64_t device)
{
    const co_plan *plan = of;
    if (!plan->timing) return 0;
    co_plan_row row = co_plan_describe(plan, device, 0, 0);
    row.bytes_down = plan->bytes_down; /* as for the first time */
    return co_timing_trip(plan->timing, &row);
}
