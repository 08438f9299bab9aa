/* models/layers/conv_direct.c - direct convolution: every pass is one batch-reduce product
 * (kernels.h) per row of pixels, with no matrix of windows.
 *
 * Channels-last, the k c floats that a row of a window sees lie side by side. With X the image with
 * its padding: y[r][q][o]     = b[o] + sum over i < k, j < k c: X[r s + i][q s c + j] W[i][j][o]
 *   dx[h][u][c]    = sum over i < k, j < k o: D[h + i][u o + j] V[i][j][c], D = dy with s - 1 zeros
 * between its pixels and k - 1 - pad before them, V = W with its taps reversed and channels
 * exchanged dW[i][j][o]   += scale sum over pixels (r, q): X[r s + i][q s c + j] dy[r][q][o] The
 * weights are turned into W or V once a batch. Strides above 1 cost dx s s times what it needs.
 * Memory: one image with padding, twice the weights. Source: Georganas et al., IPDPS 2020
 * (convolutions by batch-reduce products). */
#include "models/layers/conv_direct.h"
#include "core/clones.h"
#include "core/vector.h"
#include <string.h>

/* Most taps of a window's side; columns of a product; floats of a piece of B, which stays in the
 * first cache; rows in one sum. */
enum { MOST_KERNEL = 255, COLUMNS = 32, PIECE = 6144, MOST_ROWS = 64 };

co_conv_direct co_conv_direct_of(const co_window *w, size_t n_out)
{
    co_conv_direct v = {.w = w,
                        .n_out = n_out,
                        .c_in = co_shape_channels(&w->in),
                        .c_out = co_shape_channels(&w->out)};
    if (!w->in.lanes) v.c_in = w->channels;
    v.padded_h = (w->out_height - 1) * w->stride + w->kernel;
    v.padded_w = (w->out_width - 1) * w->stride + w->kernel;
    if (v.padded_h < w->height + w->pad)
        v.padded_h = w->height + w->pad; /* rows that no window reaches */
    if (v.padded_w < w->width + w->pad) v.padded_w = w->width + w->pad;
    v.spread_h = w->height + w->kernel - 1;
    v.spread_w = w->width + w->kernel - 1;
    return v;
}

static size_t weights(const co_conv_direct *v)
{
    return v->w->kernel * v->w->kernel * v->c_in * v->c_out;
}

size_t co_conv_weights_size(const co_conv_direct *v)
{
    return weights(v);
}

