/* sim/laws/lognormal.c - exp(sigma z), z standard normal: what measurements of phones look like.
 * Quantile p of the factor: exp(sigma Phi^-1(p)); mean exp(sigma^2 / 2). */
#include "core/elementary.h"
#include "sim/laws/law.h"

static double factor(const double *option, co_stream *draws)
{
    const double x = option[0] * co_draw_normal(draws);
    return x > 0.0 ? 1.0 / co_plain_exp(-x) : co_plain_exp(x);
}

static const co_param params[] = {{"sigma", CO_REAL, .def = 0.5, .lo = 0.0, .hi = 10.0,
                                   .doc = "standard deviation of the logarithm"},
                                  {0}};
const co_law co_law_lognormal = {.name = "lognormal",
                                 .summary = "exp(sigma z), z standard normal: slow and fast alike",
                                 .params = params,
                                 .factor = factor};
