/* models/layers/outer.h - squared norms of sums of outer products: of the gradient sum over t of
 * g_t a_t' of a matrix by one example of T rows.
 *
 * A second phase forms the same sum in another order. What rounding makes of it grows with S = sum
 * over t of |g_t| |a_t|; where terms cancel, so that S is beyond CO_OUTER_CANCELS times the norm, a
 * norm counts CO_OUTER_ROUNDS (S - CO_OUTER_CANCELS norm) more, and is taken of the sum itself: so
 * that a gradient scaled by clip / norm is no longer than clip, rounding included. */
#pragma once
#include "models/kernels/kernels.h"
#include <math.h>

#define CO_OUTER_CANCELS 32.0
#define CO_OUTER_ROUNDS 0x1p-20

/* Terms that cancel, by a computed square. */
static inline bool co_outer_cancels(double square, double S)
{
    return square < S * S / (CO_OUTER_CANCELS * CO_OUTER_CANCELS);
}
/* What a square counts as. */
static inline double co_outer_rounded(double square, double S)
{
    if (!co_outer_cancels(square, S)) return square;
    const double norm = sqrt(square > 0.0 ? square : 0.0),
                 more = norm + CO_OUTER_ROUNDS * (S - CO_OUTER_CANCELS * norm);
    return more * more;
}

enum { CO_OUTER_MOST = 2 }; /* factors a that share one g */

typedef struct {
    size_t rows; /* T */
    const float *g;
    size_t n_g;
    size_t n; /* factors a */
    const float *a[CO_OUTER_MOST];
    size_t n_a[CO_OUTER_MOST]; /* all row-major and dense */
} co_outer;

/* square[k] = |sum over t of g_t a[k]_t'|^2, and the columns' |sum over t of g_t|^2 into *columns
 * unless NULL. By inner products, sum over t, s of (g_t . g_s)(a_t . a_s), while these are cheaper
 * than to form the sum; chosen from the sizes alone, unless terms cancel. scratch: co_outer_size
 * floats. fast may be NULL. Local; cost: the smaller of T (T + 32) / 2 (n_g + n_a) and T n_g n_a.
 * Sources: Goodfellow, arXiv:1510.01799 (T = 1); Rochette et al., arXiv:1912.06015; Li et al., ICLR
 * 2022, arXiv:2110.05679 (ghost clipping). */
void co_outer_squares(const co_kernels *fast, const co_outer *o, double *square, double *columns,
                      float *scratch);
size_t co_outer_size(size_t n_g, size_t n_a, size_t n_b); /* n_a, n_b: of the factors a; 0: none */

/* One side of a product of two such sums: rows of left or, where index is not NULL, of a 1 at
 * index[t], and right. */
typedef struct {
    size_t rows;
    const int32_t *index;
    const float *left, *right;
} co_outer_side;
/* The product, entry by entry, of the sums over t of left_t right_t' of two sides: the sum over t
 * of one, s of the other of (left_t . left_s) (right_t . right_s). scratch: co_outer_size(n_left,
 * n_right, 0). Local. */
double co_outer_cross(const co_kernels *fast, size_t n_left, size_t n_right,
                      const co_outer_side *one, const co_outer_side *other, float *scratch);
/* Sum of squares of a row, in CO_LANES lanes. */
double co_outer_row(size_t n, const float *x);
