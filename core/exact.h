/* core/exact.h - sums whose bits do not depend on the order of the terms.
 *
 * Vectors over devices: q_j = rint(a u_j 2^44) as int64, a = w / W with the sum of all a at most 1,
 * |u_j| cut to 2^18. So |sum q| < 2^63 in any order. Scalars: an exact accumulator of 67 digits of
 * 32 bits, held in int64, that takes any finite double up to 2^31 times and can be summed by
 * MPI_SUM. All calls are Local. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CO_EXACT_BITS 44
#define CO_EXACT_BOUND 262144.0f /* 2^18 */

/* A part of a sum: sum[n] of the coordinates from `first` on. */
typedef struct {
    int64_t *sum;
    size_t first, n;
} co_sum_slice;

/* True when every element is finite. */
bool co_vector_finite(const float *u, size_t n);
/* sum[j] += rint(a clamp(u[j]) 2^44). u finite. Returns how many elements were cut to the bound.
 * One vectorised pass. */
size_t co_exact_add(int64_t *sum, const float *u, size_t n, double a);
/* u -= y, and then the same for u, cut into slices of whole blocks; returns the norm of u, the same
 * bits as co_vector_difference. Without a finite norm nothing is added. *n_cut: elements that were
 * cut to the bound. One vectorised pass. */
double co_exact_add_difference(const co_sum_slice *slice, size_t n_slices, float *u, const float *y,
                               double a, size_t *n_cut);
/* out[j] = (double)sum[j] 2^-44 / total: the mean, when total is the sum of the a's. */
void co_exact_mean(const int64_t *sum, size_t n, double total, double *out);

#define CO_SCALAR_DIGITS 67
/* Zero-initialised is zero. digit[k] weighs 2^(32 k - 1088). */
typedef struct {
    int64_t digit[CO_SCALAR_DIGITS];
} co_scalar;
/* Adds a double exactly. A NaN or Inf is the caller's bug (CO_ASSERT). At most 2^31 calls in one
 * sum, those of merged sums included. */
void co_scalar_add(co_scalar *sum, double x);
void co_scalar_merge(co_scalar *sum, const co_scalar *other);
/* The correctly rounded (to nearest even) double of the exact sum. Does not change it. */
double co_scalar_value(const co_scalar *sum);
