/* Exact sums: vectors against one rounding at a time, scalars against math.fsum of Python and
 * against 128-bit floats. */
#include "tests/harness.h"
#include <criterion/criterion.h>
#include <float.h>

/* A copy compiled for the baseline processor alone. */
#define CO_NO_CLONES
#define co_vector_finite plain_vector_finite
#define co_exact_add plain_exact_add
#define co_exact_add_difference plain_exact_add_difference
#define co_exact_mean plain_exact_mean
#define co_scalar_add plain_scalar_add
#define co_scalar_merge plain_scalar_merge
#define co_scalar_value plain_scalar_value
#include "core/exact.c"
#undef co_vector_finite
#undef co_exact_add
#undef co_exact_add_difference
#undef co_exact_mean
#undef co_scalar_add
#undef co_scalar_merge
#undef co_scalar_value
bool co_vector_finite(const float *u, size_t n);
size_t co_exact_add(int64_t *sum, const float *u, size_t n, double a);
double co_exact_add_difference(const co_sum_slice *slice, size_t n_slices, float *u, const float *y,
                               double a, size_t *n_cut);
void co_exact_mean(const int64_t *sum, size_t n, double total, double *out);
void co_scalar_add(co_scalar *sum, double x);
void co_scalar_merge(co_scalar *sum, const co_scalar *other);
double co_scalar_value(const co_scalar *sum);
#include "core/memory.h"
#include "core/random.h"
#include "core/vector.h"

static co_stream test_stream(uint64_t step)
{
    return co_stream_open(77, CO_DRAW_TEST, 1, 2, step);
}

/* Floats of every size from denormal to beyond the bound. */
static void fill_all_sizes(uint64_t step, float *u, size_t n)
{
    co_stream s = test_stream(step);
    for (size_t i = 0; i < n; i++)
        u[i] = (float)ldexp(co_draw_normal(&s), (int)co_draw_below(&s, 168) - 147);
}

Test(vector_sum, every_term_is_rounded_once_to_even_whatever_its_size)
{
    enum { N = 20011 };
    static float u[N];
    static int64_t sum[N];
    const double weights[] = {1.0, 0.5, 1.0 / 3.0, 1e-3, 1e-9, 0.0};
    fill_all_sizes(1, u, N);
    for (size_t t = 0; t < sizeof weights / sizeof *weights; t++) {
        size_t n_cut = 0, wrong = 0;
        memset(sum, 0, sizeof sum);
        const size_t got = co_exact_add(sum, u, N, weights[t]);
        for (size_t i = 0; i < N; i++) {
            const double cut = fmax(-262144.0, fmin(262144.0, (double)u[i]));
            n_cut += cut != (double)u[i];
            wrong += sum[i] != llrint(cut * (weights[t] * 0x1p44));
        }
        cr_assert(wrong == 0 && got == n_cut && n_cut > 50, "weight %g: %zu wrong, %zu cut",
                  weights[t], wrong, got);
    }
}

Test(vector_sum, ties_go_to_even)
{
    const float u[] = {0x1p-45f, 0x3p-45f, 0x5p-45f, -0x1p-45f, -0x3p-45f, 0x1.000002p-45f, -0.0f};
    const int64_t expected[] = {0, 2, 2, 0, -2, 1, 0};
    int64_t sum[7] = {0};
    cr_assert_eq(co_exact_add(sum, u, 7, 1.0), 0);
    cr_assert_arr_eq(sum, expected, sizeof sum);
}

Test(vector_sum, what_is_beyond_the_bound_is_cut_and_counted)
{
    const float u[] = {262144.0f, -262144.0f, 262144.03125f, -262144.03125f,
                       FLT_MAX,   -FLT_MAX,   1.0f};
    int64_t sum[7] = {0};
    cr_assert_eq(co_exact_add(sum, u, 7, 1.0), 4);
    for (int i = 0; i < 6; i++) cr_assert_eq(sum[i], (i % 2 ? -1 : 1) * (INT64_C(1) << 62));
    cr_assert_eq(sum[6], INT64_C(1) << 44);
}

