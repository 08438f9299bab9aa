/* tests/models/test_text_layers.c - positions, segments, slice, the table of embedding, and the
 * smooth units, against their formulas. */
#include "models/kernel_path.h"
#include "models/smooth.h"
#include "tests/harness.h"
#include "tests/models/build.h"
#include "tests/models/graph_support.h"
#include <math.h>

static const co_shape texts_of_5 = {.sequence = true, .ndim = 1, .dim = {5}};
static const co_shape tokens_of_7 = {.sequence = true, .tokens = true, .dim = {7}};

/* Texts of 2, 0 and 3 rows. */
static const size_t place[] = {0, 1, 0, 1, 2};

Test(positions, sinusoidal_ones_follow_the_formula)
{
    test_bench b;
    bench_open(&b, "positions", "{kind: sinusoidal, most: 9, first: 4}", texts_of_5, 3);
    bench_backward(&b, NULL);
    cr_assert_eq(b.n_params, 0);
    for (size_t r = 0; r < 5; r++)
        for (size_t k = 0; k < 5; k++) {
            const double angle = (double)(4 + place[r]) / pow(10000.0, (double)(k - k % 2) / 5.0),
                         wave = k % 2 ? cos(angle) : sin(angle);
            cr_expect_float_eq((double)b.y[r * 5 + k], (double)b.x[r * 5 + k] + wave, 1e-6);
            cr_expect_eq(b.dx[r * 5 + k], b.dy[r * 5 + k]);
        }
    bench_close(&b);
}

Test(positions, learned_ones_begin_at_first_in_every_text)
{
    test_bench b;
    bench_open(&b, "positions", "{most: 6, first: 2}", texts_of_5, 3);
    const float scale[] = {2.0f, 5.0f, -1.0f};
    cr_assert_eq(b.n_params, 30);
    cr_assert_eq(b.layer->longest(b.self), 4);
    bench_backward(&b, scale);
    float grad[30] = {0};
    for (size_t r = 0; r < 5; r++)
        for (size_t k = 0; k < 5; k++) {
            const size_t at = (2 + place[r]) * 5 + k;
            cr_expect_eq(b.y[r * 5 + k], b.x[r * 5 + k] + b.params[at]);
            grad[at] += (r < 2 ? 2.0f : -1.0f) * b.dy[r * 5 + k];
        }
    for (size_t i = 0; i < 30; i++) cr_expect_float_eq(b.grad[i], grad[i], 1e-6f);
    bench_close(&b);
}

Test(positions, the_least_of_a_model_bounds_its_texts)
{
    setup s = open_model("{layers: [{embedding: 4}, {positions: {most: 40, first: 3}}, {positions: "
                         "{most: 39}}, {pool_time: mean}, {dense: classes}]}",
                         tokens_of_7);
    cr_expect_eq(co_model_longest(s.model, false), 37);
    close_model(&s);
    s = open_model("{layers: [{embedding: 4}, {pool_time: mean}, {dense: classes}]}", tokens_of_7);
    cr_expect_eq(co_model_longest(s.model, false), 0);
    close_model(&s);
}

Test(segments, count_the_separators_before_a_token)
{
    /* two texts; separator 3; at most segment 2 */
    static const int32_t tokens[] = {3, 1, 3, 2, 3, 6, 0, 0, 3, 1};
    static const size_t expected[] = {0, 1, 1, 2, 2, 2, 0, 0, 0, 1};
    static const int64_t offsets[] = {0, 6, 10};
    test_bench b;
    bench_open(&b, "segments", "{most: 3, separator: 3}", texts_of_5, 6);
    cr_assert_eq(b.batch.rows, 10);
    b.batch.tokens = tokens;
    b.batch.offsets = offsets;
    b.batch.n = 2;
    bench_backward(&b, NULL);
    float grad[15] = {0};
    for (size_t r = 0; r < 10; r++)
        for (size_t k = 0; k < 5; k++) {
            cr_expect_eq(b.y[r * 5 + k], b.x[r * 5 + k] + b.params[expected[r] * 5 + k]);
            grad[expected[r] * 5 + k] += b.dy[r * 5 + k];
        }
    for (size_t i = 0; i < 15; i++) cr_expect_float_eq(b.grad[i], grad[i], 1e-6f);
    bench_close(&b);
}

