/* aggregators/stages/random_k.c - sends k coordinates drawn anew for each step, the same of all
 * devices.
 *
 * Places are keyed by (seed, step), every set of k of those that travel equally likely: nobody has
 * to send them, and what is sent meets in sums, those of integers as well. A value is multiplied by
 * n / k, so that the mean over draws is the update; `unbiased: false` leaves it as it is, for
 * error_feedback. The message: k values, no header. Cost: 0.1 ns a coordinate and 40 ns a value
 * once a step. Source: Stich et al., NeurIPS 2018, arXiv:1809.07599, Definition 2.2; Konecny et
 * al., arXiv:1610.05492, "subsampling". */
#include "aggregators/sparse.h"
#include "aggregators/stages/stage.h"
#include "core/memory.h"
#include "core/random.h"
#include <math.h>
#include <string.h>

typedef struct {
    co_share share;
    bool is_unbiased;
    const co_layout *layout;
    int64_t n, k;
    uint64_t seed;  /* that the places are of, */
    int64_t step;   /* and step; -1: none yet */
    int64_t *place; /* [k] ascending, of a device's whole update */
    int64_t *scratch;
    float *value; /* [k] */
} random_k;

static co_status create(const co_config *opt, void **self)
{
    co_share share;
    CO_TRY(co_share_from(opt, &share));
    random_k *r = co_calloc(1, sizeof *r);
    if (!r) return CO_FAIL(CO_ENOMEM, "random_k state");
    *r = (random_k){.share = share, .is_unbiased = co_config_bool(opt, "unbiased"), .step = -1};
    *self = r;
    return CO_OK;
}

static void destroy(void *self)
{
    random_k *r = self;
    if (!r) return;
    co_free(r->place);
    co_free(r->scratch);
    co_free(r->value);
    co_free(r);
}

static co_status ready(void *self, const co_stage_site *site)
{
    random_k *r = self;
    r->layout = site->layout;
    r->n = (int64_t)site->layout->n_shared;
    CO_TRY(co_share_check(&r->share, "random_k", r->n));
    r->k = co_share_of(&r->share, r->n);
    r->place = co_malloc((size_t)r->k, sizeof *r->place);
    r->scratch = co_malloc(co_draw_subset_scratch((size_t)r->k), sizeof *r->scratch);
    r->value = co_malloc((size_t)r->k, sizeof *r->value);
    return r->place && r->scratch && r->value ? CO_OK : CO_FAIL(CO_ENOMEM, "random_k places");
}

/* Drawn among what travels, then looked up in the update. */
static void draw_places(random_k *r, const co_stage_key *key)
{
    co_stream s = co_stream_open(key->seed, CO_DRAW_RANDOM_K, (uint64_t)key->step, 0, 0);
    co_draw_subset(&s, r->n, (size_t)r->k, r->place, r->scratch);
    const co_part *span = r->layout->span[CO_SHARED];
    int64_t before = 0; /* travel in front of the span */
    for (int64_t i = 0; i < r->k; i++) {
        for (; r->place[i] >= before + (int64_t)span->size; span++) before += (int64_t)span->size;
        r->place[i] += (int64_t)span->at - before;
    }
    r->seed = key->seed;
    r->step = key->step;
}

static void forward(void *self, const co_stage_key *key, co_contribution *c, float *const *state)
{
    random_k *r = self;
    (void)state;
    const double factor = r->is_unbiased ? (double)r->n / (double)r->k : 1.0;
    if (r->step != key->step || r->seed != key->seed) draw_places(r, key);
    for (int64_t i = 0; i < r->k; i++)
        r->value[i] = (float)((double)c->update[r->place[i]] * factor);
    memset(c->update, 0, c->n * sizeof *c->update);
    for (int64_t i = 0; i < r->k; i++) c->update[r->place[i]] = r->value[i];
    c->n_values = r->k;
    c->norm = NAN;
}

static void message(const void *self, co_message *m)
{
    m->n_values = ((const random_k *)self)->k;
}

static const co_param params[] = {
    CO_SHARE_PARAMS,
    {"unbiased", CO_BOOL, .def = 1, .doc = "times n / k, so that nothing is lost on average"},
    {0}};

const co_stage co_stage_random_k = {.name = "random_k",
                                    .summary = "sends some coordinates alone, each step others",
                                    .source = "Stich et al. 2018, arXiv:1809.07599",
                                    .params = params,
                                    .create = create,
                                    .destroy = destroy,
                                    .ready = ready,
                                    .forward = forward,
                                    .message = message,
                                    .enforced = true,
                                    .sparse = true,
                                    .same_places = true,
                                    .keeps_zeros = true};
