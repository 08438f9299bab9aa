/* privacy/secure/risk.c - how many neighbours, and how many of them open a secret.
 *
 * Tails of hypergeometric laws, summed from their far end inward. Cost: O(k^2) in all, 0.3 s at
 * worst (a million devices, k = 10^4). */
#include "privacy/secure/graph.h"
#include <math.h>

/* Of `drawn` out of `all`, `marked` of which are marked: how many are. */
typedef struct {
    double all, marked, drawn;
} urn;

static double log_choose(double n, double k)
{
    return lgamma(n + 1.0) - lgamma(k + 1.0) - lgamma(n - k + 1.0);
}

static double probability(const urn *u, double x)
{
    return exp(log_choose(u->marked, x) + log_choose(u->all - u->marked, u->drawn - x) -
               log_choose(u->all, u->drawn));
}

/* P(x + 1) / P(x). */
static double ratio(const urn *u, double x)
{
    return (u->marked - x) * (u->drawn - x) /
           ((x + 1.0) * (u->all - u->marked - u->drawn + x + 1.0));
}

static double mode(const urn *u)
{
    return floor((u->marked + 1.0) * (u->drawn + 1.0) / (u->all + 2.0));
}

/* The smallest x with P(X >= x) <= most. */
static double upper_end(const urn *u, double most)
{
    const double last = fmin(u->marked, u->drawn);
    double x = mode(u), p = probability(u, x), tail = 0.0;
    for (; x < last && p > most * 1e-20; x++) p *= ratio(u, x);
    for (; tail + p <= most && x > 0.0; x--) {
        tail += p;
        p /= ratio(u, x - 1.0);
    }
    return x + 1.0;
}

/* The largest x with P(X < x) <= most. */
static double lower_end(const urn *u, double most)
{
    const double first = fmax(0.0, u->marked + u->drawn - u->all);
    double x = mode(u), p = probability(u, x), tail = 0.0;
    for (; x > first && p > most * 1e-20; x--) p /= ratio(u, x - 1.0);
    for (; tail + p <= most && x < fmin(u->marked, u->drawn); x++) {
        tail += p;
        p *= ratio(u, x);
    }
    return x;
}

/* log of a bound on the probability that two runs of k / 2 places each, not touching, are lost:
 * nothing less cuts the circle. */
static double log_cut(double n, double k, double lost)
{
    return lost < k ? -INFINITY
                    : log(n) + log(n - k - 1.0) - log(2.0) + log_choose(lost, k) - log_choose(n, k);
}

/* On k < n - 1 neighbours. Of those that are lost all shares have to come from neighbours; who is
 * left keeps one itself. corrupt, lost: how many of n. */
static co_secagg_thresholds sparse(double n, double k, double corrupt, double lost,
                                   const co_secagg_risk *risk)
{
    const double each = exp2(-(risk->security + 1.0));
    if (log_cut(n, k, corrupt + lost) > log(each)) return (co_secagg_thresholds){0, 0};
    const double t1 = upper_end(&(urn){n - 1.0, corrupt, k}, each / n),
                 t2 = lower_end(&(urn){n - 1.0, fmin(n - lost, n - 1.0), k},
                                exp2(-risk->correctness) / n);
    double t = fmax(t1, 2.0);
    if (risk->lies) t = fmax(t, floor((k + 1.0 + t1 - 1.0) / 2.0) + 1.0);
    return (co_secagg_thresholds){(size_t)t, (size_t)t2};
}

static co_secagg_thresholds complete(double n, double corrupt, double lost, bool lies)
{
    const double least = fmax(2.0, lies ? floor((n + corrupt) / 2.0) + 1.0 : corrupt + 1.0);
    return (co_secagg_thresholds){(size_t)least, (size_t)fmax(n - lost, 0.0)};
}

static double part_of(double part, double n)
{
    return floor((part + 1e-9) * n); /* 0.29 x 100 is 28.99.. in binary */
}

co_secagg_thresholds co_secagg_thresholds_of(size_t n, size_t k, const co_secagg_risk *risk)
{
    const double devices = (double)n, corrupt = part_of(risk->corrupt, devices),
                 lost = part_of(risk->dropout, devices);
    return k + 1 >= n ? complete(devices, corrupt, lost, risk->lies)
                      : sparse(devices, (double)k, corrupt, lost, risk);
}

co_status co_secagg_parameters(size_t n, const co_secagg_risk *risk, size_t *k, size_t *threshold)
{
    const double devices = (double)n, corrupt = part_of(risk->corrupt, devices),
                 lost = part_of(risk->dropout, devices);
    for (size_t degree = 2; degree + 1 < n; degree += 2) {
        const co_secagg_thresholds t = sparse(devices, (double)degree, corrupt, lost, risk);
        if (t.least == 0 || t.least > t.most) continue;
        *k = degree;
        *threshold = t.least;
        return CO_OK;
    }
    const co_secagg_thresholds t = complete(devices, corrupt, lost, risk->lies);
    if (n < 2 || t.least > t.most)
        return CO_FAIL(CO_EUSAGE,
                       "secure aggregation of %zu devices: %.0f corrupt ones need a threshold of "
                       "%zu, but with %.0f lost only %zu are left; take more devices, or expect "
                       "fewer of those",
                       n, corrupt, t.least, lost, t.most);
    *k = n - 1;
    *threshold = t.least;
    return CO_OK;
}
