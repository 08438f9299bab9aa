/* tests/mpi/examples.c - section local.dp, on any number of ranks: noise once a step and of the
 * promised size; an example changes the sum before noise by no more than its bound, in every mode;
 * batches by the binomial law, with a public divisor; epsilon of what each device did; steps equal
 * to Opacus's with the same noise. */
#include "core/memory.h"
#include "sim/work/noisy_gradient.h"
#include "sim/work/public_data.h"
#include "tests/harness.h"
#include "tests/run_helpers.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef __SANITIZE_ADDRESS__
enum { WIDTH = 300 }; /* of a layer whose weights are draws: all of this is slow there */
#define TOLERANCE 0.03
#else
enum { WIDTH = 700 };
#define TOLERANCE 0.01
#endif
enum { N = 60, FEATURES = 5, MOST = 64 };
static char blobs[256], huge[256], taught[256], out[256];
static co_comm comm;

static bool play(const char *data, const char *yaml, co_experiment *experiment, co_run *run)
{
    return play_on(data, yaml, out, &comm, experiment, run);
}

static double summed(double x)
{
    return sum_of_ranks(x, &comm);
}

static double last_of(const co_run *run, const char *column)
{
    return last_value(&run->record.examples, column, &comm);
}

/* Examples whose classes the data do not tell: their part in half a million coordinates is next to
 * nothing beside the noise, so that the variance of a step's update is (lr z S / B)^2 within 1 %;
 * of two steps, and of two rounds, twice that; with decay by the noise of each epoch. */
static void noise_is_added_once_a_step_of_the_promised_size(void)
{
    static const struct {
        const char *dp, *local;
        int rounds;
        double wanted; /* variance / (lr z C)^2 */
    } of[] = {
        {"", "batch: 4, steps: 1", 1, 1.0 / 16},
        {"", "batch: 4, steps: 3", 1, 3.0 / 16},
        {"", "batch: 4, steps: 1", 2, 2.0 / 16},
        {"norms: microbatch, microbatch: 2, ", "batch: 4, steps: 1", 1, 4.0 / 4},
        {"bounds: layerwise, ", "batch: 4, steps: 1", 1, 1.0 / 16},
        {"sampling: shuffle, ", "batch: 4, epochs: 1", 1, 12.0 / 16},
        {"decay: 0.5, ", "batch: 24, steps: 4", 1, 2.5 / 576}, /* an epoch is 2 steps */
    };
    for (size_t k = 0; k < sizeof of / sizeof *of; k++) {
        co_experiment experiment;
        co_run run;
        char *yaml = co_format(
            "rounds: %d\npartition: {method: iid, devices: 1}\ndevices: {per_round: 1}\n"
            "model: {layers: [{dense: %d}, relu, {dense: %d}, relu, {dense: classes}]}\n"
            "local: {lr: 0.01, %s, dp: {%sclip: 1e-3, noise_multiplier: 1.7, delta: 1e-3}}",
            of[k].rounds, WIDTH, WIDTH, of[k].local, of[k].dp);
        const bool is_good = play(blobs, yaml, &experiment, &run);
        co_free(yaml);
        if (!is_good) return;
        double moved = 0.0, mean = 0.0;
        float *first = co_malloc(run.exchange.n_params, sizeof *first);
        co_model_init(run.model, (uint64_t)experiment.seed, first);
        for (size_t j = 0; j < run.exchange.n_own; j++) {
            const double by = (double)run.exchange.model[run.exchange.first + j] -
                              (double)first[run.exchange.first + j];
            moved += by * by;
            mean += by;
        }
        const double n = (double)run.exchange.n_params,
                     wanted = of[k].wanted * 0.01 * 0.01 * 1.7 * 1.7 * 1e-6;
        const double ratio = summed(moved) / n / wanted;
        if (!(fabs(ratio - 1.0) < TOLERANCE)) fprintf(stderr, "case %zu: ratio %g\n", k, ratio);
        CHECK(fabs(ratio - 1.0) < TOLERANCE);
        CHECK(fabs(summed(mean) / n) < 6.0 * sqrt(wanted / n));
        co_free(first);
        close_run(&experiment, &run);
    }
}

/* A run whose last device is at hand, without noise, for single steps. */
static void no_noise(int64_t step, size_t first, size_t n, float *noise)
{
    (void)step;
    (void)first;
    memset(noise, 0, n * sizeof *noise);
}

#define ONE                                                                                        \
    "rounds: 1\npartition: {method: iid, devices: 1}\ndevices: {per_round: 1}\n"                   \
    "model: {layers: [{dense: 6}, relu, {dense: classes}]}\n"

typedef struct {
    co_experiment experiment;
    co_run run;
    co_noisy_gradient *noisy;
    co_plan_row row;
    float *params, *grad;
    double *sums;
} bench;

static bool open_bench(bench *b, const char *data, const char *local)
{
    char *yaml = co_format(ONE "local: {lr: 0, %s}", local);
    const bool is_good = play(data, yaml, &b->experiment, &b->run);
    co_free(yaml);
    if (!is_good) return false;
    const size_t n = b->run.exchange.n_params;
    b->run.place.given_noise = no_noise;
    b->row =
        (co_plan_row){.device = 0, .n_examples = co_population_examples(&b->run.population, 0)};
    b->params = co_malloc(n, sizeof *b->params);
    b->grad = co_malloc(b->run.place.layout->n_grad, sizeof *b->grad);
    b->sums = co_calloc(b->run.place.n_sums, sizeof *b->sums);
    memcpy(b->params, b->run.exchange.model, n * sizeof *b->params);
    CHECK(co_noisy_gradient_create(&b->run.place, &b->noisy) == CO_OK);
    CHECK(co_workplace_open(&b->run.place, &b->row) == CO_OK);
    CHECK(n <= MOST);
    return true;
}

