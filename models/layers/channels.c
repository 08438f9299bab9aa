/* models/layers/channels.c - passes over rows with a number for each channel.
 *
 * Channels-last, and for rows of features, the loop over the channels of a pixel is a vector loop,
 * and sums take four pixels at a time: the chain of additions to one sum is what takes the time.
 * Planes, which the fast paths only meet before the first convolution, are summed up in double.
 * Cost: one pass each. */
#include "models/layers/channels.h"
#include "core/clones.h"
#include <string.h>

static size_t pixels_of(const co_shape *shape)
{
    return shape->ndim == 3 ? shape->dim[1] * shape->dim[2] : 1;
}

static bool is_last(const co_shape *shape)
{
    return shape->lanes || shape->ndim == 1;
}

CO_CLONES static void channels_sum(size_t pixels, size_t n, const float *restrict x,
                                   float *restrict sum)
{
    size_t p = 0;
    memset(sum, 0, n * sizeof *sum);
    for (; p + 4 <= pixels; p += 4, x += 4 * n)
        for (size_t c = 0; c < n; c++) sum[c] += (x[c] + x[n + c]) + (x[2 * n + c] + x[3 * n + c]);
    for (; p < pixels; p++, x += n)
        for (size_t c = 0; c < n; c++) sum[c] += x[c];
}

void co_channels_sum(const co_shape *shape, const float *x, float *sum)
{
    const size_t pixels = pixels_of(shape);
    if (is_last(shape)) {
        channels_sum(pixels, co_shape_channels(shape), x, sum);
        return;
    }
    for (size_t c = 0; c < shape->dim[0]; c++, x += pixels) {
        double total = 0.0;
        for (size_t p = 0; p < pixels; p++) total += (double)x[p];
        sum[c] = (float)total;
    }
}

CO_INLINE float square(float x)
{
    return x * x;
}

CO_CLONES static void channels_square_sum(size_t pixels, size_t n, const float *restrict x,
                                          const float *restrict mean, float *restrict sum)
{
    size_t p = 0;
    memset(sum, 0, n * sizeof *sum);
    for (; p + 4 <= pixels; p += 4, x += 4 * n)
        for (size_t c = 0; c < n; c++)
            sum[c] += (square(x[c] - mean[c]) + square(x[n + c] - mean[c])) +
                      (square(x[2 * n + c] - mean[c]) + square(x[3 * n + c] - mean[c]));
    for (; p < pixels; p++, x += n)
        for (size_t c = 0; c < n; c++) sum[c] += square(x[c] - mean[c]);
}

void co_channels_square_sum(const co_shape *shape, const float *x, const float *mean, float *sum)
{
    const size_t pixels = pixels_of(shape);
    if (is_last(shape)) {
        channels_square_sum(pixels, co_shape_channels(shape), x, mean, sum);
        return;
    }
    for (size_t c = 0; c < shape->dim[0]; c++, x += pixels) {
        double total = 0.0;
        for (size_t p = 0; p < pixels; p++) total += (double)square(x[p] - mean[c]);
        sum[c] = (float)total;
    }
}

CO_CLONES static void channels_dot(size_t pixels, size_t n, const float *restrict x,
                                   const float *restrict mean, const float *restrict dy,
                                   float *restrict sum, float *restrict dot)
{
    size_t p = 0;
    memset(sum, 0, n * sizeof *sum);
    memset(dot, 0, n * sizeof *dot);
    for (; p + 4 <= pixels; p += 4, x += 4 * n, dy += 4 * n)
        for (size_t c = 0; c < n; c++) {
            sum[c] += (dy[c] + dy[n + c]) + (dy[2 * n + c] + dy[3 * n + c]);
            dot[c] += (dy[c] * (x[c] - mean[c]) + dy[n + c] * (x[n + c] - mean[c])) +
                      (dy[2 * n + c] * (x[2 * n + c] - mean[c]) +
                       dy[3 * n + c] * (x[3 * n + c] - mean[c]));
        }
    for (; p < pixels; p++, x += n, dy += n)
        for (size_t c = 0; c < n; c++) {
            sum[c] += dy[c];
            dot[c] += dy[c] * (x[c] - mean[c]);
        }
}

