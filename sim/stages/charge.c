/* sim/stages/charge.c - the ledger of a run, and what it is told to come to.
 *
 * Selection by public counts is a function of public values: given those, round after round is a
 * plain release, whose charge for every device is an upper bound for those that are asked less
 * often.
 *
 * Arrivals (buffered steps, and whatever else the selector's draw does not hide): a device changes
 * the sum of a step by the clip at most, whatever its version, since factors of staleness are at
 * most 1; it pays for the steps that it takes part in. Their counts are exact, and the ledger holds
 * the largest (privacy/statements/arrivals.c). */
#include "sim/stages/charge.h"
#include "core/log.h"
#include "core/memory.h"
#include <string.h>

bool co_charge_is_sampled(const co_experiment *e)
{
    const co_planner *planner = e->planner;
    const bool is_drawn =
        planner->waits_for_all || (planner->is_sampled && planner->is_sampled(&e->devices));
    const co_clock_keys *clock = &e->clock_keys;
    const bool is_always_there =
        !clock->is_on ||
        (strcmp(clock->availability->name, "always") == 0 && clock->group_up_s == 0.0);
    /* with a deadline behind stages that wait for the slowest, others decide who is late */
    const co_node *secagg = co_node_find(e->root, "secagg"); /* which may not be read yet */
    const bool waits_for_others = secagg && !secagg->is_default && !planner->waits_for_all;
    return is_drawn && !waits_for_others && is_always_there && co_min_separation(e) == 1 &&
           !e->selector->asks_there;
}

bool co_charge_is_by_arrival(const co_experiment *e)
{
    const co_mechanism *m = co_mechanism_find(co_config_string(&e->privacy, "mechanism"));
    return m->share || m->correlation || !co_charge_is_sampled(e);
}

/* Correlated noise as its mechanism makes it, of all rounds. */
static co_status open_noise(co_charge *c, const co_experiment *e)
{
    const co_correlation *correlation = c->release.mechanism->correlation;
    if (!correlation) return CO_OK;
    c->release.separation = co_min_separation(e);
    CO_TRY(correlation->create(c->options, e->rounds, c->release.separation, &c->noise));
    c->release.noise = c->noise;
    if (correlation->digest) c->matrix = (int64_t)correlation->digest(c->noise);
    return CO_OK;
}

/* Releases that a device is charged for after so many steps, n_parts of its own at most. */
static co_status cost_of(const co_charge *c, int64_t n_steps, int64_t n_parts, int64_t *n)
{
    const co_correlation *correlation = c->release.mechanism->correlation;
    *n = c->release.by_arrival ? n_parts : n_steps;
    return correlation ? correlation->cost(c->noise, n_steps, n_parts, n) : CO_OK;
}

co_status co_charge_init(co_charge *c, const co_experiment *e, const co_release *release,
                         int64_t n_devices, bool is_first_rank)
{
    *c = (co_charge){.is_on = true,
                     .is_first_rank = is_first_rank,
                     .options = &e->privacy,
                     .release = *release,
                     .how = co_accounting_from(&e->privacy),
                     .delta = co_config_real(&e->privacy, "delta"),
                     .population = (double)n_devices,
                     .rounds = e->rounds,
                     .n_devices = n_devices};
    c->how.quick = true;
    c->state.clip = co_config_real(&e->privacy, "clip");
    c->state.is_secure = co_config_bool(&e->privacy, "secure");
    if (co_config_has(&e->privacy, "noise_multiplier"))
        c->state.multiplier = co_config_real(&e->privacy, "noise_multiplier");
    co_release *r = &c->release;
    r->by_arrival = co_charge_is_by_arrival(e);
    r->sampling = r->by_arrival ? CO_SAMPLING_NONE : co_experiment_sampling(e);
    if (r->sampling == CO_SAMPLING_NONE) r->rate = 1.0; /* charged for all that it is part of */
    r->unit = CO_UNIT_DEVICE;
    r->is_timed = co_is_timed(e);
    r->accountant = co_accountant_find(co_config_string(&e->privacy, "accountant"));
    r->classic = c->how.classic;
    if (r->by_arrival) c->parts = co_calloc((size_t)n_devices, sizeof *c->parts);
    if (r->by_arrival && !c->parts) return CO_FAIL(CO_ENOMEM, "steps of each device");
    c->statement = co_statement_for(r);
    CO_ASSERT(c->statement); /* one for every sampling */
    return open_noise(c, e);
}

