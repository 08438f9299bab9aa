/* sim/stages/shares.c - shares of noise on the devices, and the sum on a slice.
 *
 * update_j = step / m x rotated back (sum_i (q_ij + noise_ij) mod 2^b, nearest to zero): q_i the
 * integers of device i, of norm `bound` at most, m the devices asked or expected. The clip factor
 * is lowered by 2^-18, more than the rotation's rounding can lengthen a vector. Cost: some 10 ns a
 * coordinate and device. */
#include "sim/stages/shares.h"
#include "aggregators/hadamard.h"
#include "core/vector.h"
#include "privacy/mechanisms/rounding.h"
#include "sim/planners/secure.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define BELOW_CLIP (1.0 - 0x1p-18)

static const co_mechanism *mechanism_of(const co_experiment *e)
{
    return co_mechanism_find(co_config_string(&e->privacy, "mechanism"));
}

bool co_has_shares(const co_experiment *e)
{
    return mechanism_of(e)->share != NULL;
}

co_status co_shares_init(co_shares *s, const co_experiment *e, const co_plan *plan,
                         int64_t population, bool is_first_rank, co_charge *charge)
{
    const co_config *privacy = &e->privacy;
    *s = (co_shares){.experiment = e, .plan = plan, .per_round = plan->per_round};
    if (!co_has_shares(e)) return CO_OK;
    s->charge = charge;
    s->n_reports = s->setup.n_least = (double)co_config_int(privacy, "min_reporting");
    s->source.seed = (uint64_t)e->seed;
    s->setup = (co_distributed_setup){.mechanism = mechanism_of(e),
                                      .clip = co_config_real(privacy, "clip"),
                                      .beta = co_config_real(privacy, "beta"),
                                      .wrap_stds = co_config_real(privacy, "wrap_stds"),
                                      .bits = (int)co_config_int(privacy, "bits")};
    if (co_config_has(privacy, "granularity"))
        s->setup.granularity = co_config_real(privacy, "granularity");
    const co_release what = {
        .mechanism = s->setup.mechanism, .clip = s->setup.clip, .n_shares = s->n_reports};
    return co_charge_init(charge, e, &what, population, is_first_rank);
}

static co_status ready(void *self, const co_stage_site *site)
{
    co_shares *s = self;
    const co_config *privacy = &s->experiment->privacy;
    s->layout = site->layout;
    s->setup.dim = (double)site->layout->n_shared;
    s->setup.n_most = (double)site->cohort;
    s->n_corrupt = s->experiment->secagg_keys.has_risk
                       ? floor((s->experiment->secagg_keys.risk.corrupt + 1e-9) * s->setup.n_most)
                       : 0.0; /* 0.29 x 100 is 28.99.. in binary */
    s->setup.n_least = s->n_reports - s->n_corrupt;
    s->charge->release.n_shares = s->setup.n_least;
    s->charge->release.n_corrupt = s->n_corrupt;
    if (s->n_reports > s->setup.n_most)
        return co_config_fail(privacy, co_config_node(privacy, "min_reporting"),
                              "%.0f: a round has %.0f devices at most", s->n_reports,
                              s->setup.n_most);
    if (s->setup.n_least >= 1.0) return CO_OK;
    return co_config_fail(privacy, co_config_node(privacy, "min_reporting"),
                          "%.0f: up to %.0f of a round's devices are corrupt (secagg.corrupt), and "
                          "only noise of others hides anything; set it above that",
                          s->n_reports, s->n_corrupt);
}

static co_ring ring(const void *self, size_t cohort)
{
    const co_shares *s = self;
    (void)cohort;
    return (co_ring){s->setup.bits, ldexp(1.0, s->setup.bits - 1), true};
}

/* All that follows from the multiplier. */
static co_status adopt(co_shares *s, double multiplier)
{
    co_release *release = &s->charge->release;
    s->setup.multiplier = multiplier;
    CO_TRY(co_distributed_make(&s->setup, &s->what));
    co_noise_table_fini(&s->table);
    CO_TRY(s->setup.mechanism->share(s->what.share, &s->table));
    release->lattice_std = s->what.std;
    release->dim = s->setup.dim;
    release->stretch = multiplier * s->what.bound / s->what.std;
    release->noise_std = s->what.std * s->what.step;
    return CO_OK;
}

co_status co_shares_resume(co_shares *s, double multiplier)
{
    return s->charge ? adopt(s, multiplier) : CO_OK;
}

co_status co_shares_broadcast(co_shares *s, const co_comm *comm)
{
    if (!s->charge) return CO_OK;
    double multiplier = s->charge->state.multiplier;
    MPI_Bcast(&multiplier, 1, MPI_DOUBLE, 0, comm->world);
    co_status st = co_agree(adopt(s, multiplier), comm);
    if (st == CO_OK) st = co_agree(co_charge_broadcast(s->charge, comm), comm);
    memcpy(s->source.key, s->charge->state.key, sizeof s->source.key);
    return st;
}

/* Where all share their secrets with all, no sum of fewer than min_reporting can be opened; on a
 * sparse graph it is the server that stops. */
static co_status check_threshold(const co_shares *s)
{
    const co_config *secagg = &s->experiment->secagg;
    co_secagg_shape shape;
    if (!s->plan->secure) return CO_OK;
    CO_TRY(co_secure_shape(s->plan->secure, (size_t)s->setup.n_most, &shape));
    if (shape.k + 1 < shape.n || (double)shape.threshold >= s->n_reports) return CO_OK;
    return co_config_fail(secagg, co_config_node(secagg, "threshold"),
                          "%zu devices open a sum, but the noise of fewer than "
                          "privacy.min_reporting: %.0f is too little; raise threshold",
                          shape.threshold, s->n_reports);
}

