/* models/layers/conv_direct.h - convolution on images that stand channels-last: the fast form of
 * conv2d.c, which is its reference. */
#pragma once
#include "models/layers/window.h"

typedef struct {
    const co_window *w; /* w->fast is not NULL; out has lanes; in may be planes or channels-last */
    size_t n_out;
    size_t c_in, c_out;        /* floats of a pixel: of the padded copy of x, and of y */
    size_t padded_h, padded_w; /* of x with its padding */
    size_t spread_h, spread_w; /* of dy with zeros between and around */
} co_conv_direct;

/* Images of a batch that comes in parts. What the passes keep from one part to the next lies in
 * their memory: weights are turned when the first part begins, the gradient is added to its target
 * when the last one ends. */
typedef struct {
    size_t rows;
    bool begins, ends;
} co_conv_part;

/* weight[o][c][i][j], bias[o]; bias NULL: none. */
typedef struct {
    const float *weight, *bias;
} co_conv_weights;
/* Both += factor times their gradients. weight NULL: not wanted. each: floats from one image's
 * target to the next: weight[i][j][c][o] and bias[c_out] with their padding, = the gradient; 0: one
 * for all. */
typedef struct {
    float *weight, *bias, factor;
    size_t each;
} co_conv_target;

/* Steps that conv_winograd.c shares: W[i][j][c][o] and W[i][j][o][c] from weight, zeros for padding
 * channels; bias, or zeros, as start[c_out]; and target.weight[o][c][i][j] += factor
 * sum[i][j][c][o] by way of as much scratch, target.bias[o] += factor bias_sum[o]. */
void co_conv_turn_weights(const co_conv_direct *v, const float *weight, float *turned);
void co_conv_exchange_weights(const co_conv_direct *v, const float *weight, float *exchanged);
void co_conv_start(const co_conv_direct *v, const float *bias, float *start);
void co_conv_finish(const co_conv_direct *v, const float *sum, const float *bias_sum,
                    co_conv_target target, float *scratch);
size_t co_conv_weights_size(const co_conv_direct *v); /* floats of W[i][j][c][o] */
/* sum[c_out] += factor times the pixels of dy[rows]. */
void co_conv_add_pixels(const co_conv_direct *v, size_t n_pixels, const float *dy, float factor,
                        float *sum);

co_conv_direct co_conv_direct_of(const co_window *w, size_t n_out);
/* Floats that the passes work with. Overflow is the caller's concern (co_size_multiply). */
size_t co_conv_direct_memory(const co_conv_direct *v);
void co_conv_direct_forward(const co_conv_direct *v, co_conv_part part, co_conv_weights weights,
                            const float *x, float *y, float *memory);
/* dx unless NULL, from weight; the target's gradient; scale[rows] a factor per image, or NULL. */
void co_conv_direct_backward(const co_conv_direct *v, co_conv_part part, const float *weight,
                             const float *x, const float *dy, const float *scale, float *dx,
                             co_conv_target target, float *memory);
