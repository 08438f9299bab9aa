/* tests/models/test_avg_pool.c - average pooling against its definition. */
#include "tests/harness.h"
#include "tests/models/build.h"

static void compare(size_t h, size_t w, size_t k, size_t stride)
{
    test_bench b;
    char yaml[64];
    snprintf(yaml, sizeof yaml, "{kernel: %zu, stride: %zu}", k, stride);
    bench_open(&b, "avg_pool", yaml, test_image(2, h, w), 3);
    const size_t oh = (h - k) / stride + 1, ow = (w - k) / stride + 1;
    float *dx = calloc(b.n * b.n_in, sizeof *dx), *y = calloc(b.n * b.n_out, sizeof *y);
    bench_backward(&b, NULL);
    for (size_t p = 0; p < 6; p++)
        for (size_t o = 0; o < oh * ow; o++)
            for (size_t t = 0; t < k * k; t++) {
                const size_t at =
                    p * h * w + (o / ow * stride + t / k) * w + o % ow * stride + t % k;
                y[p * oh * ow + o] += b.x[at] / (float)(k * k);
                dx[at] += b.dy[p * oh * ow + o] / (float)(k * k);
            }
    cr_expect_lt(relative_distance(b.y, y, b.n * b.n_out), 1e-6, "%s", yaml);
    cr_expect_lt(relative_distance(b.dx, dx, b.n * b.n_in), 1e-6, "%s", yaml);
    free(dx);
    free(y);
    bench_close(&b);
}

Test(avg_pool, is_the_mean_of_each_window)
{
    compare(8, 6, 2, 2);
    compare(7, 9, 3, 2);
    compare(7, 9, 2, 3);
    compare(5, 5, 5, 1);
}
