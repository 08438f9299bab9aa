/* The rotation of what travels: against its definition, there and back, by slices, with gaps. */
#include "aggregators/hadamard.h"
#include "tests/harness.h"
#include "tests/kinds/options.h"
#include <math.h>

enum { N = 3 * CO_BLOCK + 1013 }; /* the last block: 512 + 256 + 128 + 64 + 32 + 16 + 4 + 1 */

static const co_part all = {0, 0, N};

/* Of a model of five blocks: the second is frozen whole, others have holes. */
static co_part parts[] = {{0, 0, CO_BLOCK}, {2 * CO_BLOCK, CO_BLOCK, 2 * CO_BLOCK + 1013}};
static co_part shared[] = {{5, 5, 3000},
                           {3500, 3500, 596},
                           {2 * CO_BLOCK, CO_BLOCK, 700},
                           {2 * CO_BLOCK + 800, CO_BLOCK + 800, CO_BLOCK},
                           {4 * CO_BLOCK + 1000, 3 * CO_BLOCK + 1000, 13}};
static const co_layout holed = {.whole = 4 * CO_BLOCK + 1013,
                                .n = N,
                                .n_parts = 2,
                                .part = parts,
                                .span = {[CO_SHARED] = shared},
                                .n_spans = {[CO_SHARED] = 5},
                                .n_shared = 3000 + 596 + 700 + CO_BLOCK + 13};

static bool travels(size_t j)
{
    for (size_t k = 0; k < 5; k++)
        if (j >= shared[k].at && j < shared[k].at + shared[k].size) return true;
    return false;
}

Test(hadamard, a_walk_meets_what_travels_once_and_in_order)
{
    static size_t met[N];
    size_t n = 0, n_blocks = 0;
    for (co_walk w = co_walk_begin(&holed, parts, 2); co_walk_next(&w); n_blocks++) {
        size_t m = 0;
        cr_expect_eq(w.offset % CO_BLOCK, 0);
        for (size_t k = 0, size; k < w.n_runs; k++, m += size)
            for (size_t j = co_walk_run(&w, k, &size), end = j + size; j < end; j++) met[n++] = j;
        cr_expect_eq(m, w.n);
    }
    cr_expect_eq(n_blocks, 4);
    cr_assert_eq(n, holed.n_shared);
    cr_expect_eq(n, co_walk_count(&holed, parts, 2));
    for (size_t j = 0, k = 0; j < N; j++)
        if (travels(j)) cr_assert_eq(met[k++], j);
}

/* (H D x)_i = sum_j (-1)^bits(i & j) d_j x_j / sqrt n, d_j = +-1: the signs show in a spike's
 * image.
 */
Test(hadamard, pieces_are_sylvesters_matrix_behind_signs)
{
    for (size_t n = 1; n <= 1024; n *= 2) {
        static float x[1024], y[1024];
        float sign[1024];
        const co_part one = {0, 0, n};
        for (size_t j = 0; j < n; j++) {
            memset(y, 0, sizeof y);
            y[j] = 1.0f;
            co_rotate(NULL, 3, 1, &one, 1, 1.0, y);
            sign[j] = y[0] > 0.0f ? 1.0f : -1.0f;
            cr_expect_float_eq(fabsf(y[n - 1]), 1.0 / sqrt((double)n), 1e-7);
        }
        test_fill(700, n, 1.0f, x);
        memcpy(y, x, sizeof y);
        co_rotate(NULL, 3, 1, &one, 1, 1.0, y);
        for (size_t i = 0; i < n; i++) {
            double want = 0.0;
            for (size_t j = 0; j < n; j++)
                want += (__builtin_popcountll(i & j) % 2 ? -1.0 : 1.0) * (double)(sign[j] * x[j]);
            cr_assert_float_eq(y[i], want / sqrt((double)n), 1e-6, "%zu of %zu", i, n);
        }
    }
}

/* As each owner of whole blocks does it by itself. */
static void back_by_slices(const co_layout *layout, const co_part *part, size_t n_parts, double *v)
{
    for (size_t p = 0; p < n_parts; p++)
        for (size_t done = 0; done < part[p].size; done += CO_BLOCK) {
            const size_t left = part[p].size - done, at = part[p].at + done;
            const co_part own = {part[p].offset + done, 0, left < CO_BLOCK ? left : CO_BLOCK};
            co_rotate_back(layout, 3, 1, &own, 1, v + at);
        }
}

