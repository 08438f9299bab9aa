/* tests/models/test_conv2d.c - convolution against seven plain loops in double. */
#include "tests/harness.h"
#include "tests/models/build.h"

typedef struct {
    size_t n, c, h, w, out, k, stride, pad, oh, ow;
} sizes;

/* Index into x of the pixel under tap (i, j) of output (r, q), or -1 in the padding. */
static long pixel(const sizes *s, size_t e, size_t c, size_t r, size_t q, size_t i, size_t j)
{
    const long row = (long)(r * s->stride + i) - (long)s->pad,
               column = (long)(q * s->stride + j) - (long)s->pad;
    if (row < 0 || column < 0 || row >= (long)s->h || column >= (long)s->w) return -1;
    return (long)((e * s->c + c) * s->h * s->w) + row * (long)s->w + column;
}

/* All three passes at once: y, dx, dw (weights, then bias). */
static void plain(const sizes *s, const float *x, const float *params, const float *dy,
                  const float *scale, float *y, float *dx, float *dw)
{
    const size_t n_weights = s->out * s->c * s->k * s->k, n_x = s->n * s->c * s->h * s->w;
    double *sum_dx = calloc(n_x, sizeof(double)),
           *sum_dw = calloc(n_weights + s->out, sizeof(double));
    for (size_t e = 0; e < s->n; e++)
        for (size_t o = 0; o < s->out; o++)
            for (size_t r = 0; r < s->oh; r++)
                for (size_t q = 0; q < s->ow; q++) {
                    const size_t at = ((e * s->out + o) * s->oh + r) * s->ow + q;
                    double sum = (double)params[n_weights + o];
                    sum_dw[n_weights + o] += (double)scale[e] * (double)dy[at];
                    for (size_t t = 0; t < s->c * s->k * s->k; t++) {
                        const size_t c = t / (s->k * s->k), i = t / s->k % s->k, j = t % s->k;
                        const long from = pixel(s, e, c, r, q, i, j);
                        const double weight = (double)params[o * s->c * s->k * s->k + t];
                        if (from < 0) continue;
                        sum += weight * (double)x[from];
                        sum_dx[from] += weight * (double)dy[at];
                        sum_dw[o * s->c * s->k * s->k + t] +=
                            (double)scale[e] * (double)dy[at] * (double)x[from];
                    }
                    y[at] = (float)sum;
                }
    for (size_t i = 0; i < n_x; i++) dx[i] = (float)sum_dx[i];
    for (size_t i = 0; i < n_weights + s->out; i++) dw[i] = (float)sum_dw[i];
    free(sum_dx);
    free(sum_dw);
}

/* padding: same, valid, or pixels. A layer without bias is one whose bias is zero. */
static void compare_padded(sizes s, const char *padding, size_t pad, bool bias)
{
    test_bench b;
    char yaml[128];
    const float scale[4] = {0.5f, 2.0f, -1.0f, 0.0f};
    snprintf(yaml, sizeof yaml, "{channels: %zu, kernel: %zu, stride: %zu, padding: %s, bias: %s}",
             s.out, s.k, s.stride, padding, bias ? "true" : "false");
    bench_open(&b, "conv2d", yaml, test_image(s.c, s.h, s.w), s.n);
    s.pad = pad;
    cr_expect_eq(b.n_tensors, bias ? 2 : 1);
    s.oh = b.out.dim[1];
    s.ow = b.out.dim[2];
    float *y = calloc(b.n * b.n_out, sizeof *y), *dx = calloc(b.n * b.n_in, sizeof *dx);
    float *dw = calloc(b.n_params + s.out, sizeof *dw),
          *params = calloc(b.n_params + s.out, sizeof *params);
    bench_backward(&b, scale);
    memcpy(params, b.params, b.n_params * sizeof *params);
    plain(&s, b.x, params, b.dy, scale, y, dx, dw);
    cr_expect_lt(relative_distance(b.y, y, b.n * b.n_out), 1e-6, "%s", yaml);
    cr_expect_lt(relative_distance(b.dx, dx, b.n * b.n_in), 1e-6, "%s", yaml);
    cr_expect_lt(relative_distance(b.grad, dw, b.n_params), 1e-6, "%s", yaml);
    free(y);
    free(dx);
    free(dw);
    free(params);
    bench_close(&b);
}

static void compare(sizes s, bool same)
{
    compare_padded(s, same ? "same" : "valid", same ? (s.k - 1) / 2 : 0, true);
}

