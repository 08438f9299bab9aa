/* The bound on contributions: never above clip / step, in integers, whatever the update; and the
 * grid it lives on. */
#include "core/memory.h"
#include "core/random.h"
#include "core/vector.h"
#include "privacy/mechanisms/bound.h"
#include "tests/harness.h"
#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <string.h>

enum { N = 5000 };

static double norm_of(const co_mechanism *m, const float *u, size_t n)
{
    return m->norm == CO_NORM_L1 ? co_norm_l1(u, n) : co_vector_norm(u, n);
}

/* |q| <= bound by plain 128-bit sums, independent of the library's. clip / step is a whole number
 * or its square is compared from below: floor. */
static bool holds(const co_mechanism *m, const co_grid *g, const int64_t *q, size_t n)
{
    __int128 sum = 0;
    for (size_t j = 0; j < n; j++)
        sum += m->norm == CO_NORM_L1 ? (q[j] < 0 ? -q[j] : q[j]) : (__int128)q[j] * q[j];
    const long double most = (long double)g->clip / (long double)g->step;
    return (long double)sum <= (m->norm == CO_NORM_L1 ? most : most * most);
}

/* The integers of one contribution, in two slices; the scale they were made with. */
static double bounded(const co_mechanism *m, const co_grid *g, const float *u, size_t n,
                      double norm, double weight, int64_t *q)
{
    const co_sum_slice slice[] = {{q, 0, n / 3}, {q + n / 3, n / 3, n - n / 3}};
    memset(q, 0, n * sizeof *q);
    return co_add_bounded(m, g, u, norm, weight, slice, 2);
}

static void fill(float *u, size_t n, int kind, uint64_t seed)
{
    co_stream s = co_stream_open(seed, CO_DRAW_TEST, (uint64_t)kind, 0, 0);
    for (size_t j = 0; j < n; j++) {
        const float x = (float)co_draw_normal(&s);
        u[j] = kind == 0   ? x
               : kind == 1 ? (j == n / 2 ? FLT_MAX : 0.0f)
               : kind == 2 ? x * 1e30f
               : kind == 3 ? x * 1e-40f
               : kind == 4 ? copysignf(1.0f, x)
               : kind == 5 ? (float)exp(8.0 * (double)x)
               : kind == 6 ? FLT_MAX
                           : 0.0f;
    }
}

/* Just at, below and above the clip: where rounding could lengthen a vector. */
static void search(const co_mechanism *m, double clip, double multiplier, float *u, size_t n)
{
    static int64_t q[N];
    co_grid g;
    cr_assert_eq(co_grid_make(m, clip, multiplier, 1e6, &g), CO_OK, "%s", co_status_message());
    for (int k = -3; k <= 3; k++) {
        const double norm =
            norm_of(m, u, n) * (1.0 + k * DBL_EPSILON); /* an estimate that is off by some units */
        bounded(m, &g, u, n, norm, 1.0, q);
        cr_expect(holds(m, &g, q, n), "%s: above the bound at clip %g", m->name, clip);
        for (size_t j = 0; j < n; j++)
            cr_expect(q[j] == 0 || (q[j] > 0) == (u[j] > 0.0f),
                      "rounded away from zero or a sign changed");
    }
}

Test(bound, no_contribution_is_above_the_clip_however_it_is_made)
{
    static float u[N];
    static const double clips[] = {1e-3, 1.0, 0.7310585786300049, 1234.5},
                        multipliers[] = {1e-4, 0.5, 1.0, 37.0};
    static const char *const names[] = {"gaussian", "discrete_gaussian", "laplace"};
    for (int k = 0; k < 3; k++)
        for (int kind = 0; kind < 8; kind++)
            for (int c = 0; c < 4; c++)
                for (int z = 0; z < 4; z++) {
                    const size_t n = kind == 4 ? 4096 : N;
                    fill(u, n, kind, (uint64_t)(10 * c + z));
                    search(co_mechanism_find(names[k]), clips[c], multipliers[z], u, n);
                }
    cr_expect_eq(co_memory_blocks(), 0);
}

/* A vector that is exactly at the clip, in whole steps, is kept as it is; half a step more per
 * coordinate is cut. */
