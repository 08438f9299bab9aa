/* privacy/accountants/rdp_shares.c - sums of discrete Gaussians, and Skellam noise.
 *
 * On integers: D2 and D1 the L2 and L1 sensitivity, D1 <= min(sqrt d, D2) D2, since |x| <= x^2; v
 * the variance of all noise together.
 *   ddgauss, n shares of variance v / n each: D_a <= min(a/2 D2^2/v + tau d, a/2 (D2^2/v + 2
 * D1/sqrt v tau + tau^2 d), a/2 (D2/sqrt v + tau sqrt d)^2), tau = 10 sum_(0<k<n) e^(-2 pi^2 v/n
 * k/(k+1)): a sum of discrete Gaussians is within e^(+-tau) of one, number by number (Kairouz, Liu
 * and Steinke 2021, arXiv:2102.06387, Proposition 14; v/n >= 1/4). skellam: D_a <= a D2^2/(2 v) +
 * min(((2a - 1) D2^2 + 6 D1)/(4 v^2), 3 D1/(2 v)) at integer a (Agarwal, Kairouz and Liu 2021,
 * arXiv:2110.04995, Theorem 3.5), between them the chord of the convex K. Sums of Skellam numbers
 * are Skellam: no tau. Poisson rate q, integer a: K <= log((1 - q)^(a-1) (1 + (a - 1) q) + C(a,2)
 * q^2 (1 - q)^(a-2) e^D_2 + 3 sum_(l>2) C(a,l) q^l (1 - q)^(a-l) e^((l-1) D_l)) (Zhu and Wang 2019,
 * ICML, Theorem 5: of any mechanism). The sum over k is cut at 1,000 terms; the rest is bounded by
 * the largest of them. */
#include "privacy/accountants/rdp_shares.h"
#include <math.h>

#define PI 3.14159265358979323846
#define MOST_TERMS 1000.0

/* The release in integers. */
typedef struct {
    double l1, l2, variance, dim, n_shares;
} integers;

static integers integers_of(const co_event *e)
{
    if (e->lattice_std == 0.0)
        return (integers){1.0, 1.0, e->noise_multiplier * e->noise_multiplier, 1.0, 1.0};
    const double l2 = e->lattice_std / e->noise_multiplier, dim = fmax(1.0, e->dim);
    return (integers){l2 * fmin(sqrt(dim), l2), l2, e->lattice_std * e->lattice_std, dim,
                      fmax(1.0, e->n_shares)};
}

static double tau_of(const integers *x)
{
    const double rate = 2.0 * PI * PI * x->variance / x->n_shares;
    double sum = 0.0, k = 1.0;
    for (; k < x->n_shares && k <= MOST_TERMS; k++) sum += exp(-rate * k / (k + 1.0));
    if (k < x->n_shares) sum += (x->n_shares - k) * exp(-rate * k / (k + 1.0));
    return 10.0 * sum;
}

static double ddgauss(const integers *x, double a)
{
    const double tau = tau_of(x), root = sqrt(x->dim), std = sqrt(x->variance);
    const double square = x->l2 * x->l2 / x->variance, line = x->l2 / std + tau * root;
    const double one = 0.5 * a * square + tau * x->dim,
                 two = 0.5 * a * (square + 2.0 * x->l1 / std * tau + tau * tau * x->dim),
                 three = 0.5 * a * line * line;
    return fmin(one, fmin(two, three));
}

static double skellam(const integers *x, double a)
{
    const double v = x->variance;
    return a * x->l2 * x->l2 / (2.0 * v) +
           fmin(((2.0 * a - 1.0) * x->l2 * x->l2 + 6.0 * x->l1) / (4.0 * v * v),
                3.0 * x->l1 / (2.0 * v));
}

double co_rdp_shares(const co_event *e, double excess)
{
    const integers x = integers_of(e);
    if (e->noise == CO_NOISE_DDGAUSS) return excess * ddgauss(&x, 1.0 + excess);
    const double below = floor(excess), at_below = below * skellam(&x, 1.0 + below),
                 at_above = (below + 1.0) * skellam(&x, 2.0 + below);
    return at_below + (excess - below) * (at_above - at_below);
}

/* log of e^x[i] summed, and 1 - 1 + e^first: first <= 0 is next to 0 at tiny rates. */
static double log_mix(double first, const double *x, size_t n)
{
    double most = 0.0, sum = 0.0;
    for (size_t i = 0; i < n; i++) most = fmax(most, x[i]);
    for (size_t i = 0; i < n; i++) sum += exp(x[i] - most);
    return most == 0.0 ? log1p(expm1(first) + sum) : most + log(sum + exp(first - most));
}

void co_rdp_shares_poisson(const co_event *e, double *table, size_t n)
{
    double base[n], term[n]; /* base[l]: (l - 1) D_l */
    const double q = e->rate, log_q = log(q), log_rest = log1p(-q);
    for (size_t l = 2; l < n; l++) base[l] = co_rdp_shares(e, (double)l - 1.0);
    table[0] = table[1] = 0.0;
    for (size_t a = 2; a < n; a++) {
        const double order = (double)a;
        for (size_t l = 2; l <= a; l++)
            term[l] = lgamma(order + 1.0) - lgamma((double)l + 1.0) -
                      lgamma((double)(a - l) + 1.0) + (double)l * log_q +
                      (double)(a - l) * log_rest + base[l] + (l > 2 ? log(3.0) : 0.0);
        const double none = (order - 1.0) * log_rest + log1p((order - 1.0) * q);
        table[a] = fmin(log_mix(none, term + 2, a - 1), base[a]);
    }
}