/* The multiplier that the section gives, or that its epsilon needs; a message names the key. */
static co_status find_multiplier(co_shares *s, int64_t last)
{
    co_charge *c = s->charge;
    const co_config *privacy = &s->experiment->privacy;
    const char *key = co_config_has(privacy, "epsilon") ? "epsilon" : "noise_multiplier";
    s->setup.multiplier = c->state.multiplier;
    co_status st = CO_OK;
    if (co_config_has(privacy, "epsilon"))
        st = co_distributed_find_noise(&s->setup, c->release.accountant, &c->how,
                                       co_config_real(privacy, "epsilon"), c->delta, last);
    if (st == CO_OK) st = adopt(s, s->setup.multiplier);
    c->state.multiplier = s->setup.multiplier;
    return st == CO_OK
               ? CO_OK
               : co_config_fail(privacy, co_config_node(privacy, key), "%s", co_status_message());
}

co_status co_shares_start(co_shares *s, int64_t last, const co_comm *comm)
{
    co_charge *c = s->charge;
    if (!c) return CO_OK;
    co_status st = check_threshold(s);
    if (st == CO_OK && comm->rank == 0) st = find_multiplier(s, last);
    if (st == CO_OK) st = co_charge_plan(c, last);
    CO_TRY(co_agree(st, comm));
    if (c->state.is_secure) co_noise_source_draw(&s->source);
    memcpy(c->state.key, s->source.key, sizeof c->state.key);
    return co_shares_broadcast(s, comm);
}

static void forward(void *self, const co_stage_key *key, co_contribution *c, float *const *state)
{
    const co_shares *s = self;
    const co_weighting by = s->experiment->weighting;
    const double weight = c->factor * (by.by == CO_WEIGHT_UNIFORM ? 1.0 : c->weight / by.cap);
    const double factor = weight * co_clip_factor(s->setup.clip, c->norm) * BELOW_CLIP;
    const uint64_t mask = (UINT64_C(1) << s->setup.bits) - 1, half = (mask >> 1) + 1;
    const co_noise_release share = co_noise_share_of(&s->source, key->step, key->device);
    int64_t *q = (int64_t *)c->residue;
    (void)state;
    co_rotate(s->layout, key->seed, key->step, c->part, c->n_parts, factor / s->what.step,
              c->update);
    co_round_within(key->seed, key->step, key->device, c->update, c->n, s->what.bound_square, q);
    co_noise_table_add(&s->table, &share, 0, c->n, q);
    for (size_t j = 0; j < c->n; j++) {
        c->counts[0] += c->residue[j] + half > mask; /* below -half or from half on */
        c->residue[j] &= mask;
    }
}

static void backward(void *self, const co_stage_key *key, co_round_sum *sum)
{
    const co_shares *s = self;
    const int64_t half = INT64_C(1) << (s->setup.bits - 1);
    sum->bits = 0;
    if ((double)sum->n_reported < s->n_reports) {
        sum->failed = true;
        return;
    }
    for (size_t j = 0; j < sum->n; j++)
        if (sum->sum[j] >= half) sum->sum[j] -= 2 * half;
    sum->step = s->what.step;
    co_sum_to_values(sum);
    co_rotate_back(s->layout, key->seed, key->step, sum->part, sum->n_parts, sum->value);
    sum->total = s->per_round;
}

static co_status end(void *self, const co_stage_key *key, const co_stage_end *end)
{
    const co_shares *s = self;
    return end->failed ? co_charge_fail(s->charge, key->step, end->n_reported)
                       : co_charge_step(s->charge, key->step, end->n_reported);
}

static void message(const void *self, co_message *m)
{
    m->bits = ((const co_shares *)self)->setup.bits;
}

const co_stage co_stage_shares = {.name = "distributed privacy",
                                  .summary = "bounds and rounds every update, adds a share of "
                                             "noise, modulo 2^b",
                                  .gives = CO_INTEGERS,
                                  .ready = ready,
                                  .ring = ring,
                                  .forward = forward,
                                  .backward = backward,
                                  .end = end,
                                  .message = message,
                                  .n_counts = 1,
                                  .counts_cut = true,
                                  .enforced = true,
                                  .releases = true,
                                  .mixes = true};

void co_shares_print(const co_shares *s, int64_t rounds)
{
    const co_charge *c = s->charge;
    if (!c) return;
    const co_release release = co_charge_release(c);
    const double dim = s->setup.dim, block = fmin(dim, (double)CO_BLOCK);
    printf("privacy      %s, clip %g, noise %.6g x clip by %.0f honest devices; epsilon %.4g at "
           "delta %g "
           "after %lld rounds (%s %s, %s)\n",
           s->setup.mechanism->name, s->setup.clip, s->setup.multiplier, s->setup.n_least,
           c->planned, c->delta, (long long)rounds,
           co_relation_text(c->statement->neighbours(&release)), co_unit_text(release.unit),
           release.accountant->name);
    printf("             no amplification by sampling: a device pays for its own steps, at most "
           "%lld\n",
           (long long)c->last);
    printf("             %d bits, steps of %.6g: norm %.6g x clip once rounded; a share has a "
           "standard deviation of %.6g steps\n",
           s->setup.bits, s->what.step, s->what.bound * s->what.step / s->setup.clip,
           sqrt((double)s->what.share / CO_NOISE_UNIT));
    printf(
        "             a number of a sum wraps with probability %.2g at most where updates spread "
        "evenly, %.2g where all lies in one block\n",
        co_distributed_wrap(&s->setup, &s->what, dim),
        co_distributed_wrap(&s->setup, &s->what, block));
}

void co_shares_fini(co_shares *s)
{
    co_noise_table_fini(&s->table);
    *s = (co_shares){0};
}
