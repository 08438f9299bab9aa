/* Rounding under a bound: unbiased, and no vector that anybody can think of comes out longer. */
#include "core/random.h"
#include "privacy/mechanisms/rounding.h"
#include "tests/harness.h"
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

enum { D = 300, LONG = 5000 };
#define BETA 0.6065306597126334 /* e^-1/2 */

static uint64_t square_of(const int64_t *q, size_t n)
{
    uint64_t sum = 0;
    for (size_t j = 0; j < n; j++) sum += (uint64_t)(q[j] * q[j]);
    return sum;
}

static double norm_of(const float *x, size_t n)
{
    double sum = 0.0;
    for (size_t j = 0; j < n; j++) sum += (double)x[j] * (double)x[j];
    return sqrt(sum);
}

/* Worked out apart: c + sqrt d where that is the smaller one. */
Test(rounding, the_bound_is_the_smaller_of_two)
{
    cr_expect_float_eq(co_rounded_norm(3.0, 16.0, 0.0), 7.0, 1e-12);
    cr_expect_float_eq(co_rounded_norm(100.0, 10000.0, BETA), sqrt(12500.0 + 150.0), 1e-9);
    cr_expect_float_eq(co_rounded_norm(0.5, 1.0, 1e-9), 1.5, 1e-12);
}

Test(rounding, is_unbiased_and_next_to_the_number)
{
    static float x[D];
    static double mean[D];
    static int64_t q[D];
    const int n = 20000;
    for (int j = 0; j < D; j++) x[j] = (float)(j - D / 2) * 0.137f;
    for (int i = 0; i < n; i++) {
        co_round_within(3, 1, i, x, D, UINT64_MAX, q);
        for (int j = 0; j < D; j++) {
            mean[j] += (double)q[j] / n;
            cr_assert(fabs((double)q[j] - (double)x[j]) < 1.0, "%g became %lld", (double)x[j],
                      (long long)q[j]);
        }
    }
    double chi = 0.0, freedom = 0.0;
    for (int j = 0; j < D; j++) {
        const double p = (double)x[j] - floor((double)x[j]), variance = p * (1.0 - p) / n;
        if (variance == 0.0) continue;
        chi += pow(mean[j] - (double)x[j], 2.0) / variance, freedom++;
    }
    cr_expect(fabs(chi - freedom) < 5.0 * sqrt(2.0 * freedom), "chi-square %g of %g", chi, freedom);
}

Test(rounding, nothing_stays_nothing_and_whole_numbers_stay)
{
    static float x[D];
    static int64_t q[D];
    co_round_within(3, 1, 5, x, D, 0, q);
    cr_expect_eq(square_of(q, D), 0);
    for (int j = 0; j < D; j++) x[j] = (float)(j % 7 - 3);
    co_round_within(3, 1, 5, x, D, UINT64_MAX, q);
    for (int j = 0; j < D; j++) cr_expect_eq(q[j], j % 7 - 3, "%d: %lld", j, (long long)q[j]);
}

/* Shapes that rounding lengthens most, at a given norm. */
static void shape(int which, double c, size_t n, float *x)
{
    co_stream s = co_stream_open(1, CO_DRAW_TEST, (uint64_t)which, 0, 0);
    for (size_t j = 0; j < n; j++) {
        const double halves = floor(co_draw_uniform(&s) * 3.0) + 0.5;
        x[j] = (float)(which == 0   ? 0.5
                       : which == 1 ? 0.01
                       : which == 2 ? (j == 0 ? 1e3 : 0.5)
                       : which == 3 ? halves
                       : which == 4 ? co_draw_normal(&s)
                                    : (double)(j % 9 == 0));
        if (co_draw_below(&s, 2)) x[j] = -x[j];
    }
    const double by = c / norm_of(x, n);
    for (size_t j = 0; j < n; j++) x[j] *= (float)(by * (1.0 - 1e-6));
}

/* Climbs: each step moves some coordinates, keeps the norm, and stays where squares come out
 * larger.
 */
static void search(double c, double beta, size_t n, uint64_t *longest, unsigned *n_redrawn,
                   unsigned *n_vectors)
{
    static float x[D], y[D];
    static int64_t q[D];
    const uint64_t most = (uint64_t)pow(co_rounded_norm(c, (double)n, beta), 2.0);
    for (int which = 0; which < 6; which++) {
        uint64_t best = 0;
        shape(which, c, n, x);
        co_stream s = co_stream_open(2, CO_DRAW_TEST, (uint64_t)which, n, 0);
        for (int step = 0; step < 300; step++) {
            memcpy(y, x, sizeof y);
            for (int k = 0; k < 5 && step; k++)
                y[co_draw_below(&s, n)] += (float)co_draw_normal(&s) * 0.3f;
            const double by = c * (1.0 - 1e-6) / norm_of(y, n);
            for (size_t j = 0; j < n; j++) y[j] *= (float)by;
            uint64_t worst = 0;
            for (int64_t device = 0; device < 10; device++) {
                *n_redrawn += co_round_within(7, step, device, y, n, most, q);
                const uint64_t square = square_of(q, n);
                cr_assert(square <= most, "norm %g of %zu: %llu above %llu", c, n,
                          (unsigned long long)square, (unsigned long long)most);
                worst = square > worst ? square : worst;
                ++*n_vectors;
            }
            if (worst >= best) best = worst, memcpy(x, y, sizeof x);
        }
        *longest = best > *longest ? best : *longest;
    }
}

/* With a beta near 1 the bound is where vectors come out: it is the condition that holds it. */
Test(rounding, no_input_comes_out_longer_than_the_bound)
{
    static const struct {
        double c, beta;
        size_t n;
    } cases[] = {{5.0, BETA, 64},  {0.5, BETA, D}, {40.0, BETA, D}, {300.0, BETA, D},
                 {40.0, 0.999, D}, {8.7, 0.99, D}, {2.0, 0.0, D},   {1.0, 0.5, 1}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        uint64_t longest = 0;
        unsigned n_redrawn = 0, n_vectors = 0;
        search(cases[k].c, cases[k].beta, cases[k].n, &longest, &n_redrawn, &n_vectors);
        const double share = n_redrawn / (double)(n_redrawn + n_vectors);
        cr_expect(share <= cases[k].beta + 1e-12, "norm %g: %g drawn anew", cases[k].c, share);
        cr_expect(cases[k].beta < 0.99 || n_redrawn > 0, "norm %g: the bound was never met",
                  cases[k].c);
        cr_expect((double)longest >= cases[k].c * cases[k].c * 0.9);
    }
}

/* A draw is of (seed, step, device), of whole vectors. */
Test(rounding, every_device_and_step_draws_its_own)
{
    static float x[LONG];
    static int64_t q[LONG], other[LONG];
    for (int j = 0; j < LONG; j++) x[j] = 0.5f;
    co_round_within(1, 2, 3, x, LONG, UINT64_MAX, q);
    for (int k = 0; k < 3; k++) {
        int n_same = 0;
        co_round_within(k == 0 ? 9 : 1, k == 1 ? 9 : 2, k == 2 ? 9 : 3, x, LONG, UINT64_MAX, other);
        for (int j = 0; j < LONG; j++) n_same += q[j] == other[j];
        cr_expect(abs(n_same - LONG / 2) < 5 * 36, "%d: %d of %d are the same", k, n_same, LONG);
    }
}
