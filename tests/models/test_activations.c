/* tests/models/test_activations.c - relu, tanh, flatten and dropout. */
#include "core/random.h"
#include "models/smooth.h"
#include "tests/harness.h"
#include "tests/models/build.h"
#include <math.h>

Test(relu, cuts_below_zero_and_keeps_nan)
{
    test_bench b;
    bench_open(&b, "relu", "", test_flat(5), 1);
    memcpy(b.x, (float[]){-2.0f, -0.0f, 0.0f, 3.0f, NAN}, 5 * sizeof *b.x);
    for (size_t i = 0; i < 5; i++) b.dy[i] = 1.0f;
    bench_backward(&b, NULL);
    cr_expect(b.y[0] == 0.0f && b.y[1] == 0.0f && b.y[2] == 0.0f && b.y[3] == 3.0f &&
              isnan(b.y[4]));
    cr_expect(b.dx[0] == 0.0f && b.dx[1] == 0.0f && b.dx[2] == 0.0f && b.dx[3] == 1.0f);
    bench_close(&b);
}

Test(tanh_layer, follows_the_function_and_its_derivative)
{
    test_bench b;
    bench_open(&b, "tanh", "", test_image(2, 3, 4), 3);
    bench_backward(&b, NULL);
    for (size_t i = 0; i < b.n * b.n_in; i++) {
        const double t = tanh((double)b.x[i]);
        cr_expect_float_eq((double)b.y[i], t, 1e-6);
        cr_expect_float_eq((double)b.dx[i], (double)b.dy[i] * (1.0 - t * t), 1e-6);
    }
    bench_close(&b);
}

/* Distance in units in the last place of the float that is nearest to t. */
static double ulps(float y, double t)
{
    const float nearest = (float)t;
    return fabs((double)y - t) / ((double)nextafterf(fabsf(nearest), 2.0f) - fabs((double)nearest));
}

/* As the compiler makes it for any processor, beside what the layer uses here. */
__attribute__((noinline)) static float tanh_of_one(float x)
{
    return co_tanh(x);
}

/* All exponents and both signs, 1,019 significands each, drawn. */
Test(tanh_layer, is_off_by_hardly_more_than_half_a_unit_in_the_last_place_at_any_exponent)
{
    enum { EACH = 1019 };
    double worst = 0.0;
    test_bench b;
    bench_open(&b, "tanh", "", test_flat(2 * EACH), 1);
    for (uint32_t exponent = 0; exponent < 256; exponent++) {
        for (uint32_t i = 0; i < 2 * EACH; i++) {
            const uint32_t significand = exponent == 255 ? 0 : test_bits(600 + exponent, i) >> 1,
                           bits = (i % 2) << 31 | exponent << 23 | significand;
            memcpy(&b.x[i], &bits, sizeof bits);
        }
        bench_forward(&b);
        for (size_t i = 0; i < 2 * EACH; i++) {
            const float one = tanh_of_one(b.x[i]);
            worst = fmax(worst, ulps(b.y[i], tanh((double)b.x[i])));
            cr_assert(memcmp(&one, &b.y[i], sizeof one) == 0, "tanh(%a) is %a and %a",
                      (double)b.x[i], (double)one, (double)b.y[i]);
        }
    }
    cr_expect_lt(worst, 0.501, "%g", worst);
    b.x[0] = NAN, b.x[1] = -0.0f;
    bench_forward(&b);
    cr_expect(isnan(b.y[0]) && b.y[1] == 0.0f && signbit(b.y[1]));
    bench_close(&b);
}

Test(flatten, gives_one_row_and_has_nothing_to_compute)
{
    co_shape in = test_image(3, 4, 5), out;
    void *self = NULL;
    const co_layer *layer = co_layer_find("flatten");
    cr_assert_eq(test_layer(layer, "", &in, 7, &out, &self), CO_OK);
    cr_expect(out.ndim == 1 && out.dim[0] == 60 && !out.sequence);
    cr_expect(layer->facts(self).alias);
    layer->destroy(self);
}

