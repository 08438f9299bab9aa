/* privacy/mechanisms/bound.h - contributions as integers on a grid, and their norm bounded for
 * certain. All calls are Local. */
#pragma once
#include "core/exact.h"
#include "privacy/mechanisms/mechanism.h"

/* The grid of one round. step is a power of two that does not depend on the data. */
typedef struct {
    double clip, step;
    double bound; /* clip / step: no contribution's norm is above it */
    double scale; /* of the noise, in steps: in [2^20, 2^21]; 0: no noise, and no grid either */
} co_grid;

/* multiplier: scale of the noise / clip. A mechanism that is exact gets a whole scale, rounded up.
 * CO_EUSAGE when n_most contributions and the noise could pass 2^62, or a contribution 2^51, naming
 * the multiplier. */
co_status co_grid_make(const co_mechanism *mechanism, double clip, double multiplier, double n_most,
                       co_grid *grid);

/* L1 norm of u[n]; the same bits on every instruction set. */
double co_norm_l1(const float *u, size_t n);
/* The factor that brings a norm below the clip: min(1, clip / norm). */
double co_clip_factor(double clip, double norm);
/* sum[j] += q[j] = trunc(scale u[j]), the contribution weight u / step clipped: the norm of q is at
 * most bound, exactly, over all slices together. Returns the scale. norm: of u, in the mechanism's
 * kind of norm; an error beyond rounding is paid for with time, one of 2 x is a bug. u finite,
 * weight in [0, 1], grid->scale > 0. */
double co_add_bounded(const co_mechanism *mechanism, const co_grid *grid, const float *u,
                      double norm, double weight, const co_sum_slice *slice, size_t n_slices);

/* The next clip: clip e^(-rate (fraction - quantile)), fraction of the contributions that were not
 * above the clip. */
double co_adapted_clip(double clip, double fraction, double quantile, double rate);
