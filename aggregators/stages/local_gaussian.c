/* aggregators/stages/local_gaussian.c - a device clips its update and adds Gaussian noise to it.
 *
 * u = min(1, clip / |u|) u + N(0, (z clip)^2) on each coordinate that travels. Any two clipped
 * updates are at most 2 clip apart, so that one message is a Gaussian mechanism of noise z / 2
 * (Balle and Wang 2018, arXiv:1805.06530). The factor is made smaller by 2^-20, more than floats
 * add to norm or noise. Cost: one pass, 1 ns a coordinate with AVX-512. */
#include "aggregators/stages/local.h"
#include "core/memory.h"
#include "privacy/accountants/gaussian.h"
#include <math.h>

#define SHRINK (1.0 - 0x1p-20)

typedef struct {
    co_local local;
    double multiplier; /* z */
} gaussian;

static co_status create(const co_config *opt, void **self)
{
    gaussian g;
    const bool finds = co_config_has(opt, "epsilon");
    if (finds == co_config_has(opt, "noise_multiplier"))
        return co_config_fail(
            opt, opt->map,
            "local_gaussian: give either noise_multiplier, or epsilon (the noise is found for it)");
    CO_TRY(co_local_read(opt, co_mechanism_find("gaussian"), &g.local));
    if (finds) {
        g.local.epsilon = co_config_real(opt, "epsilon");
        g.multiplier = 2.0 * co_gaussian_sigma(g.local.epsilon, g.local.delta);
    } else {
        g.multiplier = co_config_real(opt, "noise_multiplier");
        g.local.epsilon = co_gaussian_epsilon(2.0 / g.multiplier, g.local.delta);
    }
    *self = co_malloc(1, sizeof g);
    if (!*self) return CO_FAIL(CO_ENOMEM, "local_gaussian");
    *(gaussian *)*self = g;
    return CO_OK;
}

static co_status ready(void *self, const co_stage_site *site)
{
    ((gaussian *)self)->local.layout = site->layout;
    return CO_OK;
}

static void forward(void *self, const co_stage_key *key, co_contribution *c, float *const *state)
{
    const gaussian *g = self;
    const float factor = (float)(co_clip_factor(g->local.clip, c->norm) * SHRINK),
                std = (float)(g->multiplier * g->local.clip);
    co_local_walk walk = co_local_begin(&g->local, c->n);
    co_local_piece p;
    (void)state;
    while (co_local_next(&walk, key, &p))
        co_add_noise(&p.stream, p.n, factor, std, c->update + p.at);
    c->norm = NAN;
}

static void guarantee(const void *self, co_release *r)
{
    const gaussian *g = self;
    *r = (co_release){.unit = CO_UNIT_MESSAGE,
                      .mechanism = co_mechanism_find("gaussian"),
                      .multiplier = g->multiplier,
                      .rate = 1.0,
                      .clip = g->local.clip,
                      .noise_std = g->multiplier * g->local.clip,
                      .epsilon = g->local.epsilon,
                      .delta = g->local.delta};
}

static const co_param params[] = {
    CO_LOCAL_CLIP("L2"),
    {"noise_multiplier", CO_REAL, .lo = 0.0, .hi = 1e6, .flags = CO_OPTIONAL | CO_LO_OPEN,
     .doc = "standard deviation of the noise on each coordinate / clip"},
    CO_LOCAL_EPSILON(CO_OPTIONAL),
    {"delta", CO_REAL, .lo = 0.0, .hi = 1.0, .flags = CO_REQUIRED | CO_LO_OPEN | CO_HI_OPEN,
     .doc = "of one message, and of all of a device; at most 1 / population"},
    CO_LOCAL_SECURE,
    {0}};

const co_stage co_stage_local_gaussian = {
    .name = "local_gaussian",
    .summary = "local privacy: a device clips its update and adds Gaussian noise",
    .source = "Balle and Wang 2018, arXiv:1805.06530",
    .params = params,
    .sample = "{clip: 1, epsilon: 8, delta: 1e-6}",
    .create = create,
    .destroy = co_free,
    .ready = ready,
    .forward = forward,
    .guarantee = guarantee};
