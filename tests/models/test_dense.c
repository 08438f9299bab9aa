/* tests/models/test_dense.c - the dense layer against plain loops in double. */
#include "models/kernel_path.h"
#include "tests/harness.h"
#include "tests/models/build.h"
#include <math.h>

/* Where the weight from input i to output o stands. */
static size_t place(const test_bench *b, bool transposed, size_t o, size_t i)
{
    return transposed ? i * b->n_out + o : o * b->n_in + i;
}

static void plain(const test_bench *b, bool transposed, const float *scale, float *y, float *dx,
                  float *grad)
{
    const size_t in = b->n_in, out = b->n_out, rows = b->n;
    const float *bias = b->n_tensors > 1 ? b->params + out * in : NULL;
    for (size_t r = 0; r < rows; r++)
        for (size_t o = 0; o < out; o++) {
            double sum = bias ? (double)bias[o] : 0.0;
            for (size_t i = 0; i < in; i++)
                sum += (double)b->params[place(b, transposed, o, i)] * (double)b->x[r * in + i];
            y[r * out + o] = (float)sum;
        }
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < in; i++) {
            double sum = 0.0;
            for (size_t o = 0; o < out; o++)
                sum += (double)b->params[place(b, transposed, o, i)] * (double)b->dy[r * out + o];
            dx[r * in + i] = (float)sum;
        }
    for (size_t o = 0; o < out; o++)
        for (size_t i = 0; i < (bias ? in + 1 : in); i++) {
            double sum = 0.0;
            for (size_t r = 0; r < rows; r++)
                sum += (double)scale[r] * (double)b->dy[r * out + o] *
                       (i < in ? (double)b->x[r * in + i] : 1.0);
            grad[i < in ? place(b, transposed, o, i) : out * in + o] = (float)sum;
        }
}

static void compare_as(const char *options, size_t n, size_t in, size_t out)
{
    test_bench b;
    char yaml[128];
    float *scale = calloc(n, sizeof *scale);
    snprintf(yaml, sizeof yaml, "{units: %zu%s}", out, options);
    bench_open(&b, "dense", yaml, test_flat(in), n);
    cr_assert_eq(b.n_params, in * out + (strstr(options, "bias: false") ? 0 : out));
    float *y = calloc(n * out, sizeof *y), *dx = calloc(n * in, sizeof *dx),
          *grad = calloc(b.n_params, sizeof *grad);
    test_fill(9, n, 2.0f, scale);
    bench_backward(&b, scale);
    plain(&b, strstr(options, "transposed") != NULL, scale, y, dx, grad);
    const char *path = co_kernel_path();
    cr_expect_lt(relative_distance(b.y, y, n * out), 1e-6, "%s: %zu x %zu: %s", path, n, in, yaml);
    cr_expect_lt(relative_distance(b.dx, dx, n * in), 1e-6, "%s: %zu x %zu: %s", path, n, in, yaml);
    cr_expect_lt(relative_distance(b.grad, grad, b.n_params), 1e-6, "%s: %zu x %zu: %s", path, n,
                 in, yaml);
    free(y), free(dx), free(grad), free(scale);
    bench_close(&b);
}

static void compare(size_t n, size_t in, size_t out)
{
    static const char *const options[] = {"",
                                          ", bias: false",
                                          ", transposed: true",
                                          ", transposed: true, bias: false",
                                          ", packed: true",
                                          ", packed: true, bias: false",
                                          ", packed: true, transposed: true",
                                          ", packed: true, transposed: true, bias: false"};
    for (size_t k = 0; k < sizeof options / sizeof *options; k++)
        compare_as(options[k], n, in, out);
}

/* Models built from now on compute on each path in turn, the reference with them. */
static void on_all_paths(void (*law)(void))
{
    co_kernel_level best;
    unsetenv("COHORT_KERNELS");
    cr_assert_eq(co_kernel_best(&best), CO_OK);
    for (co_kernel_level level = CO_KERNELS_REFERENCE; level <= best; level++) {
        co_kernel_use(level);
        law();
    }
}

static void check_shapes(void)
{
    compare(1, 1, 1);
    compare(3, 5, 2);
    compare(10, 784, 10);
    compare(7, 33, 65);
    compare(16, 1, 9);
    compare(70, 9, 70);
    compare(65, 65, 17);
    compare(130, 33, 47);
    for (size_t k = 0; k < 12; k++)
        compare(1 + test_bits(20, k) % 70, 1 + test_bits(21, k) % 70, 1 + test_bits(22, k) % 70);
}

Test(dense, equals_plain_loops)
{
    on_all_paths(check_shapes);
}

/* Sums, columns and rows of more than one block, with tails. */
static void check_large(void)
{
    compare(901, 5, 40);
    compare(67, 801, 35);
    compare(70, 39, 803);
}

Test(dense, equals_plain_loops_where_matrices_are_cut_into_blocks)
{
    on_all_paths(check_large);
}

/* With a frozen half the other one's gradient has its bits, and nothing is formed of the frozen
 * one. */
