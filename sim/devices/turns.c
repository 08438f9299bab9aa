/* sim/devices/turns.c - upper quantiles of a binomial law.
 *
 * Probabilities in units of that of the likeliest number, by their ratios: p(k + 1) / p(k) = (n -
 * k) rate / ((k + 1) (1 - rate)); both ways until they add nothing, then down from the far end. */
#include "sim/devices/turns.h"
#include <math.h>

static const double nothing = 1e-20;

static double ratio(int64_t n, double odds, int64_t k)
{
    return (double)(n - k) * odds / (double)(k + 1);
}

int64_t co_turns_quantile(int64_t n, double rate, double share, double *beyond)
{
    *beyond = 0.0;
    if (rate >= 1.0 || rate <= 0.0) return rate >= 1.0 ? n : 0;
    const double odds = rate / (1.0 - rate);
    const int64_t likeliest = (int64_t)fmin(floor((double)(n + 1) * rate), (double)n);
    double all = 1.0, p = 1.0;
    for (int64_t k = likeliest; k > 0 && p > nothing; k--) all += p /= ratio(n, odds, k - 1);
    int64_t most = likeliest;
    for (p = 1.0; most < n && p > nothing; most++) all += p *= ratio(n, odds, most);
    while (most > 0 && *beyond + p <= share * all) { /* p: of `most`, which may be given up */
        *beyond += p;
        p /= ratio(n, odds, --most);
    }
    *beyond /= all;
    return most;
}
