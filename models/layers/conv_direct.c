/* models/layers/conv_direct.c - direct convolution: every pass is one batch-reduce product (kernels.h) per row of pixels, with
 * no matrix of windows.
 *
 * Channels-last, the k c floats that a row of a window sees lie side by side. With X the image with its padding:
 *   y[r][q][o]     = b[o] + sum over i < k, j < k c: X[r s + i][q s c + j] W[i][j][o]
 *   dx[h][u][c]    = sum over i < k, j < k o: D[h + i][u o + j] V[i][j][c], D = dy with s - 1 zeros between its pixels and
 *                    k - 1 - pad before them, V = W with its taps reversed and channels exchanged
 *   dW[i][j][o]   += scale sum over pixels (r, q): X[r s + i][q s c + j] dy[r][q][o]
 * The weights are turned into W or V once a batch. Strides above 1 cost dx s s times what it needs. Scratch: one image with
 * padding, the weights. Source: Georganas et al., IPDPS 2020 (convolutions by batch-reduce products). */
#include "models/layers/conv_direct.h"
#include <string.h>

enum { MOST_KERNEL = 255 };

co_conv_direct co_conv_direct_of(const co_window *w, size_t n_out)
{
    co_conv_direct v = {.w = w, .n_out = n_out, .c_in = co_shape_channels(&w->in), .c_out = co_shape_channels(&w->out)};
    if (!w->in.lanes) v.c_in = w->channels;
    v.padded_h = (w->out_height - 1) * w->stride + w->kernel;
    v.padded_w = (w->out_width - 1) * w->stride + w->kernel;
    if (v.padded_h < w->height) v.padded_h = w->height; /* rows that no window reaches */
    if (v.padded_w < w->width) v.padded_w = w->width;
    v.spread_h = w->height + w->kernel - 1;
    v.spread_w = w->width + w->kernel - 1;
    return v;
}

static size_t weights(const co_conv_direct *v)
{
    return v->w->kernel * v->w->kernel * v->c_in * v->c_out;
}

static size_t largest(size_t a, size_t b)
{
    return a > b ? a : b;
}

size_t co_conv_direct_scratch(const co_conv_direct *v)
{
    const size_t image = largest(v->padded_h * v->padded_w * v->c_in, v->spread_h * v->spread_w * v->c_out);
    return weights(v) + image + v->w->height * v->w->width * v->c_in + v->c_out;
}

/* X of one image: x itself when there is nothing to add. */
static const float *pad_image(const co_conv_direct *v, const float *x, float *copy)
{
    const co_window *w = v->w;
    const size_t c = v->c_in, row = v->padded_w * c;
    const bool bare = w->pad == 0 && v->padded_h == w->height && v->padded_w == w->width;
    if (bare && (w->in.lanes || c == 1)) return x;
    if (!bare) memset(copy, 0, v->padded_h * row * sizeof *copy);
    for (size_t h = 0; h < w->height; h++) {
        float *to = copy + (h + w->pad) * row + w->pad * c;
        if (w->in.lanes)
            memcpy(to, x + h * w->width * c, w->width * c * sizeof *to);
        else
            w->fast->transpose(c, w->width, x + h * w->width, w->height * w->width, to, c);
    }
    return copy;
}

void co_conv_turn_weights(const co_conv_direct *v, const float *params, float *turned)
{
    const size_t taps = v->w->kernel * v->w->kernel, channels = v->w->channels;
    if (v->c_in > channels || v->c_out > v->n_out) memset(turned, 0, weights(v) * sizeof *turned);
    for (size_t t = 0; t < taps; t++)
        for (size_t c = 0; c < channels; c++) {
            float *to = turned + (t * v->c_in + c) * v->c_out;
            for (size_t o = 0; o < v->n_out; o++) to[o] = params[(o * channels + c) * taps + t];
        }
}

/* V[i][j][o][c] from params [o][c][k - 1 - i][k - 1 - j]. */
static void reverse_weights(const co_conv_direct *v, const float *params, float *reversed)
{
    const size_t taps = v->w->kernel * v->w->kernel, channels = v->w->channels;
    if (v->c_in > channels || v->c_out > v->n_out) memset(reversed, 0, weights(v) * sizeof *reversed);
    for (size_t t = 0; t < taps; t++)
        for (size_t o = 0; o < v->n_out; o++) {
            float *to = reversed + (t * v->c_out + o) * v->c_in;
            for (size_t c = 0; c < channels; c++) to[c] = params[(o * channels + c) * taps + taps - 1 - t];
        }
}

void co_conv_add_weights(const co_conv_direct *v, const float *sum, float factor, float *grad)
{
    const size_t taps = v->w->kernel * v->w->kernel, channels = v->w->channels;
    for (size_t o = 0; o < v->n_out; o++)
        for (size_t c = 0; c < channels; c++)
            for (size_t t = 0; t < taps; t++)
                grad[(o * channels + c) * taps + t] += factor * sum[(t * v->c_in + c) * v->c_out + o];
}

void co_conv_add_pixels(const co_conv_direct *v, size_t n_pixels, const float *dy, float factor, float *sum)
{
    const float one = 1.0f;
    v->w->fast->product(&(co_product){.rows = 1, .cols = v->c_out, .depth = n_pixels, .n_segments = 1, .a = &one, .b = dy,
                                      .b_step = v->c_out, .c = sum, .add = true, .factor = factor});
}

static void start_with_bias(const co_conv_direct *v, const float *bias, float *y)
{
    for (size_t p = 0; p < v->w->out_height * v->w->out_width; p++, y += v->c_out) {
        memcpy(y, bias, v->n_out * sizeof *y);
        if (v->c_out > v->n_out) memset(y + v->n_out, 0, (v->c_out - v->n_out) * sizeof *y);
    }
}