Test(flatten, turns_an_image_that_stands_channels_last_into_planes)
{
    test_bench b;
    const co_kernels *fast = co_kernels_in_use();
    co_shape in = test_image(3, 4, 5);
    if (!fast) return; /* COHORT_KERNELS=reference: no layer gives such images */
    in.lanes = fast->lanes;
    bench_open(&b, "flatten", "", in, 2);
    bench_backward(&b, NULL);
    cr_expect_eq(b.n_out, 60);
    cr_expect(memcmp(b.x, b.y, 120 * sizeof *b.x) == 0);
    cr_expect(memcmp(b.dx, b.dy, 120 * sizeof *b.x) == 0);
    bench_close(&b);
}

Test(dropout, keeps_the_mean_and_drops_the_asked_share)
{
    test_bench b;
    bench_open(&b, "dropout", "{p: 0.25}", test_flat(5000), 4);
    for (size_t i = 0; i < 20000; i++) b.x[i] = 1.0f;
    size_t dropped = 0;
    bench_backward(&b, NULL);
    for (size_t i = 0; i < 20000; i++) {
        cr_assert(b.y[i] == 0.0f || fabsf(b.y[i] - 4.0f / 3.0f) < 1e-6f);
        cr_assert_eq(b.dx[i], b.y[i] * b.dy[i]); /* x is 1: y is the mask */
        dropped += b.y[i] == 0.0f;
    }
    cr_expect_lt(fabs((double)dropped / 20000.0 - 0.25), 4.0 * sqrt(0.25 * 0.75 / 20000.0));
    bench_close(&b);
}

/* How many of the 1,000 kept-or-dropped decisions differ between two keys. */
static size_t differences(co_pass first, uint64_t first_draw, co_pass second, uint64_t second_draw)
{
    test_bench b;
    bench_open(&b, "dropout", "{p: 0.5}", test_flat(1000), 1);
    bool *kept = calloc(1000, sizeof *kept);
    size_t count = 0;
    first.batch = second.batch = &b.batch;
    b.pass = first;
    b.draw = first_draw;
    bench_forward(&b);
    for (size_t i = 0; i < 1000; i++) kept[i] = b.y[i] != 0.0f;
    b.pass = second;
    b.draw = second_draw;
    bench_forward(&b);
    for (size_t i = 0; i < 1000; i++) count += kept[i] != (b.y[i] != 0.0f);
    free(kept);
    bench_close(&b);
    return count;
}

Test(dropout, depends_on_every_part_of_its_key_and_on_nothing_else)
{
    const co_pass base = {.train = true, .seed = 1, .round = 2, .device = 3, .step = 4};
    co_pass other = base;
    cr_expect_eq(differences(base, 5, base, 5), 0);
    other.seed++;
    cr_expect_gt(differences(base, 5, other, 5), 400);
    other = base, other.round++;
    cr_expect_gt(differences(base, 5, other, 5), 400);
    other = base, other.device++;
    cr_expect_gt(differences(base, 5, other, 5), 400);
    cr_expect_gt(differences(base, 5, base, 6), 400);
}

Test(dropout, draws_from_the_documented_stream)
{
    test_bench b;
    float u[30];
    bench_open(&b, "dropout", "{p: 0.5}", test_flat(10), 3);
    const co_stream stream = co_stream_open(5, CO_DRAW_DROPOUT, 2, 3, 4 * 64 + 1);
    co_fill_uniform(&stream, 0, 30, u);
    bench_forward(&b);
    for (size_t i = 0; i < 30; i++) cr_expect_eq(b.y[i] == 0.0f, u[i] < 0.5f);
    bench_close(&b);
}

Test(dropout, is_the_identity_in_evaluation_and_with_p_zero)
{
    const char *const options[] = {"{p: 0.5}", "{p: 0.0}"};
    for (size_t o = 0; o < 2; o++) {
        test_bench b;
        bench_open(&b, "dropout", options[o], test_flat(50), 2);
        b.pass.train = o == 1;
        bench_backward(&b, NULL);
        cr_expect_arr_eq(b.y, b.x, 100 * sizeof *b.x);
        cr_expect_arr_eq(b.dx, b.dy, 100 * sizeof *b.x);
        bench_close(&b);
    }
}
