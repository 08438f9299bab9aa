/* sim/stages/private.c - the private release of a round.
 *
 * update_j = (sum_i q_ij + noise_j) step / m: q_i the bounded integers of device i
 * (privacy/mechanisms/bound.c), a_i = 1 or min(n_i, cap) / cap <= 1, m the devices asked or
 * expected, a public number. Noise 0: the ordinary exact sum of clipped updates, the same m.
 * Selection by public counts is a function of public values: given those, round after round is a
 * plain release, whose charge for every device is an upper bound for those that are asked less
 * often. Cost: the sum of the squares beside the sum, in one pass, and the noise of a slice on its
 * owner.
 *
 * Adaptive clip (Andrew et al. 2021, arXiv:1905.03871, Algorithm 1): each device also gives b = 1
 * when its norm is not above the clip. The sum of 2 b - 1 changes by 1 with a device, as the sum of
 * updates by the clip, and gets its own noise; the two releases together cost what one of
 * `multiplier` does. Denominator m there too.
 *
 * Arrivals (buffered steps, and whatever else the selector's draw does not hide): a device changes
 * the sum of a step by the clip at most, whatever its version, since factors of staleness are at
 * most 1; it pays for the steps that it takes part in. Their counts are exact, and the ledger holds
 * the largest (privacy/statements/arrivals.c).
 *
 * Simulated cohorts: noise x m / noise_cohort on our sum is, after division by m, the noise that a
 * cohort of that size has after its own division. The signal stays that of our smaller cohort. */
#include "sim/stages/private.h"
#include "core/exact.h"
#include "core/log.h"
#include "core/memory.h"
#include "privacy/accountants/gaussian.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define LATTICE 0x1p20 /* least scale of noise, in steps */
#define MOST_COUNT_NOISE 0x1p19

enum { UNCLIPPED, N_COUNTS }; /* what the stage counts: contributions that are not above the clip */

/* Releases that a device is charged for so far. */
static int64_t charged(const co_private *p)
{
    return p->state.ledger.n ? p->state.ledger.rows[0].count : 0;
}

co_release co_private_release(const co_private *p)
{
    const bool is_integer = p->mechanism->noise == CO_NOISE_DISCRETE_GAUSSIAN;
    return (co_release){.unit = CO_UNIT_DEVICE,
                        .mechanism = p->mechanism,
                        .multiplier = p->state.multiplier,
                        .lattice_std = is_integer ? LATTICE : 0.0,
                        .sampling = p->sampling,
                        .rate = p->rate,
                        .clip = p->grid.clip,
                        .noise_std = p->grid.scale * p->grid.step * p->mechanism->spread,
                        .is_adaptive = p->is_adaptive,
                        .is_secure = p->state.is_secure,
                        .noise_cohort = p->noise_cohort,
                        .noise_population = p->noise_population,
                        .n_releases = p->by_arrival ? p->n_released : charged(p),
                        .by_arrival = p->by_arrival,
                        .n_parts = p->by_arrival ? charged(p) : 0,
                        .is_timed = co_is_timed(p->experiment),
                        .accountant = p->accountant,
                        .classic = p->how.classic};
}

/* What one round is to an accountant. */
static co_event event_of(const co_private *p)
{
    const co_release release = co_private_release(p);
    return p->statement->event(&release);
}

/* Rounds (of arrivals: steps of a device) as a row's epsilon is told of them: 5 significant bits,
 * rounded up, but not beyond the last round, which is told as it is. A bound for more rounds holds
 * for fewer, and the accountant is asked 16 times each doubling, for a quick bound; the last
 * round's was made as sharp as can be before the first one, and is never exceeded. */
static int64_t rounds_told(const co_private *p, int64_t n)
{
    int64_t unit = 1;
    while (n > 32 * unit) unit *= 2;
    const int64_t told = (n + unit - 1) / unit * unit, last = p->last;
    return n <= last && told > last ? last : told;
}

