/* Rules that see every update: published vectors, plain references on 10,000 random rounds, what
 * liars can and cannot do. */
#include "core/vector.h"
#include "tests/aggregators/rows.h"
#include "tests/harness.h"
#include <stdlib.h>

static void expect_vector(const char *rule, const char *yaml, double a, double b, double c)
{
    static const float x[3][3] = {{1, 2, 3}, {4, 5, 6}, {7, 8, 9}};
    const float *row[3] = {x[0], x[1], x[2]};
    const double want[3] = {a, b, c};
    double update[3];
    rule_bench bench;
    open_rule(&bench, rule, yaml, 3);
    combine_rule(&bench, row, NULL, 3, update);
    for (int j = 0; j < 3; j++)
        cr_expect_float_eq(update[j], want[j], 1e-12, "%s %s: %g", rule, yaml, update[j]);
    close_rule(&bench);
}

Test(robust, three_rows_give_the_known_vectors)
{
    expect_vector("median", "{}", 4, 5, 6);
    expect_vector("trimmed_mean", "{trim: 1}", 4, 5, 6);
    expect_vector("trimmed_mean", "{beta: 0.34}", 4, 5, 6);
    expect_vector("krum", "{neighbours: 1, f: 1, few_devices: true}", 1, 2, 3);
    expect_vector("multi_krum", "{neighbours: 1, f: 1, few_devices: true}", 2.5, 3.5, 4.5);
    expect_vector("krum", "{neighbours: 2}", 4, 5, 6);
    expect_vector("geometric_median", "{}", 4, 5, 6);
    expect_vector("centred_clip", "{tau: 100}", 4, 5, 6);
}

enum { N = 6, TURNS = 10000 };

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double column_trimmed(const float *const *row, size_t m, size_t j, size_t k)
{
    double v[MOST_ROWS], sum = 0.0;
    for (size_t i = 0; i < m; i++) v[i] = (double)row[i][j];
    qsort(v, m, sizeof *v, by_value);
    for (size_t i = k; i < m - k; i++) sum += v[i];
    return sum / (double)(m - 2 * k);
}

static void plain_median(const float *const *row, const double *weight, size_t m, double *out)
{
    (void)weight;
    for (size_t j = 0; j < N; j++) out[j] = column_trimmed(row, m, j, (m - 1) / 2);
}

static void plain_trimmed(const float *const *row, const double *weight, size_t m, double *out)
{
    size_t k = 0;
    (void)weight;
    while ((double)(k + 1) <= 0.3 * (double)m + 1e-9) k++;
    for (size_t j = 0; j < N; j++) out[j] = column_trimmed(row, m, j, k);
}

static double square_distance(const float *x, const double *y)
{
    double sum = 0.0;
    for (size_t j = 0; j < N; j++) sum += ((double)x[j] - y[j]) * ((double)x[j] - y[j]);
    return sum;
}

/* Ranks of the Krum scores with f = 2, ties to the lower id; the mean of the first n_taken. */
static void plain_krum_of(const float *const *row, size_t m, size_t n_taken, double *out)
{
    const size_t n_near = m > 5 ? m - 4 : m > 1 ? 1 : 0;
    double score[MOST_ROWS] = {0};
    for (size_t i = 0; i < m; i++) {
        double d[MOST_ROWS], centre[N];
        size_t n = 0;
        for (size_t j = 0; j < N; j++) centre[j] = (double)row[i][j];
        for (size_t k = 0; k < m; k++)
            if (k != i) d[n++] = square_distance(row[k], centre);
        qsort(d, n, sizeof *d, by_value);
        for (size_t k = 0; k < n_near; k++) score[i] += d[k];
    }
    memset(out, 0, N * sizeof *out);
    for (size_t i = 0; i < m; i++) {
        size_t before = 0;
        for (size_t k = 0; k < m; k++)
            before += score[k] < score[i] || (score[k] == score[i] && k < i);
        for (size_t j = 0; before < n_taken && j < N; j++)
            out[j] += (double)row[i][j] / (double)n_taken;
    }
}

static void plain_krum(const float *const *row, const double *weight, size_t m, double *out)
{
    (void)weight;
    plain_krum_of(row, m, 1, out);
}

static void plain_multi(const float *const *row, const double *weight, size_t m, double *out)
{
    (void)weight;
    plain_krum_of(row, m, m > 3 ? m - 2 : 1, out);
}