static void check_frozen_as(const char *yaml, size_t n)
{
    test_bench b;
    bench_open(&b, "dense", yaml, test_flat(37), n);
    float *want = calloc(b.n_params, sizeof *want);
    bench_backward(&b, NULL);
    memcpy(want, b.grad, b.n_params * sizeof *want);
    for (size_t t = 0; t < 2; t++) {
        const bool is_frozen[2] = {t == 0, t == 1};
        const size_t begin = b.at[t], end = t == 0 ? b.at[1] : b.n_params;
        co_call call = bench_call(&b);
        call.is_frozen = is_frozen;
        call.frozen = b.params;
        for (size_t i = 0; i < b.n_params; i++) b.grad[i] = i >= begin && i < end ? 7.0f : 0.0f;
        b.layer->backward_params(b.self, &call);
        for (size_t i = 0; i < b.n_params; i++)
            cr_assert_eq(b.grad[i], i >= begin && i < end ? 7.0f : want[i], "%s: %s, %zu rows: %zu",
                         co_kernel_path(), yaml, n, i);
    }
    free(want);
    bench_close(&b);
}

static void check_frozen(void)
{
    for (size_t n = 5; n < 1000; n *= 20) {
        check_frozen_as("{units: 50}", n);
        check_frozen_as("{units: 50, packed: true}", n);
        check_frozen_as("{units: 50, packed: true, transposed: true}", n);
    }
}

Test(dense, forms_nothing_of_a_frozen_half)
{
    on_all_paths(check_frozen);
}

Test(dense, classes_stands_for_the_number_of_classes)
{
    test_bench b;
    bench_open(&b, "dense", "{units: classes}", test_flat(4), 2);
    cr_expect_eq(b.n_out, 7); /* test_layer says 7 classes */
    bench_close(&b);
}

Test(dense, scale_covers_all_steps_of_an_example)
{
    test_bench b;
    const int64_t offsets[] = {0, 2, 5};
    const float scale[] = {3.0f, -0.5f}, rows[] = {3.0f, 3.0f, -0.5f, -0.5f, -0.5f};
    co_shape in = test_flat(4);
    in.sequence = true;
    bench_open(&b, "dense", "{units: 3}", in, 5);
    cr_expect(b.out.sequence);
    float *y = calloc(15, sizeof *y), *dx = calloc(20, sizeof *dx),
          *grad = calloc(b.n_params, sizeof *grad);
    plain(&b, false, rows, y, dx, grad);
    b.batch.n = 2;
    b.batch.offsets = offsets;
    bench_backward(&b, scale);
    cr_expect_lt(relative_distance(b.y, y, 15), 1e-6);
    cr_expect_lt(relative_distance(b.grad, grad, b.n_params), 1e-6);
    free(y);
    free(dx);
    free(grad);
    bench_close(&b);
}

static void pass_over_no_rows(void)
{
    static const char *const options[] = {"", ", transposed: true", ", packed: true"};
    static const int64_t offsets[] = {0, 0};
    const float zero[16] = {0};
    co_shape in = test_flat(4);
    in.sequence = true;
    for (size_t k = 0; k < sizeof options / sizeof *options; k++) {
        test_bench b;
        char yaml[64];
        snprintf(yaml, sizeof yaml, "{units: 3%s}", options[k]);
        bench_open(&b, "dense", yaml, in, 1);
        b.batch.rows = 0;
        b.batch.offsets = offsets;
        bench_backward(&b, NULL);
        cr_expect(memcmp(b.grad, zero, b.n_params * sizeof *zero) == 0, "%s", yaml);
        bench_close(&b);
    }
}

Test(dense, a_batch_of_texts_without_tokens_has_no_gradient)
{
    on_all_paths(pass_over_no_rows);
}

Test(dense, initial_values_fill_the_range_of_pytorch)
{
    test_bench b;
    bench_open(&b, "dense", "{units: 300}", test_flat(100), 1);
    float low = 1.0f, high = -1.0f;
    double sum = 0.0, squares = 0.0;
    for (size_t t = 0; t < 2; t++) b.layer->init(b.self, 1, t, t, b.params + b.at[t]);
    for (size_t i = 0; i < b.n_params; i++) {
        const double v = (double)b.params[i];
        if (b.params[i] < low) low = b.params[i];
        if (b.params[i] > high) high = b.params[i];
        sum += v;
        squares += v * v;
    }
    const double n = (double)b.n_params;
    cr_expect(low >= -0.1f && low < -0.0999f && high <= 0.1f && high > 0.0999f);
    cr_expect_lt(fabs(sum / n), 4.0 * 0.1 / sqrt(3.0 * n)); /* four standard errors */
    cr_expect_lt(fabs(squares / n - 0.01 / 3.0), 1e-4);     /* variance of U(-a, a) is a^2 / 3 */
    float first = b.params[0];
    b.layer->init(b.self, 2, 0, 0, b.params);
    cr_expect_neq(first, b.params[0]);
    bench_close(&b);
}

static void refuse(const char *yaml, co_shape in, const char *word)
{
    co_shape out;
    void *self = NULL;
    cr_assert_eq(test_layer(co_layer_find("dense"), yaml, &in, 7, &out, &self), CO_EUSAGE);
    cr_expect(strstr(co_status_message(), word), "%s", co_status_message());
    cr_expect_eq(co_memory_blocks(), 0);
}

Test(dense, refuses_what_does_not_fit_and_says_what_to_do)
{
    refuse("{units: 10}", test_image(1, 28, 28), "flatten");
    refuse("{units: 10}", test_image(1, 28, 28), "[1, 28, 28]");
    refuse("{units: 0}", test_flat(5), "whole number");
    refuse("{units: clases}", test_flat(5), "clases");
    refuse("{units: [3]}", test_flat(5), "a list");
    refuse("{units: 16777216}", test_flat(129), "2^31 - 1");
    refuse("", test_flat(5), "units");
}