Test(bound, a_vector_at_the_clip_is_not_shortened)
{
    const co_mechanism *m = co_mechanism_find("gaussian");
    co_grid g;
    cr_assert_eq(co_grid_make(m, 5.0, 1.0, 100.0, &g), CO_OK);
    const float u[3] = {3.0f, 0.0f, -4.0f};
    int64_t q[3];
    bounded(m, &g, u, 3, 5.0, 1.0, q);
    cr_expect_eq((double)q[0] * g.step, 3.0);
    cr_expect_eq((double)q[2] * g.step, -4.0);
    const float longer[3] = {6.0f, 0.0f, -8.0f};
    bounded(m, &g, longer, 3, 10.0, 0.5, q);
    cr_expect(fabs((double)q[0] * g.step - 1.5) < 1e-5 && fabs((double)q[2] * g.step + 2.0) < 1e-5,
              "weight one half");
}

/* Bounds of 2^29 to 2^50: integers of 32 bits everywhere, or in the block that allows it, or in
 * none. */
Test(bound, steps_are_rounded_toward_zero)
{
    const float steps[11] = {0.7f, -0.7f,       1.5f,    -1.999f,    2.0f,          -2.0f,
                             1e8f, -8388607.5f, 0x1p31f, -0x1.8p33f, 0x1.fffffep49f};
    const int64_t want[11] = {
        0, 0, 1, -1, 2, -2, 100000000, -8388607, 2147483648, -12884901888, 1125899839733760};
    const co_mechanism *m = co_mechanism_find("gaussian");
    for (int bits = 29; bits <= 50; bits += 3) {
        static float u[2 * CO_BLOCK];
        static int64_t q[2 * CO_BLOCK];
        co_grid g;
        cr_assert_eq(co_grid_make(m, 1.0, ldexp(1.0, 20 - bits), 2.0, &g), CO_OK);
        const size_t n = bits < 32 ? 8 : bits < 35 ? 9 : bits < 50 ? 10 : 11;
        memset(u, 0, sizeof u);
        for (size_t j = 0; j < n; j++)
            u[j % 2 ? CO_BLOCK + j : j] = (float)((double)steps[j] * g.step);
        cr_assert_eq(bounded(m, &g, u, 2 * CO_BLOCK, co_vector_norm(u, 2 * CO_BLOCK), 1.0, q),
                     1.0 / g.step, "%d bits", bits);
        for (size_t j = 0; j < n; j++)
            cr_expect_eq(q[j % 2 ? CO_BLOCK + j : j], want[j], "%d bits: %.9g", bits,
                         (double)steps[j]);
    }
}

/* A sum that is there already gains the contribution alone, also when it was made more than once.
 */
Test(bound, contributions_that_were_too_long_leave_nothing_behind)
{
    static int64_t sum[N];
    static float u[N];
    static const char *const names[] = {"gaussian", "laplace"};
    for (int k = 0; k < 2; k++)
        for (int bits = 20; bits <= 50; bits += 15) {
            const co_mechanism *m = co_mechanism_find(names[k]);
            const co_sum_slice slice = {sum, 0, N};
            co_grid g;
            cr_assert_eq(co_grid_make(m, 1.0, ldexp(1.0, 20 - bits), 2.0, &g), CO_OK);
            fill(u, N, 0, (uint64_t)bits);
            for (size_t j = 0; j < N; j++) sum[j] = (int64_t)j * 1234567 - 890;
            const double norm = norm_of(m, u, N) * (1.0 - 0x1p-8);
            const double scale = co_add_bounded(m, &g, u, norm, 1.0, &slice, 1);
            cr_expect_lt(scale, g.clip / norm / g.step, "%s: nothing had to shrink", names[k]);
            for (size_t j = 0; j < N; j++) {
                const int64_t own = (int64_t)((double)u[j] * scale);
                cr_expect_eq(sum[j], (int64_t)j * 1234567 - 890 + own);
            }
        }
}

/* Whole numbers of steps with a norm of exactly the bound pass; one step more anywhere, and the
 * scale shrinks. Also where doubles no longer hold the squares (2^29), and where integers are long.
 */
Test(bound, the_check_sees_one_step_too_much)
{
    const char *const names[] = {"gaussian", "laplace"};
    int64_t q[2];
    for (int k = 0; k < 2; k++)
        for (int bits = 20; bits <= 38; bits += 9) {
            const co_mechanism *m = co_mechanism_find(names[k]);
            co_grid g;
            cr_assert_eq(co_grid_make(m, 1.0, ldexp(1.0, 20 - bits), 10.0, &g), CO_OK);
            const double side = k == 1 ? 0.75 * g.bound : g.bound,
                         rest = k == 1 ? -0.25 * g.bound : 0.0;
            const float full[2] = {(float)(side * g.step), (float)(rest * g.step)};
            const float over[2] = {
                (float)(side * g.step),
                (float)((rest - (k == 1 ? ldexp(1.0, bits - 20) : 1.0)) * g.step)};
            cr_expect_eq(bounded(m, &g, full, 2, 1.0, 1.0, q), 1.0 / g.step, "%s, %d bits",
                         names[k], bits);
            cr_expect_lt(bounded(m, &g, over, 2, 1.0, 1.0, q), 1.0 / g.step,
                         "%s, %d bits: a step above the bound", names[k], bits);
        }
}

