/* sim/work/noisy_gradient.h - a device's step under section local.dp: DP-SGD (Abadi et al. 2016,
 * arXiv:1607.00133, Algorithm 1).
 *
 *   gradient = (sum_i clip(g_i) + z S N(0, 1)) / B
 *
 * over the examples i of the step's batch: g_i the gradient of the example alone, clipped to an L2
 * norm of at most C (layerwise: each layer's part to C_l, the squares of all C_l adding up to C^2;
 * by public facts: the layers' sizes, or half by these and half by the squared norms of the weights
 * as received, which are the pretrained ones and then what was released, or of public gradients),
 * B the expected size of a batch, a public number, whatever came. An empty batch is a noisy step
 * like any other, a larger one than max_batch goes through the model in parts, and an example whose
 * gradient is not finite counts as zero. S is the most that one example changes the sum by: C.
 *
 * Micro-batches of b: an example belongs to slot h(step, example) of B / b, the mean over the
 * slots' expected size is what is clipped, and the divisor is B / b. One example changes its own
 * slot alone, from one clipped vector to another: S = 2 C.
 *
 * Adaptive clip (Andrew et al. 2021, arXiv:1905.03871, with examples for users): after a step C is
 * multiplied by e^(-rate (f - quantile)), f the noisy fraction of its examples (micro-batches:
 * slots) that were not above C, (count - m / 2 + noise) / B + 1/2. One example changes that count
 * of halves by 1/2, and z is of the sum and the count together, so that the account does not know
 * the difference; noise and bounds go with C. C belongs to the device, since its examples alone are
 * counted, and begins each of its rounds at `clip` again: a device keeps nothing between rounds,
 * and what one device spends tells nothing of another.
 *
 * Public examples (sim/work/public_data.h) may lower C for all devices of a version, and what they
 * add comes after the noise. Everything after the noise (rule, momentum, Adam, what the server
 * does) is post-processing. Of one device; Local. */
#pragma once
#include "sim/work/workplace.h"

typedef struct co_noisy_gradient co_noisy_gradient;

co_status co_noisy_gradient_create(co_workplace *place, co_noisy_gradient **self);
void co_noisy_gradient_destroy(co_noisy_gradient *self); /* NULL allowed */
size_t co_noisy_gradient_bytes(const co_noisy_gradient *self);

/* Before the first step of the opened device: params[n] as it received them. CO_ENOMEM. */
co_status co_noisy_gradient_open(co_noisy_gradient *self, const co_plan_row *row,
                                 const float *params);

/* A step of the opened device. */
typedef struct {
    int64_t step, number; /* of the run; of the device in it, from 0 */
    int64_t event;        /* of the device, from 0 (privacy/accountants/example.h) */
    int64_t at, m;        /* shuffled batches: examples place->index[at, at + m); else nothing */
} co_noisy_step;
/* grad[n_grad] is the step's gradient, sums[n_sums] += those of the batch as it was. CO_ENOMEM,
 * CO_ESTOPPED. */
co_status co_noisy_gradient_of(co_noisy_gradient *self, const co_plan_row *row,
                               const co_noisy_step *step, const float *params, float *grad,
                               double *sums);

/* Examples of a Poisson batch out of n, ascending into index[n]; returns how many. */
size_t co_noisy_batch(uint64_t seed, const co_plan_row *row, const co_noisy_step *step, double rate,
                      int64_t *index);
