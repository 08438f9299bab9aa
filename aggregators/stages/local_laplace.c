/* aggregators/stages/local_laplace.c - a device clips its update in the L1 norm and adds Laplace
 * noise to it, exactly.
 *
 * The update becomes whole steps of a grid, |q|_1 <= clip / step for certain (bound.h); the integer
 * nearest to a continuous Laplace variable of scale 2 clip / epsilon is added to each coordinate
 * that travels, without a float anywhere, and (q + noise) step rounded to a float is what is sent:
 * post-processing of an epsilon-private vector of integers. Any two clipped updates are at most
 * 2 clip apart in L1. Cost: some 0.2 us a coordinate. Source: Dwork, McSherry, Nissim and Smith,
 * TCC 2006. */
#include "aggregators/stages/local.h"
#include "core/memory.h"
#include "privacy/mechanisms/discrete.h"
#include <math.h>
#include <string.h>

typedef struct {
    co_local local;
    const co_mechanism *mechanism; /* laplace */
    co_grid grid;
    int64_t *q; /* [n_room] */
    size_t n_room;
} laplace;

static void destroy(void *self)
{
    laplace *l = self;
    if (l) co_free(l->q);
    co_free(l);
}

static co_status create(const co_config *opt, void **self)
{
    laplace l = {.mechanism = co_mechanism_find("laplace")};
    CO_TRY(co_local_read(opt, l.mechanism, &l.local));
    l.local.epsilon = co_config_real(opt, "epsilon");
    CO_TRY(co_grid_make(l.mechanism, l.local.clip, 2.0 / l.local.epsilon, 1.0, &l.grid));
    *self = co_malloc(1, sizeof l);
    if (!*self) return CO_FAIL(CO_ENOMEM, "local_laplace");
    *(laplace *)*self = l;
    return CO_OK;
}

static co_status ready(void *self, const co_stage_site *site)
{
    laplace *l = self;
    l->local.layout = site->layout;
    const size_t n = site->layout ? site->layout->n : 0;
    return co_reserve((void **)&l->q, &l->n_room, n, sizeof *l->q) == 0
               ? CO_OK
               : CO_FAIL(CO_ENOMEM, "local_laplace");
}

static void forward(void *self, const co_stage_key *key, co_contribution *c, float *const *state)
{
    laplace *l = self;
    const co_noise_release release =
        co_noise_message_of(l->local.is_secure ? key->noise : &(co_noise_source){.seed = key->seed},
                            key->step, key->device);
    co_local_walk walk = co_local_begin(&l->local, c->n);
    co_local_piece p;
    (void)state;
    CO_ASSERT(co_reserve((void **)&l->q, &l->n_room, c->n, sizeof *l->q) == 0);
    const co_sum_slice slice = {.sum = l->q, .first = 0, .n = c->n};
    memset(l->q, 0, c->n * sizeof *l->q);
    co_add_bounded(l->mechanism, &l->grid, c->update, co_norm_l1(c->update, c->n), 1.0, &slice, 1);
    while (co_local_next(&walk, key, &p)) {
        l->mechanism->add(&release, l->grid.scale, p.offset, p.n, l->q + p.at);
        for (size_t j = p.at; j < p.at + p.n; j++)
            c->update[j] = (float)((double)l->q[j] * l->grid.step);
    }
    c->norm = NAN;
}

static void guarantee(const void *self, co_release *r)
{
    const laplace *l = self;
    *r = (co_release){.unit = CO_UNIT_MESSAGE,
                      .mechanism = l->mechanism,
                      .multiplier = 2.0 / l->local.epsilon,
                      .rate = 1.0,
                      .clip = l->local.clip,
                      .noise_std = l->grid.scale * l->grid.step * l->mechanism->spread,
                      .is_secure = l->local.is_secure,
                      .epsilon = l->local.epsilon,
                      .delta = l->local.delta};
}

static const co_param params[] = {
    CO_LOCAL_CLIP("L1"), CO_LOCAL_EPSILON(CO_REQUIRED), CO_LOCAL_DELTA, CO_LOCAL_SECURE, {0}};

const co_stage co_stage_local_laplace = {
    .name = "local_laplace",
    .summary = "local privacy: a device clips its update (L1) and adds exact Laplace noise",
    .source = "Dwork, McSherry, Nissim and Smith 2006",
    .params = params,
    .sample = "{clip: 1, epsilon: 8}",
    .create = create,
    .destroy = destroy,
    .ready = ready,
    .forward = forward,
    .guarantee = guarantee};
