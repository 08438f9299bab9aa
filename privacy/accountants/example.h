/* privacy/accountants/example.h - what training with noise on every gradient costs one example of
 * a device: the events of the device's steps, their epsilon, and the noise for a target.
 *
 * A device of n examples, a public number, draws batches of an expected size: by Poisson sampling,
 * each example by itself with probability batch / n, where a step is an event (Abadi et al. 2016,
 * arXiv:1607.00133; neighbours: one example added or removed); or by shuffling, where each example
 * is in one step an epoch, so that an epoch is an event without amplification by sampling
 * (neighbours: one example replaced, since removing one would move all behind it). The noise may
 * decay over the epochs of the device: the events of a ledger are those that were used. All calls
 * are Local and pure functions of their arguments. */
#pragma once
#include "privacy/accountants/accountant.h"

typedef struct {
    bool is_shuffled;
    int64_t n, batch;  /* examples; expected size of a batch, in [1, n] */
    double multiplier; /* standard deviation of the first event's noise / the bound of what one
                          example adds to a step */
    double decay;      /* factor on it from epoch to epoch of the device, in (0, 1] */
    double unit;       /* what one neighbour changes is the bound / unit: 1, or 0.5 where an example
                          is replaced by another */
} co_example_schedule;

/* Steps of an epoch: ceil(n / batch). */
int64_t co_example_epoch(const co_example_schedule *schedule);
/* What so many steps of one round are: themselves, or the epochs that they begin. */
int64_t co_example_events(const co_example_schedule *schedule, int64_t n_steps);
/* The noise multiplier of event number `event`, from 0, counted over all rounds of the device. */
double co_example_noise(const co_example_schedule *schedule, int64_t event);
/* The noise of an event shared between the gradient's sum, in units of its bound, and a count of
 * halves (+ or - 1/2 for each example, by whether it was clipped): what one example changes of both
 * together, in units of their noise, is 1 / z, z = co_example_noise: gradient = (z^-2 - (2
 * count)^-2)^(-1/2) (Andrew et al. 2021, arXiv:1905.03871, section 3). count_noise: of event 0; 0:
 * batch / 20 and at least z, so that the count takes a quarter at most. NAN: the count alone costs
 * more. */
typedef struct {
    double gradient, count;
} co_example_split;
co_example_split co_example_split_noise(const co_example_schedule *schedule, double count_noise,
                                        int64_t event);
/* epsilon of the device's first n events. */
co_status co_example_epsilon(const co_example_schedule *schedule, const co_accountant *by,
                             const co_accounting *how, double delta, int64_t n_events,
                             co_guarantee *out);
/* schedule->multiplier: the smallest with which epsilon of so many events is not above the target,
 * rounded up. CO_EUSAGE when no noise reaches it. */
co_status co_example_find_noise(co_example_schedule *schedule, const co_accountant *by,
                                const co_accounting *how, double epsilon, double delta,
                                int64_t n_events);
/* The most events whose epsilon is not above the target, not more than `limit`. near: a guess. */
co_status co_example_most(const co_example_schedule *schedule, const co_accountant *by,
                          const co_accounting *how, double epsilon, double delta, int64_t near,
                          int64_t limit, int64_t *most);