Test(hadamard, the_inverse_is_exact_by_whole_vectors_and_by_slices)
{
    const co_layout *const layouts[] = {NULL, &holed};
    for (int k = 0; k < 2; k++) {
        static float x[N], y[N];
        static double whole[N], sliced[N];
        const co_part *part = k ? parts : &all;
        test_fill(701, N, 2.0f, x);
        memcpy(y, x, sizeof y);
        co_rotate(layouts[k], 3, 1, part, k ? 2 : 1, 1.0, y);
        cr_expect(memcmp(x, y, sizeof x) != 0);
        for (size_t j = 0; j < N; j++) {
            if (k && !travels(j)) cr_assert_eq(x[j], y[j]); /* not touched */
            whole[j] = sliced[j] = (double)y[j];
        }
        cr_expect_float_eq(co_vector_norm(y, N), co_vector_norm(x, N), 1e-5);
        co_rotate_back(layouts[k], 3, 1, part, k ? 2 : 1, whole);
        back_by_slices(layouts[k], part, k ? 2 : 1, sliced);
        cr_expect_arr_eq(whole, sliced, sizeof whole);
        for (size_t j = 0; j < N; j++) cr_assert_float_eq(whole[j], x[j], 1e-6);
    }
}

/* In double both ways nothing but roundings of double is left. */
Test(hadamard, there_and_back_in_double)
{
    static double v[CO_BLOCK];
    static float x[CO_BLOCK], y[CO_BLOCK];
    const co_part block = {7 * CO_BLOCK, 0, CO_BLOCK};
    test_fill(702, CO_BLOCK, 1.0f, x);
    for (int j = 0; j < CO_BLOCK; j++) v[j] = (double)x[j];
    co_rotate_back(NULL, 3, 1, &block, 1, v); /* D H x: its inverse is H D */
    for (int j = 0; j < CO_BLOCK; j++) y[j] = (float)v[j];
    co_rotate(NULL, 3, 1, &block, 1, 1.0, y);
    for (int j = 0; j < CO_BLOCK; j++) cr_assert_float_eq(y[j], x[j], 1e-6);
}

/* A spike of a whole block becomes 1/64 everywhere; any vector's largest coordinate is that of
 * random signs: below sqrt(2 log(2 n / beta) / n) of its norm but with probability beta. */
Test(hadamard, rotated_vectors_are_flat)
{
    for (uint64_t seed = 0; seed < 200; seed++) {
        static float x[CO_BLOCK];
        const co_part block = {0, 0, CO_BLOCK};
        memset(x, 0, sizeof x);
        x[seed * 17] = -8.0f;
        co_rotate(NULL, seed, 1, &block, 1, 1.0, x);
        for (int j = 0; j < CO_BLOCK; j++) cr_assert_eq(fabsf(x[j]), 0.125f);
        for (int j = 0; j < CO_BLOCK; j++) x[j] = j < 100 ? 10.0f : 0.001f * (float)j;
        const double norm = co_vector_norm(x, CO_BLOCK);
        co_rotate(NULL, seed, 1, &block, 1, 1.0, x);
        const double bound = norm * sqrt(2.0 * log(2.0 * CO_BLOCK / 1e-4) / CO_BLOCK);
        cr_assert(co_block_largest(x, CO_BLOCK) < bound, "%g",
                  (double)co_block_largest(x, CO_BLOCK));
    }
}

/* Another step, another block: other signs. */
Test(hadamard, signs_are_keyed_by_step_and_block)
{
    static float x[4][CO_BLOCK];
    const co_part at[] = {{0, 0, CO_BLOCK}, {CO_BLOCK, 0, CO_BLOCK}};
    for (int k = 0; k < 4; k++) {
        for (int j = 0; j < CO_BLOCK; j++) x[k][j] = 1.0f;
        co_rotate(NULL, 1, 1 + k % 2, &at[k / 2], 1, 1.0, x[k]);
        for (int i = 0; i < k; i++)
            cr_expect_lt(fabs(co_vector_dot(x[i], x[k], CO_BLOCK)), 5.0 * 64.0, "%d, %d", i, k);
    }
}
