/* privacy/mechanisms/distributed.h - noise in shares: what a run with it is, from its public
 * numbers alone. All calls are Local.
 *
 * Each device multiplies its clipped and rotated update by 1 / step, rounds it to integers whose
 * L2 norm is at most `bound`, adds its share of noise and keeps the integers modulo 2^bits; the sum
 * of all is read as the numbers nearest to zero. The shares of the fewest devices that a sum may be
 * of, n_least, make the noise that is accounted for; more devices add more. A device that counts as
 * zero changes the sum by `bound` at most. Source: Kairouz, Liu and Steinke 2021, arXiv:2102.06387,
 * Algorithms 1 and 2; Agarwal, Kairouz and Liu 2021, arXiv:2110.04995, Algorithm 1. */
#pragma once
#include "privacy/mechanisms/mechanism.h"

typedef struct {
    const co_mechanism *mechanism; /* one with shares */
    double multiplier;             /* standard deviation of n_least shares / clip, > 0 */
    double clip;                   /* L2 */
    double beta;                   /* of the bound of rounding (privacy/mechanisms/rounding.h) */
    double wrap_stds;              /* k: with that many standard deviations sums do not wrap */
    double granularity;            /* step; 0: chosen by k */
    double n_least, n_most, dim;   /* devices of a sum; numbers of an update */
    int bits;
    co_sampling sampling; /* of the event alone: fixed replaces a device, at twice the bound */
    double rate;
} co_distributed_setup;

typedef struct {
    double step;  /* gamma: what 1 stands for */
    double bound; /* L2 norm of a device's integers, without noise */
    uint64_t bound_square;
    uint64_t share; /* variance of a device's noise, in 1 / CO_NOISE_UNIT */
    double std;     /* of n_least shares, in steps */
    co_event event; /* sampled as the setup says */
} co_distributed;

/* step = the least gamma with 2^b gamma >= 2 k sqrt(c^2 n^2 / d + (gamma^2 / 4 + sigma^2) n), n =
 * n_most, sigma^2 = (multiplier c)^2 / n_least (the first paper, section 4.2), but not below c /
 * 2^23 or sigma / 2^14. A share's variance is rounded up. CO_EUSAGE, with what to change: bits have
 * no room for so many devices, or steps are too coarse for the noise. */
co_status co_distributed_make(const co_distributed_setup *setup, co_distributed *out);
/* The least multiplier (relative width 1e-6, rounded up) with which epsilon of n releases is not
 * above the target, into setup->multiplier. CO_EUSAGE when none reaches it: at some point finer
 * steps than the bits allow would be needed. */
co_status co_distributed_find_noise(co_distributed_setup *setup, const co_accountant *by,
                                    const co_accounting *how, double epsilon, double delta,
                                    int64_t n_releases);
/* Upper bound on the probability that one number of a sum of n_most devices wraps, whose update
 * lies evenly in a piece of `size` numbers after its rotation with random signs, all of its norm in
 * it: every device sends the same. Rounding as without its condition. */
double co_distributed_wrap(const co_distributed_setup *setup, const co_distributed *d, double size);

extern const co_param co_distributed_params[]; /* options of the mechanisms with shares */
