/* privacy/accountants/gaussian.c - the exact curve of the Gaussian mechanism, zCDP, and the GDP
 * approximation.
 *
 * delta(eps) = Phi(mu/2 - eps/mu) - e^eps Phi(-mu/2 - eps/mu). With a = (eps/mu - mu/2) / sqrt 2
 * and b = (eps/mu + mu/2) / sqrt 2 it is b^2 - a^2 = eps, so that delta = e^(-a^2) (erfcx(a) -
 * erfcx(b)) / 2: nothing overflows and the logarithm is exact down to any delta.
 *
 * zCDP: the Renyi divergence of order alpha is at most alpha rho; conversion.h turns it into
 * (epsilon, delta), the best order by golden section (the objective is a convex function over alpha
 * - 1, hence quasi-convex). O(1) each. */
#include "privacy/accountants/gaussian.h"
#include "privacy/accountants/conversion.h"
#include <math.h>

#define SQRT1_2 0.70710678118654752440
#define SQRT_PI 1.77245385090551602730

double co_erfcx(double x)
{
    if (x < 10.0) {
        const double square = x * x;
        return exp(square) * (1.0 + fma(x, x, -square)) * erfc(x);
    }
    double term = 1.0,
           sum = 1.0; /* 1 - 1/(2x^2) + 3/(2x^2)^2 - ..: below 1e-16 at n = 16, x = 10 */
    for (int n = 1; n <= 16; n++) {
        term *= -(2.0 * n - 1.0) / (2.0 * x * x);
        sum += term;
    }
    return sum / (x * SQRT_PI);
}

double co_gaussian_log_delta(double mu, double epsilon)
{
    const double a = (epsilon / mu - mu / 2.0) * SQRT1_2, b = (epsilon / mu + mu / 2.0) * SQRT1_2;
    if (a < 0.0) return log(0.5 * (erfc(a) - exp(-a * a) * co_erfcx(b)));
    return -a * a + log(0.5 * (co_erfcx(a) - co_erfcx(b)));
}

double co_gaussian_delta(double mu, double epsilon)
{
    return exp(co_gaussian_log_delta(mu, epsilon));
}

double co_gaussian_epsilon(double mu, double delta)
{
    if (delta <= 0.0) return INFINITY;
    const double target = log(delta);
    if (co_gaussian_log_delta(mu, 0.0) <= target) return 0.0;
    double lo = 0.0, hi = mu * (mu / 2.0 + 1.0);
    while (co_gaussian_log_delta(mu, hi) > target) lo = hi, hi *= 2.0;
    for (int i = 0; i < 100 && lo < hi; i++) {
        const double middle = lo + (hi - lo) / 2.0;
        if (middle <= lo || middle >= hi) break;
        *(co_gaussian_log_delta(mu, middle) > target ? &lo : &hi) = middle;
    }
    return hi;
}

double co_gaussian_sigma(double epsilon, double delta)
{
    const double target = log(delta);
    double lo = 1.0, hi = 1.0;
    while (co_gaussian_log_delta(1.0 / hi, epsilon) > target) hi *= 2.0;
    while (co_gaussian_log_delta(1.0 / lo, epsilon) <= target && lo > 1e-100) lo /= 2.0;
    for (int i = 0; i < 100; i++) {
        const double middle = lo + (hi - lo) / 2.0;
        if (middle <= lo || middle >= hi) break;
        *(co_gaussian_log_delta(1.0 / middle, epsilon) > target ? &lo : &hi) = middle;
    }
    return hi;
}

typedef struct {
    double rho, target; /* of epsilon or delta, whichever is known */
} zcdp;

static double epsilon_at(const void *what, double log_excess)
{
    const zcdp *z = what;
    const double excess = exp(log_excess);
    return co_rdp_to_epsilon(excess, z->rho * (1.0 + excess) * excess, log(z->target), false);
}

static double log_delta_at(const void *what, double log_excess)
{
    const zcdp *z = what;
    const double excess = exp(log_excess);
    return co_rdp_to_log_delta(excess, z->rho * (1.0 + excess) * excess, z->target, false);
}

double co_zcdp_epsilon(double rho, double delta)
{
    const zcdp z = {rho, delta};
    if (rho <= 0.0) return 0.0;
    if (delta <= 0.0) return INFINITY;
    return fmax(0.0, epsilon_at(&z, co_minimise(epsilon_at, &z, -25.0, 30.0, 1e-7)));
}

double co_zcdp_delta(double rho, double epsilon)
{
    const zcdp z = {rho, epsilon};
    if (rho <= 0.0) return 0.0;
    return fmin(1.0, exp(log_delta_at(&z, co_minimise(log_delta_at, &z, -25.0, 30.0, 1e-7))));
}

double co_zcdp_rho(double epsilon, double delta)
{
    double lo = 0.0, hi = epsilon + 1.0;
    while (co_zcdp_epsilon(hi, delta) <= epsilon) hi *= 2.0;
    for (int i = 0; i < 100; i++) {
        const double middle = lo + (hi - lo) / 2.0;
        if (middle <= lo || middle >= hi) break;
        *(co_zcdp_epsilon(middle, delta) <= epsilon ? &lo : &hi) = middle;
    }
    return lo;
}

double co_gdp_mu(double rate, double noise_multiplier, double n_rounds)
{
    return rate * sqrt(n_rounds * expm1(1.0 / (noise_multiplier * noise_multiplier)));
}

double co_adaptive_clip_noise(double z, double count_std)
{
    const double rest = 1.0 / (z * z) - 1.0 / (4.0 * count_std * count_std);
    return rest > 0.0 ? 1.0 / sqrt(rest) : NAN;
}
