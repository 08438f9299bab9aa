/* models/layers/conv_winograd.h - 3x3 and 5x5 convolution with stride 1 by Winograd's F(4x4, 3x3)
 * and F(2x2, 5x5): a fast form of conv_direct.c. */
#pragma once
#include "models/layers/conv_direct.h"

/* True when the layer is one that gains: channels-last input, 3x3 or 5x5, stride 1, at least one
 * whole tile. */
bool co_conv_winograd_fits(const co_conv_direct *v);
enum { CO_WINOGRAD_POINTS = 36 };
/* So many floats or a few more: an odd number of lines of the cache, so that the 36 points of a
 * tile do not fall into one set. */
size_t co_conv_winograd_apart(size_t floats);
/* The tiles of one image, without u_at, m_at and v_at; pixels of x with padding and filling for
 * them. */
co_winograd co_conv_winograd_tiles(const co_conv_direct *v);
size_t co_conv_winograd_pixels(const co_winograd *g);
/* x so, in image unless there is nothing to add; what is not x there has to be zero. And back,
 * without the rim. */
const float *co_conv_winograd_pad(const co_conv_direct *v, const co_winograd *g, const float *x,
                                  float *image);
void co_conv_winograd_unpad(const co_conv_direct *v, const co_winograd *g, const float *padded,
                            float *dx);
size_t co_conv_winograd_memory(const co_conv_direct *v);
/* As co_conv_direct_forward and co_conv_direct_backward. */
void co_conv_winograd_forward(const co_conv_direct *v, co_conv_part part, co_conv_weights weights,
                              const float *x, float *y, float *memory);
void co_conv_winograd_backward(const co_conv_direct *v, co_conv_part part, const float *weight,
                               const float *x, const float *dy, const float *scale, float *dx,
                               co_conv_target target, float *memory);
