/* privacy/accountants/conversion.c - the two conversions and a golden section search.
 *
 * With a = alpha, K = (a - 1) D_a and log p = log(1 - 1/a):
 *   improved: log delta = K - (a - 1) eps + (a - 1) log p - log a
 *   classic:  log delta = K - (a - 1) eps.
 * Both numerators are convex in a, so that epsilon over the order is quasi-convex: one minimum,
 * found in log(a - 1). */
#include "privacy/accountants/conversion.h"
#include <math.h>

/* The conversion's own part of log delta, <= 0. log(1 - 1/a) = -log(1 + 1/(a - 1)). */
static double gain(double excess, bool classic)
{
    return classic ? 0.0 : -excess * log1p(1.0 / excess) - log1p(excess);
}

double co_rdp_to_epsilon(double excess, double moment, double log_delta, bool classic)
{
    return (moment - log_delta + gain(excess, classic)) / excess;
}

double co_rdp_to_log_delta(double excess, double moment, double epsilon, bool classic)
{
    return moment - excess * epsilon + gain(excess, classic);
}

double co_minimise(double (*f)(const void *what, double t), const void *what, double lo, double hi,
                   double width)
{
    const double golden = 0.61803398874989484820;
    double a = hi - golden * (hi - lo), b = lo + golden * (hi - lo);
    double at_a = f(what, a), at_b = f(what, b);
    while (hi - lo > width) {
        if (at_a <= at_b) {
            hi = b, b = a, at_b = at_a;
            a = hi - golden * (hi - lo), at_a = f(what, a);
        } else {
            lo = a, a = b, at_a = at_b;
            b = lo + golden * (hi - lo), at_b = f(what, b);
        }
    }
    return at_a <= at_b ? a : b;
}