Test(vector_sum, nothing_overflows_while_the_weights_sum_to_one)
{
    enum { M = 30000 };
    const float worst[2] = {FLT_MAX, -FLT_MAX};
    int64_t sum[2] = {0};
    double a[M], total = 0.0, used = 0.0;
    co_stream s = test_stream(2);
    for (int i = 0; i < M; i++) total += a[i] = 1.0 + co_draw_uniform(&s);
    for (int i = 0; i < M; i++) {
        cr_assert_eq(co_exact_add(sum, worst, 2, a[i] / total), 2);
        used += a[i] / total;
        cr_assert(sum[0] > 0 && sum[1] == -sum[0]);
    }
    cr_assert(fabs((double)sum[0] * 0x1p-62 - used) < 1e-12);
}

Test(vector_sum, order_and_cut_change_no_bit)
{
    enum { M = 200, N = 300 };
    static float u[M][N];
    static int64_t forward[N], mixed[N];
    int64_t order[M];
    co_stream s = test_stream(3);
    for (int i = 0; i < M; i++) {
        fill_all_sizes(100 + (uint64_t)i, u[i], N);
        order[i] = i;
        co_exact_add(forward, u[i], N, 1.0 / (i + 300));
    }
    co_draw_shuffle(&s, order, M);
    for (int i = 0; i < M; i++) {
        const size_t cut = (size_t)co_draw_below(&s, N + 1);
        const double a = 1.0 / (double)(order[i] + 300);
        co_exact_add(mixed + cut, u[order[i]] + cut, N - cut, a);
        co_exact_add(mixed, u[order[i]], cut, a);
    }
    cr_assert_arr_eq(forward, mixed, sizeof forward);
}

Test(vector_sum, bits_are_those_of_the_baseline_processor)
{
    enum { N = 50021 };
    static float u[N];
    static int64_t fast[N], plain[N];
    static double fast_mean[N], plain_mean[N];
    fill_all_sizes(4, u, N);
    for (int i = 1; i <= 5; i++)
        cr_assert_eq(co_exact_add(fast, u, N, 0.2 / i), plain_exact_add(plain, u, N, 0.2 / i));
    cr_assert_arr_eq(fast, plain, sizeof fast);
    co_exact_mean(fast, N, 0.3, fast_mean);
    plain_exact_mean(plain, N, 0.3, plain_mean);
    cr_assert_arr_eq(fast_mean, plain_mean, sizeof fast_mean);
}

/* From small updates over some whose elements need the long way or are cut to ones that are not
 * finite. */
Test(vector_sum, a_difference_is_added_in_one_pass_as_in_two)
{
    enum { N = 3 * CO_BLOCK + 77, LAST = 2 * CO_BLOCK };
    static float x[N], y[N], u[N], want[N];
    static int64_t sum[N], plain[N], reference[N];
    const float peak[] = {0.0f, 10.0f, 1e5f, 2e5f, 3e5f, 1e9f, 3e5f, INFINITY, -INFINITY, NAN};
    const double weight[] = {0.01, 0.3, 0.3, 0.3, 0.3, 0.01, 1e-6, 0.01, 0.01, 0.3};
    const co_sum_slice one = {plain, 0, N}, cut[] = {{sum, 0, CO_BLOCK},
                                                     {sum + CO_BLOCK, CO_BLOCK, 0},
                                                     {sum + CO_BLOCK, CO_BLOCK, LAST - CO_BLOCK},
                                                     {sum + LAST, LAST, N - LAST}};
    for (size_t t = 0; t < sizeof peak / sizeof *peak; t++) {
        const co_stream s = test_stream(50 + t), other = test_stream(70 + t);
        const double a = weight[t];
        size_t n_cut, n_plain, n_want = 0;
        co_fill_normal(&s, 0, N, x);
        co_fill_normal(&other, 0, N, y);
        x[t * 1300] += peak[t];
        const double norm = co_vector_difference(want, x, y, N);
        if (isfinite(norm)) n_want = co_exact_add(reference, want, N, a);
        memcpy(u, x, sizeof u);
        const double fast = co_exact_add_difference(cut, 4, u, y, a, &n_cut);
        cr_assert_arr_eq(u, want, sizeof u);
        const double slow = plain_exact_add_difference(&one, 1, x, y, a, &n_plain);
        cr_assert((fast == norm && slow == norm) || (t >= 7 && !isfinite(fast) && !isfinite(slow)),
                  "%g", (double)peak[t]);
        cr_assert(n_cut == n_want && n_plain == n_want && (n_cut > 0) == (t >= 4 && t <= 6),
                  "%g: %zu", (double)peak[t], n_cut);
        cr_assert_arr_eq(sum, reference, sizeof sum, "%g", (double)peak[t]);
        cr_assert_arr_eq(plain, reference, sizeof plain, "%g", (double)peak[t]);
    }
}

