/* aggregators/hadamard.h - a randomised rotation of what travels, block by block.
 *
 * The n travelling coordinates of a block of the model's grid are cut into powers of two, the
 * largest first (4,096; or 2,048 + 512 + ..). Each piece x becomes H D x: D random signs, keyed by
 * (seed, step, block) and the same on all devices, H the Walsh-Hadamard matrix in Sylvester's order
 * over sqrt(piece), orthonormal and its own inverse. So norms and sums of updates stay what they
 * are, one large coordinate of a piece of d becomes d of 1 / sqrt d of it (1/64 in a whole block),
 * and no padding has to travel. Worked out in double: the inverse gives a float back but for its
 * last bit. Source: Suresh et al., ICML 2017, arXiv:1611.00429, section 3; there one transform
 * with padding, here pieces. All calls are Local. */
#pragma once
#include "aggregators/travel.h"

/* update of part[n_parts], a device's whole; times factor, before it is float again. */
void co_rotate(const co_layout *layout, uint64_t seed, int64_t step, const co_part *part,
               size_t n_parts, double factor, float *update);
/* The inverse, on a sum or a slice of it. */
void co_rotate_back(const co_layout *layout, uint64_t seed, int64_t step, const co_part *part,
                    size_t n_parts, double *value);
