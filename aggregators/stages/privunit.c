/* aggregators/stages/privunit.c - a device tells the direction of its update with epsilon-privacy:
 * PrivUnit, unbiased for the clipped update.
 *
 * With r = min(1, |u| / clip) the direction u / |u| is taken with probability (1 + r) / 2, the
 * opposite one else: its mean is r times the direction, so that PrivUnit of it (privunit.h) times
 * clip / mean is unbiased for the clipped update, and all of epsilon goes to one message (a mixture
 * of inputs loses nothing). The paper sends the norm beside it (ScalarDP), for a share of epsilon.
 * Every message has the same norm, clip / mean; the error's mean square is (clip / mean)^2 - |u|^2.
 *
 * The told vector has cosine t to the direction e and is t e + sqrt(1 - t^2) g' / |g'|, g' = g -
 * <g, e> e of standard normal g: one pass finds <g, e> and |g|, a second draws g again and adds it,
 * so that no vector is kept. Cost: 2.8 ns a coordinate with AVX-512. A zero update has the first
 * coordinate's direction. Source: Bhowmick et al. 2018, arXiv:1812.00984. */
#include "aggregators/stages/local.h"
#include "core/memory.h"
#include "core/vector.h"
#include "privacy/mechanisms/privunit.h"
#include <math.h>
#include <string.h>

#define NOTHING 1e-20 /* |u| / clip: a float may not hold what it takes to scale it up */

typedef struct {
    co_local local;
    co_privunit law;
} privunit;

static co_status create(const co_config *opt, void **self)
{
    privunit p = {0};
    CO_TRY(co_local_read(opt, &co_mechanism_privunit, &p.local));
    p.local.epsilon = co_config_real(opt, "epsilon");
    *self = co_malloc(1, sizeof p);
    if (!*self) return CO_FAIL(CO_ENOMEM, "privunit");
    *(privunit *)*self = p;
    return CO_OK;
}

static co_status ready(void *self, const co_stage_site *site)
{
    privunit *p = self;
    p->local.layout = site->layout;
    if (!site->layout) return CO_OK;
    const size_t n = site->layout->n_shared;
    if (n < CO_PRIVUNIT_LEAST)
        return CO_FAIL(CO_EUSAGE,
                       "transforms: privunit needs updates of at least %d coordinates, found %zu; "
                       "use local_laplace",
                       CO_PRIVUNIT_LEAST, n);
    p->law = co_privunit_find(n, p->local.epsilon);
    return CO_OK;
}

/* <g, u> and |g|^2 of the message's normal g. */
static void measure(const privunit *p, const co_stage_key *key, const co_contribution *c,
                    double *along, double *square)
{
    float g[CO_BLOCK];
    co_local_walk walk = co_local_begin(&p->local, c->n);
    co_local_piece piece;
    *along = *square = 0.0;
    while (co_local_next(&walk, key, &piece)) {
        memset(g, 0, piece.n * sizeof *g);
        co_add_noise(&piece.stream, piece.n, 0.0f, 1.0f, g);
        *along += co_block_dot(g, c->update + piece.at, piece.n);
        *square += co_block_square_sum(g, piece.n);
    }
}

/* u = scale u + spread g. */
static void mix(const privunit *p, const co_stage_key *key, co_contribution *c, double scale,
                double spread)
{
    co_local_walk walk = co_local_begin(&p->local, c->n);
    co_local_piece piece;
    while (co_local_next(&walk, key, &piece))
        co_add_noise(&piece.stream, piece.n, (float)scale, (float)spread, c->update + piece.at);
}

/* Where the first coordinate that travels stands. */
static size_t first_of(const privunit *p)
{
    return p->local.layout ? p->local.layout->span[CO_SHARED][0].at : 0;
}

static void forward(void *self, const co_stage_key *key, co_contribution *c, float *const *state)
{
    privunit *p = self;
    co_stream s = co_local_stream(key);
    double norm = c->norm, share = norm / p->local.clip, along, square;
    (void)state;
    if (!p->local.layout) p->law = co_privunit_find(c->n, p->local.epsilon);
    if (share < NOTHING) {
        memset(c->update, 0, c->n * sizeof *c->update);
        c->update[first_of(p)] = 1.0f;
        norm = 1.0, share = 0.0;
    }
    const double sign = 2.0 * co_draw_uniform(&s) < 1.0 + fmin(1.0, share) ? 1.0 : -1.0,
                 cosine = co_privunit_draw(&p->law, &s), length = p->local.clip / p->law.mean;
    measure(p, key, c, &along, &square);
    along /= norm; /* <g, e> without the sign */
    const double spread = length * sqrt((1.0 - cosine) * (1.0 + cosine) / (square - along * along));
    mix(p, key, c, (length * sign * cosine - spread * along) / norm, spread);
    c->norm = NAN;
}

static void guarantee(const void *self, co_release *r)
{
    const privunit *p = self;
    *r = (co_release){.unit = CO_UNIT_MESSAGE,
                      .mechanism = &co_mechanism_privunit,
                      .multiplier = 2.0 / p->local.epsilon,
                      .rate = 1.0,
                      .clip = p->local.clip,
                      .noise_std = p->local.clip / p->law.mean / sqrt((double)p->law.n),
                      .epsilon = p->local.epsilon,
                      .delta = p->local.delta};
}

static const co_param params[] = {
    CO_LOCAL_CLIP("L2"), CO_LOCAL_EPSILON(CO_REQUIRED), CO_LOCAL_DELTA, CO_LOCAL_SECURE, {0}};

const co_stage co_stage_privunit = {
    .name = "privunit",
    .summary = "local privacy: a random direction near that of the clipped update, unbiased",
    .source = "Bhowmick et al. 2018, arXiv:1812.00984",
    .params = params,
    .sample = "{clip: 1, epsilon: 8}",
    .create = create,
    .destroy = co_free,
    .ready = ready,
    .forward = forward,
    .guarantee = guarantee};