/* Mean of 1,000 devices whose weights stand around `centre` and move by 1e-6: the error stays small
 * against the mean move. */
static double relative_error_of_mean(float centre)
{
    enum { M = 1000, N = 500 };
    static float u[N];
    static int64_t sum[N];
    static long double reference[N];
    double mean[N], error = 0.0, size = 0.0;
    memset(sum, 0, sizeof sum);
    memset(reference, 0, sizeof reference);
    for (uint64_t i = 0; i < M; i++) {
        const co_stream s = test_stream(1000 + i);
        co_fill_normal(&s, 0, N, u);
        for (int j = 0; j < N; j++) {
            u[j] = centre + 1e-6f * u[j];
            reference[j] += (long double)u[j] / M;
        }
        co_exact_add(sum, u, N, 1.0 / M);
    }
    co_exact_mean(sum, N, 1.0, mean);
    for (int j = 0; j < N; j++) {
        const double move = (double)(reference[j] - (long double)centre),
                     off = (double)((long double)mean[j] - reference[j]);
        error += off * off;
        size += move * move;
    }
    return sqrt(error / size);
}

Test(vector_sum, mean_of_small_moves_is_right_to_four_digits)
{
    const double alone = relative_error_of_mean(0.0f), around = relative_error_of_mean(0.05f);
    cr_assert(alone < 1e-4 && around < 1e-4, "relative errors %g, %g", alone, around);
}

Test(vector_sum, mean_divides_by_what_reported)
{
    const float u[2] = {3.0f, -1.5f};
    int64_t sum[2] = {0};
    double mean[2];
    co_exact_add(sum, u, 2, 0.25);
    co_exact_add(sum, u, 2, 0.125);
    co_exact_mean(sum, 2, 0.375, mean);
    cr_assert(mean[0] == 3.0 && mean[1] == -1.5);
}

Test(finite, one_bad_element_is_found_wherever_it_is)
{
    enum { N = 9000 };
    static float u[N];
    const float bad[] = {NAN, -NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < N; i++) u[i] = i % 2 ? FLT_MAX : -0x1p-149f;
    cr_assert(co_vector_finite(u, N) && co_vector_finite(u, 0) && plain_vector_finite(u, N));
    for (size_t i = 0; i < N; i++)
        for (size_t b = i % 4; b < 4; b++) {
            const float good = u[i];
            u[i] = bad[b];
            cr_assert(!co_vector_finite(u, N), "element %zu", i);
            if (i % 64 == 0) {
                cr_assert(!plain_vector_finite(u, N) && !co_vector_finite(u, i + 1));
                cr_assert(co_vector_finite(u, i) && co_vector_finite(u + i + 1, N - i - 1));
            }
            u[i] = good;
        }
}

static double sum_of(const double *x, size_t n)
{
    co_scalar sum = {0};
    for (size_t i = 0; i < n; i++) co_scalar_add(&sum, x[i]);
    return co_scalar_value(&sum);
}

/* Five terms and their correctly rounded sum, by Python's math.fsum: random exponents, denormals,
 * cancellation, ties and near ties at the last bit, neighbouring exponents. */
