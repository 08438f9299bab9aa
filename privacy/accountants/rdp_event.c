/* privacy/accountants/rdp_event.c - Renyi divergence of one event at any real order.
 *
 * P is the output with the device, Q without; l = log P/Q. K(a) = (a - 1) D_a.
 *   gaussian, discrete_gaussian  K = a (a - 1) / (2 z^2), for the discrete one an upper bound
 * between integers (Canonne, Kamath and Steinke 2020, arXiv:2004.00010, Proposition 5) laplace K =
 * log(a/(2a-1) e^((a-1)/z) + (a-1)/(2a-1) e^(-a/z)) (Mironov 2017, Table II) Poisson rate q K = log
 * E_Q[(1 + y)^a], y = q (e^l - 1). As E_Q[y] = 0, E_Q[(1+y)^a - 1 - a y] + 1 has only terms >= 0:
 * no cancellation at tiny q. A reflection of the outcomes swaps P and Q for every member, therefore
 * this direction is the larger one (Mironov, Talwar and Zhang 2019, arXiv:1908.10530, Theorem 5).
 *     gaussian: the trapezoidal rule over x ~ Q, l = (2x - 1) / (2 z^2), exact to rounding: the
 * integrand is analytic in the strip |Im x| < pi z^2 and decays as a Gaussian. laplace: flat
 * outside [0, 1], Gauss-Legendre inside. discrete_gaussian: at integer orders the same number as
 * gaussian (E_Q[e^(k l)] is, for every integer k), between them the chord of the convex K. Below
 * noise 0.3, where the rule is long, by its binomial sum (ibid., Section 3.3). fixed size:
 * rdp_fixed.c, integer orders, and the chord between them. Noise in shares: rdp_shares.c. Cost:
 * gaussian (a + 24 z) / step terms of some 50 ns, step = min(z / 4, 0.9 z^2); orders end where that
 * passes 2^15. */
#include "privacy/accountants/rdp_event.h"
#include "core/memory.h"
#include "privacy/accountants/rdp_fixed.h"
#include "privacy/accountants/rdp_shares.h"
#include <math.h>
#include <string.h>

#define MOST_CLOSED 1e12   /* excess, closed forms */
#define MOST_TERMS 32768.0 /* of the trapezoidal rule */
#define N_TABLE 257        /* integer orders below */
#define LEAST_NOISE 0.05   /* noise multiplier below which a cruder bound will do */
#define LEAST_RULE 0.3     /* noise multiplier below which integer orders are summed */
#define REACH 12.0         /* standard deviations: e^-72 is left out */

/* (1 + y)^a - 1 - a y for y > -1, a > 1: by its series where the difference cancels. */
static double excess_power(double y, double a)
{
    if (fabs(y) * a > 1e-2) return expm1(a * log1p(y)) - a * y;
    double term = a * (a - 1.0) / 2.0 * y * y, sum = term;
    for (int k = 3; k <= 9; k++) {
        term *= (a - k + 1.0) / k * y;
        sum += term;
    }
    return sum;
}

static double gaussian_step(double z)
{
    return fmin(z / 4.0, 0.9 * z * z);
}

/* Next to no noise: x^a is convex, so that E_Q[((1 - q) + q P/Q)^a] <= 1 - q + q E_Q[(P/Q)^a]. */
static double log_mix_bound(double z, double q, double a)
{
    const double base = a * (a - 1.0) / (2.0 * z * z);
    return base > 600.0 ? log(q) + base + (1.0 - q) / q * exp(-base) : log1p(q * expm1(base));
}

/* The exponent of the integrand and, by Newton on x = a s(x), s the sigmoid of l(x) + logit q, its
 * maximum near start. */
static double peak(double start, double z, double q, double a)
{
    double x = start;
    const double logit = log(q) - log1p(-q);
    for (int i = 0; i < 60; i++) x = a / (1.0 + exp(-((2.0 * x - 1.0) / (2.0 * z * z) + logit)));
    return x;
}

static double exponent(double x, double z, double q, double a)
{
    const double l = (2.0 * x - 1.0) / (2.0 * z * z);
    const double log_mix =
        l > 30.0 ? log(q) + l + log1p((1.0 - q) / q * exp(-l)) : log1p(q * expm1(l));
    return -x * x / (2.0 * z * z) + a * log_mix;
}

static double poisson_gaussian(double z, double q, double a)
{
    if (z < LEAST_NOISE) return log_mix_bound(z, q, a);
    const double step = gaussian_step(z), top_at = peak(a, z, q, a);
    const double largest = fmax(exponent(top_at, z, q, a), exponent(peak(0.0, z, q, a), z, q, a));
    const double first = floor(-REACH * z / step), last = ceil((top_at + REACH * z) / step);
    const double scale = step / (z * 2.50662827463100050242);
    double sum = 0.0;
    if (largest < 300.0) {
        for (double k = first; k <= last; k++) {
            const double x = k * step, y = q * expm1(fmin(700.0, (2.0 * x - 1.0) / (2.0 * z * z)));
            sum += a * log1p(y) > 40.0 ? exp(exponent(x, z, q, a))
                                       : exp(-x * x / (2.0 * z * z)) * excess_power(y, a);
        }
        return log1p(sum * scale);
    }
    for (double k = first; k <= last; k++) sum += exp(exponent(k * step, z, q, a) - largest);
    return largest + log(sum * scale);
}

/* log(1 + sum_(k>1) C(a,k) q^k (1-q)^(a-k) (e^(k(k-1)/(2 z^2)) - 1)): the binomial weights sum
 * to 1. */
