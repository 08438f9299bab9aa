/* models/layers/conv_direct.h - convolution on images that stand channels-last: the fast form of conv2d.c, which is its
 * reference. */
#pragma once
#include "models/layers/window.h"

typedef struct {
    const co_window *w; /* w->fast is not NULL; out has lanes; in may be planes or channels-last */
    size_t n_out;
    size_t c_in, c_out;           /* floats of a pixel: of the padded copy of x, and of y */
    size_t padded_h, padded_w;    /* of x with its padding */
    size_t spread_h, spread_w;    /* of dy with zeros between and around */
} co_conv_direct;

/* Steps that conv_winograd.c shares: W[i][j][c][o] and W[i][j][o][c] from params [o][c][i][j], zeros for padding channels; and
 * grad[o][c][i][j] += factor sum[i][j][c][o], by way of as much scratch. */
void co_conv_turn_weights(const co_conv_direct *v, const float *params, float *turned);
void co_conv_exchange_weights(const co_conv_direct *v, const float *params, float *exchanged);
void co_conv_add_weights(const co_conv_direct *v, const float *sum, float factor, float *grad, float *scratch);
/* sum[c_out] += factor times the pixels of dy[rows]. */
void co_conv_add_pixels(const co_conv_direct *v, size_t n_pixels, const float *dy, float factor, float *sum);

co_conv_direct co_conv_direct_of(const co_window *w, size_t n_out);
/* Floats; the largest of the three passes. Overflow is the caller's concern (co_size_multiply). */
size_t co_conv_direct_scratch(const co_conv_direct *v);
void co_conv_direct_forward(const co_conv_direct *v, size_t rows, const float *params, const float *x, float *y,
                            float *scratch);
void co_conv_direct_backward_input(const co_conv_direct *v, size_t rows, const float *params, const float *dy, float *dx,
                                   float *scratch);
/* grad += the gradient; scale[rows] a factor per image. */
void co_conv_direct_backward_params(const co_conv_direct *v, size_t rows, const float *x, const float *dy,
                                    const float *scale, float *grad, float *scratch);