static const double by_fsum[][6] = {
    {-0x1.e288db0c11fdep+554, -0x1.f029d5f2dd97fp-843, -0x1.8d4a777330bdbp+647,
     0x1.7bcb84164d839p+201, -0x1.cd42d0d464138p+255, -0x1.8d4a777330bdbp+647},
    {0x0.000000000013cp-1022, -0x0.0000000000660p-1022, 0x0.0000000000001p-1022,
     -0x0.0000000000100p-1022, 0x0.000000003aa56p-1022, 0x0.000000003a433p-1022},
    {0x0.0000000000001p-1022, -0x1.5b0c9e049548ep+9, -0x1.ec46d504b74bap+292,
     0x1.ec46d504b74bap+292, -0x1.efe6af0e3cd97p-977, -0x1.5b0c9e049548ep+9},
    {0, 0, 0x1.0000000000000p-52, 0x1.ef9012a7c1880p+1, 0, 0x1.ef9012a7c1880p+1},
    {-0x1.f3403419521fep+111, 0x1.b5f094f596727p+112, 0x1.3124200ddb74dp+145,
     -0x1.68ca678f845f5p+138, -0x1.a1afab2489191p+138, 0x1.2b0f2be8d1822p+145},
    {0x1.b5a778332f05ap-369, -0x1.6a5f40bf64ef7p-147, -0x1.e8a66f486ab73p+203,
     -0x1.2833960597bdcp-325, 0x1.7dff1c177f113p-831, -0x1.e8a66f486ab73p+203},
    {0x0.00000000d119cp-1022, -0x1.171d1b3de08f9p-1015, 0x1.ae0f225f02628p-1016,
     0x1.12c154bbdbb01p-1019, 0x0.0000000000035p-1022, -0x1.774ba6150008ap-1018},
    {-0x1.f7b3dff297d0ep+333, 0x1.297350c6dea3dp+32, 0x0.0000000000001p-1022,
     0x1.7b2a73cc21779p-996, 0x1.f7b3dff297d0ep+333, 0x1.297350c6dea3dp+32},
    {-0x0.0000000000001p-1022, 0, 0x1.0000000000000p-603, 0, 0x1.faa300e42d43cp-550,
     0x1.faa300e42d43cp-550},
    {-0x1.e64bf90656c8fp-88, 0x1.de7e02b37d817p-128, 0x1.9375fe580c35ep-94, 0x1.b080f0f0b9752p-125,
     -0x1.e803e2425d75ap-116, -0x1.dffe212b6773bp-88},
    {0x1.ffa73efe8b3b5p+210, -0x1.4b02ee6e053f7p-248, 0x1.9500e46273141p-93,
     -0x1.fa0dfd2723248p-302, 0x1.fbd5516d1b5acp-706, 0x1.ffa73efe8b3b5p+210},
    {-0x0.0153fa396655fp-1022, -0x0.00000002b6efdp-1022, 0x0.1ba13b4e424b9p-1022,
     0x0.0000063092a30p-1022, 0x1.879b87c55dde1p-1021, 0x1.94c22b66b9b28p-1021},
    {0x1.58e71a5be6d6bp+724, 0x1.a8085f000feb0p-906, 0x0.0000000000001p-1022, 0x1.49c2a461cb6e0p-16,
     -0x1.58e71a5be6d6bp+724, 0x1.49c2a461cb6e0p-16},
    {-0x0.0000000000001p-1022, 0, 0x1.55974f4de438fp-102, 0, 0x1.0000000000000p-155,
     0x1.55974f4de438fp-102},
    {-0x1.0e247fefaf558p+90, 0x1.285d4b101446ap+62, 0x1.1b3e09fad3bf4p+63, -0x1.e1d3b9621787dp+54,
     0x1.8f8cd9de552ddp+54, -0x1.0e247fb9c6e40p+90},
    {-0x1.c89b40ddc50fbp-735, -0x1.18bd731800c21p-86, -0x1.ef9b2513de781p-848,
     -0x1.f5a3178b9d3d6p+946, 0x1.b3c35771fe0acp-224, -0x1.f5a3178b9d3d6p+946},
    {0x0.0000000000004p-1022, 0x0.0000000000001p-1022, 0x0.0118303d4d4abp-1022,
     -0x1.bb98f68f8886fp-1020, 0x0.000000000e736p-1022, -0x1.bb52ea8031976p-1020},
    {-0x1.eaa654b0e9e7fp+889, 0x0.0000000000001p-1022, 0x1.eaa654b0e9e7fp+889,
     0x1.d694821109d0dp+44, 0x1.13a74a46d8bd9p-928, 0x1.d694821109d0dp+44},
    {0, 0, 0, 0x1.f50be7a1eb92dp+306, 0x1.0000000000000p+253, 0x1.f50be7a1eb92ep+306},
    {-0x1.21b2153777fecp+1, 0x1.c0c49a1240c23p+15, 0x1.f58ad4a9f6396p+26, -0x1.f40f76e82d425p+22,
     -0x1.b5bdef60d3626p+19, 0x1.d316795f1afbfp+26},
    {-0x1.1477c4b08ce11p-572, -0x1.92a2cedf6a199p-67, 0x1.f7f31f1f70efbp-421,
     -0x1.d4bb5404602d0p-58, 0x1.3e67d06161d01p-98, -0x1.d584a56bcea3ap-58},
    {-0x0.00003743494a2p-1022, 0x0.06492c3f48e98p-1022, 0x0.00000fe1364ddp-1022,
     -0x0.000000000c487p-1022, -0x0.000000000f96ap-1022, 0x0.064904dd1a0e2p-1022},
    {-0x1.5d0fd5c6d13a1p-956, -0x1.ac182b54146ecp+792, 0x1.0da0987a565a4p+33,
     0x0.0000000000001p-1022, 0x1.ac182b54146ecp+792, 0x1.0da0987a565a4p+33},
    {-0x0.0000000000001p-1022, 0, 0x1.1b8bbeaa48aedp+556, 0x1.0000000000000p+503, 0,
     0x1.1b8bbeaa48aedp+556},
    {0x1.3095b6d7fd04dp+249, 0x1.aeb1de9662ca3p+252, -0x1.ee1f94be40e2fp+255,
     -0x1.5d5a164514f42p+228, 0x1.01a6ed6165b4ep+217, -0x1.b387023bbbd1cp+255},
};