/* Releases that a device is charged for so far. */
static int64_t charged(const co_charge *c)
{
    return c->state.ledger.n ? c->state.ledger.rows[0].count : 0;
}

co_release co_charge_release(const co_charge *c)
{
    co_release release = c->release;
    release.multiplier = c->state.multiplier;
    release.is_secure = c->state.is_secure;
    release.n_releases = release.by_arrival ? c->n_released : charged(c);
    release.n_parts = release.by_arrival ? c->most_parts : 0;
    release.squared = charged(c);
    return release;
}

/* What one round is to an accountant. */
static co_event event_of(const co_charge *c)
{
    const co_release release = co_charge_release(c);
    return c->statement->event(&release);
}

/* Rounds (of arrivals: steps of a device) as a row's epsilon is told of them: 5 significant bits,
 * rounded up, but not beyond the last round, which is told as it is. A bound for more rounds holds
 * for fewer, and the accountant is asked 16 times each doubling, for a quick bound; the last
 * round's was made as sharp as can be before the first one, and is never exceeded. */
static int64_t rounds_told(const co_charge *c, int64_t n)
{
    int64_t unit = 1;
    while (n > 32 * unit) unit *= 2;
    const int64_t told = (n + unit - 1) / unit * unit, last = c->last;
    return n <= last && told > last ? last : told;
}

/* epsilon of n releases. quick: in some ms. */
static co_status ask(const co_charge *c, int64_t n, bool quick, co_guarantee *g)
{
    co_ledger ledger = {0};
    const co_event event = event_of(c);
    co_accounting how = c->how;
    how.quick = quick;
    co_status st = co_ledger_add(&ledger, &event, n);
    if (st == CO_OK) st = co_account_epsilon(c->release.accountant, &ledger, &how, c->delta, g);
    co_ledger_fini(&ledger);
    return st;
}

/* Found by quick bounds; a sharp one is no larger, and should rounding say otherwise, noise is
 * added until it holds. */
static co_status find_noise(co_charge *c, int64_t rounds)
{
    const co_config *privacy = c->options;
    co_ledger ledger = {0};
    co_guarantee g;
    double factor;
    c->state.multiplier = 1.0;
    c->state.multiplier = 1.0 / event_of(c).noise_multiplier; /* that of an event of 1 */
    const co_event one = event_of(c);
    co_status st = co_ledger_add(&ledger, &one, rounds);
    if (st == CO_OK)
        st = co_account_noise(c->release.accountant, &ledger, &c->how,
                              co_config_real(privacy, "epsilon"), c->delta, &factor, &g);
    co_ledger_fini(&ledger);
    if (st != CO_OK)
        return co_config_fail(privacy, co_config_node(privacy, "epsilon"), "%s",
                              co_status_message());
    c->state.multiplier *= factor;
    CO_TRY(ask(c, rounds, false, &g));
    while (g.epsilon > co_config_real(privacy, "epsilon")) {
        c->state.multiplier *= 1.0 + 1e-7;
        CO_TRY(ask(c, rounds, false, &g));
    }
    return CO_OK;
}

/* epsilon of the whole run. */
static co_status plan_epsilon(co_charge *c)
{
    const co_config *privacy = c->options;
    co_guarantee g;
    CO_TRY(ask(c, c->last, false, &g));
    c->planned = g.epsilon;
    c->planned_bound = g.bound;
    if (g.epsilon > 0.0 || c->delta == 0.0) return CO_OK;
    return co_config_fail(privacy, co_config_node(privacy, "delta"),
                          "%g: so large that epsilon is 0 and says nothing; a device may be "
                          "exposed with that probability. Lower it",
                          c->delta);
}

