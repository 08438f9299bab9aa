/* sim/stages/private.c - the private release of a round.
 *
 * update_j = (sum_i q_ij + noise_j) step / m: q_i the bounded integers of device i
 * (privacy/mechanisms/bound.c), a_i = 1 or min(n_i, cap) / cap <= 1, m the devices asked or
 * expected, a public number. Noise 0: the ordinary exact sum of clipped updates, the same m.
 * Cost: the sum of the squares beside the sum, in one pass, and the noise of a slice on its owner.
 *
 * Adaptive clip (Andrew et al. 2021, arXiv:1905.03871, Algorithm 1): each device also gives b = 1
 * when its norm is not above the clip. The sum of 2 b - 1 changes by 1 with a device, as the sum of
 * updates by the clip, and gets its own noise; the two releases together cost what one of
 * `multiplier` does. Denominator m there too.
 *
 * Simulated cohorts: noise x m / noise_cohort on our sum is, after division by m, the noise that a
 * cohort of that size has after its own division. The signal stays that of our smaller cohort. */
#include "sim/stages/private.h"
#include "core/exact.h"
#include "privacy/accountants/gaussian.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define LATTICE 0x1p20 /* least scale of noise, in steps */
#define MOST_COUNT_NOISE 0x1p19

enum { UNCLIPPED, N_COUNTS }; /* what the stage counts: contributions that are not above the clip */

/* The part of the noise that the sum gets when a noisy count takes the rest. */
static co_status split_noise(co_private *p)
{
    const co_config *privacy = &p->experiment->privacy;
    p->vector_multiplier = p->charge->state.multiplier;
    if (!p->is_adaptive) return CO_OK;
    p->count_std = p->per_round / p->noise_factor / 20.0;
    if (co_config_has(privacy, "clip_count_noise"))
        p->count_std = co_config_real(privacy, "clip_count_noise");
    p->vector_multiplier = co_adaptive_clip_noise(p->charge->state.multiplier, p->count_std);
    if (isnan(p->vector_multiplier))
        return co_config_fail(privacy, co_config_node(privacy, "clip_quantile"),
                              "the count with noise %g alone costs more than noise_multiplier %g: "
                              "raise clip_count_noise "
                              "above %g",
                              p->count_std, p->charge->state.multiplier,
                              p->charge->state.multiplier / 2.0);
    if (p->count_std * p->noise_factor >= MOST_COUNT_NOISE)
        return co_config_fail(privacy, co_config_node(privacy, "clip_quantile"),
                              "noise of %g on the count is too much; set clip_count_noise below %g",
                              p->count_std, MOST_COUNT_NOISE);
    return co_grid_make(p->mechanism, 1.0, 2.0 * p->count_std * p->noise_factor, p->population,
                        &p->count_grid);
}

/* The grid of a round; with a round's result known everywhere it is the same on all ranks. */
static co_status start(co_private *p)
{
    CO_TRY(co_grid_make(p->mechanism, p->charge->state.clip, p->vector_multiplier * p->noise_factor,
                        p->population, &p->grid));
    p->charge->release.clip = p->grid.clip;
    p->charge->release.noise_std = p->grid.scale * p->grid.step * p->mechanism->spread;
    return CO_OK;
}

co_status co_private_broadcast(co_private *p, const co_comm *comm)
{
    if (!p->charge) return CO_OK;
    co_status st = co_charge_broadcast(p->charge, comm);
    memcpy(p->source.key, p->charge->state.key, sizeof p->source.key);
    if (st == CO_OK) st = split_noise(p);
    if (st == CO_OK) st = start(p);
    return co_agree(st, comm);
}

static void read_options(co_private *p, const co_config *privacy, co_release *what)
{
    const bool is_integer = p->mechanism->noise == CO_NOISE_DISCRETE_GAUSSIAN;
    what->mechanism = p->mechanism;
    what->lattice_std = is_integer ? LATTICE : 0.0;
    what->is_adaptive = p->is_adaptive = co_config_has(privacy, "clip_quantile");
    if (p->is_adaptive) {
        p->quantile = co_config_real(privacy, "clip_quantile");
        p->clip_rate = co_config_real(privacy, "clip_rate");
    }
    what->rate = p->per_round / p->population;
    p->noise_factor = 1.0;
    if (co_config_has(privacy, "noise_cohort")) {
        what->noise_cohort = co_config_real(privacy, "noise_cohort");
        what->noise_population = co_config_real(privacy, "noise_population");
        what->rate = what->noise_cohort / what->noise_population;
        p->noise_factor = p->per_round / what->noise_cohort;
    }
}

co_status co_private_init(co_private *p, const co_experiment *e, const co_plan *plan,
                          int64_t population, bool is_first_rank, co_charge *charge)
{
    co_release what = {0};
    *p = (co_private){.experiment = e,
                      .population = (double)population,
                      .per_round = plan->per_round,
                      .mechanism = co_mechanism_find(co_config_string(&e->privacy, "mechanism"))};
    if (p->mechanism->norm == CO_NORM_NONE || p->mechanism->share) return CO_OK;
    read_options(p, &e->privacy, &what);
    p->charge = charge;
    return co_charge_init(charge, e, &what, population, is_first_rank);
}

co_status co_private_open(co_private *p, size_t n)
{
    if (!p->charge || !p->mechanism->correlation) return CO_OK;
    return co_noise_rows_init(&p->rows, p->mechanism->correlation, p->charge->noise, n);
}

void co_private_fini(co_private *p)
{
    co_noise_rows_fini(&p->rows);
}

