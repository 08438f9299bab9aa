/* privacy/accountants/rdp_fixed.c - Renyi divergence under sampling of a fixed size without
 * replacement, replace one.
 *
 * With g = cohort / population and D_j the divergence without sampling, for integer a (Wang, Balle
 * and Kasiviswanathan 2019, arXiv:1808.00087, Theorem 9): K(a) <= log(1 + C(a,2) g^2 min(4 (e^D_2 -
 * 1), e^D_2 min(2, (e^D_inf - 1)^2))
 *                 + sum_(j>2) C(a,j) g^j e^((j-1) D_j) min(2, (e^D_inf - 1)^j)).
 * Noise in shares (rdp_shares.c) takes D_inf as infinite. For gaussian and discrete_gaussian each
 * term j > 2 also takes the smaller 4 sqrt(B(2 floor(j/2)) B(2 ceil(j/2))), B(j) = E_Q[(P/Q - 1)^j]
 * (their Theorem 27). B at even j is a sum without cancellation when taken as an integral over x ~
 * Q: the trapezoidal rule, as in rdp_event.c. It has the same value for the discrete noise: only
 * integer moments enter. Cost: O(n^2) additions in logarithms, O(n (n + z) / step) for B. */
#include "privacy/accountants/rdp_fixed.h"
#include "privacy/accountants/rdp_shares.h"
#include "core/memory.h"
#include <math.h>

#define HIGHEST 512
#define REACH 12.0        /* standard deviations: e^-72 is left out */
#define LEAST_REFINED 0.2 /* noise multiplier from which on B is worth its points */

static double log_add(double a, double b)
{
    const double high = fmax(a, b), low = fmin(a, b);
    return isinf(high) ? high : high + log1p(exp(low - high));
}

/* log of the sum of e^x[i]. */
static double log_sum(const double *x, size_t n)
{
    double most = -INFINITY, sum = 0.0;
    for (size_t i = 0; i < n; i++) most = fmax(most, x[i]);
    if (isinf(most)) return most;
    for (size_t i = 0; i < n; i++) sum += exp(x[i] - most);
    return most + log(sum);
}

/* even[i] = log E_Q[(P/Q - 1)^(2 i)] for 2 i <= highest, Q = N(0, z^2), P = N(1, z^2). */
static co_status fill_even(double z, int highest, double *even)
{
    const double step = fmin(z / 4.0, 0.9 * z * z), first = floor(-REACH * z / step);
    const size_t n = (size_t)(ceil((highest + REACH * z) / step) - first) + 1;
    double *size = co_malloc(3 * n, sizeof *size);
    if (!size) return CO_FAIL(CO_ENOMEM, "out of memory for a Renyi divergence at %zu points", n);
    double *density = size + n, *term = size + 2 * n;
    for (size_t k = 0; k < n; k++) {
        const double x = (first + (double)k) * step, l = (2.0 * x - 1.0) / (2.0 * z * z);
        size[k] = l == 0.0  ? -1e3
                  : l > 0.0 ? l + log(-expm1(-l))
                            : log(-expm1(l)); /* log |e^l - 1| */
        density[k] = -x * x / (2.0 * z * z) + log(step / (z * 2.50662827463100050242));
    }
    for (int i = 1; 2 * i <= highest; i++) {
        for (size_t k = 0; k < n; k++) term[k] = density[k] + 2.0 * i * size[k];
        even[i] = log_sum(term, n);
    }
    co_free(size);
    return CO_OK;
}

/* (j - 1) D_j without sampling. */
static double base_moment(const co_event *e, double j)
{
    const double z = e->noise_multiplier;
    if (co_noise_is_shared(e->noise)) return co_rdp_shares(e, j - 1.0);
    if (e->noise != CO_NOISE_LAPLACE) return j * (j - 1.0) / (2.0 * z * z);
    const double up = log(j / (2.0 * j - 1.0)) + (j - 1.0) / z,
                 down = log((j - 1.0) / (2.0 * j - 1.0)) - j / z;
    return log_add(up, down);
}

/* term[j] = the bound of term j without C(a, j) and g^j, as a logarithm, 2 <= j < n. */
static co_status fill_terms(const co_event *e, double *term, int n)
{
    const bool laplace = e->noise == CO_NOISE_LAPLACE,
               refined =
                   !laplace && !co_noise_is_shared(e->noise) && e->noise_multiplier > LEAST_REFINED;
    const double log_flat =
        laplace ? log(expm1(1.0 / e->noise_multiplier)) : INFINITY; /* log(e^D_inf - 1) */
    const double second = base_moment(e, 2.0);
    double even[HIGHEST] = {0};
    if (refined) CO_TRY(fill_even(e->noise_multiplier, n, even));
    term[2] =
        fmin(log(4.0) + second + log(-expm1(-second)), second + fmin(log(2.0), 2.0 * log_flat));
    for (int j = 3; j < n; j++) {
        term[j] = base_moment(e, j) + fmin(log(2.0), j * log_flat);
        if (refined) term[j] = fmin(term[j], log(4.0) + 0.5 * (even[j / 2] + even[(j + 1) / 2]));
    }
    return CO_OK;
}

co_status co_rdp_fixed(const co_event *event, double *table, size_t n)
{
    double term[HIGHEST], sum[HIGHEST], log_factorial[HIGHEST] = {0};
    const double log_rate = log(event->rate);
    CO_ASSERT(n >= 3 && n <= HIGHEST);
    for (size_t j = 2; j < n; j++) log_factorial[j] = log_factorial[j - 1] + log((double)j);
    CO_TRY(fill_terms(event, term, (int)n));
    table[0] = table[1] = 0.0;
    for (size_t a = 2; a < n; a++) {
        for (size_t j = 2; j <= a; j++)
            sum[j] = log_factorial[a] - log_factorial[j] - log_factorial[a - j] +
                     (double)j * log_rate + term[j];
        const double all = log_sum(sum + 2, a - 1);
        table[a] =
            fmin(all > 36.0 ? all + exp(-all) : log1p(exp(all)), base_moment(event, (double)a));
    }
    return CO_OK;
}
