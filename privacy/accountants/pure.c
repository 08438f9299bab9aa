/* privacy/accountants/pure.c - composition of epsilon-private messages; amplification by shuffling.
 *
 * Composition: the worst of n messages tell a bit each, right with probability e^eps / (1 + e^eps);
 * the loss is (2 k - n) eps with k right ones of n, so that delta at e is sum_k P(k) (1 - e^(e - (2
 * k
 * - n) eps))+, a sum from k = n down. epsilon by bisection. Cost: O(n) for each of 60 steps.
 *
 * Shuffling (their Theorem 3.2): with C ~ Bin(n - 1, e^-eps) messages that look like either of the
 * two inputs, A ~ Bin(C, 1/2) and D ~ Bernoulli(p), p = e^eps / (1 + e^eps), the shuffled round is
 * at most as far apart as (A + D, C - A + 1 - D) and (A + 1 - D, C - A + D). Given C = c the
 * likelihood ratio of A + D = k is (p k + (1 - p) (c + 1 - k)) / ((1 - p) k + p (c + 1 - k)),
 * rising in k, so that the divergence at e is that of upper binomial tails from one k on. It falls
 * with c: a group of c's counts as its smallest, and what lies below the groups counts as delta.
 * Source: Kairouz, Oh and Viswanath 2015, arXiv:1311.0776; Feldman, McMillan and Talwar 2020,
 * arXiv:2012.12803. */
#include "privacy/accountants/pure.h"
#include <math.h>
#include <stdbool.h>

#define STEPS 60
#define GROUPS 400.0
#define ROUNDING                                                                                   \
    1e-5 /* of delta: more than the logarithms of binomials lose up to 10^9 messages               \
          */

static double log_right(double epsilon) /* log p */
{
    return -log1p(exp(-epsilon));
}

static double composed_delta(double each, int64_t n, double epsilon)
{
    double log_term = (double)n * log_right(each), delta = 0.0;
    for (int64_t k = n; (2.0 * (double)k - (double)n) * each > epsilon; k--) {
        delta += exp(log_term) * -expm1(epsilon - (2.0 * (double)k - (double)n) * each);
        log_term += log((double)k / ((double)n - (double)k + 1.0)) - each;
    }
    return delta;
}

double co_pure_epsilon(double each, int64_t n, double delta)
{
    double lo = 0.0, hi = (double)n * each;
    if (delta == 0.0 || n == 0) return hi;
    for (int i = 0; i < STEPS && hi - lo > 1e-12 * hi; i++) {
        const double middle = 0.5 * (lo + hi);
        *(composed_delta(each, n, middle) <= delta * (1.0 - 1e-9) ? &hi : &lo) = middle;
    }
    return hi;
}

double co_shuffled_closed(double epsilon, double n, double delta)
{
    const double more = exp(epsilon), terms = log(4.0 / delta);
    if (epsilon > log(n / (16.0 * terms))) return NAN;
    const double all = 8.0 * sqrt(more * terms / n) + 8.0 * more / n;
    return log1p(all * -expm1(-epsilon) / (1.0 + exp(-epsilon - log1p(all))));
}

static double log_choose(double n, double k)
{
    return lgamma(n + 1.0) - lgamma(k + 1.0) - lgamma(n - k + 1.0);
}

/* P(Bin(n, share) = k) */
static double chance(double n, double share, double k)
{
    if (k < 0.0 || k > n) return 0.0;
    if (share == 1.0) return k == n;
    return exp(log_choose(n, k) + k * log(share) + (n - k) * log1p(-share));
}

/* P(Bin(n, share) >= k): terms from the one of k on, or 1 - those below it, whichever fall. */
static double upper_tail(double n, double share, double k)
{
    if (k <= 0.0) return 1.0;
    if (k > n) return 0.0;
    const double odds = share / (1.0 - share);
    const bool up = k > n * share;
    double at = up ? k : k - 1.0, sum = 0.0, term = chance(n, share, at);
    while (term > 0.0 && at >= 0.0 && at <= n) {
        sum += term;
        if (term < 1e-17 * sum) break;
        term *= up ? (n - at) / (at + 1.0) * odds : at / (n - at + 1.0) / odds;
        at += up ? 1.0 : -1.0;
    }
    return fmin(1.0, up ? sum : 1.0 - sum);
}

/* The divergence given C = c: sum over k of (P(k) - e^target Q(k))+. */
static double divergence(double epsilon, double c, double target)
{
    const double p = exp(log_right(epsilon)), q = 1.0 - p, more = exp(target);
    if (target >= epsilon) return 0.0;
    /* p k + q (c + 1 - k) > more (q k + p (c + 1 - k)) */
    const double least = (c + 1.0) * (more * p - q) / ((p - q) * (1.0 + more)),
                 k = floor(least) + 1.0;
    const double without = upper_tail(c, 0.5, k), with = without + chance(c, 0.5, k - 1.0);
    return fmax(0.0, p * with + q * without - more * (q * with + p * without));
}

double co_shuffled_delta(double epsilon, double n, double target)
{
    const double others = n - 1.0, share = exp(-epsilon), mean = others * share,
                 spread = sqrt(mean * (1.0 - share)) + 1.0;
    if (target >= epsilon) return 0.0;
    const double low = fmax(0.0, floor(mean - 9.0 * spread - 60.0)),
                 high = fmin(others, ceil(mean + 9.0 * spread + 60.0)),
                 wide = fmax(1.0, floor((high - low) / GROUPS));
    double above = upper_tail(others, share, low),
           delta = (1.0 - above) * divergence(epsilon, 0.0, target);
    for (double c = low; c <= others && above > 0.0; c += wide) {
        const double beyond = c + wide > high ? 0.0 : upper_tail(others, share, c + wide);
        delta += (above - beyond) * divergence(epsilon, c, target);
        above = beyond;
    }
    return delta * (1.0 + ROUNDING);
}

double co_shuffled_epsilon(double epsilon, double n, double delta)
{
    double lo = 0.0, hi = epsilon;
    for (int i = 0; i < STEPS && hi - lo > 1e-7 * hi; i++) {
        const double middle = 0.5 * (lo + hi);
        *(co_shuffled_delta(epsilon, n, middle) <= delta ? &hi : &lo) = middle;
    }
    return hi;
}