co_status co_private_start(co_private *p, int64_t last, const co_comm *comm)
{
    co_charge *charge = p->charge;
    if (!charge) return CO_OK;
    CO_TRY(co_agree(co_charge_plan(charge, last), comm));
    p->source.seed = (uint64_t)p->experiment->seed;
    if (charge->state.is_secure) co_noise_source_draw(&p->source);
    memcpy(charge->state.key, p->source.key, sizeof charge->state.key);
    return co_private_broadcast(p, comm);
}

/* Integers on the grid, bounded by the sum; without noise the clipped update itself. */
static void forward(void *self, const co_stage_key *key, co_contribution *c, float *const *state)
{
    const co_private *p = self;
    const co_weighting by = p->experiment->weighting;
    const double norm = p->mechanism->norm == CO_NORM_L1 ? co_norm_l1(c->update, c->n) : c->norm;
    const double weight = c->factor * (by.by == CO_WEIGHT_UNIFORM ? 1.0 : c->weight / by.cap);
    (void)state;
    if (norm <= p->grid.clip) c->counts[UNCLIPPED]++;
    if (p->grid.scale == 0.0) {
        c->coefficient = weight * co_clip_factor(p->grid.clip, norm) / (double)key->cohort;
        return;
    }
    c->mechanism = p->mechanism;
    c->grid = &p->grid;
    c->bounded_weight = weight;
    c->bounded_norm = norm;
}

static void add_noise(co_private *p, int64_t step, co_round_sum *sum)
{
    if (p->mechanism->correlation) {
        co_noise_rows_add(&p->rows, &p->source, step, p->grid.scale, sum);
        return;
    }
    const co_noise_release release = co_noise_release_of(&p->source, CO_NOISE_FOR_SUM, step);
    for (const co_part *at = sum->part; at < sum->part + sum->n_parts; at++)
        p->mechanism->add(&release, p->grid.scale, at->offset, at->size, sum->sum + at->at);
}

static void backward(void *self, const co_stage_key *key, co_round_sum *sum)
{
    co_private *p = self;
    if (p->grid.scale == 0.0) {
        sum->total = p->per_round / (double)key->cohort;
        return;
    }
    add_noise(p, key->step, sum);
    sum->step = p->grid.step;
    sum->total = p->per_round;
}

/* The noisy fraction of contributions that were not above the clip, as if m had come. */
static double noisy_fraction(const co_private *p, int64_t round, int64_t below, int64_t all)
{
    const double unit = 1.0 / p->count_grid.step;
    int64_t sum = (2 * below - all) * (int64_t)unit;
    const co_noise_release release = co_noise_release_of(&p->source, CO_NOISE_FOR_COUNT, round);
    p->mechanism->add(&release, p->count_grid.scale, 0, 1, &sum);
    return 0.5 + 0.5 * (double)sum / unit / p->per_round;
}

/* The round into the ledger, the next clip and grid. */
static co_status end(void *self, const co_stage_key *key, const co_stage_end *end)
{
    co_private *p = self;
    if (end->failed) return co_charge_fail(p->charge, key->step, end->n_reported);
    CO_TRY(co_charge_step(p->charge, key->step, end->n_reported));
    if (p->is_adaptive)
        p->charge->state.clip =
            co_adapted_clip(p->charge->state.clip,
                            noisy_fraction(p, key->step, end->counts[UNCLIPPED], end->n_reported),
                            p->quantile, p->clip_rate);
    return start(p);
}

const co_stage co_stage_private = {.name = "central privacy",
                                   .summary = "bounds every update, adds noise to the sum",
                                   .forward = forward,
                                   .backward = backward,
                                   .end = end,
                                   .n_counts = N_COUNTS,
                                   .enforced = true,
                                   .releases = true};

/* Lines of correlated noise. */
static co_status print_rows(const co_private *p)
{
    const co_charge *c = p->charge;
    const co_correlation *correlation = p->mechanism->correlation;
    char matrix[160];
    double most, mean;
    CO_TRY(correlation->errors(c->noise, &most, &mean));
    correlation->say(c->noise, matrix, sizeof matrix);
    printf("             noise combined by %s; sensitivity^2 %lld with steps of a device %lld or "
           "more apart\n"
           "             prefix sums: standard deviation %.4g draws at most, %.4g in the mean "
           "square; %.3g MB kept a million coordinates\n",
           matrix, (long long)c->last, (long long)c->release.separation, sqrt(most), sqrt(mean),
           8.0 * (double)(correlation->n_kept(c->noise) + 1));
    return CO_OK;
}

co_status co_private_print(const co_private *p, int64_t rounds)
{
    const co_charge *c = p->charge;
    if (!c) return CO_OK;
    const co_release release = co_charge_release(c);
    printf("privacy      %s, clip %g, noise %.6g x clip%s; epsilon %.4g at delta %g after %lld "
           "rounds (%s %s, %s)\n",
           p->mechanism->name, p->grid.clip, p->vector_multiplier * p->noise_factor,
           release.noise_cohort > 0.0 ? " (simulated cohort)" : "", c->planned, c->delta,
           (long long)rounds, co_relation_text(c->statement->neighbours(&release)),
           co_unit_text(release.unit), release.accountant->name);
    if (release.by_arrival)
        printf(
            "             no amplification by sampling: a device pays for its own steps, at most "
            "%lld\n",
            (long long)c->last_parts);
    if (p->mechanism->correlation) CO_TRY(print_rows(p));
    if (p->grid.scale > 0.0)
        printf("             grid step %g; largest possible sum 2^%.1f of 2^62\n", p->grid.step,
               log2(p->population * p->grid.bound + 64.0 * p->grid.scale));
    return CO_OK;
}