/* epsilon of n releases. quick: in some ms. */
static co_status ask(const co_private *p, int64_t n, bool quick, co_guarantee *g)
{
    co_ledger ledger = {0};
    const co_event event = event_of(p);
    co_accounting how = p->how;
    how.quick = quick;
    co_status st = co_ledger_add(&ledger, &event, n);
    if (st == CO_OK) st = co_account_epsilon(p->accountant, &ledger, &how, p->delta, g);
    co_ledger_fini(&ledger);
    return st;
}

/* Found by quick bounds; a sharp one is no larger, and should rounding say otherwise, noise is
 * added until it holds. */
static co_status find_noise(co_private *p, int64_t rounds)
{
    const co_config *privacy = &p->experiment->privacy;
    co_ledger ledger = {0};
    co_guarantee g;
    double factor;
    p->state.multiplier = 1.0;
    p->state.multiplier = 1.0 / event_of(p).noise_multiplier; /* that of an event of 1 */
    const co_event one = event_of(p);
    co_status st = co_ledger_add(&ledger, &one, rounds);
    if (st == CO_OK)
        st = co_account_noise(p->accountant, &ledger, &p->how, co_config_real(privacy, "epsilon"),
                              p->delta, &factor, &g);
    co_ledger_fini(&ledger);
    if (st != CO_OK)
        return co_config_fail(privacy, co_config_node(privacy, "epsilon"), "%s",
                              co_status_message());
    p->state.multiplier *= factor;
    CO_TRY(ask(p, rounds, false, &g));
    while (g.epsilon > co_config_real(privacy, "epsilon")) {
        p->state.multiplier *= 1.0 + 1e-7;
        CO_TRY(ask(p, rounds, false, &g));
    }
    return CO_OK;
}

/* epsilon of the whole run. */
static co_status plan_epsilon(co_private *p)
{
    const co_config *privacy = &p->experiment->privacy;
    co_guarantee g;
    CO_TRY(ask(p, p->last, false, &g));
    p->planned = g.epsilon;
    p->planned_bound = g.bound;
    if (g.epsilon > 0.0 || p->delta == 0.0) return CO_OK;
    return co_config_fail(privacy, co_config_node(privacy, "delta"),
                          "%g: so large that epsilon is 0 and says nothing; a device may be "
                          "exposed with that probability. Lower it",
                          p->delta);
}

/* One device in a population is exposed with certainty at delta 1 / population: no guarantee. */
static co_status check_delta(const co_private *p)
{
    const co_config *privacy = &p->experiment->privacy;
    const bool is_simulated = p->noise_cohort > 0.0;
    const double n = is_simulated ? p->noise_population : p->population;
    if (p->delta * n <= 1.0 + 1e-9) return CO_OK; /* 1 / n as people write it */
    return co_config_fail(privacy, co_config_node(privacy, "delta"),
                          "%g is above 1 / %s = %g: set it below", p->delta,
                          is_simulated ? "noise_population" : "population", 1.0 / n);
}

/* The part of the noise that the sum gets when a noisy count takes the rest. */
static co_status split_noise(co_private *p)
{
    const co_config *privacy = &p->experiment->privacy;
    p->vector_multiplier = p->state.multiplier;
    if (!p->is_adaptive) return CO_OK;
    p->count_std = p->per_round / p->noise_factor / 20.0;
    if (co_config_has(privacy, "clip_count_noise"))
        p->count_std = co_config_real(privacy, "clip_count_noise");
    p->vector_multiplier = co_adaptive_clip_noise(p->state.multiplier, p->count_std);
    if (isnan(p->vector_multiplier))
        return co_config_fail(privacy, co_config_node(privacy, "clip_quantile"),
                              "the count with noise %g alone costs more than noise_multiplier %g: "
                              "raise clip_count_noise "
                              "above %g",
                              p->count_std, p->state.multiplier, p->state.multiplier / 2.0);
    if (p->count_std * p->noise_factor >= MOST_COUNT_NOISE)
        return co_config_fail(privacy, co_config_node(privacy, "clip_quantile"),
                              "noise of %g on the count is too much; set clip_count_noise below %g",
                              p->count_std, MOST_COUNT_NOISE);
    return co_grid_make(p->mechanism, 1.0, 2.0 * p->count_std * p->noise_factor, p->population,
                        &p->count_grid);
}

