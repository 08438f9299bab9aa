/* tests/io/test_synthetic.c - the generator against its own law: moments, sizes, labels, and
 * independence of order and cut. */
#include "core/elementary.h"
#include "core/log.h"
#include "core/random.h"
#include "io/data/synthetic.h"
#include "tests/io/reader_support.h"
#include <math.h>

static const co_synthetic standard = {
    .seed = 5, .n_devices = 1000, .alpha = 1, .beta = 1, .features = 60, .classes = 10};

/* The model of a device straight from its description: u, B, b, v, W[f][c]. */
typedef struct {
    double u, mean, b[10], v[60], w[60][10];
} plain_model;

static plain_model model_of(const co_synthetic *gen, int64_t device)
{
    static float z[672];
    plain_model m;
    const co_stream s = co_stream_open(gen->seed, CO_DRAW_SYNTHETIC_MODEL, 0, (uint64_t)device, 0);
    co_fill_normal(&s, 0, 672, z);
    m.u = sqrt(gen->alpha) * (double)z[0];
    m.mean = sqrt(gen->beta) * (double)z[1];
    for (int k = 0; k < 10; k++) m.b[k] = m.u + (double)z[2 + k];
    for (int j = 0; j < 60; j++) m.v[j] = m.mean + (double)z[12 + j];
    for (int j = 0; j < 60; j++)
        for (int k = 0; k < 10; k++) m.w[j][k] = m.u + (double)z[72 + 10 * j + k];
    return m;
}

static void fill(const co_synthetic *gen, int64_t device, int64_t first, size_t n, float *x,
                 int32_t *y)
{
    double *scratch = co_malloc(co_synthetic_scratch(gen), sizeof *scratch);
    co_synthetic_fill(gen, device, first, n, x, y, scratch);
    co_free(scratch);
}

Test(synthetic, a_stretch_equals_the_rows_of_the_whole)
{
    static float all[100 * 60], part[37 * 60];
    int32_t y[100], y_part[37];
    fill(&standard, 17, 0, 100, all, y);
    fill(&standard, 3, 5, 20, part, y_part); /* another device in between changes nothing */
    for (int64_t first = 0; first <= 63; first += 7) {
        fill(&standard, 17, first, 37, part, y_part);
        cr_expect_arr_eq(part, all + first * 60, sizeof part);
        cr_expect_arr_eq(y_part, y + first, sizeof y_part);
    }
    fill(&standard, 18, 0, 37, part, y_part);
    cr_expect_neq(part[0], all[0]);
    co_synthetic other = standard;
    other.seed = 6;
    fill(&other, 17, 0, 37, part, y_part);
    cr_expect_neq(part[0], all[0]);
}

Test(synthetic, odd_shapes_stay_inside_their_scratch)
{
    co_synthetic gen = standard;
    for (gen.features = 1; gen.features < 8; gen.features++)
        for (gen.classes = 2; gen.classes < 7; gen.classes++) {
            const size_t n = co_synthetic_scratch(&gen);
            double *scratch = co_malloc(n + 1, sizeof *scratch);
            float x[9 * 8], again[9 * 8];
            int32_t y[9], y_again[9];
            scratch[n] = 12345.0;
            co_synthetic_fill(&gen, 2, 0, 9, x, y, scratch);
            cr_expect_eq(scratch[n], 12345.0);
            co_synthetic_fill(&gen, 2, 4, 5, again, y_again, scratch);
            cr_expect_arr_eq(again, x + 4 * gen.features, 5 * (size_t)gen.features * sizeof *x);
            cr_expect_arr_eq(y_again, y + 4, 5 * sizeof *y);
            co_free(scratch);
        }
}

Test(synthetic, labels_are_the_argmax_of_the_devices_own_model)
{
    static float x[200 * 60];
    int32_t y[200];
    int used[10] = {0};
    co_synthetic gen = standard;
    gen.alpha = 4;
    gen.beta = 0.25;
    for (int64_t device = 0; device < 40; device++) {
        const plain_model m = model_of(&gen, device);
        fill(&gen, device, 0, 200, x, y);
        for (int i = 0; i < 200; i++) {
            double best = -INFINITY, second = -INFINITY;
            int at = -1;
            for (int k = 0; k < 10; k++) {
                double logit = m.b[k];
                for (int j = 0; j < 60; j++) logit += m.w[j][k] * (double)x[60 * i + j];
                if (logit > best) {
                    second = best;
                    best = logit;
                    at = k;
                } else if (logit > second) {
                    second = logit;
                }
            }
            used[y[i]]++;
            if (best - second > 1e-4)
                cr_assert_eq(y[i], at, "device %d example %d", (int)device, i);
        }
    }
    for (int k = 0; k < 10; k++) cr_expect_gt(used[k], 0);
}

