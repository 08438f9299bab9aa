/* core/vector.h - passes over float vectors. Sums are double partials over fixed blocks of 4,096
 * elements with 16 fixed lanes, added in block order: same bits for any cut at block borders and on
 * every instruction set. Local. */
#pragma once
#include "core/clones.h"
#include <stddef.h>

#define CO_BLOCK 4096 /* coordinates; slices are whole blocks */

#define CO_LANES 16

/* The sum of the lanes, as a tree (l with l + 8, + 4, + 2, + 1). */
CO_INLINE double co_sum_lanes(double lane[CO_LANES])
{
    for (size_t half = CO_LANES / 2; half > 0; half /= 2)
        for (size_t l = 0; l < half; l++) lane[l] += lane[l + half];
    return lane[0];
}

static inline size_t co_n_blocks(size_t n)
{
    return (n + CO_BLOCK - 1) / CO_BLOCK;
}

/* Sum of squares of one block, n <= CO_BLOCK. */
double co_block_square_sum(const float *x, size_t n);
double co_block_dot(const float *x, const float *y, size_t n);
/* Largest magnitude; a NaN counts as larger than everything. */
float co_block_largest(const float *x, size_t n);
/* sqrt of the sum over blocks, in order. */
double co_vector_norm(const float *x, size_t n);
double co_vector_dot(const float *x, const float *y, size_t n);
void co_vector_scale(float *x, size_t n, float factor);                      /* x *= factor */
void co_vector_add_scaled(float *x, const float *y, size_t n, float factor); /* x += factor y */
/* out = x - y; returns its norm, the same bits as co_vector_norm(out): not finite if and only if an
 * element is not. */
double co_vector_difference(float *out, const float *x, const float *y, size_t n);
