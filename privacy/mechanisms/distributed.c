/* privacy/mechanisms/distributed.c - granularity, bound, share and event of distributed noise. */
#include "privacy/mechanisms/distributed.h"
#include "privacy/accountants/conversion.h"
#include "privacy/mechanisms/noise_table.h"
#include "privacy/mechanisms/rounding.h"
#include <math.h>

#define FINEST_CLIP 0x1p-23 /* step / clip */
#define MOST_STD 16384.0    /* of a share */
#define LEAST_GAUSSIAN 0.25 /* variance of a share for which ddgauss is accounted for */
#define LEAST_MULTIPLIER 1e-6
#define MOST_MULTIPLIER 1e6

static co_status choose_step(const co_distributed_setup *s, double share_std, double *step)
{
    const double c = s->clip, n = s->n_most, k = s->wrap_stds, room = ldexp(1.0, 2 * s->bits);
    *step = s->granularity;
    if (*step > 0.0) return CO_OK;
    if (room <= k * k * n)
        return CO_FAIL(CO_EUSAGE,
                       "privacy: %d bits have no room for %g devices: rounding alone would pass "
                       "them; set bits to %d or more",
                       s->bits, n, (int)ceil(0.5 * log2(k * k * n)) + 4);
    *step =
        2.0 * k * sqrt((c * c * n * n / s->dim + n * share_std * share_std) / (room - k * k * n));
    *step = fmax(*step, fmax(c * FINEST_CLIP, share_std / MOST_STD));
    return CO_OK;
}

static co_status check_share(const co_distributed_setup *s, const co_distributed *d,
                             double variance)
{
    const bool is_gaussian = s->mechanism->noise == CO_NOISE_DDGAUSS;
    const double least = is_gaussian ? LEAST_GAUSSIAN : CO_NOISE_LEAST_VARIANCE;
    if (variance < least)
        return CO_FAIL(
            CO_EUSAGE,
            "privacy: steps of %g are too coarse for noise of %g x clip: a device's share "
            "has a standard deviation of %g steps, and %s needs %g; set bits above %d%s",
            d->step, s->multiplier, sqrt(variance), s->mechanism->name, sqrt(least), s->bits,
            is_gaussian ? ", or mechanism: skellam" : "");
    if (variance > CO_NOISE_MOST_VARIANCE || s->clip / d->step > CO_ROUNDING_MOST / 2.0)
        return CO_FAIL(
            CO_EUSAGE,
            "privacy: a granularity of %g is too fine for clip %g and noise of %g x clip; "
            "leave it out, or set it to %g or more",
            d->step, s->clip, s->multiplier,
            fmax(s->clip * FINEST_CLIP, sqrt(variance) * d->step / MOST_STD));
    return CO_OK;
}

co_status co_distributed_make(const co_distributed_setup *s, co_distributed *d)
{
    const double share_std = s->multiplier * s->clip / sqrt(s->n_least);
    const bool is_replaced = s->sampling == CO_SAMPLING_FIXED;
    *d = (co_distributed){0};
    CO_TRY(choose_step(s, share_std, &d->step));
    const double variance = share_std * share_std / (d->step * d->step);
    CO_TRY(check_share(s, d, variance));
    d->share = (uint64_t)ceil(variance * CO_NOISE_UNIT);
    d->std = sqrt((double)d->share / CO_NOISE_UNIT * s->n_least);
    d->bound = co_rounded_norm(s->clip / d->step, s->dim, s->beta);
    d->bound_square = (uint64_t)(d->bound * d->bound);
    d->event = (co_event){.noise = s->mechanism->noise,
                          .sampling = s->sampling,
                          .noise_multiplier = d->std / d->bound / (is_replaced ? 2.0 : 1.0),
                          .rate = s->sampling == CO_SAMPLING_NONE ? 1.0 : s->rate,
                          .lattice_std = d->std,
                          .dim = s->dim,
                          .n_shares = s->n_least};
    return CO_OK;
}

/* INFINITY where there is no such noise. */
static co_status epsilon_with(co_distributed_setup *s, double multiplier, const co_accountant *by,
                              const co_accounting *how, double delta, int64_t n, double *epsilon)
{
    co_distributed d;
    co_ledger ledger = {0};
    co_guarantee g = {.epsilon = INFINITY};
    s->multiplier = multiplier;
    co_status st = CO_OK;
    if (co_distributed_make(s, &d) == CO_OK) {
        st = co_ledger_add(&ledger, &d.event, n);
        if (st == CO_OK) st = co_account_epsilon(by, &ledger, how, delta, &g);
    }
    co_ledger_fini(&ledger);
    *epsilon = g.epsilon;
    return st;
}