Test(scalar_sum, equals_correctly_rounded_sums)
{
    for (size_t i = 0; i < sizeof by_fsum / sizeof *by_fsum; i++) {
        double opposite[5];
        for (int k = 0; k < 5; k++) opposite[k] = -by_fsum[i][k];
        cr_assert_eq(sum_of(by_fsum[i], 5), by_fsum[i][5], "row %zu: %a", i, sum_of(by_fsum[i], 5));
        cr_assert_eq(sum_of(opposite, 5), -by_fsum[i][5], "row %zu", i);
    }
}

/* 113 bits hold such sums without rounding; the last conversion rounds to nearest even. */
Test(scalar_sum, equals_sums_in_128_bit_floats)
{
    co_stream s = test_stream(5);
    for (int t = 0; t < 3000; t++) {
        double x[50];
        __float128 reference = 0;
        const int shift = (int)co_draw_below(&s, 1900) - 1000;
        for (int i = 0; i < 50; i++) {
            x[i] = ldexp(co_draw_uniform(&s) - 0.5, shift + (int)co_draw_below(&s, 40));
            reference += (__float128)x[i];
        }
        cr_assert_eq(sum_of(x, 50), (double)reference);
    }
}

Test(scalar_sum, every_single_double_comes_back)
{
    co_stream s = test_stream(6);
    const double ends[] = {0x1p-1074, 0x1p-1022, 0x0.fffffffffffffp-1022, DBL_MAX, 1.0,
                           0x1p-1073, 0x1.8p1023};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        cr_assert_eq(sum_of(&ends[i], 1), ends[i]);
        cr_assert_eq(sum_of((double[]){-ends[i]}, 1), -ends[i]);
    }
    for (int i = 0; i < 200000; i++) {
        const uint64_t bits = co_draw_u64(&s);
        double x;
        memcpy(&x, &bits, sizeof x);
        if (isfinite(x)) cr_assert(sum_of(&x, 1) == x);
    }
}