Test(synthetic, inputs_have_the_devices_mean_and_falling_variances)
{
    enum { N = 20000 };
    float *x = co_malloc((size_t)N * 60, sizeof *x);
    int32_t *y = co_malloc(N, sizeof *y);
    const plain_model m = model_of(&standard, 8);
    fill(&standard, 8, 0, N, x, y);
    for (int j = 0; j < 60; j++) {
        double sum = 0.0, squares = 0.0;
        const double variance = pow(j + 1, -1.2);
        for (int i = 0; i < N; i++) {
            const double d = (double)x[60 * i + j] - m.v[j];
            sum += d;
            squares += d * d;
        }
        cr_expect_float_eq(sum / N, 0.0, 5 * sqrt(variance / N), "feature %d", j);
        cr_expect_float_eq(squares / N / variance, 1.0, 5 * sqrt(2.0 / N), "feature %d", j);
    }
    co_free(y);
    co_free(x);
}

/* Moments of the mean over a device's inputs: its expectation B varies by beta, W's by alpha. Seen
 * from outside: the mean of the features (v averages 60 draws around B) has variance beta + 1/60
 * over devices. */
static double spread_of_inputs(double beta)
{
    enum { DEVICES = 4000 };
    co_synthetic gen = standard;
    gen.beta = beta;
    static float x[4 * 60];
    int32_t y[4];
    double sum = 0.0, squares = 0.0;
    for (int64_t k = 0; k < DEVICES; k++) {
        double mean = 0.0;
        fill(&gen, k, 0, 4, x, y);
        for (int i = 0; i < 4 * 60; i++) mean += (double)x[i] / (4 * 60);
        sum += mean;
        squares += mean * mean;
    }
    return squares / DEVICES - sum / DEVICES * sum / DEVICES;
}

Test(synthetic, beta_is_the_variance_of_the_devices_mean_inputs)
{
    double noise = 0.0; /* of the 4 examples' mean over features */
    for (int j = 1; j <= 60; j++) noise += pow(j, -1.2) / (4.0 * 60 * 60);
    const double base = 1.0 / 60 + noise, tolerance = 5 * sqrt(2.0 / 4000);
    cr_expect_float_eq(spread_of_inputs(0.0) / base, 1.0, tolerance);
    cr_expect_float_eq(spread_of_inputs(0.5) / (0.5 + base), 1.0, tolerance);
    cr_expect_float_eq(spread_of_inputs(4.0) / (4.0 + base), 1.0, tolerance);
}

Test(synthetic, u_and_b_and_w_have_unit_spread_around_the_devices_mean)
{
    double u2 = 0.0, b2 = 0.0, w2 = 0.0, cross = 0.0;
    enum { DEVICES = 4000 };
    for (int64_t k = 0; k < DEVICES; k++) {
        const plain_model m = model_of(&standard, k);
        u2 += m.u * m.u / DEVICES;
        cross += m.u * m.mean / DEVICES;
        for (int c = 0; c < 10; c++) b2 += (m.b[c] - m.u) * (m.b[c] - m.u) / (10.0 * DEVICES);
        for (int c = 0; c < 10; c++) w2 += (m.w[7][c] - m.u) * (m.w[7][c] - m.u) / (10.0 * DEVICES);
    }
    cr_expect_float_eq(u2, 1.0, 5 * sqrt(2.0 / DEVICES));
    cr_expect_float_eq(cross, 0.0, 5 * sqrt(1.0 / DEVICES));
    cr_expect_float_eq(b2, 1.0, 5 * sqrt(2.0 / (10 * DEVICES)));
    cr_expect_float_eq(w2, 1.0, 5 * sqrt(2.0 / (10 * DEVICES)));
}

Test(synthetic, without_alpha_and_beta_the_devices_still_differ)
{
    static float x[50 * 60], x2[50 * 60];
    int32_t y[50], y2[50];
    co_synthetic gen = standard;
    gen.alpha = gen.beta = 0;
    fill(&gen, 0, 0, 50, x, y);
    fill(&gen, 1, 0, 50, x2, y2);
    cr_expect_neq(memcmp(y, y2, sizeof y), 0);
    cr_expect_gt(relative_distance(x, x2, 50 * 60), 0.5);
}

