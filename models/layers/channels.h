/* models/layers/channels.h - passes over one row, an image in either layout or features (one
 * pixel), with a number for each channel; [channels] with padding. The same bits on every
 * instruction set. All calls are Local and allocate nothing. */
#pragma once
#include "models/batch.h"

/* sum[c] = the pixels of x. */
void co_channels_sum(const co_shape *shape, const float *x, float *sum);
/* sum[c] = over pixels of (x - mean[c])^2. */
void co_channels_square_sum(const co_shape *shape, const float *x, const float *mean, float *sum);
/* sum[c] = over pixels of dy; dot[c] = over pixels of dy (x - mean[c]). */
void co_channels_dot(const co_shape *shape, const float *x, const float *mean, const float *dy,
                     float *sum, float *dot);
/* y = (x - mean[c]) factor[c] + start[c] */
void co_channels_scale(const co_shape *shape, const float *x, const float *mean,
                       const float *factor, const float *start, float *y);
/* dx = dy a[c] - (x - mean[c]) b[c] - d[c] */
void co_channels_back(const co_shape *shape, const float *x, const float *mean, const float *dy,
                      const float *a, const float *b, const float *d, float *dx);
/* y = value[c] */
void co_channels_fill(const co_shape *shape, const float *value, float *y);