static void weighted_mean(const float *const *row, const double *b, size_t m, double *out)
{
    double total = 0.0;
    memset(out, 0, N * sizeof *out);
    for (size_t i = 0; i < m; i++) total += b[i];
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < N; j++) out[j] += b[i] / total * (double)row[i][j];
}

static void plain_rfa(const float *const *row, const double *weight, size_t m, double *out)
{
    double b[MOST_ROWS];
    weighted_mean(row, weight, m, out);
    for (int k = 0; k < 5; k++) {
        for (size_t i = 0; i < m; i++)
            b[i] = weight[i] / fmax(1e-6, sqrt(square_distance(row[i], out)));
        weighted_mean(row, b, m, out);
    }
}

static void plain_clip(const float *const *row, const double *weight, size_t m, double *out)
{
    (void)weight;
    memset(out, 0, N * sizeof *out);
    for (int k = 0; k < 3; k++) {
        double step[N] = {0};
        for (size_t i = 0; i < m; i++) {
            const double c = fmin(1.0, 0.7 / sqrt(square_distance(row[i], out))) / (double)m;
            for (size_t j = 0; j < N; j++) step[j] += c * ((double)row[i][j] - out[j]);
        }
        for (size_t j = 0; j < N; j++) out[j] += step[j];
    }
}

typedef void plain_rule(const float *const *row, const double *weight, size_t m, double *out);

static void against(const char *name, const char *yaml, plain_rule *plain, double tolerance)
{
    co_stream s = co_stream_open(9, CO_DRAW_TEST, 0, 0, 0);
    rule_bench b;
    open_rule(&b, name, yaml, N);
    for (int turn = 0; turn < TURNS; turn++) {
        float x[MOST_ROWS * N];
        const float *row[MOST_ROWS];
        double weight[MOST_ROWS], update[N], want[N], size = 0.0;
        const size_t m = 1 + co_draw_below(&s, MOST_ROWS - 1);
        draw_rows(&s, m, N, x, row);
        for (size_t i = 0; i < m; i++) weight[i] = 1.0 + (double)co_draw_below(&s, 50);
        for (size_t i = 0; turn % 4 == 0 && i < m * N; i++) x[i] = rintf(x[i]); /* many ties */
        memset(b.slots, 0, 4 * N * sizeof *b.slots);
        combine_rule(&b, row, weight, m, update);
        plain(row, weight, m, want);
        for (size_t i = 0; i < m * N; i++) size = fmax(size, fabs((double)x[i]));
        for (size_t j = 0; j < N; j++)
            cr_expect(fabs(update[j] - want[j]) <= tolerance * size, "%s of %zu: %.17g, %.17g",
                      name, m, update[j], want[j]);
    }
    close_rule(&b);
}

Test(robust, random_rounds_give_what_plain_references_give)
{
    against("median", "{}", plain_median, 1e-15);
    against("trimmed_mean", "{beta: 0.3}", plain_trimmed, 1e-14);
    against("krum", "{f: 2}", plain_krum, 0.0);
    against("multi_krum", "{f: 2}", plain_multi, 1e-12);
    against("geometric_median", "{iterations: 5}", plain_rfa, 1e-9);
    against("centred_clip", "{tau: 0.7, iterations: 3}", plain_clip, 1e-11);
}

/* Long vectors: blocks, lanes and tiles with a rest. Krum's squares against a plain sum. */
Test(robust, long_vectors_are_cut_into_blocks_without_harm)
{
    enum { LONG = 2 * CO_BLOCK + 77, M = 9 };
    co_stream s = co_stream_open(10, CO_DRAW_TEST, 0, 0, 0);
    float *x = co_malloc(M * LONG, sizeof *x);
    double *update = co_malloc(LONG, sizeof *update);
    const float *row[M];
    rule_bench b;
    draw_rows(&s, M, LONG, x, row);
    for (size_t j = 0; j < LONG; j++) x[4 * LONG + j] = 0.5f * (x[j] + x[LONG + j]);
    open_rule(&b, "krum", "{neighbours: 2}", LONG);
    combine_rule(&b, row, NULL, M, update);
    for (size_t j = 0; j < LONG; j++) cr_assert_eq(update[j], (double)x[4 * LONG + j]);
    close_rule(&b);
    open_rule(&b, "median", "{}", LONG);
    combine_rule(&b, row, NULL, M, update);
    for (size_t j = 0; j < LONG; j++) cr_assert_eq(update[j], column_trimmed(row, M, j, 4));
    close_rule(&b);
    co_free(x);
    co_free(update);
}

