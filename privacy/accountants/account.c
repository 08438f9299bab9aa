/* privacy/accountants/account.c - the questions asked of any accountant: epsilon, delta, and the
 * noise for a target.
 *
 * Events of rate 0 cost nothing and are left out; one event without noise makes the answer
 * infinite. The noise for a target is bracketed by factors on all noise multipliers, keeping the
 * side that holds the promise. */
#include "core/memory.h"
#include "privacy/accountants/accountant.h"
#include <math.h>
#include <string.h>

typedef enum { SOME, FREE, BARE } content;

/* The rows that count, into *out. FREE: none does; BARE: one has no noise. */
static co_status prepare(const co_ledger *ledger, double factor, co_ledger *out, content *what)
{
    *out = (co_ledger){0};
    *what = FREE;
    for (size_t i = 0; i < ledger->n; i++) {
        co_event event = ledger->rows[i].event;
        event.noise_multiplier *= factor;
        if (event.rate == 0.0) continue;
        if (event.noise_multiplier < 1e-100) { /* 1 / z^2 overflows next to there */
            *what = BARE;
            return CO_OK;
        }
        *what = SOME;
        CO_TRY(co_ledger_add(out, &event, ledger->rows[i].count));
    }
    return CO_OK;
}

static co_status epsilon_scaled(const co_accountant *by, const co_ledger *ledger, double factor,
                                const co_accounting *how, double delta, co_guarantee *out)
{
    co_ledger rows;
    content what;
    *out = (co_guarantee){.delta = delta, .delta_lower = delta, .order = NAN, .bound = by->name};
    co_status st = prepare(ledger, factor, &rows, &what);
    out->epsilon_lower = by->has_lower ? 0.0 : NAN;
    if (st == CO_OK && what == BARE) {
        out->epsilon = INFINITY;
        if (by->has_lower) out->epsilon_lower = INFINITY;
    } else if (st == CO_OK && what == SOME) {
        st = by->epsilon(&rows, how, delta, out);
    }
    co_ledger_fini(&rows);
    return st;
}

static co_status check_delta(double delta)
{
    if (delta >= 0.0 && delta < 1.0) return CO_OK;
    return CO_FAIL(CO_EUSAGE, "privacy: delta %g is not in [0, 1)", delta);
}

static co_status check_epsilon(double epsilon)
{
    if (epsilon >= 0.0 && isfinite(epsilon)) return CO_OK;
    return CO_FAIL(CO_EUSAGE, "privacy: epsilon %g is no number >= 0", epsilon);
}

co_status co_account_epsilon(const co_accountant *by, const co_ledger *ledger,
                             const co_accounting *how, double delta, co_guarantee *out)
{
    CO_TRY(check_delta(delta));
    return epsilon_scaled(by, ledger, 1.0, how, delta, out);
}

co_status co_account_delta(const co_accountant *by, const co_ledger *ledger,
                           const co_accounting *how, double epsilon, co_guarantee *out)
{
    co_ledger rows;
    content what;
    CO_TRY(check_epsilon(epsilon));
    *out = (co_guarantee){
        .epsilon = epsilon, .epsilon_lower = epsilon, .order = NAN, .bound = by->name};
    co_status st = prepare(ledger, 1.0, &rows, &what);
    if (!by->has_lower) out->delta_lower = out->epsilon_lower = NAN;
    if (st == CO_OK && what == BARE) {
        out->delta = 1.0;
        if (by->has_lower) out->delta_lower = 1.0;
    } else if (st == CO_OK && what == SOME) {
        st = by->delta(&rows, how, epsilon, out);
    }
    co_ledger_fini(&rows);
    return st;
}

co_accounting co_accounting_from(const co_config *opt)
{
    co_accounting how = {0};
    if (co_node_find(opt->map, "conversion"))
        how.classic = strcmp(co_config_string(opt, "conversion"), "classic") == 0;
    return how;
}

#define MOST_NOISE 1e9
#define MOST_STEPS 200

/* Doubles or halves hi from 1 until the target lies between lo and hi. */
static co_status bracket(const co_accountant *by, const co_ledger *ledger, const co_accounting *how,
                         double epsilon, double delta, double *lo, double *hi)
{
    co_guarantee g;
    *lo = *hi = 1.0;
    CO_TRY(epsilon_scaled(by, ledger, 1.0, how, delta, &g));
    if (g.epsilon <= epsilon) {
        while (g.epsilon <= epsilon && *lo > 1.0 / MOST_NOISE) {
            *hi = *lo, *lo /= 2.0;
            CO_TRY(epsilon_scaled(by, ledger, *lo, how, delta, &g));
        }
        return CO_OK;
    }
    while (g.epsilon > epsilon) {
        *lo = *hi, *hi *= 2.0;
        if (*hi > MOST_NOISE)
            return CO_FAIL(CO_EUSAGE,
                           "privacy: no noise multiplier up to %g reaches epsilon %g at delta %g; "
                           "ask for a larger epsilon or delta, or fewer rounds",
                           MOST_NOISE, epsilon, delta);
        CO_TRY(epsilon_scaled(by, ledger, *hi, how, delta, &g));
    }
    return CO_OK;
}

/* Between lo and hi: where a straight line of log epsilon over log factor meets the target, put to
 * either side of it by half a width in turn so that both ends close in; every third time, and where
 * an end has no logarithm, the middle. */
static double next_factor(int i, double lo, double hi, double at_lo, double at_hi, double target,
                          double width)
{
    const double middle = lo + (hi - lo) / 2.0;
    if (i % 3 == 2 || !isfinite(at_lo) || !isfinite(at_hi) || !(at_lo > at_hi)) return middle;
    const double line = lo * exp(log(hi / lo) * (at_lo - target) / (at_lo - at_hi));
    const double nudged = line * (i % 3 == 0 ? 1.0 + 0.5 * width : 1.0 - 0.5 * width);
    return fmin(fmax(nudged, lo * (1.0 + 0.25 * width)), hi / (1.0 + 0.25 * width));
}

co_status co_account_noise(const co_accountant *by, const co_ledger *ledger,
                           const co_accounting *how, double epsilon, double delta, double *factor,
                           co_guarantee *out)
{
    const double width = by->has_lower && !how->quick ? 1e-7 : 1e-12;
    co_accounting upper = *how;
    co_guarantee g;
    double lo, hi, at_lo = INFINITY, at_hi = -INFINITY; /* log epsilon at both ends */
    upper.lower = false;
    CO_TRY(check_delta(delta));
    CO_TRY(check_epsilon(epsilon));
    CO_TRY(bracket(by, ledger, &upper, epsilon, delta, &lo, &hi));
    for (int i = 0; i < MOST_STEPS && hi > lo * (1.0 + width); i++) {
        const double middle = next_factor(i, lo, hi, at_lo, at_hi, log(epsilon), width);
        if (middle <= lo || middle >= hi) break;
        CO_TRY(epsilon_scaled(by, ledger, middle, &upper, delta, &g));
        *(g.epsilon <= epsilon ? &hi : &lo) = middle;
        *(g.epsilon <= epsilon ? &at_hi : &at_lo) = log(g.epsilon);
    }
    *factor = hi;
    return epsilon_scaled(by, ledger, hi, how, delta, out);
}
