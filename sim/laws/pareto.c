/* sim/laws/pareto.c - P(factor > x) = (m / x)^alpha above m = 2^(-1 / alpha), whose median is 1: a
 * few devices are very slow. With u uniform on (0, 1]: (2 u)^(-1 / alpha). The mean is infinite for
 * alpha <= 1, the variance for alpha <= 2. */
#include "core/elementary.h"
#include "sim/laws/law.h"

static double factor(const double *option, co_stream *draws)
{
    const double u = 1.0 - co_draw_uniform(draws); /* (0, 1] */
    const double x = -co_plain_log(2.0 * u) / option[0];
    return x > 0.0 ? 1.0 / co_plain_exp(-x) : co_plain_exp(x);
}

static const co_param params[] = {{"alpha", CO_REAL, .def = 2.0, .lo = 0.1, .hi = 1000.0,
                                   .doc = "exponent of the tail; smaller: more very slow devices"},
                                  {0}};
const co_law co_law_pareto = {.name = "pareto",
                              .summary = "a tail of very slow devices, x^-alpha",
                              .params = params,
                              .factor = factor};