static void close_bench(bench *b)
{
    co_noisy_gradient_destroy(b->noisy);
    co_free(b->params);
    co_free(b->grad);
    co_free(b->sums);
    close_run(&b->experiment, &b->run);
}

/* The sum before noise of the examples id[m] as the batch of a step. */
static void sum_of(bench *b, int64_t step, const int64_t *id, size_t m, double divisor, double *sum)
{
    const co_noisy_step s = {.step = step, .number = 0, .event = 0, .at = 0, .m = (int64_t)m};
    memcpy(b->run.place.index, id, m * sizeof *id);
    CHECK(co_noisy_gradient_of(b->noisy, &b->row, &s, b->params, b->grad, b->sums) == CO_OK);
    for (size_t j = 0; j < b->run.exchange.n_params; j++) sum[j] = (double)b->grad[j] * divisor;
}

static double distance(const double *a, const double *b, size_t n)
{
    double sum = 0.0;
    for (size_t j = 0; j < n; j++) sum += (a[j] - b[j]) * (a[j] - b[j]);
    return sqrt(sum);
}

/* Searched over batches, steps and models with examples of norms from next to nothing to huge ones:
 * no example changes the sum by more than the bound of its mode, in floats; some come near it. The
 * batch is shuffled, so that the test names its examples. */
static void an_example_changes_the_sum_by_its_bound_at_most(void)
{
    static const struct {
        const char *mode;
        double bound, divisor;
        size_t max_batch;
    } of[] = {{"norms: ghost", 0.3, 16, 0},
              {"norms: naive", 0.3, 16, 0},
              {"norms: ghost, max_batch: 5", 0.3, 16, 5},
              {"norms: ghost, bounds: layerwise", 0.3, 16, 0},
              {"norms: ghost, bounds: layerwise_weights", 0.3, 16, 0},
              {"norms: naive, bounds: layerwise_public", 0.3, 16, 0},
              {"norms: microbatch, microbatch: 1", 0.3, 16, 0},
              {"norms: microbatch, microbatch: 2", 0.6, 8, 0},
              {"norms: microbatch, microbatch: 4", 0.6, 4, 0},
              {"norms: microbatch, microbatch: 16, max_batch: 4", 0.6, 1, 0}};
    for (size_t k = 0; k < sizeof of / sizeof *of; k++) {
        bench b = {0};
        double all[MOST], without[MOST], most = 0.0;
        const bool is_public = strstr(of[k].mode, "_public") != NULL;
        char *local =
            co_format("batch: 16, dp: {sampling: shuffle, clip: 0.3, noise_multiplier: 1, "
                      "delta: 1e-3, %s%s%s%s}",
                      of[k].mode, is_public ? ", public: {file: " : "", is_public ? blobs : "",
                      is_public ? "}" : "");
        const bool is_good = open_bench(&b, huge, local);
        co_free(local);
        if (!is_good) return;
        for (int64_t step = 1; step <= 60; step++) {
            int64_t id[16], fewer[16];
            co_stream s = co_stream_open(5, CO_DRAW_TEST, (uint64_t)step, 0, 0);
            for (size_t j = 0; j < b.run.exchange.n_params; j++)
                b.params[j] = (float)(co_draw_normal(&s) * (step % 3 ? 1.0 : 20.0));
            for (int i = 0; i < 16; i++) id[i] = (int64_t)co_draw_below(&s, 3) + 3 * i;
            b.row.version = step;
            CHECK(co_noisy_gradient_open(b.noisy, &b.row, b.params) == CO_OK);
            const size_t gone = co_draw_below(&s, 16);
            memcpy(fewer, id, gone * sizeof *id);
            memcpy(fewer + gone, id + gone + 1, (15 - gone) * sizeof *id);
            sum_of(&b, step, id, 16, of[k].divisor, all);
            sum_of(&b, step, fewer, 15, of[k].divisor, without);
            most = fmax(most, distance(all, without, b.run.exchange.n_params));
        }
        if (!(most <= of[k].bound)) fprintf(stderr, "%s: %.9g\n", of[k].mode, most);
        CHECK(most <= of[k].bound && most > 0.5 * of[k].bound);
        close_bench(&b);
    }
}

/* Where one example reaches every layer's bound, the parts are C_l: their squares add up to C^2,
 * and they are by the sizes, and half of them by the weights or by something else. */