Test(slice, takes_its_columns_and_gives_zeros_to_the_others)
{
    test_bench b;
    bench_open(&b, "slice", "{from: 1, size: 3}", texts_of_5, 3);
    bench_backward(&b, NULL);
    for (size_t r = 0; r < 5; r++)
        for (size_t k = 0; k < 5; k++) {
            const bool taken = k >= 1 && k < 4;
            if (taken) cr_expect_eq(b.y[r * 3 + k - 1], b.x[r * 5 + k]);
            cr_expect_eq(b.dx[r * 5 + k], taken ? b.dy[r * 3 + k - 1] : 0.0f);
        }
    bench_close(&b);
}

Test(embedding, has_the_rows_and_the_spread_that_it_is_given)
{
    test_bench b;
    bench_open(&b, "embedding", "{units: 8, tokens: 500, scale: 0.02}", tokens_of_7, 3);
    double square = 0.0;
    cr_assert_eq(b.shape[0].dim[0], 500);
    b.layer->init(b.self, 1, 0, 0, b.params);
    for (size_t i = 0; i < 4000; i++) square += (double)b.params[i] * (double)b.params[i];
    cr_expect_float_eq(sqrt(square / 4000.0), 0.02, 0.001);
    bench_close(&b);
}

/* erf and exp of libm, in double. */
Test(smooth, gelu_and_silu_are_as_exact_as_float_allows)
{
    for (int i = -140000; i <= 140000; i++) {
        const float x = (float)i * 1e-4f;
        const double z = (double)x, share = 0.5 * erfc(-z / sqrt(2.0)),
                     bell = exp(-0.5 * z * z) / sqrt(2.0 * acos(-1.0)), s = 1.0 / (1.0 + exp(-z)),
                     u = sqrt(2.0 / acos(-1.0)) * (z + 0.044715 * z * z * z),
                     du = sqrt(2.0 / acos(-1.0)) * (1.0 + 3.0 * 0.044715 * z * z),
                     t = 1.0 / (1.0 + exp(-2.0 * u));
        float slope;
        const double y = (double)co_gelu(x, &slope);
        cr_assert_float_eq(y, z * share, (6e-7 + 1e-7 * z * z) * fabs(z * share) + 1e-36, "%g", z);
        cr_assert_float_eq((double)slope, share + z * bell, 3e-7, "%g", z);
        cr_assert_float_eq((double)co_silu(x, &slope), z * s, (6e-7 + 1e-7 * fabs(z)) * fabs(z * s),
                           "%g", z);
        cr_assert_float_eq((double)slope, s + z * s * (1.0 - s), 1e-6, "%g", z);
        cr_assert_float_eq((double)co_gelu_tanh(x, &slope), z * t,
                           (6e-7 + 5e-7 * fabs(u)) * fabs(z * t) + 1e-36, "%g", z);
        cr_assert_float_eq((double)slope, t + z * t * (1.0 - t) * 2.0 * du, 3e-6, "%g", z);
    }
}

Test(text_layers, refuse_what_does_not_fit)
{
    refuse("{layers: [{positions: learned}, {dense: classes}]}", tokens_of_7,
           "put embedding before it");
    refuse("{layers: [{embedding: 4}, {positions: {most: 3, first: 3}}, {dense: classes}]}",
           tokens_of_7, "3 leaves none of 3 positions");
    refuse("{layers: [{segments: 2}, {dense: classes}]}", test_flat(4), "needs sequences");
    refuse("{layers: [{positions: learned}, {dense: classes}]}", test_flat(4), "needs sequences");
    refuse("{layers: [{slice: {from: 2, size: 3}}, {dense: classes}]}", test_flat(4),
           "columns 2 to 4 are not all in an input of [4]");
    refuse("{layers: [layer_norm, flatten, {dense: classes}]}", test_image(2, 3, 3),
           "needs rows of [features]");
    refuse("{layers: [rms_norm, {dense: classes}]}", tokens_of_7, "put embedding before it");
    refuse("{layers: [gelu, {dense: classes}]}", tokens_of_7, "put embedding before it");
    refuse("{layers: [silu, {dense: classes}]}", tokens_of_7, "put embedding before it");
    refuse("{layers: [{embedding: {units: 4, tokens: 6}}, {dense: classes}]}", tokens_of_7,
           "6 rows are too few for the 7 tokens");
    refuse("{layers: [{attend: 2}, {dense: classes}]}", texts_of_5, "has 3 inputs");
}
