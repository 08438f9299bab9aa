/* privacy/mechanisms/rounding.h - stochastic rounding to integers under a bound on their norm.
 *
 * q_j is one of the two integers around x_j, floor or ceiling, so that E[q_j] = x_j. A vector that
 * comes out longer than the bound is drawn anew as a whole: the bound is certain, and with
 * co_rounded_norm it is met with probability 1 - beta at least. Source: Kairouz, Liu and Steinke
 * 2021, arXiv:2102.06387, Definition 4 and Algorithm 1. Local. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define CO_ROUNDING_MOST 0x1p24 /* of |x_j|, and of a norm */

/* The bound for vectors of L2 norm `norm` and so many numbers: min(c + sqrt d, sqrt(c^2 + d / 4 +
 * sqrt(2 log(1 / beta)) (c + sqrt d / 2))); the first at beta 0, where no vector is ever longer. */
double co_rounded_norm(double norm, double dim, double beta);
/* q[j] of x[n] with sum q_j^2 <= most_square. Draws of (seed, step, device): the same for any cut
 * of the model into ranks. |x_j| and the norm of x at most CO_ROUNDING_MOST, and the norm so that
 * the bound can be met: one of which 1,000 draws miss it is a bug. Returns the draws thrown away.
 */
unsigned co_round_within(uint64_t seed, int64_t step, int64_t device, const float *x, size_t n,
                         uint64_t most_square, int64_t *q);