static void read_options(co_private *p, const co_experiment *e)
{
    p->accountant = co_accountant_find(co_config_string(&e->privacy, "accountant"));
    p->how = co_accounting_from(&e->privacy);
    p->how.quick = true;
    p->delta = co_config_real(&e->privacy, "delta");
    p->is_adaptive = co_config_has(&e->privacy, "clip_quantile");
    if (p->is_adaptive) {
        p->quantile = co_config_real(&e->privacy, "clip_quantile");
        p->clip_rate = co_config_real(&e->privacy, "clip_rate");
    }
    p->rate = p->per_round / p->population;
    p->noise_factor = 1.0;
    if (co_config_has(&e->privacy, "noise_cohort")) {
        p->noise_cohort = co_config_real(&e->privacy, "noise_cohort");
        p->noise_population = co_config_real(&e->privacy, "noise_population");
        p->rate = p->noise_cohort / p->noise_population;
        p->noise_factor = p->per_round / p->noise_cohort;
    }
    p->by_arrival = !co_private_is_sampled(e);
    p->sampling = p->by_arrival ? CO_SAMPLING_NONE : co_experiment_sampling(e);
    if (p->sampling == CO_SAMPLING_NONE) p->rate = 1.0; /* charged for all that it is part of */
    p->state.clip = co_config_real(&e->privacy, "clip");
    p->state.is_secure = co_config_bool(&e->privacy, "secure");
    if (co_config_has(&e->privacy, "noise_multiplier"))
        p->state.multiplier = co_config_real(&e->privacy, "noise_multiplier");
}

/* After the multiplier is known: the run's one kind of event, n times; room for it when n is 0. */
static co_status open_ledger(co_private *p, int64_t n)
{
    const co_event event = event_of(p);
    CO_TRY(co_ledger_add(&p->state.ledger, &event, 1));
    p->state.ledger.rows[0].count = n;
    return CO_OK;
}

/* The grid of a round; with a round's result known everywhere it is the same on all ranks. */
static co_status start(co_private *p)
{
    return co_grid_make(p->mechanism, p->state.clip, p->vector_multiplier * p->noise_factor,
                        p->population, &p->grid);
}

co_status co_private_broadcast(co_private *p, const co_comm *comm)
{
    if (!p->is_on) return CO_OK;
    double words[3] = {p->state.multiplier, p->state.clip, (double)charged(p)};
    MPI_Bcast(words, 3, MPI_DOUBLE, 0, comm->world);
    MPI_Bcast(p->state.key, sizeof p->state.key, MPI_UNSIGNED_CHAR, 0, comm->world);
    memcpy(p->source.key, p->state.key, sizeof p->source.key);
    p->state.multiplier = words[0];
    p->state.clip = words[1];
    co_ledger_fini(&p->state.ledger);
    co_status st = open_ledger(p, (int64_t)words[2]);
    if (st == CO_OK) st = split_noise(p);
    if (st == CO_OK) st = start(p);
    return co_agree(st, comm);
}

bool co_private_is_sampled(const co_experiment *e)
{
    const co_planner *planner = e->planner;
    const bool is_drawn =
        planner->waits_for_all || (planner->is_sampled && planner->is_sampled(&e->devices));
    const co_clock_keys *clock = &e->clock_keys;
    const bool is_always_there =
        !clock->is_on ||
        (strcmp(clock->availability->name, "always") == 0 && clock->group_up_s == 0.0);
    return is_drawn && is_always_there && co_min_separation(e) == 1 && !e->selector->asks_there;
}