/* One device in a population is exposed with certainty at delta 1 / population: no guarantee. */
static co_status check_delta(const co_charge *c)
{
    const co_config *privacy = c->options;
    const bool is_simulated = c->release.noise_cohort > 0.0;
    const double n = is_simulated ? c->release.noise_population : c->population;
    if (c->delta * n <= 1.0 + 1e-9) return CO_OK; /* 1 / n as people write it */
    return co_config_fail(privacy, co_config_node(privacy, "delta"),
                          "%g is above 1 / %s = %g: set it below", c->delta,
                          is_simulated ? "noise_population" : "population", 1.0 / n);
}

co_status co_charge_plan(co_charge *c, int64_t last)
{
    c->last_parts = last;
    CO_TRY(cost_of(c, c->rounds, last, &c->last));
    if (!c->is_first_rank) return CO_OK;
    CO_TRY(check_delta(c));
    if (co_config_has(c->options, "epsilon") && c->state.multiplier == 0.0)
        CO_TRY(find_noise(c, c->last));
    return plan_epsilon(c);
}

/* After the multiplier is known: the run's one kind of event, n times; room for it when n is 0. */
static co_status open_ledger(co_charge *c, int64_t n)
{
    const co_event event = event_of(c);
    CO_TRY(co_ledger_add(&c->state.ledger, &event, 1));
    c->state.ledger.rows[0].count = n;
    return CO_OK;
}

co_status co_charge_broadcast(co_charge *c, const co_comm *comm)
{
    double words[3] = {c->state.multiplier, c->state.clip, (double)charged(c)};
    MPI_Bcast(words, 3, MPI_DOUBLE, 0, comm->world);
    MPI_Bcast(c->state.key, sizeof c->state.key, MPI_UNSIGNED_CHAR, 0, comm->world);
    c->state.multiplier = words[0];
    c->state.clip = words[1];
    co_ledger_fini(&c->state.ledger);
    return open_ledger(c, (int64_t)words[2]);
}

void co_private_state_fini(co_private_state *state)
{
    co_ledger_fini(&state->ledger);
    *state = (co_private_state){0};
}

void co_charge_fini(co_charge *c)
{
    co_private_state_fini(&c->state);
    if (c->noise) c->release.mechanism->correlation->destroy(c->noise);
    co_free(c->parts);
    *c = (co_charge){0};
}

void co_charge_keeps(co_charge *c, co_keeps *keeps)
{
    if (c->release.by_arrival) {
        co_keep_ints(keeps, "privacy/participations", c->parts, NULL, c->n_devices);
        co_keep_within(keeps, 0.0, 1e9); /* the most rounds that there can be */
    }
    if (c->matrix) co_keep_ints(keeps, "privacy/matrix", &c->matrix, NULL, 1);
    if (c->release.n_shares > 0.0) { /* steps may fail */
        co_keep_ints(keeps, "privacy/releases", &c->n_released, NULL, 1);
        co_keep_within(keeps, 0.0, 1e9);
    }
}

/* A row that is not finite counts as zero, which is a value of its own: it is charged too. */
void co_charge_take_part(co_charge *c, const co_plan *plan)
{
    if (!c->release.by_arrival) return;
    for (size_t i = 0; i < plan->n; i++)
        if (co_row_works(&plan->row[i])) c->parts[plan->row[i].device]++;
}

static int64_t most_parts(const co_charge *c)
{
    int64_t most = 0;
    for (int64_t k = 0; k < c->n_devices; k++)
        if (c->parts[k] > most) most = c->parts[k];
    return most;
}

/* epsilon after so many rounds, or up to a sixteenth more. */
static co_status account(co_charge *c, int64_t rounds)
{
    co_guarantee g;
    const int64_t n = rounds_told(c, rounds);
    if (n == c->accounted) return CO_OK;
    c->accounted = n;
    c->epsilon = c->planned, c->bound = c->planned_bound;
    if (n == c->last) return CO_OK;
    CO_TRY(ask(c, n, true, &g));
    if (n < c->last && g.epsilon > c->planned) return CO_OK;
    c->epsilon = g.epsilon, c->bound = g.bound;
    return CO_OK;
}