static void bounds_of_layers_add_up_to_the_clip(void)
{
    enum { FIRST = 6 * FEATURES + 6, SECOND = 6 * 3 + 3 };
    static const char *const bounds[] = {"layerwise", "layerwise_weights", "layerwise_public"};
    for (int k = 0; k < 3; k++) {
        bench b = {0};
        double sum[MOST], none[MOST] = {0}, part[2] = {0}, weights[2] = {0};
        char *local = co_format(
            "batch: 16, dp: {sampling: shuffle, clip: 0.3, noise_multiplier: 1, "
            "delta: 1e-3, bounds: %s%s%s%s}",
            bounds[k], k == 2 ? ", public: {file: " : "", k == 2 ? blobs : "", k == 2 ? "}" : "");
        const bool is_good = open_bench(&b, huge, local);
        co_free(local);
        if (!is_good) return;
        co_stream s = co_stream_open(6, CO_DRAW_TEST, 0, 0, 0);
        for (size_t j = 0; j < FIRST + SECOND; j++)
            b.params[j] = (float)(co_draw_normal(&s) * (j < FIRST ? 1.0 : 3.0));
        for (size_t j = 0; j < FIRST + SECOND; j++)
            weights[j >= FIRST] += (double)b.params[j] * (double)b.params[j];
        b.row.version = 5;
        CHECK(co_noisy_gradient_open(b.noisy, &b.row, b.params) == CO_OK);
        for (int64_t id = 0; id < 48; id++) {
            sum_of(&b, 1, &id, 1, 16.0, sum);
            part[0] = fmax(part[0], distance(sum, none, FIRST));
            part[1] = fmax(part[1], distance(sum + FIRST, none, SECOND));
        }
        const double size = (double)FIRST / (FIRST + SECOND), c2 = 0.3 * 0.3;
        const double share = part[0] * part[0] / c2;
        const double both = part[0] * part[0] + part[1] * part[1];
        CHECK(both <= c2 && both > c2 * (1.0 - 3e-4)); /* factors are rounded down */
        const double wanted = k == 0 ? size : 0.5 * (size + weights[0] / (weights[0] + weights[1]));
        if (k < 2 && !(fabs(share - wanted) < 3e-4))
            fprintf(stderr, "%s: %g, not %g\n", bounds[k], share, wanted);
        CHECK(k == 2 ? share > 0.5 * size && share < 0.5 * size + 0.5 && fabs(share - size) > 1e-3
                     : fabs(share - wanted) < 3e-4);
        close_bench(&b);
    }
}

/* Step 1 alone has noise of ones; the counts of all steps have count_given. */
static float count_given;
static size_t n_given;
static void noise_of_step_1(int64_t step, size_t first, size_t n, float *noise)
{
    for (size_t j = 0; j < n; j++)
        noise[j] = first + j >= n_given ? count_given : step == 1 ? 1.0f : 0.0f;
}

/* The clip that the device has now, from the noise of an empty step: gradient: noise of the sum in
 * units of the clip. */
static double clip_now(bench *b, double gradient, double divisor)
{
    const co_noisy_step empty = {.step = 9, .number = 1};
    b->run.place.given_noise = noise_of_step_1;
    CHECK(co_noisy_gradient_of(b->noisy, &b->row, &empty, b->params, b->grad, b->sums) == CO_OK);
    return (double)b->grad[0] * divisor / gradient;
}

enum { BATCH = 16 };
static const double rate = 0.4, quantile = 0.3, count_std = 2.0;

/* A round of the device with one step over id[m]: the sum, and the count of halves that the next
 * clip tells of. */
static double halves_of(bench *b, const int64_t *id, size_t m, double divisor, double *sum)
{
    const double gradient = 1.0 / sqrt(1.0 - 1.0 / (4.0 * count_std * count_std));
    b->run.place.given_noise = noise_of_step_1;
    CHECK(co_noisy_gradient_open(b->noisy, &b->row, b->params) == CO_OK);
    sum_of(b, 3, id, m, divisor, sum);
    const double next = clip_now(b, gradient, divisor) / (divisor < BATCH ? 2.0 : 1.0);
    return (quantile - log(next / 0.3) / rate - 0.5) * divisor;
}

/* Sum and count of one step together, in units of their noise: an example changes them by 1 / z at
 * most, and some by as much; z is 1. In slots the noise is double and so is what one changes. */
static void an_example_changes_sum_and_count_by_what_is_paid(void)
{
    for (int k = 0; k < 3; k++) {
        bench b = {0};
        const double divisor = k == 2 ? 4.0 : BATCH, twice = k == 2 ? 2.0 : 1.0;
        const double gradient = 1.0 / sqrt(1.0 - 1.0 / (4.0 * count_std * count_std));
        double all[MOST], without[MOST], alone[MOST], most = 0.0;
        char *local = co_format(
            "batch: %d, dp: {sampling: shuffle, clip: 0.3, noise_multiplier: 1, delta: 1e-3, "
            "clip_quantile: %g, clip_rate: %g, clip_count_noise: %g%s}",
            BATCH, quantile, rate, count_std,
            k == 0   ? ""
            : k == 1 ? ", bounds: layerwise, max_batch: 5"
                     : ", norms: microbatch, microbatch: 4");
        const bool is_good = open_bench(&b, huge, local);
        co_free(local);
        if (!is_good) return;
        n_given = b.run.place.n;
        for (int64_t step = 1; step <= 40; step++) {
            int64_t id[BATCH], fewer[BATCH];
            co_stream s = co_stream_open(7, CO_DRAW_TEST, (uint64_t)step, 0, 0);
            for (size_t j = 0; j < n_given; j++)
                b.params[j] = (float)(co_draw_normal(&s) * (step % 3 ? 1.0 : 20.0));
            for (int i = 0; i < BATCH; i++) id[i] = (int64_t)co_draw_below(&s, 3) + 3 * i;
            const size_t gone = co_draw_below(&s, BATCH);
            memcpy(fewer, id, gone * sizeof *id);
            memcpy(fewer + gone, id + gone + 1, (BATCH - 1 - gone) * sizeof *id);
            count_given = 0.0f;
            const double halves = halves_of(&b, id, BATCH, divisor, all),
                         rest = halves_of(&b, fewer, BATCH - 1, divisor, without);
            const double of_sum = distance(all, without, n_given) / (0.3 * twice * gradient),
                         of_count = (halves - rest) / (count_std * twice);
            most = fmax(most, sqrt(of_sum * of_sum + of_count * of_count));
            if (k == 2) continue;
            double added = 0.0; /* the count of a batch is that of its examples */
            for (int i = 0; i < BATCH; i++) added += halves_of(&b, id + i, 1, divisor, alone);
            CHECK(fabs(added - halves) < 1e-3);
            count_given = 1.0f;
            CHECK(fabs(halves_of(&b, id, BATCH, divisor, all) - halves - count_std) < 1e-3);
        }
        if (!(most <= 1.0 + 1e-4)) fprintf(stderr, "kind %d: %.9g\n", k, most);
        CHECK(most <= 1.0 + 1e-4 && most > (k == 2 ? 0.5 : 0.99));
        close_bench(&b);
    }
}

