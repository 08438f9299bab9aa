/* Passes over vectors: against long double, against a copy for the baseline processor, and under
 * cuts. */
#include "tests/harness.h"
#include <criterion/criterion.h>
#include <float.h>

#define CO_NO_CLONES
#define co_block_dot plain_block_dot
#define co_block_square_sum plain_block_square_sum
#define co_vector_dot plain_vector_dot
#define co_vector_norm plain_vector_norm
#define co_vector_scale plain_vector_scale
#define co_vector_add_scaled plain_vector_add_scaled
#define co_vector_difference plain_vector_difference
#define co_block_largest plain_block_largest
#include "core/vector.c"
#undef co_block_dot
#undef co_block_square_sum
#undef co_vector_dot
#undef co_vector_norm
#undef co_vector_scale
#undef co_vector_add_scaled
#undef co_vector_difference
#undef co_block_largest
double co_block_dot(const float *x, const float *y, size_t n);
double co_block_square_sum(const float *x, size_t n);
double co_vector_dot(const float *x, const float *y, size_t n);
double co_vector_norm(const float *x, size_t n);
void co_vector_scale(float *x, size_t n, float factor);
void co_vector_add_scaled(float *x, const float *y, size_t n, float factor);
double co_vector_difference(float *out, const float *x, const float *y, size_t n);
#include "core/random.h"

enum { N = 3 * CO_BLOCK + 1237 };
static float x[N], y[N], fast[N], plain[N];

static void fill(void)
{
    const co_stream s = co_stream_open(5, CO_DRAW_TEST, 0, 0, 0);
    co_fill_normal(&s, 0, N, x);
    co_fill_normal(&s, N, N, y);
}

static long double long_dot(const float *a, const float *b, size_t n)
{
    long double sum = 0.0L;
    for (size_t i = 0; i < n; i++) sum += (long double)a[i] * (long double)b[i];
    return sum;
}

Test(vector, norm_and_dot_agree_with_long_double, .init = fill)
{
    const size_t sizes[] = {0, 1, 15, 16, 17, CO_BLOCK - 1, CO_BLOCK, CO_BLOCK + 1, N};
    for (size_t t = 0; t < sizeof sizes / sizeof *sizes; t++) {
        const size_t n = sizes[t];
        const double dot = (double)long_dot(x, y, n), norm = sqrt((double)long_dot(x, x, n));
        cr_assert(fabs(co_vector_dot(x, y, n) - dot) <= 1e-12 * sqrt((double)n), "dot of %zu", n);
        cr_assert(fabs(co_vector_norm(x, n) - norm) <= 1e-14 * norm, "norm of %zu", n);
    }
}

Test(vector, norm_survives_the_largest_and_smallest_floats)
{
    const float large[3] = {FLT_MAX, -FLT_MAX, FLT_MAX}, small[2] = {0x1p-149f, 0x1p-149f};
    cr_assert(fabs(co_vector_norm(large, 3) / (sqrt(3.0) * (double)FLT_MAX) - 1.0) < 1e-15);
    cr_assert(fabs(co_vector_norm(small, 2) / (sqrt(2.0) * 0x1p-149) - 1.0) < 1e-15);
}

/* The order the header promises, one lane after the other. */
static double block_by_lanes(const float *a, const float *b, size_t n)
{
    double lane[16] = {0};
    for (size_t l = 0; l < 16; l++)
        for (size_t i = l; i < n; i += 16) lane[l] += (double)a[i] * (double)b[i];
    for (size_t half = 8; half > 0; half /= 2)
        for (size_t l = 0; l < half; l++) lane[l] += lane[l + half];
    return lane[0];
}

Test(vector, blocks_have_sixteen_lanes_and_add_up_in_order, .init = fill)
{
    double dot = 0.0, squares = 0.0;
    for (size_t i = 0; i < N; i += CO_BLOCK) {
        const size_t n = N - i < CO_BLOCK ? N - i : CO_BLOCK;
        cr_assert_eq(co_block_dot(x + i, y + i, n), block_by_lanes(x + i, y + i, n));
        dot += co_block_dot(x + i, y + i, n);
        squares += co_block_square_sum(x + i, n);
    }
    cr_assert_eq(dot, co_vector_dot(x, y, N));
    cr_assert_eq(sqrt(squares), co_vector_norm(x, N));
    cr_assert_eq(co_n_blocks(N), 4);
    cr_assert(co_n_blocks(0) == 0 && co_n_blocks(1) == 1 && co_n_blocks(CO_BLOCK) == 1);
}

Test(vector, bits_are_those_of_the_baseline_processor, .init = fill)
{
    for (size_t n = 0; n < 70; n++) cr_assert_eq(co_vector_dot(x, y, n), plain_vector_dot(x, y, n));
    cr_assert_eq(co_vector_dot(x, y, N), plain_vector_dot(x, y, N));
    cr_assert_eq(co_vector_norm(x, N), plain_vector_norm(x, N));
    cr_assert_eq(co_block_square_sum(x, 999), plain_block_square_sum(x, 999));
    co_vector_difference(fast, x, y, N);
    plain_vector_difference(plain, x, y, N);
    co_vector_add_scaled(fast, x, N, 0.1f);
    plain_vector_add_scaled(plain, x, N, 0.1f);
    co_vector_scale(fast, N, 1.7f);
    plain_vector_scale(plain, N, 1.7f);
    cr_assert_arr_eq(fast, plain, sizeof fast);
}

Test(vector, updates_round_after_every_operation, .init = fill)
{
    size_t wrong = 0;
    co_vector_difference(fast, x, y, N);
    for (size_t i = 0; i < N; i++) wrong += fast[i] != x[i] - y[i];
    for (size_t i = 0; i < N; i++) plain[i] = fast[i];
    co_vector_add_scaled(fast, y, N, 0.3f);
    for (size_t i = 0; i < N; i++) {
        const volatile float product =
            0.3f * y[i]; /* rounded to float before the sum: nothing is fused */
        wrong += fast[i] != plain[i] + product;
        plain[i] = fast[i];
    }
    co_vector_scale(fast, N, -2.5f);
    for (size_t i = 0; i < N; i++) wrong += fast[i] != plain[i] * -2.5f;
    cr_assert_eq(wrong, 0);
    co_vector_difference(fast, fast, fast, N); /* out may be an operand */
    cr_assert_eq(co_vector_norm(fast, N), 0.0);
}

Test(vector, a_difference_tells_its_norm_and_so_whether_all_is_finite, .init = fill)
{
    const double norm = co_vector_difference(fast, x, y, N);
    cr_assert_eq(norm, co_vector_norm(fast, N));
    for (size_t i = 0; i < N; i++) plain[i] = x[i];
    plain[N - 1] = FLT_MAX;
    cr_assert(isfinite(co_vector_difference(fast, plain, y, N)));
    plain[N - 1] = INFINITY;
    cr_assert(!isfinite(co_vector_difference(fast, plain, y, N)));
    plain[N - 1] = NAN;
    cr_assert(!isfinite(co_vector_difference(fast, plain, y, N)));
}

Test(vector, a_block_too_long_is_a_bug, .exit_code = 70, .init = fill)
{
    co_block_square_sum(x, CO_BLOCK + 1);
}