Test(conv2d, equals_plain_loops_without_padding)
{
    compare((sizes){.n = 3, .c = 2, .h = 9, .w = 7, .out = 5, .k = 3, .stride = 1}, false);
    compare((sizes){.n = 2, .c = 3, .h = 11, .w = 20, .out = 4, .k = 5, .stride = 1}, false);
    compare((sizes){.n = 2, .c = 1, .h = 4, .w = 4, .out = 2, .k = 4, .stride = 1}, false);
    compare((sizes){.n = 4, .c = 3, .h = 5, .w = 6, .out = 2, .k = 1, .stride = 1}, false);
}

Test(conv2d, equals_plain_loops_with_padding_same)
{
    compare((sizes){.n = 3, .c = 2, .h = 9, .w = 7, .out = 5, .k = 3, .stride = 1}, true);
    compare((sizes){.n = 2, .c = 2, .h = 6, .w = 21, .out = 3, .k = 5, .stride = 1}, true);
    compare((sizes){.n = 2, .c = 2, .h = 6, .w = 5, .out = 3, .k = 4, .stride = 1}, true);
    compare((sizes){.n = 2, .c = 2, .h = 6, .w = 5, .out = 3, .k = 2, .stride = 1}, true);
}

Test(conv2d, padding_same_takes_a_kernel_larger_than_the_image)
{
    compare((sizes){.n = 2, .c = 2, .h = 3, .w = 2, .out = 3, .k = 7, .stride = 1}, true);
    compare((sizes){.n = 1, .c = 1, .h = 2, .w = 3, .out = 1, .k = 12, .stride = 1}, true);
}

Test(conv2d, equals_plain_loops_with_strides)
{
    compare((sizes){.n = 3, .c = 2, .h = 9, .w = 8, .out = 5, .k = 3, .stride = 2}, false);
    compare((sizes){.n = 2, .c = 2, .h = 10, .w = 7, .out = 3, .k = 2, .stride = 3}, false);
    compare((sizes){.n = 2, .c = 2, .h = 5, .w = 5, .out = 3, .k = 5, .stride = 4}, false);
}

Test(conv2d, equals_plain_loops_with_pixels_of_padding_with_and_without_bias)
{
    for (int bias = 0; bias < 2; bias++) {
        compare_padded((sizes){.n = 3, .c = 2, .h = 9, .w = 7, .out = 5, .k = 3, .stride = 1}, "1",
                       1, bias);
        compare_padded((sizes){.n = 3, .c = 2, .h = 8, .w = 7, .out = 5, .k = 3, .stride = 2}, "1",
                       1, bias);
        compare_padded((sizes){.n = 2, .c = 2, .h = 4, .w = 5, .out = 3, .k = 5, .stride = 3}, "4",
                       4, bias);
        compare_padded((sizes){.n = 2, .c = 2, .h = 9, .w = 9, .out = 3, .k = 3, .stride = 3}, "1",
                       1, bias);
        compare_padded((sizes){.n = 2, .c = 3, .h = 7, .w = 8, .out = 2, .k = 7, .stride = 2}, "3",
                       3, bias);
        compare_padded((sizes){.n = 2, .c = 2, .h = 1, .w = 1, .out = 3, .k = 3, .stride = 2}, "1",
                       1, bias);
    }
}

static void refuse(const char *yaml, co_shape in, const char *word)
{
    co_shape out;
    void *self = NULL;
    cr_assert_eq(test_layer(co_layer_find("conv2d"), yaml, &in, 7, &out, &self), CO_EUSAGE);
    cr_expect(strstr(co_status_message(), word), "%s", co_status_message());
    cr_expect_eq(co_memory_blocks(), 0);
}

Test(conv2d, refuses_what_does_not_fit_and_says_what_to_do)
{
    refuse("{channels: 2, kernel: 6}", test_image(1, 5, 9), "at most 5");
    refuse("{channels: 2, kernel: 3, stride: 2, padding: same}", test_image(1, 5, 5),
           "padding: valid");
    refuse("{channels: 2, kernel: 3}", test_flat(784), "[784]");
    refuse("{channels: 65536, kernel: 255, padding: same}", test_image(255, 255, 255), "2^31 - 1");
    refuse("{channels: 2, kernel: 3, padding: 3}", test_image(1, 5, 5), "at most 2");
    refuse("{channels: 2, kernel: 3, padding: -1}", test_image(1, 5, 5), "valid, same");
    refuse("{channels: 2, kernel: 3, padding: some}", test_image(1, 5, 5), "valid, same");
    refuse("{kernel: 3}", test_image(1, 5, 5), "channels");
}
