/* tests/models/test_max_pool.c - max pooling against its definition. */
#include "tests/harness.h"
#include "tests/models/build.h"
#include <math.h>

static void compare(size_t h, size_t w, size_t k, size_t stride)
{
    test_bench b;
    char yaml[64];
    snprintf(yaml, sizeof yaml, "{kernel: %zu, stride: %zu}", k, stride);
    bench_open(&b, "max_pool", yaml, test_image(3, h, w), 2);
    const size_t oh = (h - k) / stride + 1, ow = (w - k) / stride + 1;
    cr_assert(b.out.dim[0] == 3 && b.out.dim[1] == oh && b.out.dim[2] == ow);
    for (size_t i = 0; i < b.n * b.n_in; i++) b.x[i] = roundf(b.x[i] * 3.0f); /* many ties */
    float *dx = calloc(b.n * b.n_in, sizeof *dx);
    bench_backward(&b, NULL);
    for (size_t p = 0; p < 6; p++)
        for (size_t o = 0; o < oh * ow; o++) {
            const size_t corner = p * h * w + o / ow * stride * w + o % ow * stride;
            size_t best = corner;
            for (size_t t = 0; t < k * k; t++)
                if (b.x[corner + t / k * w + t % k] > b.x[best]) best = corner + t / k * w + t % k;
            cr_assert_eq(b.y[p * oh * ow + o], b.x[best]);
            dx[best] += b.dy[p * oh * ow + o];
        }
    cr_expect_lt(relative_distance(b.dx, dx, b.n * b.n_in), 1e-6, "%s", yaml);
    free(dx);
    bench_close(&b);
}

Test(max_pool, takes_the_first_largest_of_each_window)
{
    compare(28, 28, 2, 2);
    compare(7, 5, 2, 2);
    compare(6, 10, 3, 3);
    compare(4, 4, 4, 4);
    compare(5, 5, 1, 1);
}

Test(max_pool, windows_may_overlap_or_leave_gaps)
{
    compare(9, 8, 3, 2);
    compare(9, 8, 3, 1);
    compare(9, 8, 2, 3);
}

Test(max_pool, a_nan_anywhere_in_a_window_comes_out)
{
    for (size_t at = 0; at < 4; at++) {
        test_bench b;
        bench_open(&b, "max_pool", "{kernel: 2}", test_image(1, 2, 2), 1);
        b.x[at] = NAN;
        bench_forward(&b);
        cr_expect(isnan(b.y[0]));
        bench_close(&b);
    }
}

Test(max_pool, refuses_a_window_larger_than_the_image)
{
    co_shape in = test_image(3, 4, 6), out;
    void *self = NULL;
    cr_assert_eq(test_layer(co_layer_find("max_pool"), "{kernel: 5}", &in, 7, &out, &self),
                 CO_EUSAGE);
    cr_expect(strstr(co_status_message(), "[3, 4, 6]"), "%s", co_status_message());
}