static void fill_steps(size_t n, size_t step, size_t *at)
{
    for (size_t i = 0; i < n; i++) at[i] = i * step;
}

void co_conv_direct_forward(const co_conv_direct *v, size_t rows, const float *params, const float *x, float *y,
                            float *scratch)
{
    const co_window *w = v->w;
    const float *bias = params + v->n_out * w->channels * w->kernel * w->kernel;
    float *turned = scratch, *copy = scratch + weights(v);
    size_t a_at[MOST_KERNEL], b_at[MOST_KERNEL];
    const size_t image = co_shape_size(&w->in), row = w->out_width * v->c_out;
    co_product p = {.rows = w->out_width, .cols = v->c_out, .depth = w->kernel * v->c_in, .n_segments = w->kernel,
                    .b = turned, .a_at = a_at, .b_at = b_at, .a_row = w->stride * v->c_in, .a_step = 1, .b_step = v->c_out,
                    .c_row = v->c_out, .add = true, .factor = 1.0f};
    fill_steps(w->kernel, v->padded_w * v->c_in, a_at);
    fill_steps(w->kernel, p.depth * v->c_out, b_at);
    co_conv_turn_weights(v, params, turned);
    for (size_t e = 0; e < rows; e++, x += image, y += w->out_height * row) {
        const float *padded = pad_image(v, x, copy);
        start_with_bias(v, bias, y);
        for (size_t r = 0; r < w->out_height; r++) {
            p.a = padded + r * w->stride * v->padded_w * v->c_in;
            p.c = y + r * row;
            w->fast->product(&p);
        }
    }
}

/* D of one image. */
static void spread_image(const co_conv_direct *v, const float *dy, float *spread)
{
    const co_window *w = v->w;
    const size_t before = w->kernel - 1 - w->pad, c = v->c_out;
    memset(spread, 0, v->spread_h * v->spread_w * c * sizeof *spread);
    for (size_t r = 0; r < w->out_height; r++) {
        float *to = spread + ((r * w->stride + before) * v->spread_w + before) * c;
        if (w->stride == 1) {
            memcpy(to, dy, w->out_width * c * sizeof *to);
            dy += w->out_width * c;
        } else {
            for (size_t q = 0; q < w->out_width; q++, dy += c) memcpy(to + q * w->stride * c, dy, c * sizeof *to);
        }
    }
}

void co_conv_direct_backward_input(const co_conv_direct *v, size_t rows, const float *params, const float *dy, float *dx,
                                   float *scratch)
{
    const co_window *w = v->w;
    float *reversed = scratch, *spread = scratch + weights(v), *pixels = spread + v->spread_h * v->spread_w * v->c_out;
    size_t a_at[MOST_KERNEL], b_at[MOST_KERNEL];
    const size_t row = w->width * v->c_in, n_pixels = w->height * w->width;
    const bool direct = w->in.lanes || v->c_in == 1; /* else dx is turned into planes */
    co_product p = {.rows = w->width, .cols = v->c_in, .depth = w->kernel * v->c_out, .n_segments = w->kernel,
                    .b = reversed, .a_at = a_at, .b_at = b_at, .a_row = v->c_out, .a_step = 1, .b_step = v->c_in,
                    .c_row = v->c_in};
    fill_steps(w->kernel, v->spread_w * v->c_out, a_at);
    fill_steps(w->kernel, p.depth * v->c_in, b_at);
    reverse_weights(v, params, reversed);
    for (size_t e = 0; e < rows; e++, dx += w->height * row, dy += w->out_height * w->out_width * v->c_out) {
        spread_image(v, dy, spread);
        for (size_t h = 0; h < w->height; h++) {
            p.a = spread + h * v->spread_w * v->c_out;
            p.c = (direct ? dx : pixels) + h * row;
            w->fast->product(&p);
        }
        if (!direct) w->fast->transpose(n_pixels, v->c_in, pixels, v->c_in, dx, n_pixels);
    }
}

void co_conv_direct_backward_params(const co_conv_direct *v, size_t rows, const float *x, const float *dy,
                                    const float *scale, float *grad, float *scratch)
{
    const co_window *w = v->w;
    const size_t depth = w->kernel * v->c_in, n_pixels = w->out_height * w->out_width;
    float *sum = scratch, *copy = scratch + weights(v), *bias_sum = copy + v->padded_h * v->padded_w * v->c_in;
    float *bias = grad + v->n_out * w->channels * w->kernel * w->kernel;
    co_product p = {.rows = depth, .cols = v->c_out, .depth = w->out_width, .a_row = 1, .a_step = w->stride * v->c_in,
                    .b_step = v->c_out, .c_row = v->c_out, .add = true, .n_segments = 1};
    memset(sum, 0, weights(v) * sizeof *sum);
    memset(bias_sum, 0, v->c_out * sizeof *bias_sum);
    for (size_t e = 0; e < rows; e++, x += co_shape_size(&w->in), dy += n_pixels * v->c_out) {
        const float *padded = pad_image(v, x, copy);
        p.factor = scale ? scale[e] : 1.0f;
        co_conv_add_pixels(v, n_pixels, dy, p.factor, bias_sum);
        for (size_t r = 0; r < w->out_height; r++)
            for (size_t i = 0; i < w->kernel; i++) {
                p.a = padded + (r * w->stride + i) * v->padded_w * v->c_in;
                p.b = dy + r * w->out_width * v->c_out;
                p.c = sum + i * depth * v->c_out;
                w->fast->product(&p);
            }
    }
    co_conv_add_weights(v, sum, 1.0f, grad);
    for (size_t o = 0; o < v->n_out; o++) bias[o] += bias_sum[o];
}