co_status co_distributed_find_noise(co_distributed_setup *s, const co_accountant *by,
                                    const co_accounting *how, double epsilon, double delta,
                                    int64_t n)
{
    double hi = LEAST_MULTIPLIER, best = INFINITY, got = INFINITY;
    while (!(got <= epsilon) && hi < MOST_MULTIPLIER) {
        hi *= 2.0;
        CO_TRY(epsilon_with(s, hi, by, how, delta, n, &got));
        best = fmin(best, got);
    }
    if (!(got <= epsilon))
        return CO_FAIL(
            CO_EUSAGE,
            "privacy: no noise reaches epsilon %g at delta %g with %d bits for %g numbers "
            "(at best %g); raise bits, epsilon or min_reporting",
            epsilon, delta, s->bits, s->dim, best);
    double lo = hi / 2.0;
    while (hi > lo * (1.0 + 1e-6)) {
        const double middle = sqrt(lo * hi);
        CO_TRY(epsilon_with(s, middle, by, how, delta, n, &got));
        *(got <= epsilon ? &hi : &lo) = middle;
    }
    s->multiplier = hi;
    return CO_OK;
}

/* log of the bound on P[sum > room], for the exponent e^log_t. */
typedef struct {
    double proxy, variance, room;
    bool is_skellam;
} tail;

static double log_tail(const void *what, double log_t)
{
    const tail *x = what;
    const double t = exp(log_t),
                 noise = x->is_skellam ? x->variance * (cosh(t) - 1.0) : 0.5 * t * t * x->variance;
    return 0.5 * t * t * x->proxy + noise - t * x->room;
}

double co_distributed_wrap(const co_distributed_setup *s, const co_distributed *d, double size)
{
    const double most = s->n_most * d->bound; /* a sum's norm */
    const tail x = {.proxy = fmin(s->clip / d->step * s->n_most, most) *
                                 fmin(s->clip / d->step * s->n_most, most) / size +
                             0.25 * s->n_most,
                    .variance = (double)d->share / CO_NOISE_UNIT * s->n_most,
                    .room = ldexp(1.0, s->bits - 1),
                    .is_skellam = s->mechanism->noise == CO_NOISE_SKELLAM};
    const double at = co_minimise(log_tail, &x, log(1e-12), log(50.0), 1e-6);
    return fmin(1.0, 2.0 * exp(log_tail(&x, at)));
}

const co_param co_distributed_params[] = {
    {.key = "clip",
     .type = CO_REAL,
     .lo = 0.0,
     .hi = 1e12,
     .flags = CO_REQUIRED | CO_LO_OPEN,
     .doc = "most that one device's update may be, L2 norm"},
    {.key = "bits",
     .type = CO_INT,
     .def = 20,
     .lo = 4,
     .hi = 32,
     .doc = "of the integers that a device sends: sums are modulo 2^bits"},
    {.key = "min_reporting",
     .type = CO_INT,
     .lo = 1,
     .hi = 1e15,
     .flags = CO_REQUIRED,
     .doc = "fewest devices a round: their shares make the noise; a round with fewer fails"},
    {.key = "noise_multiplier",
     .type = CO_REAL,
     .lo = 0.0,
     .hi = 1e6,
     .flags = CO_OPTIONAL | CO_LO_OPEN,
     .doc = "standard deviation of the noise of min_reporting devices / clip; or epsilon"},
    {.key = "epsilon",
     .type = CO_REAL,
     .lo = 0.0,
     .hi = 1e4,
     .flags = CO_OPTIONAL | CO_LO_OPEN,
     .doc = "target after `rounds`: the noise is found; or noise_multiplier"},
    {.key = "delta",
     .type = CO_REAL,
     .lo = 0.0,
     .hi = 1.0,
     .flags = CO_OPTIONAL | CO_HI_OPEN,
     .doc = "of the guarantee; at most 1 / population"},
    {.key = "beta",
     .type = CO_REAL,
     .def = 0.6065306597126334,
     .lo = 0.0,
     .hi = 1.0,
     .flags = CO_HI_OPEN,
     .doc = "rounding is drawn anew with that probability at most; 0: never, at a larger bound"},
    {.key = "wrap_stds",
     .type = CO_REAL,
     .def = 4.0,
     .lo = 1.0,
     .hi = 100.0,
     .doc = "standard deviations of a sum's numbers that 2^bits has room for, either way"},
    {.key = "granularity",
     .type = CO_REAL,
     .lo = 0.0,
     .hi = 1e12,
     .flags = CO_OPTIONAL | CO_LO_OPEN,
     .doc = "step of the integers, in place of the one that wrap_stds gives"},
    {.key = "accountant",
     .type = CO_CHOICE,
     .words = "rdp",
     .doc = "rdp: what bounds are known for"},
    {.key = "conversion",
     .type = CO_CHOICE,
     .words = "improved|classic",
     .doc = "accountant rdp: to epsilon"},
    {.key = "secure",
     .type = CO_BOOL,
     .def = 0,
     .doc = "noise from a secret key, kept in the checkpoint alone"},
    {0}};
