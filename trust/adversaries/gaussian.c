/* trust/adversaries/gaussian.c - noise in place of the update: independent N(0, std^2), keyed by
 * round and device. Source: Blanchard et al., NeurIPS 2017, section 5 (there with std 200). */
#include "trust/adversaries/attack.h"

static void tamper(const co_config *opt, const co_stream *stream, float *update, size_t n)
{
    const double std = co_config_real(opt, "std");
    co_stream s = *stream;
    for (size_t j = 0; j < n; j++) update[j] = (float)(std * co_draw_normal(&s));
}

static const co_param params[] = {{"std", CO_REAL, .def = 200.0, .lo = 0.0, .hi = 1e30,
                                   .doc = "standard deviation of each number"},
                                  {0}};

const co_attack co_attack_gaussian = {.name = "gaussian",
                                      .summary = "sends noise",
                                      .source = "Blanchard et al. 2017",
                                      .params = params,
                                      .tamper = tamper};