Test(synthetic, alpha_moves_all_classes_alike_and_so_changes_no_label)
{
    static float x[200 * 60], x2[200 * 60];
    int32_t y[200], y2[200];
    int differ = 0;
    co_synthetic far = standard;
    far.alpha = 100;
    for (int64_t device = 0; device < 50; device++) {
        fill(&standard, device, 0, 200, x, y);
        fill(&far, device, 0, 200, x2, y2);
        cr_expect_arr_eq(x, x2, sizeof x);
        for (int i = 0; i < 200; i++) differ += y[i] != y2[i];
    }
    cr_expect_leq(differ, 10); /* near ties, decided by rounding */
}

static int by_size(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

Test(synthetic, sizes_are_fifty_and_a_lognormal_number)
{
    enum { N = 100001 };
    static int64_t size[N];
    static const double z[5] = {-1.2815515655, -0.6744897502, 0.0, 0.6744897502, 1.2815515655};
    static const double p[5] = {0.1, 0.25, 0.5, 0.75, 0.9};
    for (int k = 0; k < N; k++) size[k] = co_synthetic_size(&standard, k);
    cr_expect_eq(size[7], co_synthetic_size(&standard, 7));
    qsort(size, N, sizeof *size, by_size);
    cr_expect_geq(size[0], 50);
    for (int q = 0; q < 5; q++) { /* compare where log(size - 50) stands, in standard deviations of
                                     a sample quantile */
        const double at = (log((double)size[(int)(p[q] * N)] - 50.0 + 0.5) - 4.0) / 2.0;
        const double density = exp(-z[q] * z[q] / 2.0) / sqrt(2.0 * 3.14159265358979);
        cr_expect_float_eq(at, z[q],
                           5 * sqrt(p[q] * (1 - p[q]) / N) / density + 0.5 / exp(4 + 2 * z[q]),
                           "quantile %g: %g", p[q], at);
    }
    co_synthetic fixed = standard;
    fixed.size = 33;
    cr_expect_eq(co_synthetic_size(&fixed, 7), 33);
}

Test(synthetic, options_are_checked)
{
    import_bad("synthetic", NULL, "devices=0 alpha=1 beta=1", CO_EUSAGE, "devices", "0");
    import_bad("synthetic", NULL, "devices=2 alpha=-1 beta=1", CO_EUSAGE, "alpha", "-1");
    import_bad("synthetic", NULL, "devices=2 alpha=1 beta=1 features=1000000 classes=1000",
               CO_EUSAGE, "features", "weights");
    import_bad("synthetic", NULL, "devices=2000000000 alpha=1 beta=1 size=1000000000", CO_EDATA,
               "GiB", "synthetic");
    import_bad("synthetic", "file", "devices=2 alpha=1 beta=1", CO_EUSAGE, "options only", "file");
}

Test(synthetic, import_writes_the_devices_as_users_and_keeps_a_tenth_for_the_test)
{
    co_dataset d;
    static float x[40 * 6];
    int32_t y[40];
    import_good("synthetic", NULL,
                "devices=30 alpha=1 beta=0.5 features=6 classes=4 size=40 seed=9", &d);
    cr_assert(d.n == 1200 && d.x_size == 6 && d.n_classes == 4 && d.n_users == 30);
    const co_synthetic gen = {.seed = 9,
                              .n_devices = 30,
                              .alpha = 1,
                              .beta = 0.5,
                              .features = 6,
                              .classes = 4,
                              .size = 40};
    int64_t n_test = 0;
    for (int64_t i = 0; i < d.n; i++) {
        n_test += d.split[i];
        cr_expect_eq(d.user[i], i / 40);
    }
    cr_expect_eq(n_test, 120);
    fill(&gen, 11, 0, 40, x, y);
    cr_expect_arr_eq((float *)d.x + 11 * 240, x, sizeof x);
    cr_expect_arr_eq(d.y + 11 * 40, y, sizeof y);
    co_dataset_fini(&d);
    import_good("synthetic", NULL, "devices=3 alpha=0 beta=0 test_fraction=0", &d);
    for (int64_t i = 0; i < d.n; i++) cr_expect_eq(d.split[i], 0);
    co_dataset_fini(&d);
}

Test(synthetic, prints_the_time_of_a_device)
{
    static float x[50 * 60];
    int32_t y[50];
    double *scratch = co_malloc(co_synthetic_scratch(&standard), sizeof *scratch);
    const double start = co_now_s();
    for (int64_t k = 0; k < 2000; k++) co_synthetic_fill(&standard, k, 0, 50, x, y, scratch);
    printf("synthetic: %.1f us per device of 50 examples, 60 features, 10 classes\n",
           (co_now_s() - start) * 1e6 / 2000);
    co_free(scratch);
}
