/* The rotation: orthonormal, its own way back, block by block, flat. */
#include "aggregators/hadamard.h"
#include "core/random.h"
#include "core/vector.h"
#include "tests/harness.h"
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

enum { N = 2 * CO_BLOCK + 1234 };

static void fill(double *x, size_t n, uint64_t key)
{
    co_stream s = co_stream_open(4, CO_DRAW_TEST, key, 0, 0);
    for (size_t j = 0; j < n; j++) x[j] = co_draw_normal(&s);
}

static double square_sum(const double *x, size_t n)
{
    double sum = 0.0;
    for (size_t j = 0; j < n; j++) sum += x[j] * x[j];
    return sum;
}

Test(hadamard, is_the_matrix_of_signs_by_parity)
{
    double x[64], y[64];
    for (size_t n = 1; n <= 64; n *= 2) {
        fill(x, n, n);
        for (size_t i = 0; i < n; i++) {
            y[i] = 0.0;
            for (size_t j = 0; j < n; j++)
                y[i] += (__builtin_popcountll(i & j) % 2 ? -1.0 : 1.0) * x[j] / sqrt((double)n);
        }
        co_hadamard(x, n);
        for (size_t i = 0; i < n; i++) cr_expect_float_eq(x[i], y[i], 1e-14, "%zu of %zu", i, n);
    }
}

Test(hadamard, keeps_norms_and_goes_back_for_any_length)
{
    static double x[CO_BLOCK], y[CO_BLOCK];
    for (size_t n = 1; n <= CO_BLOCK; n += n < 70 ? 1 : 1009) {
        fill(x, n, n);
        memcpy(y, x, n * sizeof *y);
        co_rotate_block(1, 2, 3, y, n);
        cr_expect_float_eq(square_sum(y, n), square_sum(x, n), 1e-10, "%zu", n);
        co_unrotate_block(1, 2, 3, y, n);
        for (size_t j = 0; j < n; j++) cr_assert_float_eq(x[j], y[j], 1e-13, "%zu of %zu", j, n);
    }
}

/* One coordinate spreads evenly; another step or block has other signs. */
Test(hadamard, spreads_one_coordinate_over_its_piece)
{
    static double x[CO_BLOCK], y[CO_BLOCK];
    x[5] = 64.0;
    co_rotate_block(1, 2, 3, x, CO_BLOCK);
    for (size_t j = 0; j < CO_BLOCK; j++) cr_assert_eq(fabs(x[j]), 1.0);
    for (int k = 0; k < 3; k++) {
        double dot = 0.0;
        fill(x, CO_BLOCK, 1), memcpy(y, x, sizeof y);
        co_rotate_block(1, 2, 3, x, CO_BLOCK);
        co_rotate_block(k == 0 ? 9 : 1, k == 1 ? 9 : 2, k == 2 ? 9 : 3, y, CO_BLOCK);
        for (size_t j = 0; j < CO_BLOCK; j++) dot += x[j] * y[j] / CO_BLOCK;
        cr_expect(fabs(dot) < 5.0 / sqrt(CO_BLOCK), "%d: correlation %g", k, dot);
    }
}

/* Shared spans with holes between them, cut into slices of whole blocks as ranks own them. */
Test(hadamard, an_update_goes_there_and_back_on_slices_and_what_stays_is_not_touched)
{
    co_part spans[] = {{10, 10, 3000}, {3500, 3500, 900}, {CO_BLOCK + 2000, CO_BLOCK + 2000, 5000}};
    co_part whole[] = {{0, 0, N}};
    co_layout l = {.whole = N, .n = N, .n_parts = 1, .part = whole};
    static float update[N];
    static double first[N], values[N];
    l.span[CO_SHARED] = spans, l.n_spans[CO_SHARED] = 3;
    fill(first, N, 8);
    for (int j = 0; j < N; j++) update[j] = (float)first[j];
    co_rotate(&l, 5, 6, 16.0, update);
    for (int j = 0; j < N; j++) values[j] = (double)update[j];
    for (size_t at = 0; at < N; at += CO_BLOCK) { /* three ranks */
        const co_part slice = {at, 0, N - at < CO_BLOCK ? N - at : CO_BLOCK};
        co_unrotate(&l, &slice, 1, 5, 6, values + at);
    }
    for (int j = 0; j < N; j++)
        cr_assert_float_eq(values[j], 16.0 * (double)(float)first[j], 1e-4, "%d", j);
    for (int j = 3010; j < 3500; j++) cr_assert_eq(update[j], 16.0f * (float)first[j]);
    cr_expect(update[20] != 16.0f * (float)first[20]);
}
