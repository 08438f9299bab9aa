/* sim/planners/secure_odds.c - how often a round of secure aggregation has too few devices.
 *
 * Sums of a binomial law from its small end, each term from the one before it, starting at the
 * largest that counts. Cost: O(devices below the bound). */
#include "sim/planners/secure.h"
#include <math.h>

double co_binomial_below(double n, double rate, double k)
{
    if (k <= 0.0) return 0.0;
    if (k > n) return 1.0;
    if (rate <= 0.0 || rate >= 1.0) return rate <= 0.0 ? 1.0 : 0.0;
    const double last = k - 1.0, mode = floor((n + 1.0) * rate), from = fmin(last, mode);
    const double top = exp(lgamma(n + 1.0) - lgamma(from + 1.0) - lgamma(n - from + 1.0) +
                           from * log(rate) + (n - from) * log1p(-rate));
    double sum = top, p = top;
    for (double i = from; i >= 1.0 && p > sum * 1e-18; i--) {
        p *= i * (1.0 - rate) / ((n - i + 1.0) * rate);
        sum += p;
    }
    p = top;
    for (double i = from + 1.0; i <= last && p > sum * 1e-18; i++) {
        p *= (n - i + 1.0) * rate / (i * (1.0 - rate));
        sum += p;
    }
    return fmin(sum, 1.0);
}

static bool is_possible(co_secure *s, size_t n)
{
    co_secagg_shape shape;
    return n >= s->least && co_secure_shape(s, n, &shape) == CO_OK && n >= shape.threshold;
}

size_t co_secure_least(co_secure *s, size_t enough)
{
    size_t below = 0, least = enough;
    if (!is_possible(s, enough)) return 0;
    while (least - below > 1) {
        const size_t middle = below + (least - below) / 2;
        *(is_possible(s, middle) ? &least : &below) = middle;
    }
    return least;
}