static size_t largest(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t smallest(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The copy of an image, x or dy, rounded so that what follows it stays aligned. */
static size_t image_floats(const co_conv_direct *v)
{
    const size_t image =
        largest(v->padded_h * v->padded_w * v->c_in, v->spread_h * v->spread_w * v->c_out);
    return (image + 15) / 16 * 16;
}

/* What the passes work with. turned, sum and bias stay over the parts of a batch. */
typedef struct {
    float *turned, *sum, *bias, *image, *pixels;
} memory;

static memory cut(const co_conv_direct *v, float *base)
{
    memory m = {.turned = base};
    m.sum = m.turned + weights(v);
    m.bias = m.sum + weights(v);
    m.image = m.bias + v->c_out;
    m.pixels = m.image + image_floats(v);
    return m;
}

size_t co_conv_direct_memory(const co_conv_direct *v)
{
    return 2 * weights(v) + v->c_out + image_floats(v) + v->w->height * v->w->width * v->c_in;
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

void co_conv_turn_weights(const co_conv_direct *v, const float *weight, float *turned)
{
    const size_t taps = v->w->kernel * v->w->kernel, channels = v->w->channels;
    if (v->c_in > channels || v->c_out > v->n_out) memset(turned, 0, weights(v) * sizeof *turned);
    for (size_t c = 0; c < channels; c++)
        v->w->fast->transpose(v->n_out, taps, weight + c * taps, channels * taps,
                              turned + c * v->c_out, v->c_in * v->c_out);
}

void co_conv_exchange_weights(const co_conv_direct *v, const float *weight, float *exchanged)
{
    const size_t taps = v->w->kernel * v->w->kernel, channels = v->w->channels;
    if (v->c_in > channels || v->c_out > v->n_out)
        memset(exchanged, 0, weights(v) * sizeof *exchanged);
    for (size_t o = 0; o < v->n_out; o++)
        v->w->fast->transpose(channels, taps, weight + o * channels * taps, taps,
                              exchanged + o * v->c_in, v->c_out * v->c_in);
}

/* V[i][j][o][c] from weight [o][c][k - 1 - i][k - 1 - j]. */
static void reverse_weights(const co_conv_direct *v, const float *weight, float *reversed)
{
    const size_t taps = v->w->kernel * v->w->kernel, n = v->c_in * v->c_out;
    co_conv_exchange_weights(v, weight, reversed);
    for (size_t t = 0; t < taps / 2; t++)
        for (size_t i = 0; i < n; i++) {
            float *a = reversed + t * n + i, *b = reversed + (taps - 1 - t) * n + i, kept = *a;
            *a = *b;
            *b = kept;
        }
}

void co_conv_start(const co_conv_direct *v, const float *bias, float *start)
{
    memset(start, 0, v->c_out * sizeof *start);
    if (bias) memcpy(start, bias, v->n_out * sizeof *start);
}

void co_conv_finish(const co_conv_direct *v, const float *sum, const float *bias_sum,
                    co_conv_target target, float *scratch)
{
    const size_t taps = v->w->kernel * v->w->kernel, channels = v->w->channels;
    for (size_t c = 0; c < channels; c++)
        v->w->fast->transpose(taps, v->n_out, sum + c * v->c_out, v->c_in * v->c_out,
                              scratch + c * taps, channels * taps);
    co_vector_add_scaled(target.weight, scratch, v->n_out * channels * taps, target.factor);
    if (target.bias) co_vector_add_scaled(target.bias, bias_sum, v->n_out, target.factor);
}

/* Four pixels at a time: the chain of additions to one sum is what takes the time. */
CO_CLONES static void conv_add_pixels(size_t n_pixels, size_t c, const float *restrict dy,
                                      float factor, float *restrict sum)
{
    size_t p = 0;
    for (; p + 4 <= n_pixels; p += 4, dy += 4 * c)
        for (size_t i = 0; i < c; i++)
            sum[i] += factor * ((dy[i] + dy[c + i]) + (dy[2 * c + i] + dy[3 * c + i]));
    for (; p < n_pixels; p++, dy += c)
        for (size_t i = 0; i < c; i++) sum[i] += factor * dy[i];
}

void co_conv_add_pixels(const co_conv_direct *v, size_t n_pixels, const float *dy, float factor,
                        float *sum)
{
    conv_add_pixels(n_pixels, v->c_out, dy, factor, sum);
}

static void fill_steps(size_t n, size_t step, size_t *at)
{
    for (size_t i = 0; i < n; i++) at[i] = i * step;
}

/* C_r = start + sum over segments A_r B, for n_rows rows of pixels whose A and C lie a_next and
 * c_next apart: B in pieces that all rows use while it is in the first cache. */
static void multiply_rows(const co_kernels *fast, const co_product *p, size_t n_rows, size_t a_next,
                          size_t c_next)
{
    const size_t depth = p->depth * COLUMNS > PIECE ? PIECE / COLUMNS : p->depth,
                 segments = PIECE / COLUMNS / depth;
    for (size_t c = 0; c < p->cols; c += COLUMNS)
        for (size_t s = 0; s < p->n_segments; s += segments)
            for (size_t k = 0; k < p->depth; k += depth) {
                co_product q = *p;
                q.cols = smallest(COLUMNS, p->cols - c);
                q.n_segments = smallest(segments, p->n_segments - s);
                q.depth = smallest(depth, p->depth - k);
                q.a_at = p->a_at + s;
                q.b_at = p->b_at + s;
                q.add = s + k > 0;
                q.start = p->start && !q.add ? p->start + c : NULL;
                for (size_t r = 0; r < n_rows; r++) {
                    q.a = p->a + r * a_next + k * p->a_step;
                    q.b = p->b + k * p->b_step + c;
                    q.c = p->c + r * c_next + c;
                    fast->product(&q);
                }
            }
}

void co_conv_direct_forward(const co_conv_direct *v, co_conv_part part, co_conv_weights weights,
                            const float *x, float *y, float *base)
{
    const co_window *w = v->w;
    const memory m = cut(v, base);
    size_t a_at[MOST_KERNEL], b_at[MOST_KERNEL];
    const size_t image = co_shape_size(&w->in), row = w->out_width * v->c_out;
    co_product p = {.rows = w->out_width,
                    .cols = v->c_out,
                    .depth = w->kernel * v->c_in,
                    .n_segments = w->kernel,
                    .b = m.turned,
                    .a_at = a_at,
                    .b_at = b_at,
                    .a_row = w->stride * v->c_in,
                    .a_step = 1,
                    .b_step = v->c_out,
                    .c_row = v->c_out,
                    .start = m.bias,
                    .factor = 1.0f};
    fill_steps(w->kernel, v->padded_w * v->c_in, a_at);
    fill_steps(w->kernel, p.depth * v->c_out, b_at);
    if (part.begins) {
        co_conv_turn_weights(v, weights.weight, m.turned);
        co_conv_start(v, weights.bias, m.bias);
    }
    for (size_t e = 0; e < part.rows; e++, x += image, y += w->out_height * row) {
        p.a = pad_image(v, x, m.image);
        p.c = y;
        multiply_rows(w->fast, &p, w->out_height, w->stride * v->padded_w * v->c_in, row);
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
            for (size_t q = 0; q < w->out_width; q++, dy += c)
                memcpy(to + q * w->stride * c, dy, c * sizeof *to);
        }
    }
}

static void backward_input(const co_conv_direct *v, co_conv_part part, const memory *m,
                           const float *dy, float *dx)
{
    const co_window *w = v->w;
    size_t a_at[MOST_KERNEL], b_at[MOST_KERNEL];
    const size_t row = w->width * v->c_in, n_pixels = w->height * w->width;
    const bool direct = w->in.lanes || v->c_in == 1; /* else dx is turned into planes */
    co_product p = {.rows = w->width,
                    .cols = v->c_in,
                    .depth = w->kernel * v->c_out,
                    .n_segments = w->kernel,
                    .a = m->image,
                    .b = m->turned,
                    .a_at = a_at,
                    .b_at = b_at,
                    .a_row = v->c_out,
                    .a_step = 1,
                    .b_step = v->c_in,
                    .c_row = v->c_in,
                    .factor = 1.0f};
    fill_steps(w->kernel, v->spread_w * v->c_out, a_at);
    fill_steps(w->kernel, p.depth * v->c_in, b_at);
    for (size_t e = 0; e < part.rows;
         e++, dx += n_pixels * v->c_in, dy += w->out_height * w->out_width * v->c_out) {
        spread_image(v, dy, m->image);
        p.c = direct ? dx : m->pixels;
        multiply_rows(w->fast, &p, w->height, v->spread_w * v->c_out, row);
        if (!direct) w->fast->transpose(n_pixels, v->c_in, m->pixels, v->c_in, dx, n_pixels);
    }
}

/* sum[i][j][c][o] += factor times the gradient of one image. Rows of pixels follow one another in
 * one product, as many as leave dy in the first cache. */
static void add_image(const co_conv_direct *v, const float *padded, const float *dy, float factor,
                      float *sum)
{
    const co_window *w = v->w;
    const size_t depth = w->kernel * v->c_in, a_next = w->stride * v->padded_w * v->c_in,
                 b_next = w->out_width * v->c_out;
    const size_t most = PIECE / (w->out_width * COLUMNS),
                 n = most < 1 ? 1 : smallest(most, MOST_ROWS);
    size_t a_at[MOST_ROWS], b_at[MOST_ROWS];
    co_product p = {.rows = depth,
                    .cols = v->c_out,
                    .depth = w->out_width,
                    .a_at = a_at,
                    .b_at = b_at,
                    .a_row = 1,
                    .a_step = w->stride * v->c_in,
                    .b_step = v->c_out,
                    .c_row = v->c_out,
                    .add = true,
                    .factor = factor};
    fill_steps(n, a_next, a_at);
    fill_steps(n, b_next, b_at);
    for (size_t r = 0; r < w->out_height; r += n)
        for (size_t i = 0; i < w->kernel; i++) {
            p.n_segments = smallest(n, w->out_height - r);
            p.a = padded + r * a_next + i * v->padded_w * v->c_in;
            p.b = dy + r * b_next;
            p.c = sum + i * depth * v->c_out;
            w->fast->product(&p);
        }
}

static void backward_params(const co_conv_direct *v, co_conv_part part, const memory *m,
                            const float *x, const float *dy, const float *scale,
                            co_conv_target target)
{
    const size_t n_pixels = v->w->out_height * v->w->out_width;
    for (size_t e = 0; e < part.rows;
         e++, x += co_shape_size(&v->w->in), dy += n_pixels * v->c_out) {
        const float factor = scale ? scale[e] : 1.0f;
        float *sum = target.each ? target.weight + e * target.each : m->sum,
              *bias = target.each && target.bias ? target.bias + e * target.each : m->bias;
        if (target.each) memset(sum, 0, weights(v) * sizeof *sum);
        if (target.each) memset(bias, 0, v->c_out * sizeof *bias);
        co_conv_add_pixels(v, n_pixels, dy, factor, bias);
        add_image(v, pad_image(v, x, m->image), dy, factor, sum);
    }
}

void co_conv_direct_backward(const co_conv_direct *v, co_conv_part part, const float *weight,
                             const float *x, const float *dy, const float *scale, float *dx,
                             co_conv_target target, float *base)
{
    const memory m = cut(v, base);
    if (part.begins && dx) reverse_weights(v, weight, m.turned);
    if (part.begins) memset(m.sum, 0, (weights(v) + v->c_out) * sizeof *m.sum);
    if (dx) backward_input(v, part, &m, dy, dx);
    if (!target.weight) return;
    backward_params(v, part, &m, x, dy, scale, target);
    if (part.ends && !target.each) co_conv_finish(v, m.sum, m.bias, target, m.turned);
}