/* Norms of the 48 examples, and where the clip comes to stand after many steps with drawn noise; a
 * new round begins at `clip`. */
static void the_clip_finds_the_quantile_of_the_device(void)
{
    double norm[48], sum[MOST], none[MOST] = {0};
    bench b = {0};
    if (!open_bench(&b, blobs,
                    "batch: 16, dp: {sampling: shuffle, clip: 1e6, noise_multiplier: 1, delta: "
                    "1e-3}"))
        return;
    for (int64_t id = 0; id < 48; id++) {
        sum_of(&b, 1, &id, 1, 16.0, sum);
        norm[id] = distance(sum, none, b.run.exchange.n_params);
    }
    close_bench(&b);
    for (int k = 0; k < 2; k++) {
        const double wanted = k ? 0.75 : 0.25;
        char *local = co_format(
            "batch: 16, dp: {sampling: shuffle, clip: %g, noise_multiplier: 0.5, delta: 1e-3, "
            "clip_quantile: %g, clip_rate: 0.05, clip_count_noise: 1}",
            k ? 0.01 : 100.0, wanted);
        b = (bench){0};
        const bool is_good = open_bench(&b, blobs, local);
        co_free(local);
        if (!is_good) return;
        n_given = b.run.place.n, count_given = 0.0f;
        b.run.place.given_noise = NULL;
        CHECK(co_noisy_gradient_open(b.noisy, &b.row, b.params) == CO_OK);
        for (int64_t step = 0; step < 1500; step++) {
            co_stream s = co_stream_open(8, CO_DRAW_TEST, (uint64_t)step, 0, 0);
            co_noisy_step at = {.step = 4, .number = step, .m = 16};
            for (int i = 0; i < 16; i++) b.run.place.index[i] = (int64_t)co_draw_below(&s, 48);
            CHECK(co_noisy_gradient_of(b.noisy, &b.row, &at, b.params, b.grad, b.sums) == CO_OK);
        }
        const double gradient = 1.0 / sqrt(1.0 / 0.25 - 1.0 / 4.0);
        const double clip = clip_now(&b, gradient, 16.0);
        double below = 0.0;
        for (int i = 0; i < 48; i++) below += norm[i] <= clip;
        if (!(fabs(below / 48.0 - wanted) < 0.15))
            fprintf(stderr, "clip %g: %g\n", clip, below / 48);
        CHECK(fabs(below / 48.0 - wanted) < 0.15);
        CHECK(co_noisy_gradient_open(b.noisy, &b.row, b.params) == CO_OK);
        CHECK(fabs(clip_now(&b, gradient, 16.0) * (k ? 100.0 : 0.01) - 1.0) < 1e-5);
        close_bench(&b);
    }
}

/* The divisor is what is expected, whatever came; a batch in parts is the batch; ghost is naive. An
 * empty batch is a step of noise alone. */
static void the_divisor_is_public_and_parts_change_nothing(void)
{
    static const char *const modes[] = {"norms: naive", "norms: ghost",
                                        "norms: ghost, max_batch: 3",
                                        "norms: microbatch, microbatch: 1"};
    double sum[4][MOST], none[MOST], one[MOST], twice[MOST];
    const int64_t id[] = {3, 8, 9, 14, 20, 21, 30};
    size_t n = 0;
    for (int k = 0; k < 4; k++) {
        bench b = {0};
        char *local = co_format(
            "batch: 10, dp: {sampling: shuffle, clip: 0.5, noise_multiplier: 1, delta: 1e-3, %s}",
            modes[k]);
        const bool is_good = open_bench(&b, blobs, local);
        co_free(local);
        if (!is_good) return;
        n = b.run.exchange.n_params;
        sum_of(&b, 1, id, 7, 1.0, sum[k]);
        sum_of(&b, 1, id, 0, 1.0, none);
        sum_of(&b, 1, id, 1, 1.0, one);
        sum_of(&b, 1, (int64_t[]){3, 3}, 2, 1.0, twice);
        for (size_t j = 0; j < n; j++) {
            CHECK(none[j] == 0.0);
            CHECK(fabs(twice[j] - 2.0 * one[j]) <= 1e-6 * fabs(one[j]));
        }
        CHECK(distance(one, none, n) <= 0.05 && distance(one, none, n) > 0.0);
        CHECK(distance(sum[k], sum[0], n) <= 1e-5 * distance(sum[0], none, n));
        close_bench(&b);
    }
}

