/* aggregators/stages/clip.c - scales an update down to an L2 norm.
 * u *= min(1, norm / |u|). Cost: two passes. A zero update stays zero. Rounding may leave the norm
 * above the bound by a relative 1e-7: the exact bound is the business of section `privacy`. Source:
 * McMahan et al., ICLR 2018, arXiv:1710.06963, FlatClip. */
#include "aggregators/stages/stage.h"
#include "core/memory.h"
#include "core/vector.h"
#include <math.h>

static co_status create(const co_config *opt, void **self)
{
    double *norm = co_malloc(1, sizeof *norm);
    if (!norm) return CO_FAIL(CO_ENOMEM, "clip state");
    *norm = co_config_real(opt, "norm");
    *self = norm;
    return CO_OK;
}

static void forward(void *self, const co_stage_key *key, co_contribution *c, float *const *state)
{
    (void)key;
    (void)state;
    const double bound = *(const double *)self, norm = co_vector_norm(c->update, c->n);
    if (norm > bound) co_vector_scale(c->update, c->n, (float)(bound / norm));
    c->norm = NAN;
}

static const co_param params[] = {{"norm", CO_REAL, .def = 1.0, .lo = 0.0, .hi = 1e30,
                                   .flags = CO_LO_OPEN, .doc = "largest L2 norm of an update"},
                                  {0}};

const co_stage co_stage_clip = {.name = "clip",
                                .summary =
                                    "scales an update down to an L2 norm; no privacy guarantee",
                                .source = "McMahan et al. 2018, arXiv:1710.06963",
                                .params = params,
                                .create = create,
                                .destroy = co_free,
                                .forward = forward,
                                .keeps_zeros = true};