co_status co_private_init(co_private *p, const co_experiment *e, const co_plan *plan,
                          int64_t population, bool is_first_rank)
{
    *p = (co_private){.experiment = e,
                      .population = (double)population,
                      .per_round = plan->per_round,
                      .is_first_rank = is_first_rank};
    p->mechanism = co_mechanism_find(co_config_string(&e->privacy, "mechanism"));
    if (p->mechanism->norm == CO_NORM_NONE) return CO_OK;
    read_options(p, e);
    p->is_on = true;
    p->n_devices = population;
    if (p->by_arrival) p->parts = co_calloc((size_t)population, sizeof *p->parts);
    if (p->by_arrival && !p->parts) return CO_FAIL(CO_ENOMEM, "steps of each device");
    const co_release release = co_private_release(p);
    p->statement = co_statement_for(&release);
    CO_ASSERT(p->statement); /* one for every sampling */
    return CO_OK;
}

co_status co_private_start(co_private *p, int64_t last, const co_comm *comm)
{
    const co_experiment *e = p->experiment;
    co_status st = CO_OK;
    if (!p->is_on) return CO_OK;
    p->last = last;
    if (comm->rank == 0) st = check_delta(p);
    if (st == CO_OK && comm->rank == 0 && co_config_has(&e->privacy, "epsilon"))
        st = find_noise(p, last);
    if (st == CO_OK && comm->rank == 0) st = plan_epsilon(p);
    CO_TRY(co_agree(st, comm));
    p->source.seed = (uint64_t)e->seed;
    if (p->state.is_secure) co_noise_source_draw(&p->source);
    memcpy(p->state.key, p->source.key, sizeof p->state.key);
    return co_private_broadcast(p, comm);
}

void co_private_state_fini(co_private_state *state)
{
    co_ledger_fini(&state->ledger);
    *state = (co_private_state){0};
}

void co_private_fini(co_private *p)
{
    co_private_state_fini(&p->state);
    co_free(p->parts);
    *p = (co_private){0};
}

void co_private_keeps(co_private *p, co_keeps *keeps)
{
    if (p->by_arrival) co_keep_ints(keeps, "privacy/participations", p->parts, NULL, p->n_devices);
}

/* A row that is not finite counts as zero, which is a value of its own: it is charged too. */
void co_private_take_part(co_private *p, const co_plan *plan)
{
    if (!p->by_arrival) return;
    for (size_t i = 0; i < plan->n; i++)
        if (co_row_works(&plan->row[i])) p->parts[plan->row[i].device]++;
}