/* Sizes of 4000 Poisson batches: mean and variance of the binomial law, and its cells by a chi
 * square; each example as often as any other; two rounds, devices or steps share no batch. */
static void batches_follow_the_binomial_law(void)
{
    enum { STEPS = 4000, HELD = 50, EXPECTED = 5 };
    int64_t index[HELD], times[HELD] = {0}, of_size[HELD + 1] = {0}, other[HELD];
    const double q = (double)EXPECTED / HELD;
    double sum = 0.0, squares = 0.0, chi = 0.0, rest = 1.0;
    int64_t same = 0, left = STEPS;
    const co_plan_row row = {.device = 3, .n_examples = HELD},
                      next = {.device = 4, .n_examples = HELD};
    for (int64_t k = 0; k < STEPS; k++) {
        const co_noisy_step s = {.step = 7, .number = k};
        const size_t m = co_noisy_batch(9, &row, &s, q, index);
        for (size_t i = 0; i < m; i++) {
            CHECK(index[i] >= 0 && index[i] < HELD && (i == 0 || index[i] > index[i - 1]));
            times[index[i]]++;
        }
        of_size[m]++;
        sum += (double)m;
        squares += (double)m * (double)m;
        same += co_noisy_batch(9, &next, &s, q, other) == m && memcmp(other, index, m * 8) == 0;
        same += co_noisy_batch(9, &row, &(co_noisy_step){.step = 8, .number = k}, q, other) == m &&
                memcmp(other, index, m * 8) == 0;
    }
    const double mean = sum / STEPS, variance = squares / STEPS - mean * mean;
    CHECK(fabs(mean - EXPECTED) < 5.0 * sqrt(HELD * q * (1 - q) / STEPS));
    CHECK(fabs(variance / (HELD * q * (1 - q)) - 1.0) < 5.0 * sqrt(2.0 / STEPS));
    CHECK(of_size[0] > 0); /* 0.9^50: 21 of 4000 */
    for (int m = 0; m <= 10; m++) {
        const double p = exp(lgamma(HELD + 1.0) - lgamma(m + 1.0) - lgamma(HELD - m + 1.0) +
                             m * log(q) + (HELD - m) * log1p(-q));
        const double wanted = m < 10 ? p * STEPS : rest * STEPS,
                     found = m < 10 ? (double)of_size[m] : (double)left;
        chi += (found - wanted) * (found - wanted) / wanted;
        rest -= p;
        left -= of_size[m];
    }
    CHECK(chi < 35.6); /* 10 degrees of freedom, 1e-4 */
    for (int i = 0; i < HELD; i++)
        CHECK(fabs((double)times[i] - STEPS * q) < 5.0 * sqrt(STEPS * q * (1 - q)));
    CHECK(same < 100); /* empty ones, and chance */
    CHECK(co_noisy_batch(9, &row, &(co_noisy_step){.step = 1}, 1.0, index) == HELD);
}

static void noise_of_ones(int64_t step, size_t first, size_t n, float *noise)
{
    (void)step;
    (void)first;
    for (size_t j = 0; j < n; j++) noise[j] = 1.0f;
}

/* Steps of which most have an empty batch are steps all the same: as many as the accountant counts,
 * each with all of its noise. */
static void empty_batches_are_full_noisy_steps(void)
{
    co_experiment experiment;
    co_run run;
    if (!play(blobs,
              "rounds: 2\npartition: {method: iid, devices: 3}\ndevices: {per_round: 3}\nmodel: "
              "{name: softmax}\nlocal: {lr: 0.1, batch: 1, steps: 4, dp: {clip: 1, "
              "noise_multiplier: 1, delta: 1e-3, accountant: rdp}}",
              &experiment, &run))
        return;
    for (int k = 0; k < 3; k++) CHECK(run.budget.events[k] == 8);
    CHECK(run.budget.n_classes == 1 && run.budget.class[0].schedule.n == 16);
    const co_example_schedule s = {.n = 16, .batch = 1, .multiplier = 1, .decay = 1, .unit = 1};
    co_guarantee g;
    CHECK(co_example_epsilon(&s, co_accountant_find("rdp"), &(co_accounting){.quick = true}, 1e-3,
                             8, &g) == CO_OK);
    CHECK(last_of(&run, "epsilon_max") == g.epsilon && last_of(&run, "epsilon_p10") == g.epsilon);
    CHECK(last_of(&run, "n_exhausted") == 0.0);
    close_run(&experiment, &run);
    bench b = {0};
    int64_t index[N];
    co_noisy_step empty = {.step = 1};
    if (!open_bench(&b, blobs, "batch: 2, dp: {clip: 0.5, noise_multiplier: 3, delta: 1e-3}"))
        return;
    b.run.place.given_noise = noise_of_ones;
    while (co_noisy_batch((uint64_t)b.experiment.seed, &b.row, &empty, 2.0 / 48, index) > 0)
        empty.number++;
    CHECK(co_noisy_gradient_of(b.noisy, &b.row, &empty, b.params, b.grad, b.sums) == CO_OK);
    for (size_t j = 0; j < b.run.exchange.n_params; j++) CHECK(b.grad[j] == 0.75f);
    close_bench(&b);
}

