/* aggregators/stages/momentum.c - a device sends its momentum in place of its update.
 * m_i = beta m_i + u_i over the rounds in which device i takes part; the update becomes m_i. With
 * one local step of learning rate 1 this is the worker momentum of distributed SGD, which hides
 * less from robust rules. Cost: one float a coordinate for each device that has taken part. Source:
 * Karimireddy, He, Jaggi, ICML 2021, arXiv:2012.10333, Algorithm 1 (there with a factor 1 - beta
 * before u). */
#include "aggregators/stages/stage.h"
#include "core/memory.h"
#include <math.h>

typedef struct {
    float beta;
} momentum;

static co_status create(const co_config *opt, void **self)
{
    momentum *m = co_malloc(1, sizeof *m);
    if (!m) return CO_FAIL(CO_ENOMEM, "momentum");
    m->beta = (float)co_config_real(opt, "beta");
    *self = m;
    return CO_OK;
}

static void forward(void *self, const co_stage_key *key, co_contribution *c, float *const *state)
{
    (void)key;
    const float beta = ((const momentum *)self)->beta;
    float *restrict kept = state[0], *restrict update = c->update;
    for (size_t j = 0; j < c->n; j++) {
        kept[j] = beta * kept[j] + update[j];
        update[j] = kept[j];
    }
    c->norm = NAN;
}

static const co_param params[] = {{"beta", CO_REAL, .def = 0.9, .lo = 0.0, .hi = 1.0,
                                   .flags = CO_HI_OPEN, .doc = "what is kept of the last"},
                                  {0}};
static const char *const slots[] = {"momentum", NULL};

const co_stage co_stage_momentum = {.name = "momentum",
                                    .summary = "each device sends its own momentum",
                                    .source = "Karimireddy et al. 2021, arXiv:2012.10333",
                                    .params = params,
                                    .create = create,
                                    .destroy = co_free,
                                    .forward = forward,
                                    .slots = slots};
