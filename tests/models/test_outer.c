/* tests/models/test_outer.c - squared norms of sums of outer products: against the sum in double,
 * and above what a sum in float may come to. */
#include "models/kernel_path.h"
#include "models/layers/outer.h"
#include "tests/harness.h"
#include "tests/models/build.h"

enum { MOST = 170, WIDE = 130 };

static float g[MOST * WIDE], a[2][MOST * WIDE], scratch[WIDE * 32 * 3 + 2 * 96 * 32];

static double formed(const co_outer *o, size_t k)
{
    double square = 0.0;
    for (size_t l = 0; l < o->n_g; l++)
        for (size_t r = 0; r < o->n_a[k]; r++) {
            double sum = 0.0;
            for (size_t t = 0; t < o->rows; t++)
                sum += (double)o->g[t * o->n_g + l] * (double)o->a[k][t * o->n_a[k] + r];
            square += sum * sum;
        }
    return square;
}

static co_outer draw(uint64_t stream)
{
    static const size_t rows[] = {1, 2, 5, 6, 7, 31, 32, 33, 64, 127, 129, 165};
    co_outer o = {.rows = rows[stream % 12],
                  .g = g,
                  .n_g = 1 + test_bits(1, stream) % WIDE,
                  .n = 1 + stream % 2,
                  .a = {a[0], a[1]},
                  .n_a = {1 + test_bits(2, stream) % WIDE, 1 + test_bits(3, stream) % WIDE}};
    test_fill(4 + stream, o.rows * o.n_g, 1.0f, g);
    for (size_t k = 0; k < 2; k++) test_fill(100 + 2 * stream + k, o.rows * o.n_a[k], 1.0f, a[k]);
    cr_assert_leq(co_outer_size(o.n_g, o.n_a[0], o.n_a[1]), sizeof scratch / sizeof *scratch);
    return o;
}

static void on_all_paths(void (*law)(const co_kernels *))
{
    co_kernel_level best;
    cr_assert_eq(co_kernel_best(&best), CO_OK, "%s", co_status_message());
    for (co_kernel_level level = CO_KERNELS_REFERENCE; level <= best; level++) {
        co_kernel_use(level);
        law(co_kernels_in_use());
    }
}

static void check_squares(const co_kernels *fast)
{
    const float ones[MOST] = {[0 ... MOST - 1] = 1.0f};
    for (uint64_t stream = 0; stream < 60; stream++) {
        const co_outer o = draw(stream);
        double square[2], columns;
        co_outer_squares(fast, &o, square, &columns, scratch);
        for (size_t k = 0; k < o.n; k++) {
            const double want = formed(&o, k);
            cr_assert_float_eq(square[k], want, 4e-6 * want, "%zu rows, %zu x %zu: %.9g, not %.9g",
                               o.rows, o.n_g, o.n_a[k], square[k], want);
        }
        const co_outer bias = {o.rows, g, o.n_g, 1, {ones}, {1}};
        cr_assert_float_eq(columns, formed(&bias, 0), 4e-6 * columns, "%.9g", columns);
    }
}

Test(outer, squares_are_those_of_the_sum)
{
    on_all_paths(check_squares);
}

/* The product of two sums, in double. */
static double product(size_t n_left, size_t n_right, const co_outer_side *one,
                      const co_outer_side *other)
{
    double sum = 0.0;
    for (size_t t = 0; t < one->rows; t++)
        for (size_t s = 0; s < other->rows; s++) {
            double left = 0.0, right = 0.0;
            for (size_t k = 0; k < n_left; k++) {
                const double x = one->index ? one->index[t] == (int32_t)k
                                            : (double)one->left[t * n_left + k],
                             y = other->index ? other->index[s] == (int32_t)k
                                              : (double)other->left[s * n_left + k];
                left += x * y;
            }
            for (size_t k = 0; k < n_right; k++)
                right +=
                    (double)one->right[t * n_right + k] * (double)other->right[s * n_right + k];
            sum += left * right;
        }
    return sum;
}