/* Inputs that overflow: the example counts as zero, the device reports, the model stays finite. */
static void an_example_that_is_not_finite_counts_as_zero(void)
{
    bench b = {0};
    double spoiled[MOST], without[MOST], none[MOST] = {0};
    if (!open_bench(&b, huge,
                    "batch: 16, dp: {sampling: shuffle, clip: 0.3, noise_multiplier: 1, "
                    "delta: 1e-3}"))
        return;
    const size_t n = b.run.exchange.n_params;
    const int64_t id[] = {4, 5, 6, 7}, with[] = {4, 5, 47, 6, 7};
    sum_of(&b, 1, id, 4, 1.0, without);
    for (size_t j = 0; j < n; j++) b.params[j] *= 1e5f; /* 3e38 x 1e5 */
    sum_of(&b, 1, id, 4, 1.0, without);
    sum_of(&b, 1, with, 5, 1.0, spoiled);
    CHECK(distance(without, none, n) > 0.0);
    CHECK(distance(without, spoiled, n) <= 1e-6 * distance(without, none, n));
    for (size_t j = 0; j < b.run.place.n_sums; j++) CHECK(isfinite(b.sums[j]));
    close_bench(&b);
}

/* A step with noise of ones over no example at all: what the noise is, after what the public
 * examples make of it. grad[MOST]; clip: as the version has it. */
static bool public_step(const char *public, double bound, float *grad, double *clip, bool *holds)
{
    bench b = {0};
    co_noisy_step empty = {.step = 1};
    int64_t index[N];
    char *local =
        co_format("batch: 2, dp: {clip: %g, noise_multiplier: 3, delta: 1e-3%s%s%s}", bound,
                  *public ? ", public: {file: " : "", *public ? blobs : "", public);
    const bool is_good = open_bench(&b, blobs, local);
    co_free(local);
    if (!is_good) return false;
    const size_t n = b.run.exchange.n_params;
    b.run.place.given_noise = noise_of_ones;
    b.row.version = 77;
    CHECK(co_noisy_gradient_open(b.noisy, &b.row, b.params) == CO_OK);
    while (co_noisy_batch((uint64_t)b.experiment.seed, &b.row, &empty, 2.0 / 48, index) > 0)
        empty.number++;
    CHECK(co_noisy_gradient_of(b.noisy, &b.row, &empty, b.params, b.grad, b.sums) == CO_OK);
    memcpy(grad, b.grad, n * sizeof *grad);
    *clip = b.run.place.public ? b.run.place.public->clip : bound;
    *holds = true;
    co_public *p = b.run.place.public;
    for (size_t i = 0; p && i < p->n_basis; i++)
        for (size_t k = 0; k <= i; k++) {
            double dot = 0.0;
            for (size_t j = 0; j < n; j++)
                dot += (double)p->basis[i * n + j] * (double)p->basis[k * n + j];
            *holds &= fabs(dot - (i == k)) < 1e-4;
        }
    if (p && p->n_basis > 0) { /* what is projected stays */
        CHECK(co_public_mix(p, 1, 0, 0, b.params, NULL, b.grad) == CO_OK);
        *holds &= relative_distance(b.grad, grad, n) < 1e-4;
    }
    close_bench(&b);
    return true;
}

/* fraction and lambda mix one and the same public gradient with the private one; a projection is
 * one; noise goes with the clip that the public norms give, and nothing changes what is paid. */
static void public_examples_change_what_follows_the_noise_alone(void)
{
    float bare[MOST], half[MOST], added[MOST], projected[MOST], clipped[MOST];
    double clip, least;
    bool holds;
    enum { SIZE_OF_ONE = 6 * FEATURES + 6 + 3 * 6 + 3 };
    if (!public_step("", 0.5, bare, &clip, &holds)) return;
    if (!public_step(", fraction: 0.25}", 0.5, half, &clip, &holds)) return;
    if (!public_step(", lambda: 2}", 0.5, added, &clip, &holds)) return;
    for (int j = 0; j < SIZE_OF_ONE; j++) {
        CHECK(bare[j] == 0.75f);
        CHECK(fabsf(half[j] - (0.75f * bare[j] + 0.125f * (added[j] - bare[j]))) < 1e-6f);
    }
    CHECK(relative_distance(added, bare, SIZE_OF_ONE) > 1e-3);
    if (!public_step(", subspace: 4}", 0.5, projected, &clip, &holds)) return;
    CHECK(holds && clip == 0.5);
    double norm = 0.0;
    for (int j = 0; j < SIZE_OF_ONE; j++) norm += (double)projected[j] * (double)projected[j];
    CHECK(norm > 0.0 && norm < SIZE_OF_ONE * 0.75 * 0.75 * 0.9);
    if (!public_step(", clip_quantile: 0.1}", 50.0, clipped, &least, &holds)) return;
    if (!public_step(", clip_quantile: 0.4}", 50.0, projected, &clip, &holds)) return;
    CHECK(least > 0.0 && least < clip && clip < 50.0);
    double bound; /* public norms above `clip` do not raise it */
    if (!public_step(", clip_quantile: 0.4}", 0.5 * least, projected, &bound, &holds)) return;
    CHECK(fabs(bound - 0.5 * least) < 1e-5 * least);
    for (int j = 0; j < SIZE_OF_ONE; j++)
        CHECK(fabs((double)clipped[j] - 1.5 * least) < 1e-6 * least);
    for (int k = 0; k < 2; k++) {
        co_experiment experiment;
        co_run run;
        char *yaml =
            co_format("rounds: 3\npartition: {method: iid, devices: 2}\ndevices: "
                      "{per_round: 2}\nmodel: {name: softmax}\nlocal: {batch: 4, dp: "
                      "{clip: 1, noise_multiplier: 1, delta: 1e-3%s%s%s}}",
                      k ? ", public: {warm_start: 2, fraction: 0.5, subspace: 3, file: " : "",
                      k ? blobs : "", k ? "}" : "");
        const bool is_good = play(blobs, yaml, &experiment, &run);
        co_free(yaml);
        if (!is_good) return;
        if (k == 0) least = last_of(&run, "epsilon_max");
        CHECK(last_of(&run, "epsilon_max") == least && least > 0.0);
        close_run(&experiment, &run);
    }
}