void co_channels_dot(const co_shape *shape, const float *x, const float *mean, const float *dy,
                     float *sum, float *dot)
{
    const size_t pixels = pixels_of(shape);
    if (is_last(shape)) {
        channels_dot(pixels, co_shape_channels(shape), x, mean, dy, sum, dot);
        return;
    }
    for (size_t c = 0; c < shape->dim[0]; c++, x += pixels, dy += pixels) {
        double total = 0.0, product = 0.0;
        for (size_t p = 0; p < pixels; p++) {
            total += (double)dy[p];
            product += (double)dy[p] * (double)(x[p] - mean[c]);
        }
        sum[c] = (float)total;
        dot[c] = (float)product;
    }
}

CO_CLONES static void channels_scale(size_t pixels, size_t n, const float *restrict x,
                                     const float *restrict mean, const float *restrict factor,
                                     const float *restrict start, float *restrict y)
{
    for (size_t p = 0; p < pixels; p++, x += n, y += n)
        for (size_t c = 0; c < n; c++) y[c] = (x[c] - mean[c]) * factor[c] + start[c];
}

CO_CLONES static void plane_scale(size_t pixels, const float *restrict x, float mean, float factor,
                                  float start, float *restrict y)
{
    for (size_t p = 0; p < pixels; p++) y[p] = (x[p] - mean) * factor + start;
}

void co_channels_scale(const co_shape *shape, const float *x, const float *mean,
                       const float *factor, const float *start, float *y)
{
    const size_t pixels = pixels_of(shape), n = co_shape_channels(shape);
    if (is_last(shape)) channels_scale(pixels, n, x, mean, factor, start, y);
    for (size_t c = 0; !is_last(shape) && c < n; c++)
        plane_scale(pixels, x + c * pixels, mean[c], factor[c], start[c], y + c * pixels);
}

CO_CLONES static void channels_back(size_t pixels, size_t n, const float *restrict x,
                                    const float *restrict mean, const float *restrict dy,
                                    const float *restrict a, const float *restrict b,
                                    const float *restrict d, float *restrict dx)
{
    for (size_t p = 0; p < pixels; p++, x += n, dy += n, dx += n)
        for (size_t c = 0; c < n; c++) dx[c] = dy[c] * a[c] - (x[c] - mean[c]) * b[c] - d[c];
}

CO_CLONES static void plane_back(size_t pixels, const float *restrict x, float mean,
                                 const float *restrict dy, float a, float b, float d,
                                 float *restrict dx)
{
    for (size_t p = 0; p < pixels; p++) dx[p] = dy[p] * a - (x[p] - mean) * b - d;
}

void co_channels_back(const co_shape *shape, const float *x, const float *mean, const float *dy,
                      const float *a, const float *b, const float *d, float *dx)
{
    const size_t pixels = pixels_of(shape), n = co_shape_channels(shape);
    if (is_last(shape)) channels_back(pixels, n, x, mean, dy, a, b, d, dx);
    for (size_t c = 0; !is_last(shape) && c < n; c++)
        plane_back(pixels, x + c * pixels, mean[c], dy + c * pixels, a[c], b[c], d[c],
                   dx + c * pixels);
}

void co_channels_fill(const co_shape *shape, const float *value, float *y)
{
    const size_t pixels = pixels_of(shape), n = co_shape_channels(shape);
    for (size_t p = 0; is_last(shape) && p < pixels; p++) memcpy(y + p * n, value, n * sizeof *y);
    for (size_t c = 0; !is_last(shape) && c < n; c++)
        for (size_t p = 0; p < pixels; p++) y[c * pixels + p] = value[c];
}