Test(bound, a_norm_that_lies_ends_the_job, .exit_code = 70)
{
    const float huge[1] = {4000.0f}; /* beyond 2^31 steps */
    const co_mechanism *m = co_mechanism_find("gaussian");
    co_grid g;
    int64_t q[1];
    cr_assert_eq(co_grid_make(m, 1.0, 1.0, 10.0, &g), CO_OK);
    bounded(m, &g, huge, 1, 1.0, 1.0, q);
}

/* An estimate of the norm that is too small by far more than rounding: the exact check alone keeps
 * the bound, and stops at the first scale that it allows. */
Test(bound, the_check_shrinks_until_the_norm_holds_and_no_further)
{
    static int64_t q[40];
    const co_mechanism *m = co_mechanism_find("gaussian");
    co_grid g;
    float u[40];
    int n_shrunk = 0;
    cr_assert_eq(co_grid_make(m, 1.0, 1.0, 1e6, &g), CO_OK);
    for (size_t n = 1; n <= 40; n++)
        for (uint64_t seed = 0; seed < 20; seed++) {
            fill(u, n, 0, 100 * n + seed);
            const double norm = co_vector_norm(u, n) * (1.0 - 0x1p-16),
                         asked = g.clip / norm / g.step;
            const double scale = bounded(m, &g, u, n, norm, 1.0, q);
            cr_expect(holds(m, &g, q, n), "%zu coordinates: above the bound", n);
            if (scale >= asked * (1.0 - 1e-9) || norm <= g.clip) continue;
            n_shrunk++;
            for (size_t j = 0; j < n; j++) q[j] = (int64_t)(scale / (1.0 - 0x1p-20) * (double)u[j]);
            cr_expect(!holds(m, &g, q, n), "%zu coordinates: shortened once too often", n);
        }
    cr_expect_gt(n_shrunk, 500);
}

Test(bound, step_is_a_power_of_two_and_the_noise_has_21_bits)
{
    static const char *const names[] = {"gaussian", "discrete_gaussian", "laplace"};
    for (int k = 0; k < 3; k++)
        for (double clip = 1e-6; clip < 1e7; clip *= 3.7)
            for (double z = 1e-3; z < 1e4; z *= 5.3) {
                co_grid g;
                int exponent;
                cr_assert_eq(co_grid_make(co_mechanism_find(names[k]), clip, z, 1000.0, &g), CO_OK);
                cr_expect_eq(frexp(g.step, &exponent), 0.5);
                cr_expect(g.scale >= 0x1p20 && g.scale <= 0x1p21 && g.scale * g.step >= z * clip);
                cr_expect(g.scale * g.step <= z * clip * (1.0 + 0x1p-20));
            }
}

Test(bound, sums_that_could_overflow_are_refused)
{
    co_grid g;
    cr_expect_eq(co_grid_make(co_mechanism_find("gaussian"), 1.0, 1e-6, 1e9, &g), CO_EUSAGE);
    cr_expect(strstr(co_status_message(), "2^62") != NULL);
    cr_expect_eq(co_grid_make(co_mechanism_find("gaussian"), 1.0, 0.0, 1e15, &g), CO_OK);
    cr_expect_eq(g.scale, 0.0);
}

/* Andrew et al. 2021, geometric rule, without noise: records of norm 5 and 2.5. */
Test(bound, adaptive_clip_follows_the_published_steps)
{
    static const double down[] = {8.0, 4.0, 2.8284271247461903, 2.0, 2.0};
    static const double up[] = {1.0, 2.0, 2.8284271247461903, 4.0, 4.0};
    double clip = 16.0;
    for (int i = 0; i < 5; i++) {
        const double fraction = ((5.0 <= clip) + (2.5 <= clip)) / 2.0;
        clip = co_adapted_clip(clip, fraction, 0.0, log(2.0));
        cr_expect_float_eq(clip, down[i], 1e-12);
    }
    clip = 0.5;
    for (int i = 0; i < 5; i++) {
        const double fraction = ((1.5 <= clip) + (3.0 <= clip)) / 2.0;
        clip = co_adapted_clip(clip, fraction, 1.0, log(2.0));
        cr_expect_float_eq(clip, up[i], 1e-12);
    }
}