/* Budget 1 with noise for two rounds of a device, of which some are asked more often: these drop
 * out, and nobody exceeds it; with `stop` the run ends there. */
static void a_device_without_budget_is_left_out_or_ends_the_run(void)
{
    const char *const form =
        "rounds: 12\npartition: {method: iid, devices: 6}\ndevices: {per_round: 2}\nmodel: {name: "
        "softmax}\nlocal: {lr: 0.1, batch: 2, dp: {clip: 1, epsilon: 1, delta: 1e-3, rounds: 2, "
        "accountant: rdp, on_exhausted: %s}}";
    for (int k = 0; k < 2; k++) {
        co_experiment experiment;
        co_run run;
        char *yaml = co_format(form, k ? "stop" : "skip");
        const bool is_good = play(blobs, yaml, &experiment, &run);
        co_free(yaml);
        if (!is_good) return;
        CHECK(last_of(&run, "epsilon_max") <= 1.0 && last_of(&run, "epsilon_max") > 0.9);
        CHECK(last_of(&run, "n_exhausted") >= 1.0);
        CHECK(k ? run.round < 12 : run.round == 12);
        int64_t dropped = 0;
        const co_table *t = &run.record.rounds;
        for (size_t i = 0; comm.rank == 0 && i < t->n_rows; i++)
            dropped += co_table_get_i64(t, i, (size_t)co_table_find(t, "n_dropped"));
        CHECK(comm.rank > 0 || (k ? dropped == 0 : dropped > 0));
        for (int64_t d = 0; d < 6; d++) CHECK(run.budget.events[d] <= run.budget.class[0].most);
        close_run(&experiment, &run);
    }
}

/* tests/reference/dp_steps.txt, number by number. */
enum { TAUGHT = 24, STEPS = 20, SIZE = 57 };
static float given[STEPS][SIZE];

static void taught_noise(int64_t step, size_t first, size_t n, float *noise)
{
    memcpy(noise, given[step] + first, n * sizeof *noise);
}

static void read_floats(FILE *file, size_t n, float *to)
{
    for (size_t i = 0; i < n; i++) CHECK(fscanf(file, "%f", &to[i]) == 1);
}

static void write_taught(const float *x, const float *y)
{
    co_dataset data = {.n = TAUGHT,
                       .x_type = CO_F32,
                       .x_ndim = 1,
                       .x_dim = {FEATURES},
                       .x_size = FEATURES,
                       .n_classes = 3,
                       .n_scale = 1};
    float *copy = co_malloc((size_t)TAUGHT * FEATURES, sizeof *copy);
    memcpy(copy, x, TAUGHT * FEATURES * sizeof *copy);
    data.x = copy;
    data.y = co_malloc(TAUGHT, sizeof *data.y);
    data.split = co_calloc(TAUGHT, 1);
    data.scale = co_malloc(1, sizeof *data.scale);
    data.shift = co_calloc(1, sizeof *data.shift);
    data.classes = co_malloc(3, sizeof *data.classes);
    data.scale[0] = 1.0;
    for (int c = 0; c < 3; c++) data.classes[c] = co_format("%d", c);
    for (int i = 0; i < TAUGHT; i++) data.y[i] = (int32_t)y[i];
    CHECK(co_dataset_write(&data, taught, 1, "test: taught\n") == CO_OK);
    co_dataset_fini(&data);
}