static int64_t most_parts(const co_private *p)
{
    int64_t most = 0;
    for (int64_t k = 0; k < p->n_devices; k++)
        if (p->parts[k] > most) most = p->parts[k];
    return most;
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

static void backward(void *self, const co_stage_key *key, co_round_sum *sum)
{
    co_private *p = self;
    if (p->grid.scale == 0.0) {
        sum->total = p->per_round / (double)key->cohort;
        return;
    }
    const co_noise_release release = co_noise_release_of(&p->source, CO_NOISE_FOR_SUM, key->step);
    for (const co_part *at = sum->part; at < sum->part + sum->n_parts; at++)
        p->mechanism->add(&release, p->grid.scale, at->offset, at->size, sum->sum + at->at);
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

/* epsilon after so many rounds, or up to a sixteenth more. */
static co_status account(co_private *p, int64_t rounds)
{
    co_guarantee g;
    const int64_t n = rounds_told(p, rounds);
    if (n == p->accounted) return CO_OK;
    p->accounted = n;
    p->epsilon = p->planned, p->bound = p->planned_bound;
    if (n == p->last) return CO_OK;
    CO_TRY(ask(p, n, true, &g));
    if (n < p->last && g.epsilon > p->planned) return CO_OK;
    p->epsilon = g.epsilon, p->bound = g.bound;
    return CO_OK;
}

static co_status describe(co_private *p, int64_t round, int64_t n_contributions)
{
    CO_ASSERT(p->state.ledger.n == 1);
    CO_TRY(account(p, charged(p)));
    const co_release release = co_private_release(p);
    p->row = (co_private_row){.round = round,
                              .n_contributions = n_contributions,
                              .sampling_rate = p->rate,
                              .clip = p->grid.clip,
                              .noise_std = release.noise_std,
                              .epsilon = p->epsilon,
                              .delta = p->delta,
                              .bound = p->bound,
                              .n_parts = release.n_parts,
                              .statement = p->statement,
                              .release = release};
    return CO_OK;
}

/* The round into the ledger, its row, the next clip and grid. */
static co_status end(void *self, const co_stage_key *key, const co_stage_end *end)
{
    co_private *p = self;
    if (end->failed) return CO_OK; /* nothing was released */
    const co_event event = event_of(p);
    CO_TRY(co_ledger_add(&p->state.ledger, &event, 1));
    p->n_released = key->step;
    if (p->by_arrival) p->state.ledger.rows[0].count = most_parts(p);
    if (p->is_adaptive)
        p->state.clip = co_adapted_clip(
            p->state.clip, noisy_fraction(p, key->step, end->counts[UNCLIPPED], end->n_reported),
            p->quantile, p->clip_rate);
    if (p->is_first_rank) CO_TRY(describe(p, key->step, end->n_reported));
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

co_status co_private_resume(co_private *p, co_private_state *state_take, int64_t round,
                            const char *path)
{
    const co_private_state read = *state_take;
    *state_take = (co_private_state){0};
    co_private_state_fini(&p->state);
    p->state = read;
    const co_event event = event_of(p);
    const co_ledger_row *row = read.ledger.n == 1 ? &read.ledger.rows[0] : NULL;
    if (!row || (!p->by_arrival && row->count != round))
        return CO_FAIL(
            CO_EDATA,
            "%s: the privacy ledger holds %lld releases, but the checkpoint is of round %lld", path,
            row ? (long long)row->count : 0LL, (long long)round);
    if (p->by_arrival && row->count != most_parts(p))
        return CO_FAIL(CO_EDATA,
                       "%s: the privacy ledger holds %lld releases, but the most steps of a device "
                       "are %lld",
                       path, (long long)row->count, (long long)most_parts(p));
    p->n_released = round;
    if (row->event.noise != event.noise || row->event.sampling != event.sampling ||
        row->event.rate != event.rate || row->event.noise_multiplier != event.noise_multiplier)
        return CO_FAIL(CO_EDATA,
                       "%s: the privacy ledger is not of this experiment's sampling and noise",
                       path);
    return plan_epsilon(p); /* of the noise that the run began with */
}

co_status co_private_tell(co_private *p, int64_t n, double *epsilon)
{
    CO_TRY(account(p, n));
    *epsilon = p->epsilon;
    return CO_OK;
}

co_status co_private_print(co_private *p, int64_t rounds)
{
    if (!p->is_on) return CO_OK;
    const co_release release = co_private_release(p);
    printf("privacy      %s, clip %g, noise %.6g x clip%s; epsilon %.4g at delta %g after %lld "
           "rounds (%s %s, %s)\n",
           p->mechanism->name, p->grid.clip, p->vector_multiplier * p->noise_factor,
           p->noise_cohort > 0.0 ? " (simulated cohort)" : "", p->planned, p->delta,
           (long long)rounds, co_relation_text(p->statement->neighbours(&release)),
           co_unit_text(release.unit), p->accountant->name);
    if (p->by_arrival)
        printf(
            "             no amplification by sampling: a device pays for its own steps, at most "
            "%lld\n",
            (long long)p->last);
    if (p->grid.scale > 0.0)
        printf("             grid step %g; largest possible sum 2^%.1f of 2^62\n", p->grid.step,
               log2(p->population * p->grid.bound + 64.0 * p->grid.scale));
    return CO_OK;
}