Test(scalar_sum, cancellation_loses_nothing)
{
    cr_assert_eq(sum_of((double[]){1e308, 1.0, -1e308}, 3), 1.0);
    cr_assert_eq(sum_of((double[]){1e308, 0x1p-1074, -1e308}, 3), 0x1p-1074);
    cr_assert_eq(sum_of((double[]){DBL_MAX, DBL_MAX, -DBL_MAX, -DBL_MAX, -3.5}, 5), -3.5);
    cr_assert_eq(sum_of((double[]){1.0, -0x1p-1074}, 2), 1.0);
    cr_assert_eq(sum_of((double[]){1.0, 0x1p-53}, 2), 1.0);
    cr_assert_eq(sum_of((double[]){1.0, 0x1p-53, 0x1p-1074}, 3), 0x1.0000000000001p0);
    cr_assert_eq(sum_of((double[]){0x1.0000000000001p0, 0x1p-53}, 2), 0x1.0000000000002p0);
    cr_assert_eq(sum_of((double[]){0x1.0000000000001p0, 0x1p-53, -0x1p-1074}, 3),
                 0x1.0000000000001p0);
}

Test(scalar_sum, zero_is_plus_zero_and_too_much_is_infinite)
{
    const co_scalar none = {0};
    cr_assert(co_scalar_value(&none) == 0.0 && !signbit(co_scalar_value(&none)));
    const double zero = sum_of((double[]){-0.0, -0.0}, 2), gone = sum_of((double[]){-2.5, 2.5}, 2);
    cr_assert(zero == 0.0 && !signbit(zero) && gone == 0.0 && !signbit(gone));
    cr_assert_eq(sum_of((double[]){DBL_MAX, DBL_MAX}, 2), INFINITY);
    cr_assert_eq(sum_of((double[]){-DBL_MAX, -0x1p970}, 2),
                 -INFINITY); /* half a unit: the tie rounds up */
    cr_assert_eq(sum_of((double[]){DBL_MAX, 0x1p969}, 2), DBL_MAX);
}

Test(scalar_sum, order_and_merging_change_no_bit)
{
    enum { N = 4000, PARTS = 7 };
    static double x[N];
    int64_t order[N];
    co_stream s = test_stream(7);
    co_scalar parts[PARTS] = {{{0}}}, merged = {0};
    for (int i = 0; i < N; i++) {
        x[i] = ldexp(co_draw_normal(&s), (int)co_draw_below(&s, 2050) - 1045);
        order[i] = i;
    }
    co_draw_shuffle(&s, order, N);
    for (int i = 0; i < N; i++) co_scalar_add(&parts[co_draw_below(&s, PARTS)], x[order[i]]);
    for (int p = 0; p < PARTS; p++) co_scalar_merge(&merged, &parts[PARTS - 1 - p]);
    cr_assert_eq(co_scalar_value(&merged), sum_of(x, N));
    for (int i = 0; i < N; i++) co_scalar_add(&merged, -x[i]);
    cr_assert_eq(co_scalar_value(&merged), 0.0);
}

/* 2^31 terms whose digits are all ones: merging a sum with itself doubles the number of terms. */
Test(scalar_sum, two_to_the_31_terms_do_not_overflow)
{
    for (int sign = -1; sign <= 1; sign += 2) {
        co_scalar sum = {0};
        co_scalar_add(&sum, sign * 0x1.fffffffffffffp500);
        co_scalar_add(&sum, sign * 0x1.fffffffffffffp479); /* other places of the same digits */
        for (int i = 0; i < 30; i++) {
            const co_scalar copy = sum;
            co_scalar_merge(&sum, &copy);
        }
        const __float128 one =
            (__float128)0x1.fffffffffffffp500 + (__float128)0x1.fffffffffffffp479;
        cr_assert_eq(co_scalar_value(&sum), sign * (double)(one * 0x1p30));
    }
}

Test(scalar_sum, a_nan_is_a_bug, .exit_code = 70)
{
    co_scalar sum = {0};
    co_scalar_add(&sum, NAN);
}