static void steps_with_given_noise_are_those_of_opacus(void)
{
    static const char *const local[] = {"lr: 0.3", "lr: 0.1, momentum: 0.9",
                                        "lr: 0.02, optimizer: adam"};
    static const char *const modes[] = {"ghost", "naive"};
    static float x[TAUGHT * FEATURES], y[TAUGHT], first[SIZE], last[3][SIZE];
    const char *root = getenv("SOURCE");
    char path[4096];
    snprintf(path, sizeof path, "%s/tests/reference/dp_steps.txt", root ? root : "..");
    FILE *file = fopen(path, "r");
    CHECK(file != NULL);
    if (!file) return;
    read_floats(file, TAUGHT * FEATURES, x);
    read_floats(file, TAUGHT, y);
    read_floats(file, SIZE, first);
    read_floats(file, STEPS * SIZE, given[0]);
    read_floats(file, 3 * SIZE, last[0]);
    fclose(file);
    if (comm.rank == 0) write_taught(x, y);
    MPI_Barrier(comm.world);
    for (int k = 0; k < 6; k++) {
        co_experiment e;
        co_run run;
        char *yaml = co_format(
            "name: taught\nrounds: 1\ndata: {file: %s}\npartition: {method: iid, devices: 1}\n"
            "devices: {per_round: 1}\nmodel: {layers: [{dense: 6}, tanh, {dense: classes}]}\n"
            "local: {%s, batch: 0, steps: 20, dp: {clip: 0.4, noise_multiplier: 0.7, delta: 1e-3, "
            "norms: %s}}\neval: {every: 0}\noutput: {dir: %s, checkpoint_every: 0}\n",
            taught, local[k / 2], modes[k % 2], out);
        co_status st = co_experiment_parse(yaml, "taught", &e);
        co_free(yaml);
        if (st == CO_OK) st = co_run_create(&run, &e, out, &comm);
        CHECK(st == CO_OK);
        if (st != CO_OK) return;
        CHECK(run.exchange.n_params == SIZE);
        if (comm.node_rank == 0) memcpy(run.exchange.model, first, sizeof first);
        co_segment_sync(&run.exchange.board, &comm);
        co_exchange_hash(&run.exchange);
        run.place.given_noise = taught_noise;
        CHECK(co_run_rounds(&run) == CO_OK);
        const double apart = relative_distance(run.exchange.model, last[k / 2], SIZE);
        if (!(apart < 1e-4)) fprintf(stderr, "%s, %s: %g\n", local[k / 2], modes[k % 2], apart);
        CHECK(apart < 1e-4);
        CHECK(relative_distance(first, last[k / 2], SIZE) > 0.1);
        close_run(&e, &run);
    }
}

/* The last example's inputs overflow with large weights; the others differ by five powers of ten.
 */
static void write_huge(void)
{
    co_dataset data = {.n = N,
                       .x_type = CO_F32,
                       .x_ndim = 1,
                       .x_dim = {FEATURES},
                       .x_size = FEATURES,
                       .n_classes = 3,
                       .n_scale = 1};
    co_stream s = co_stream_open(6, CO_DRAW_TEST, 0, 0, 0);
    float *x = co_malloc((size_t)N * FEATURES, sizeof *x);
    data.x = x;
    data.y = co_malloc(N, sizeof *data.y);
    data.split = co_calloc(N, 1);
    data.scale = co_malloc(1, sizeof *data.scale);
    data.shift = co_calloc(1, sizeof *data.shift);
    data.classes = co_malloc(3, sizeof *data.classes);
    data.scale[0] = 1.0;
    for (int c = 0; c < 3; c++) data.classes[c] = co_format("%d", c);
    for (int i = 0; i < N; i++) {
        data.y[i] = i % 3;
        data.split[i] = i >= 48;
        const double scale = i == 47 ? 1e38 : pow(10.0, i % 6 - 2);
        for (int f = 0; f < FEATURES; f++)
            x[i * FEATURES + f] = (float)(scale * fmin(3.0, co_draw_normal(&s)));
    }
    CHECK(co_dataset_write(&data, huge, 1, "test: huge\n") == CO_OK);
    co_dataset_fini(&data);
}

int main(int argc, char **argv)
{
    harness_start(&argc, &argv);
    setenv("COHORT_PROGRESS", "off", 1);
    CHECK(co_comm_init(&comm) == CO_OK);
    if (comm.rank == 0) {
        snprintf(blobs, sizeof blobs, "%s", scratch_file("examples.h5"));
        snprintf(huge, sizeof huge, "%s", scratch_file("examples-huge.h5"));
        snprintf(taught, sizeof taught, "%s", scratch_file("examples-taught.h5"));
        snprintf(out, sizeof out, "%s", scratch_file("examples"));
        CHECK(write_blobs(blobs, N, FEATURES, 3, 1) == CO_OK);
        write_huge();
    }
    MPI_Bcast(blobs, sizeof blobs, MPI_CHAR, 0, comm.world);
    MPI_Bcast(huge, sizeof huge, MPI_CHAR, 0, comm.world);
    MPI_Bcast(taught, sizeof taught, MPI_CHAR, 0, comm.world);
    MPI_Bcast(out, sizeof out, MPI_CHAR, 0, comm.world);
    noise_is_added_once_a_step_of_the_promised_size();
    an_example_changes_the_sum_by_its_bound_at_most();
    bounds_of_layers_add_up_to_the_clip();
    an_example_changes_sum_and_count_by_what_is_paid();
    the_clip_finds_the_quantile_of_the_device();
    the_divisor_is_public_and_parts_change_nothing();
    batches_follow_the_binomial_law();
    empty_batches_are_full_noisy_steps();
    an_example_that_is_not_finite_counts_as_zero();
    a_device_without_budget_is_left_out_or_ends_the_run();
    public_examples_change_what_follows_the_noise_alone();
    steps_with_given_noise_are_those_of_opacus();
    MPI_Barrier(comm.world);
    if (comm.rank == 0) {
        co_output_remove(out);
        rmdir(out);
        unlink(blobs);
        unlink(huge);
        unlink(taught);
    }
    co_comm_fini(&comm);
    CHECK(co_memory_blocks() == 0);
    return harness_end();
}
