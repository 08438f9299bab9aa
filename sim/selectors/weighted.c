/* sim/selectors/weighted.c - devices in proportion to a power of their activity, alone or mixed
 * with all alike.
 *
 * Activity a_k: the device's training examples now, at most n_max. Weighted: p_k = a_k^gamma / sum
 * a^gamma. Mixture: p_k = (1 - u) a_k^gamma / sum a^gamma + u / K. Then pi_k = min(1, m p_k) by
 * systematic.c. A device without examples is never asked by weighted; if fewer than m have any, all
 * of those are. gamma 1 uses the counts themselves; else, and in a mixture, p_k is rounded to a
 * multiple of 2^-60, at least one: the pi_k in use are those of the rounded weights, exactly. Cost
 * of a round: two passes over all devices; after a change of activity two more, with a power of
 * each. Source: Dupuy et al. 2022, arXiv:2202.03925 (selection by activity; their samples are drawn
 * one by one in proportion to the activity, ours have exact probabilities); mixture: the defence
 * against never asking small devices. */
#include "core/elementary.h"
#include "core/memory.h"
#include "sim/selectors/activity.h"
#include "sim/selectors/systematic.h"

typedef struct {
    double gamma, uniform_share;
    int64_t n_max;
    co_systematic sample;
} weighted;

static co_status create_weighted(const co_config *opt, const co_selector_input *in, void **self)
{
    weighted *w = co_calloc(1, sizeof *w);
    if (!w) return CO_FAIL(CO_ENOMEM, "selector");
    w->gamma = co_config_real(opt, "gamma");
    w->n_max = co_activity_most(opt);
    const co_status st = co_systematic_init(&w->sample, in->n_devices, (int64_t)in->per_round);
    if (st != CO_OK)
        co_free(w);
    else
        *self = w;
    return st;
}

static co_status create_mixture(const co_config *opt, const co_selector_input *in, void **self)
{
    CO_TRY(create_weighted(opt, in, self));
    ((weighted *)*self)->uniform_share = co_config_real(opt, "uniform_share");
    return CO_OK;
}

static void destroy(void *self)
{
    if (self) co_systematic_fini(&((weighted *)self)->sample);
    co_free(self);
}

/* (a / largest)^gamma, the same bits on every processor. */
static double power(const weighted *w, int64_t a, int64_t largest)
{
    if (a == 0) return 0.0;
    return w->gamma == 1.0
               ? (double)a / (double)largest
               : co_plain_exp(w->gamma * (co_plain_log((double)a) - co_plain_log((double)largest)));
}

/* Activities in s->weight become shares of 2^60. */
static void weigh(const weighted *w, co_systematic *s, int64_t largest)
{
    const double u = w->uniform_share, unit = 0x1p60;
    double sum = 0.0;
    for (int64_t k = 0; k < s->n; k++) sum += power(w, s->weight[k], largest);
    for (int64_t k = 0; k < s->n; k++) {
        const double share = sum > 0.0 ? power(w, s->weight[k], largest) / sum : 0.0;
        const double x = ((1.0 - u) * share + u / (double)s->n) * unit;
        s->weight[k] = x > 1.0 ? (int64_t)x : s->weight[k] > 0 || u > 0.0;
    }
}

static void look(void *self, const co_selector_input *in)
{
    weighted *w = self;
    int64_t largest = 0, sum = 0;
    co_activity_read(in, w->n_max, w->sample.weight);
    for (int64_t k = 0; k < in->n_devices; k++) {
        sum += w->sample.weight[k];
        if (w->sample.weight[k] > largest) largest = w->sample.weight[k];
    }
    const bool plain = w->gamma == 1.0 && w->uniform_share == 0.0 && sum <= INT64_C(1) << 60;
    if (!plain) weigh(w, &w->sample, largest);
    co_systematic_settle(&w->sample);
}

static size_t select_devices(void *self, const co_selector_input *in, int64_t round,
                             int64_t *devices, int64_t *scratch)
{
    (void)scratch;
    return co_systematic_select(&((weighted *)self)->sample, in->seed, round, devices);
}

static double chance(const void *self, const co_selector_input *in, int64_t device)
{
    (void)in;
    return co_systematic_chance(&((const weighted *)self)->sample, device);
}

static const co_param weighted_params[] = {CO_PARAM_GAMMA, CO_PARAM_N_MAX, {0}};
const co_selector co_selector_weighted = {
    .name = "weighted",
    .summary = "in proportion to examples^gamma, without replacement; looks at every device",
    .source = "Dupuy et al. 2022, arXiv:2202.03925; Madow 1949, Ann. Math. Stat. 20",
    .params = weighted_params,
    .looks_at_all = true,
    .create = create_weighted,
    .destroy = destroy,
    .look = look,
    .select = select_devices,
    .chance = chance};

static const co_param mixture_params[] = {
    CO_PARAM_GAMMA,
    CO_PARAM_N_MAX,
    {"uniform_share", CO_REAL, .def = 0.5, .lo = 0.0, .hi = 1.0,
     .doc = "part of the probability that all devices share alike"},
    {0}};
const co_selector co_selector_mixture = {
    .name = "mixture",
    .summary = "a mixture of uniform and weighted probabilities; looks at every device",
    .source = "Dupuy et al. 2022, arXiv:2202.03925; Madow 1949, Ann. Math. Stat. 20",
    .params = mixture_params,
    .looks_at_all = true,
    .create = create_mixture,
    .destroy = destroy,
    .look = look,
    .select = select_devices,
    .chance = chance};