static void check_cross(const co_kernels *fast)
{
    static float left[2][MOST * WIDE];
    int32_t index[2][MOST];
    for (uint64_t stream = 0; stream < 24; stream++) {
        const co_outer o = draw(stream);
        const size_t n_left = 9, n_right = o.n_a[0];
        for (size_t k = 0; k < 2; k++) {
            test_fill(300 + 2 * stream + k, MOST * n_left, 1.0f, left[k]);
            for (size_t t = 0; t < MOST; t++)
                index[k][t] = (int32_t)(test_bits(400 + k, t) % n_left);
        }
        test_fill(500 + stream, MOST * n_right, 1.0f, a[1]);
        const bool first = stream / 2 % 2 == 1, second = stream / 4 % 2 == 1;
        const co_outer_side one = {o.rows, first ? index[0] : NULL, first ? NULL : left[0], a[0]},
                            other = {1 + test_bits(7, stream) % MOST, second ? index[1] : NULL,
                                     second ? NULL : left[1], a[1]};
        const double want = product(n_left, n_right, &one, &other),
                     have = co_outer_cross(fast, n_left, n_right, &one, &other, scratch);
        cr_assert_float_eq(have, want, 1e-4 + 1e-5 * fabs(want), "%.9g, not %.9g", have, want);
    }
}

Test(outer, products_of_two_sums_are_those_of_the_sums)
{
    on_all_paths(check_cross);
}

/* Rows that cancel, nearly or wholly; the sum in float with a weight, in an order of its own, is no
 * longer than the norm says. */
static void check_cancelling(const co_kernels *fast)
{
    static float sum[WIDE * WIDE];
    for (uint64_t stream = 0; stream < 200; stream++) {
        co_outer o = draw(stream);
        const float weight = 0.1f + fabsf(test_value(600, stream)),
                    left = stream % 3 ? 0.0f : powf(10.0f, -1.0f - (float)(stream % 5));
        if (o.rows < 2 || o.n_g * o.n_a[0] < 100) continue;
        o.n = 1;
        for (size_t t = o.rows; t-- > 0;)
            for (size_t k = 0; k < o.n_a[0]; k++) a[0][t * o.n_a[0] + k] = a[0][k] * 300.0f;
        for (size_t k = 0; k < o.n_g; k++) {
            float rest = 0.0f;
            for (size_t t = 0; t + 1 < o.rows; t++) rest += g[t * o.n_g + k];
            g[(o.rows - 1) * o.n_g + k] = left * g[(o.rows - 1) * o.n_g + k] - rest;
        }
        double square, columns, real = 0.0, bias = 0.0;
        co_outer_squares(fast, &o, &square, &columns, scratch);
        memset(sum, 0, sizeof sum);
        for (size_t t = o.rows; t-- > 0;)
            for (size_t l = 0; l < o.n_g; l++) {
                const float scaled = weight * g[t * o.n_g + l];
                for (size_t k = 0; k < o.n_a[0]; k++)
                    sum[l * o.n_a[0] + k] += scaled * a[0][t * o.n_a[0] + k];
            }
        double size = 0.0;
        for (size_t t = 0; t < o.rows; t++)
            size += sqrt(co_outer_row(o.n_g, g + t * o.n_g) *
                         co_outer_row(o.n_a[0], a[0] + t * o.n_a[0]));
        cr_assert_float_eq(sqrt(square), sqrt(formed(&o, 0)), 3e-6 * size,
                           "%zu rows, %zu x %zu: %.9g, not %.9g, of %.9g", o.rows, o.n_g, o.n_a[0],
                           sqrt(square), sqrt(formed(&o, 0)), size);
        for (size_t k = 0; k < o.n_g * o.n_a[0]; k++) real += (double)sum[k] * (double)sum[k];
        for (size_t l = 0; l < o.n_g; l++) {
            float column = 0.0f;
            for (size_t t = o.rows; t-- > 0;) column += weight * g[t * o.n_g + l];
            bias += (double)column * (double)column;
        }
        cr_assert_leq(sqrt(real), (double)weight * sqrt(square) * (1.0 + 0x1p-14),
                      "%zu rows, %zu x %zu: %.9g above %.9g", o.rows, o.n_g, o.n_a[0], sqrt(real),
                      (double)weight * sqrt(square));
        cr_assert_leq(sqrt(bias), (double)weight * sqrt(columns) * (1.0 + 0x1p-14),
                      "%zu rows, %zu columns: %.9g above %.9g", o.rows, o.n_g, sqrt(bias),
                      (double)weight * sqrt(columns));
    }
}

Test(outer, what_rounding_leaves_of_rows_that_cancel_is_counted)
{
    on_all_paths(check_cancelling);
}
