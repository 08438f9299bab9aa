/* aggregators/stages/ternary.c - sends the signs of the k largest coordinates, and one magnitude.
 *
 * Of the k coordinates of largest magnitude each becomes m sgn(u_j), m the mean of their
 * magnitudes; the rest is 0. The message: k signs, k places of ceil(log2 n) bits, a float; no
 * header. Coded: places as a Golomb-Rice code of gaps, a sign each. Biased: the paper has
 * error_feedback in front, and the same on the downlink. Cost: 3.6 ns a coordinate. Source:
 * Sattler et al., arXiv:1903.02891, Algorithms 1 and 3, equation 17. */
#include "aggregators/sparse.h"
#include "aggregators/stages/stage.h"
#include "core/memory.h"
#include <math.h>

typedef struct {
    co_share share;
    const co_layout *layout;
    int64_t n, k;
} ternary;

static co_status create(const co_config *opt, void **self)
{
    co_share share;
    CO_TRY(co_share_from(opt, &share));
    ternary *t = co_calloc(1, sizeof *t);
    if (!t) return CO_FAIL(CO_ENOMEM, "ternary state");
    t->share = share;
    *self = t;
    return CO_OK;
}

static co_status ready(void *self, const co_stage_site *site)
{
    ternary *t = self;
    t->layout = site->layout;
    t->n = (int64_t)site->layout->n_shared;
    t->k = co_share_of(&t->share, t->n);
    return co_share_check(&t->share, "ternary", t->n);
}

CO_CLONES static void set_ternary(float *x, size_t n, float magnitude)
{
    for (size_t i = 0; i < n; i++) x[i] = x[i] > 0.0f ? magnitude : x[i] < 0.0f ? -magnitude : 0.0f;
}

static void forward(void *self, const co_stage_key *key, co_contribution *c, float *const *state)
{
    const ternary *t = self;
    (void)key;
    (void)state;
    const co_walk walk = co_walk_begin(t->layout, c->part, c->n_parts);
    const double sum = co_keep_largest(c->update, c->n, (size_t)t->k);
    set_ternary(c->update, c->n, (float)(sum / (double)t->k));
    c->coded_bits = 32.0 + (double)t->k + co_place_bits(&walk, c->update, t->k, t->n);
    c->n_values = t->k;
    c->norm = NAN;
}

static void message(const void *self, co_message *m)
{
    const ternary *t = self;
    m->n_values = t->k;
    m->bits = 1;
    m->beside += co_place_bytes(t->k, t->n) + 4;
}

static const co_param params[] = {CO_SHARE_PARAMS, {0}};

const co_stage co_stage_ternary = {.name = "ternary",
                                   .summary = "sends signs of the largest coordinates and one "
                                              "magnitude (sparse ternary compression)",
                                   .source = "Sattler et al. 2019, arXiv:1903.02891",
                                   .params = params,
                                   .create = create,
                                   .destroy = co_free,
                                   .ready = ready,
                                   .forward = forward,
                                   .message = message,
                                   .codes = true,
                                   .enforced = true,
                                   .sparse = true,
                                   .keeps_zeros = true,
                                   .coded = true};