static co_status describe(co_charge *c, int64_t round, int64_t n_contributions)
{
    CO_ASSERT(c->state.ledger.n == 1);
    CO_TRY(account(c, charged(c)));
    const co_release release = co_charge_release(c);
    c->row = (co_private_row){.round = round,
                              .n_contributions = n_contributions,
                              .sampling_rate = c->release.rate,
                              .clip = release.clip,
                              .noise_std = release.noise_std,
                              .epsilon = c->epsilon,
                              .delta = c->delta,
                              .bound = c->bound,
                              .n_parts = release.n_parts,
                              .statement = c->statement,
                              .release = release};
    return CO_OK;
}

co_status co_charge_step(co_charge *c, int64_t step, int64_t n_contributions)
{
    const co_event event = event_of(c);
    CO_TRY(co_ledger_add(&c->state.ledger, &event, 1));
    c->n_released++;
    if (c->release.by_arrival) {
        c->most_parts = most_parts(c);
        CO_TRY(cost_of(c, step, c->most_parts, &c->state.ledger.rows[0].count));
    }
    return c->is_first_rank ? describe(c, step, n_contributions) : CO_OK;
}

co_status co_charge_fail(co_charge *c, int64_t step, int64_t n_contributions)
{
    if (!c->is_first_rank) return CO_OK;
    CO_TRY(describe(c, step, n_contributions));
    c->row.failed = true;
    return CO_OK;
}

/* The ledger of a checkpoint against the steps of the devices, and the matrix against this run's.
 */
static co_status check_parts(co_charge *c, int64_t count, int64_t round, const char *path)
{
    const co_correlation *correlation = c->release.mechanism->correlation;
    int64_t wanted;
    if (!c->release.by_arrival) return CO_OK;
    c->most_parts = most_parts(c);
    if (c->matrix && c->matrix != (int64_t)correlation->digest(c->noise))
        return CO_FAIL(CO_EUSAGE,
                       "%s: was made with another matrix of noise: it follows from horizon "
                       "(or rounds), bands, or the file `matrix`, which must stay what they were",
                       path);
    CO_TRY(cost_of(c, round, c->most_parts, &wanted));
    if (count == wanted) return CO_OK;
    return CO_FAIL(CO_EDATA,
                   "%s: the privacy ledger holds %lld releases, but the steps of the devices come "
                   "to %lld (the most of a device are %lld)",
                   path, (long long)count, (long long)wanted, (long long)c->most_parts);
}

co_status co_charge_resume(co_charge *c, co_private_state *state_take, int64_t round,
                           const char *path)
{
    const co_private_state read = *state_take;
    *state_take = (co_private_state){0};
    co_private_state_fini(&c->state);
    c->state = read;
    const co_event event = event_of(c);
    const co_ledger_row *row = read.ledger.n == 1 ? &read.ledger.rows[0] : NULL;
    if (!row || (!c->release.by_arrival && row->count != round))
        return CO_FAIL(
            CO_EDATA,
            "%s: the privacy ledger holds %lld releases, but the checkpoint is of round %lld", path,
            row ? (long long)row->count : 0LL, (long long)round);
    CO_TRY(check_parts(c, row->count, round, path));
    if (c->release.n_shares == 0.0) c->n_released = round; /* else kept */
    if (row->event.noise != event.noise || row->event.sampling != event.sampling ||
        row->event.rate != event.rate || row->event.noise_multiplier != event.noise_multiplier)
        return CO_FAIL(CO_EDATA,
                       "%s: the privacy ledger is not of this experiment's sampling and noise",
                       path);
    return plan_epsilon(c); /* of the noise that the run began with */
}

co_status co_charge_tell(co_charge *c, int64_t round, int64_t n_parts, double *epsilon)
{
    int64_t n;
    CO_TRY(cost_of(c, round, n_parts, &n));
    CO_TRY(account(c, n));
    *epsilon = c->epsilon;
    return CO_OK;
}
