/* aggregators/updates.h - what rules of the form `all` share: sums and distances over rows of
 * updates whose bits depend neither on the order of the devices nor on the number of ranks. */
#pragma once
#include "aggregators/aggregator.h"
#include "core/exact.h"

/* out[n] = sum_i a_i (row_i - centre); centre NULL: 0. Exact but for the rounding of each term:
 * terms of a coordinate are rounded to a common step, n_rows 2^-51 of the largest, and then added
 * without error. out may be centre. Local. */
void co_rows_sum(const co_updates *in, const double *a, const double *centre, double *out);

/* distance[i] = |row_i - centre|_2 over all coordinates of the model. sums: [n_rows] scratch.
 * Collective(in->comm). */
void co_rows_distances(const co_updates *in, const double *centre, co_scalar *sums,
                       double *distance);

/* How many pairs are summed at a time. */
enum { CO_PAIRS = 1024 };
/* square[i * n_rows + k] = |row_i - row_k|^2 over all coordinates, symmetric, 0 on the diagonal.
 * sums: [CO_PAIRS] scratch. Collective(in->comm). */
void co_rows_pair_squares(const co_updates *in, co_scalar *sums, double *square);

/* Calls visit for tiles of at most CO_TILE coordinates: values [n_rows][CO_TILE], each coordinate's
 * ascending over the rows. tile: [n_rows * CO_TILE] scratch. Local. */
enum { CO_TILE = 64 };
typedef void co_tile_visit(const void *context, const float *values, size_t n_rows, size_t n,
                           double *out);
void co_rows_sorted(const co_updates *in, float *tile, co_tile_visit *visit, const void *context,
                    double *update);