/* f liars at 1e30 among n > 2 f: within the honest devices' range in every coordinate. */
Test(robust, liars_at_1e30_leave_median_and_trimmed_mean_in_the_honest_hull)
{
    static const char *const rules[][2] = {{"median", "{}"}, {"trimmed_mean", "{trim: 4}"}};
    co_stream s = co_stream_open(11, CO_DRAW_TEST, 0, 0, 0);
    for (int k = 0; k < 2; k++) {
        rule_bench b;
        open_rule(&b, rules[k][0], rules[k][1], N);
        for (int turn = 0; turn < 1000; turn++) {
            float x[MOST_ROWS * N];
            const float *row[MOST_ROWS];
            double update[N];
            const size_t f = 4, m = 2 * f + 1 + co_draw_below(&s, 20);
            draw_rows(&s, m, N, x, row);
            for (size_t i = 0; i < f * N; i++)
                x[i] = turn % 2 ? 1e30f : co_draw_below(&s, 2) ? 3e38f : -1e30f;
            combine_rule(&b, row, NULL, m, update);
            for (size_t j = 0; j < N; j++) {
                double lo = INFINITY, hi = -INFINITY;
                for (size_t i = f; i < m; i++) {
                    lo = fmin(lo, (double)row[i][j]);
                    hi = fmax(hi, (double)row[i][j]);
                }
                cr_expect(update[j] >= lo && update[j] <= hi, "%s", rules[k][0]);
            }
        }
        close_rule(&b);
    }
}

/* Krum, multi-Krum and the geometric median stay with the crowd; centred clipping moves by tau at
 * most. */
Test(robust, a_few_liars_do_not_carry_the_crowd_away)
{
    static const char *const rules[][2] = {{"krum", "{f: 3}"},
                                           {"multi_krum", "{f: 3}"},
                                           {"geometric_median", "{iterations: 50}"},
                                           {"centred_clip", "{tau: 5, iterations: 1}"}};
    co_stream s = co_stream_open(12, CO_DRAW_TEST, 0, 0, 0);
    for (int k = 0; k < 4; k++) {
        rule_bench b;
        open_rule(&b, rules[k][0], rules[k][1], N);
        for (int turn = 0; turn < 200; turn++) {
            float x[20 * N];
            const float *row[20];
            double update[N];
            for (size_t i = 0; i < 20; i++) {
                row[i] = x + i * N;
                for (size_t j = 0; j < N; j++)
                    x[i * N + j] = i < 3 ? 1e30f : (float)(1.0 + 0.1 * co_draw_normal(&s));
            }
            memset(b.slots, 0, 4 * N * sizeof *b.slots);
            combine_rule(&b, row, NULL, 20, update);
            for (size_t j = 0; j < N; j++)
                cr_expect(fabs(update[j] - 1.0) < 1.5, "%s: %g", rules[k][0], update[j]);
        }
        close_rule(&b);
    }
}

/* The centre stays: a device away by more than tau draws it there over the rounds. */
Test(robust, centred_clipping_starts_from_the_last_result)
{
    const float x[2] = {3.0f, 4.0f};
    const float *row[1] = {x};
    double update[2];
    rule_bench b;
    open_rule(&b, "centred_clip", "{tau: 2}", 2);
    for (int round = 1; round <= 4; round++) {
        combine_rule(&b, row, NULL, 1, update);
        const double gone = fmin(2.0 * round, 5.0) / 5.0;
        cr_expect_float_eq(update[0], 3.0 * gone, 1e-6);
        cr_expect_float_eq(update[1], 4.0 * gone, 1e-6);
    }
    close_rule(&b);
}

/* Weights count for the geometric median alone. */
Test(robust, weights_count_where_the_rule_says_so)
{
    for (const co_plugin *const *at = co_kind_aggregator.members; *at; at++) {
        const co_aggregator *rule = co_aggregator_find((*at)->name);
        co_stream s = co_stream_open(13, CO_DRAW_TEST, 0, 0, 0);
        float x[7 * N];
        const float *row[7];
        const double weight[7] = {1, 2, 9, 1, 1, 30, 4};
        double even[N], uneven[N];
        rule_bench b;
        if (!rule->combine) continue;
        open_rule(&b, rule->name, "{}", N);
        draw_rows(&s, 7, N, x, row);
        combine_rule(&b, row, NULL, 7, even);
        memset(b.slots, 0, 4 * N * sizeof *b.slots);
        combine_rule(&b, row, weight, 7, uneven);
        cr_expect((memcmp(even, uneven, sizeof even) != 0) == rule->weighted, "%s", rule->name);
        close_rule(&b);
    }
}
