/* aggregators/stages/top_k.c - sends the k coordinates of largest magnitude; of equal ones the
 * first.
 *
 * Over all that travels of a device's update. The message: k values and k places of ceil(log2 n)
 * bits; no header, for k and n are known on both sides. Coded: places as a Golomb-Rice code of gaps
 * (aggregators/sparse.h). Biased: what is left out is lost unless error_feedback keeps it.
 * Cost: 3.5 ns a coordinate. Source: Aji & Heafield, EMNLP 2017, arXiv:1704.05021; Stich et al.,
 * NeurIPS 2018, arXiv:1809.07599. */
#include "aggregators/sparse.h"
#include "aggregators/stages/stage.h"
#include "core/memory.h"
#include <math.h>

typedef struct {
    co_share share;
    const co_layout *layout;
    int64_t n, k;
} top_k;

static co_status create(const co_config *opt, void **self)
{
    co_share share;
    CO_TRY(co_share_from(opt, &share));
    top_k *t = co_calloc(1, sizeof *t);
    if (!t) return CO_FAIL(CO_ENOMEM, "top_k state");
    t->share = share;
    *self = t;
    return CO_OK;
}

static co_status ready(void *self, const co_stage_site *site)
{
    top_k *t = self;
    t->layout = site->layout;
    t->n = (int64_t)site->layout->n_shared;
    t->k = co_share_of(&t->share, t->n);
    return co_share_check(&t->share, "top_k", t->n);
}

static void forward(void *self, const co_stage_key *key, co_contribution *c, float *const *state)
{
    const top_k *t = self;
    (void)key;
    (void)state;
    const co_walk walk = co_walk_begin(t->layout, c->part, c->n_parts);
    co_keep_largest(c->update, c->n, (size_t)t->k);
    c->coded_bits = 32.0 * (double)t->k + co_place_bits(&walk, c->update, t->k, t->n);
    c->n_values = t->k;
    c->norm = NAN;
}

static void message(const void *self, co_message *m)
{
    const top_k *t = self;
    m->n_values = t->k;
    m->beside += co_place_bytes(t->k, t->n);
}

static const co_param params[] = {CO_SHARE_PARAMS, {0}};

const co_stage co_stage_top_k = {.name = "top_k",
                                 .summary = "sends the coordinates of largest magnitude alone",
                                 .source = "Aji & Heafield 2017, arXiv:1704.05021",
                                 .params = params,
                                 .create = create,
                                 .destroy = co_free,
                                 .ready = ready,
                                 .forward = forward,
                                 .message = message,
                                 .codes = true,
                                 .enforced = true,
                                 .sparse = true,
                                 .keeps_zeros = true};
