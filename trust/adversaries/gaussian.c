/* trust/adversaries/gaussian.c - noise in place of the update: independent N(0, std^2), keyed by
 * round and device. Source: Blanchard et al., NeurIPS 2017, section 5 (there with std 200). */
#include "trust/adversaries/attack.h"
#include "core/memory.h"

static co_status create(const co_config *opt, void **self)
{
    double *std = co_malloc(1, sizeof *std);
    if (!std) return CO_FAIL(CO_ENOMEM, "gaussian attack");
    *std = co_config_real(opt, "std");
    *self = std;
    return CO_OK;
}

static void tamper(const void *self, const co_stream *stream, size_t first, float *update, size_t n)
{
    const double std = *(const double *)self;
    co_stream s = *stream;
    co_skip_normal(&s, first);
    for (size_t j = 0; j < n; j++) update[j] = (float)(std * co_draw_normal(&s));
}

static const co_param params[] = {{"std", CO_REAL, .def = 200.0, .lo = 0.0, .hi = 1e30,
                                   .doc = "standard deviation of each number"},
                                  {0}};

const co_attack co_attack_gaussian = {.name = "gaussian",
                                      .summary = "sends noise",
                                      .source = "Blanchard et al. 2017",
                                      .params = params,
                                      .create = create,
                                      .destroy = co_free,
                                      .tamper = tamper};
