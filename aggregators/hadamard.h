/* aggregators/hadamard.h - a random rotation of what travels of an update, block by block of the
 * grid: it spreads every block's norm evenly over its coordinates.
 *
 * The shared coordinates of a block of CO_BLOCK are gathered and cut into powers of two, the
 * largest first; each piece gets random signs and an orthonormal Walsh-Hadamard transform. Nothing
 * is padded, so that nothing more travels, and a piece of s coordinates is flat to 1 / sqrt(s).
 * Blocks have one owner: the sum is rotated back on each rank's slice. Signs are a function of
 * (seed, step, block): the same for all devices of a step. The same bits on every instruction set.
 * Source: Suresh et al. 2017, arXiv:1611.00429; Kairouz et al. 2021, arXiv:2102.06387, section 4.
 * Local. */
#pragma once
#include "models/model.h"

/* x[n], n a power of two: x = H x / sqrt(n), its own inverse. */
void co_hadamard(double *x, size_t n);
/* The largest power of two that is not above n >= 1: where the next piece ends. */
size_t co_hadamard_piece(size_t n);
/* x[n], n <= CO_BLOCK: the coordinates of one block, there and back. */
void co_rotate_block(uint64_t seed, int64_t step, uint64_t block, double *x, size_t n);
void co_unrotate_block(uint64_t seed, int64_t step, uint64_t block, double *x, size_t n);

/* The shared coordinates among [from, to) of the vector, of values whose first is that of `from`:
 * their number returned. And back to their places. */
size_t co_block_gather(const co_layout *layout, size_t from, size_t to, const double *values,
                       double *shared);
void co_block_scatter(const co_layout *layout, size_t from, size_t to, const double *shared,
                      double *values);

/* An update of layout->n floats, rotated in place and multiplied by `scale` (in double, before it
 * is float again). */
void co_rotate(const co_layout *layout, uint64_t seed, int64_t step, double scale, float *update);
/* Values of the parts of a slice (whole blocks), rotated back in place. */
void co_unrotate(const co_layout *layout, const co_part *part, size_t n_parts, uint64_t seed,
                 int64_t step, double *values);
