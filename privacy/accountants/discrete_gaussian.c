/* privacy/accountants/discrete_gaussian.c - P[X = n] proportional to e^(-n^2 / (2 s^2)), tails
 * summed from the far end. Time and memory O(s): 38 s numbers. */
#include "privacy/accountants/discrete_gaussian.h"
#include "core/memory.h"
#include <math.h>

co_status co_discrete_gaussian_init(co_discrete_gaussian *x, double std)
{
    *x = (co_discrete_gaussian){.std = std, .n = (size_t)(38.0 * std) + 3};
    x->upper = co_malloc(x->n, sizeof *x->upper);
    if (!x->upper)
        return CO_FAIL(CO_ENOMEM, "out of memory for a discrete Gaussian of standard deviation %g",
                       std);
    double sum = 0.0;
    for (size_t m = x->n; m-- > 0;) {
        const double n = (double)m / std;
        sum += exp(-0.5 * n * n);
        x->upper[m] = sum;
    }
    const double whole = x->upper[0] + x->upper[1]; /* all n >= 0 and all n <= -1 */
    for (size_t m = 0; m < x->n; m++) x->upper[m] /= whole;
    return CO_OK;
}

void co_discrete_gaussian_fini(co_discrete_gaussian *x)
{
    co_free(x->upper);
    *x = (co_discrete_gaussian){0};
}

double co_discrete_gaussian_upper(const co_discrete_gaussian *x, double m)
{
    if (m >= (double)x->n) return 0.0;
    if (m >= 0.0) return x->upper[(size_t)m];
    return 1.0 - co_discrete_gaussian_upper(x, 1.0 - m);
}

double co_discrete_gaussian_delta(const co_discrete_gaussian *x, double epsilon)
{
    const double first = floor(epsilon * x->std * x->std - 0.5) + 1.0;
    return co_discrete_gaussian_upper(x, first) -
           exp(epsilon) * co_discrete_gaussian_upper(x, first + 1.0);
}
