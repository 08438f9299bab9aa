/* models/layers/conv_wide.h - convolution between many channels: a form of conv_direct.c in which a
 * block of the weights serves all images of a batch. */
#pragma once
#include "models/layers/conv_direct.h"

/* True when the layer is one that gains: channels-last input, windows of at most 5 x 5, and weights
 * that would not stay in the second cache from one image to the next. */
bool co_conv_wide_fits(const co_conv_direct *v);
/* Floats of scratch for that many images. */
size_t co_conv_wide_memory(const co_conv_direct *v, size_t rows);
/* As co_conv_direct_forward and co_conv_direct_backward, of a whole batch at once. */
void co_conv_wide_forward(const co_conv_direct *v, size_t rows, co_conv_weights weights,
                          const float *x, float *y, float *scratch);
void co_conv_wide_backward(const co_conv_direct *v, size_t rows, const float *weight,
                           const float *x, const float *dy, const float *scale, float *dx,
                           co_conv_target target, float *scratch);