static double binomial_gaussian(double z, double q, int a)
{
    double most = 0.0, sum = 0.0, term[N_TABLE];
    for (int k = 2; k <= a; k++) {
        const double x = 0.5 * k * (k - 1.0) / (z * z);
        term[k] = lgamma(a + 1.0) - lgamma(k + 1.0) - lgamma(a - k + 1.0) + k * log(q) +
                  (a - k) * log1p(-q) + x + log1p(-exp(-x));
        most = fmax(most, term[k]);
    }
    for (int k = 2; k <= a; k++) sum += exp(term[k] - most);
    return most == 0.0 ? log1p(sum) : most + log(sum + exp(-most));
}

static double closed_laplace(double b, double a)
{
    const double up = log(a / (2.0 * a - 1.0)) + (a - 1.0) / b;
    const double down = log((a - 1.0) / (2.0 * a - 1.0)) - a / b;
    return up + log1p(exp(down - up));
}

/* Over x in (0, 1) with density e^(-x/b) / (2b) and l = (2x - 1)/b; beyond, half the mass at l =
 * -1/b and half e^(-1/b) of it at 1/b. Panels of width <= b / (a + 1), 8 nodes each; relative to
 * e^(scale) to stay in range. */
static double poisson_laplace(double b, double q, double a)
{
    static const double node[4] = {0.1834346424956498, 0.5255324099163290, 0.7966664774136267,
                                   0.9602898564975363};
    static const double weight[4] = {0.3626837833783620, 0.3137066458778873, 0.2223810344533745,
                                     0.1012285362903763};
    const double top = a * log1p(q * expm1(1.0 / b));
    if (top > 600.0) return closed_laplace(b, a); /* an upper bound: sampling never costs */
    double sum = 0.5 * excess_power(q * expm1(-1.0 / b), a) +
                 0.5 * exp(-1.0 / b) * excess_power(q * expm1(1.0 / b), a);
    const double n = ceil(fmin(4096.0, 1.0 + 2.0 * (a + 1.0) / b)), half = 0.5 / n;
    for (double panel = 0.0; panel < n; panel++)
        for (int i = -4; i < 4; i++) {
            const int at = i < 0 ? -i - 1 : i;
            const double x = (2.0 * panel + 1.0 + (i < 0 ? -node[at] : node[at])) * half;
            sum += weight[at] * half * exp(-x / b) / (2.0 * b) *
                   excess_power(q * expm1((2.0 * x - 1.0) / b), a);
        }
    return log1p(sum);
}

static bool needs_table(const co_event *e)
{
    if (e->rate == 1.0) return false;
    return e->sampling == CO_SAMPLING_FIXED ||
           (e->sampling == CO_SAMPLING_POISSON &&
            (e->noise == CO_NOISE_DISCRETE_GAUSSIAN || co_noise_is_shared(e->noise)));
}

static co_status fill_table(co_rdp_event *e)
{
    const double z = e->event.noise_multiplier;
    if (e->event.sampling == CO_SAMPLING_FIXED) return co_rdp_fixed(&e->event, e->table, N_TABLE);
    if (co_noise_is_shared(e->event.noise)) {
        co_rdp_shares_poisson(&e->event, e->table, N_TABLE);
        return CO_OK;
    }
    for (size_t a = 2; a < N_TABLE; a++)
        e->table[a] = z < LEAST_RULE ? binomial_gaussian(z, e->event.rate, (int)a)
                                     : poisson_gaussian(z, e->event.rate, (double)a);
    return CO_OK;
}

/* A run asks round after round about the same event: the newest table is kept. */
static co_status take_table(co_rdp_event *e)
{
    static co_event newest;
    static double table[N_TABLE];
    static bool is_filled;
    const co_event *of = &e->event;
    if (!is_filled || of->noise != newest.noise || of->sampling != newest.sampling ||
        of->noise_multiplier != newest.noise_multiplier || of->rate != newest.rate ||
        of->lattice_std != newest.lattice_std || of->dim != newest.dim ||
        of->n_shares != newest.n_shares) {
        CO_TRY(fill_table(e));
        memcpy(table, e->table, sizeof table);
        newest = *of;
        is_filled = true;
    }
    memcpy(e->table, table, sizeof table);
    return CO_OK;
}

co_status co_rdp_event_init(co_rdp_event *e, const co_event *event)
{
    const double z = event->noise_multiplier;
    *e = (co_rdp_event){.event = *event, .most = MOST_CLOSED};
    if (!needs_table(event)) {
        if (event->rate < 1.0)
            e->most = event->noise == CO_NOISE_LAPLACE ? 2048.0 * fmax(1.0, z)
                                                       : fmax(64.0, MOST_TERMS * gaussian_step(z));
        return CO_OK;
    }
    e->n_table = N_TABLE;
    e->most = N_TABLE - 2;
    e->table = co_calloc(N_TABLE, sizeof *e->table);
    if (!e->table) return CO_FAIL(CO_ENOMEM, "out of memory for %d Renyi orders", N_TABLE);
    return take_table(e);
}

void co_rdp_event_fini(co_rdp_event *e)
{
    co_free(e->table);
    *e = (co_rdp_event){0};
}

double co_rdp_event_moment(const co_rdp_event *e, double excess)
{
    const double z = e->event.noise_multiplier, q = e->event.rate, a = 1.0 + excess;
    if (excess > e->most) return INFINITY;
    if (e->table) {
        const size_t below = (size_t)fmin(a, (double)(e->n_table - 2));
        return e->table[below] + (a - (double)below) * (e->table[below + 1] - e->table[below]);
    }
    if (co_noise_is_shared(e->event.noise)) return co_rdp_shares(&e->event, excess);
    if (e->event.noise == CO_NOISE_LAPLACE)
        return q < 1.0 ? poisson_laplace(z, q, a) : closed_laplace(z, a);
    return q < 1.0 ? poisson_gaussian(z, q, a) : a * excess / (2.0 * z * z);
}
