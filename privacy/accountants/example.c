/* privacy/accountants/example.c - the ledger of one device's steps.
 *
 * Epochs of equal noise are one row, so that without decay any number of steps costs the accountant
 * what one does. The most events within a target are found on the line of log epsilon over log
 * events, some ten questions. */
#include "privacy/accountants/example.h"
#include "privacy/accountants/gaussian.h"
#include <math.h>

int64_t co_example_epoch(const co_example_schedule *s)
{
    return (s->n + s->batch - 1) / s->batch;
}

int64_t co_example_events(const co_example_schedule *s, int64_t n_steps)
{
    const int64_t epoch = co_example_epoch(s);
    return s->is_shuffled ? (n_steps + epoch - 1) / epoch : n_steps;
}

/* By squaring: the same on any machine. */
static double power(double base, int64_t n)
{
    double product = 1.0;
    for (; n > 0; n >>= 1, base *= base)
        if (n & 1) product *= base;
    return product;
}

/* Events that share their noise. */
static int64_t span_of(const co_example_schedule *s)
{
    return s->is_shuffled ? 1 : co_example_epoch(s);
}

double co_example_noise(const co_example_schedule *s, int64_t event)
{
    return s->decay == 1.0 ? s->multiplier : s->multiplier * power(s->decay, event / span_of(s));
}

co_example_split co_example_split_noise(const co_example_schedule *s, double count_noise,
                                        int64_t event)
{
    const double z = s->multiplier, share = z > 0.0 ? co_example_noise(s, event) / z : 1.0;
    const double count = count_noise > 0.0 ? count_noise : fmax((double)s->batch / 20.0, z);
    return (co_example_split){.gradient = share * co_adaptive_clip_noise(z, count),
                              .count = share * count};
}

static co_event event_of(const co_example_schedule *s, int64_t number)
{
    return (co_event){.noise = CO_NOISE_GAUSSIAN,
                      .sampling = s->is_shuffled ? CO_SAMPLING_NONE : CO_SAMPLING_POISSON,
                      .noise_multiplier = co_example_noise(s, number) * s->unit,
                      .rate = s->is_shuffled ? 1.0 : (double)s->batch / (double)s->n};
}

static co_status fill(const co_example_schedule *s, int64_t n_events, co_ledger *ledger)
{
    const int64_t span = s->decay == 1.0 ? n_events : span_of(s);
    for (int64_t at = 0; at < n_events; at += span) {
        const co_event event = event_of(s, at);
        CO_TRY(co_ledger_add(ledger, &event, n_events - at < span ? n_events - at : span));
    }
    return CO_OK;
}

co_status co_example_epsilon(const co_example_schedule *s, const co_accountant *by,
                             const co_accounting *how, double delta, int64_t n_events,
                             co_guarantee *out)
{
    co_ledger ledger = {0};
    co_status st = fill(s, n_events, &ledger);
    if (st == CO_OK) st = co_account_epsilon(by, &ledger, how, delta, out);
    co_ledger_fini(&ledger);
    return st;
}

co_status co_example_find_noise(co_example_schedule *s, const co_accountant *by,
                                const co_accounting *how, double epsilon, double delta,
                                int64_t n_events)
{
    co_ledger ledger = {0};
    co_guarantee g;
    double factor = 1.0;
    s->multiplier = 1.0;
    co_status st = fill(s, n_events, &ledger);
    if (st == CO_OK) st = co_account_noise(by, &ledger, how, epsilon, delta, &factor, &g);
    co_ledger_fini(&ledger);
    CO_TRY(st);
    s->multiplier = factor;
    CO_TRY(co_example_epsilon(s, by, how, delta, n_events, &g));
    while (g.epsilon > epsilon) { /* multiplier x decay rounds otherwise than decay x multiplier */
        s->multiplier *= 1.0 + 1e-7;
        CO_TRY(co_example_epsilon(s, by, how, delta, n_events, &g));
    }
    return CO_OK;
}

/* Strictly between lo and hi: where the line of the logs meets the target, pushed towards the end
 * that moved last by a hundredth; every third time the middle. */
static int64_t between(int i, int64_t lo, int64_t hi, double at_lo, double at_hi, double target)
{
    double x = 0.5 * ((double)lo + (double)hi);
    if (i % 3 != 2 && lo > 0 && at_lo > 0.0 && isfinite(at_hi) && at_hi > at_lo)
        x = (double)lo *
            exp(log((double)hi / (double)lo) * log(target / at_lo) / log(at_hi / at_lo)) *
            (i % 3 == 0 ? 1.01 : 0.99);
    const int64_t n = x >= (double)hi ? hi - 1 : (int64_t)x;
    return n <= lo ? lo + 1 : n;
}

co_status co_example_most(const co_example_schedule *s, const co_accountant *by,
                          const co_accounting *how, double epsilon, double delta, int64_t near,
                          int64_t limit, int64_t *most)
{
    int64_t lo = 0, hi = near < 1 ? 1 : near, stride = 1;
    double at_lo = 0.0, at_hi = INFINITY;
    co_guarantee g;
    *most = limit;
    while (true) { /* until hi is too many */
        if (hi > limit) hi = limit;
        CO_TRY(co_example_epsilon(s, by, how, delta, hi, &g));
        if (g.epsilon > epsilon) break;
        if (hi == limit) return CO_OK;
        lo = hi, at_lo = g.epsilon;
        hi = hi < limit - stride ? hi + stride : limit; /* noise found for `near` allows no more */
        stride *= 4;
    }
    at_hi = g.epsilon;
    for (int i = 0; hi - lo > 1; i++) {
        const int64_t n = between(i, lo, hi, at_lo, at_hi, epsilon);
        CO_TRY(co_example_epsilon(s, by, how, delta, n, &g));
        if (g.epsilon <= epsilon)
            lo = n, at_lo = g.epsilon;
        else
            hi = n, at_hi = g.epsilon;
    }
    *most = lo;
    return CO_OK;
}
