/* tests/models/test_attend.c - the layers of several inputs, attend and gate, against PyTorch in
 * double precision (tests/reference/attend.py), on every kernel path; what attention keeps and
 * drops. */
#include "models/kernel_path.h"
#include "tests/harness.h"
#include "tests/models/build.h"
#include <math.h>

enum { MOST_TEXTS = 16 };

/* A layer of several inputs with everything around it. */
typedef struct {
    const co_layer *layer;
    void *self;
    size_t n, n_inputs, rows, width[CO_MAX_INPUTS], out;
    int64_t offsets[MOST_TEXTS + 1];
    float *x[CO_MAX_INPUTS], *dx[CO_MAX_INPUTS], *y, *dy, *cache, *scratch;
    co_batch batch;
    co_pass pass;
} setup;

static void open_layer(setup *s, const char *name, const char *yaml)
{
    co_shape in[CO_MAX_INPUTS], out;
    s->layer = co_layer_find(name);
    for (size_t i = 0; i < CO_MAX_INPUTS; i++)
        in[i] = (co_shape){.sequence = true, .ndim = 1, .dim = {s->width[i]}};
    cr_assert_eq(test_layer(s->layer, yaml, in, 2, &out, &s->self), CO_OK, "%s",
                 co_status_message());
    s->n_inputs = s->layer->n_inputs;
    s->out = co_shape_size(&out);
    s->rows = (size_t)s->offsets[s->n];
    for (size_t i = 0; i < s->n_inputs; i++) {
        s->x[i] = co_malloc(s->rows * s->width[i], sizeof(float));
        s->dx[i] = co_malloc(s->rows * s->width[i], sizeof(float));
        test_fill(1 + i, s->rows * s->width[i], 1.0f, s->x[i]);
    }
    s->y = co_malloc(s->rows * s->out, sizeof(float));
    s->dy = co_malloc(s->rows * s->out, sizeof(float));
    test_fill(9, s->rows * s->out, 1.0f, s->dy);
    s->cache = co_malloc(test_kept(s->layer->cache_size, s->self, s->n, s->rows), sizeof(float));
    s->scratch =
        co_malloc(test_kept(s->layer->scratch_size, s->self, s->n, s->rows), sizeof(float));
    s->pass = (co_pass){.seed = 5, .round = 2, .device = 3, .step = 4};
}

static co_call call_of(setup *s)
{
    static const bool none[CO_MAX_TENSORS];
    s->batch = (co_batch){.n = s->n, .rows = s->rows, .offsets = s->offsets};
    s->pass.batch = &s->batch;
    co_call call = {.pass = &s->pass,
                    .draw = 77,
                    .is_frozen = none,
                    .y = s->y,
                    .dy = s->dy,
                    .factor = 1.0f,
                    .cache = s->cache,
                    .scratch = s->scratch};
    for (size_t i = 0; i < s->n_inputs; i++) {
        call.x[i] = s->x[i];
        call.dx[i] = s->dx[i];
    }
    return call;
}

/* Forward and backward; scratch is full of rubbish between. */
static void run(setup *s)
{
    const co_call call = call_of(s);
    const size_t n = test_kept(s->layer->scratch_size, s->self, s->n, s->rows);
    for (size_t i = 0; i < n; i++) s->scratch[i] = NAN;
    s->layer->forward(s->self, &call);
    for (size_t i = 0; i < n; i++) s->scratch[i] = NAN;
    s->layer->backward_input(s->self, &call);
}

static void close_layer(setup *s)
{
    s->layer->destroy(s->self);
    for (size_t i = 0; i < s->n_inputs; i++) co_free(s->x[i]), co_free(s->dx[i]);
    co_free(s->y), co_free(s->dy), co_free(s->cache), co_free(s->scratch);
    cr_expect_eq(co_memory_blocks(), 0);
}

/* Queries of heads x 4 columns, texts of 3, 0, 1 and 6 rows. */
static setup small(const char *yaml, size_t heads, size_t kv_heads)
{
    setup s = {
        .n = 4, .width = {heads * 4, kv_heads * 4, kv_heads * 4}, .offsets = {0, 3, 3, 4, 10}};
    open_layer(&s, "attend", yaml);
    return s;
}

static void on_all_paths(void (*law)(void))
{
    co_kernel_level best;
    cr_assert_eq(co_kernel_best(&best), CO_OK);
    for (co_kernel_level level = CO_KERNELS_REFERENCE; level <= best; level++) {
        co_kernel_use(level);
        law();
    }
}

/* ---- PyTorch ---- */

/* The coordinates of one line, and the norm. */
static void compare(FILE *file, const char *name, const char *what, const float *have, size_t n)
{
    char word[16];
    size_t number, size, samples, at;
    double norm, value, difference = 0.0, length = 0.0, own = 0.0;
    cr_assert_eq(fscanf(file, "%15s %zu %zu %lf %zu", word, &number, &size, &norm, &samples), 5);
    cr_assert(strcmp(word, what) == 0 && size == n, "%s: %s %zu", name, word, number);
    for (size_t i = 0; i < samples; i++) {
        cr_assert_eq(fscanf(file, "%zu %lf", &at, &value), 2);
        difference += ((double)have[at] - value) * ((double)have[at] - value);
        length += value * value;
    }
    for (size_t i = 0; i < n; i++) own += (double)have[i] * (double)have[i];
    cr_expect_leq(sqrt(difference), 2e-6 * sqrt(length), "%s on %s: %s %zu: %g of %g", name,
                  co_kernel_path(), what, number, sqrt(difference), sqrt(length));
    cr_expect_leq(fabs(sqrt(own) - norm), 2e-6 * norm, "%s: norm of %s %zu: %g, not %g", name, what,
                  number, sqrt(own), norm);
}

static void check_case(FILE *file, const char *name, const char *yaml)
{
    setup s = {0};
    size_t length, width, n_inputs;
    cr_assert_eq(fscanf(file, "%zu", &s.n), 1);
    cr_assert_leq(s.n, MOST_TEXTS);
    for (size_t i = 0; i < s.n; i++) {
        cr_assert_eq(fscanf(file, "%zu", &length), 1);
        s.offsets[i + 1] = s.offsets[i] + (int64_t)length;
    }
    cr_assert_eq(fscanf(file, "%zu", &n_inputs), 1);
    for (size_t i = 0; i < n_inputs; i++) cr_assert_eq(fscanf(file, "%zu", &s.width[i]), 1);
    cr_assert_eq(fscanf(file, "%zu", &width), 1);
    open_layer(&s, name, yaml);
    cr_assert(s.out == width && s.n_inputs == n_inputs);
    run(&s);
    compare(file, yaml, "output", s.y, s.rows * s.out);
    for (size_t i = 0; i < n_inputs; i++) compare(file, yaml, "grad", s.dx[i], s.rows * s.width[i]);
    close_layer(&s);
}

static void check_all_cases(void)
{
    char path[1024], line[256], name[32];
    const char *root = getenv("SOURCE");
    size_t n_cases = 0;
    snprintf(path, sizeof path, "%s/tests/reference/attend.txt", root ? root : "..");
    FILE *file = fopen(path, "r");
    cr_assert(file, "%s", path);
    while (fgets(line, sizeof line, file)) {
        int at = 0;
        if (sscanf(line, "case %31s %n", name, &at) != 1 || at == 0) continue;
        line[strcspn(line, "\n")] = 0;
        check_case(file, name, line + at);
        n_cases++;
    }
    fclose(file);
    cr_expect_eq(n_cases, 6);
}

Test(attend, texts_of_any_length_follow_pytorch_and_rotary_positions_follow_llama)
{
    on_all_paths(check_all_cases);
}

/* ---- slopes ---- */

static double dot_of(setup *s)
{
    const co_call call = call_of(s);
    double sum = 0.0;
    s->layer->forward(s->self, &call);
    for (size_t i = 0; i < s->rows * s->out; i++) sum += (double)s->dy[i] * (double)s->y[i];
    return sum;
}

static void check_slopes(setup *s)
{
    run(s);
    for (size_t i = 0; i < s->n_inputs; i++)
        for (size_t k = 0; k < s->rows * s->width[i]; k++) {
            const float old = s->x[i][k], h = 0.01f;
            double at[2];
            for (int side = 0; side < 2; side++) {
                s->x[i][k] = old + (side ? -h : h);
                at[side] = dot_of(s);
            }
            s->x[i][k] = old;
            const double slope = (at[0] - at[1]) / (2.0 * (double)h);
            cr_assert_float_eq((double)s->dx[i][k], slope, 1e-3 * (1.0 + fabs(slope)),
                               "dx %zu [%zu]: %g, slope %g", i, k, (double)s->dx[i][k], slope);
        }
}

static void check_dropped_slopes(void)
{
    setup s = small("{heads: 4, kv_heads: 2, causal: true, rotary: 100, dropout: 0.4}", 4, 2);
    s.pass.train = true;
    check_slopes(&s);
    close_layer(&s);
}

Test(attend, gradients_with_grouped_heads_rotary_and_dropout_are_slopes)
{
    on_all_paths(check_dropped_slopes);
}

/* ---- dropout ---- */

/* With equal scores and values of 1 an output is the share of its attentions that is kept, over
 * 1 - p. */
static void check_dropout(void)
{
    setup s = {.n = 2, .width = {8, 8, 8}, .offsets = {0, 200, 400}};
    open_layer(&s, "attend", "{heads: 2, dropout: 0.25}");
    memset(s.x[0], 0, s.rows * 8 * sizeof(float));
    for (size_t k = 0; k < s.rows * 8; k++) s.x[2][k] = 1.0f;
    double sum = 0.0, square = 0.0;
    const size_t n = s.rows * 2; /* a row and head each */
    s.pass.train = true;
    run(&s);
    for (size_t k = 0; k < n; k++) {
        sum += (double)s.y[4 * k];
        square += (double)s.y[4 * k] * (double)s.y[4 * k];
    }
    const double mean = sum / (double)n, deviation = sqrt(square / (double)n - mean * mean),
                 expected = sqrt(0.25 / 0.75 / 200.0);
    cr_expect_float_eq(mean, 1.0, 5.0 * expected / sqrt((double)n), "%g", mean);
    cr_expect_float_eq(deviation, expected, 0.1 * expected, "%g of %g", deviation, expected);
    cr_expect_neq(s.y[0], s.y[4], "heads drop apart");
    float first[64];
    memcpy(first, s.y, sizeof first);
    run(&s);
    cr_expect(memcmp(first, s.y, sizeof first) == 0, "the same keys, the same draws");
    s.pass.step++;
    co_call call = call_of(&s);
    call.draw++;
    s.layer->forward(s.self, &call);
    cr_expect(memcmp(first, s.y, sizeof first) != 0, "another step, other draws");
    s.pass.train = false;
    run(&s);
    for (size_t k = 0; k < s.rows * 8; k++)
        cr_assert_float_eq(s.y[k], 1.0f, 1e-5f, "evaluation drops nothing");
    close_layer(&s);
}

Test(attend, dropout_keeps_the_mean_and_depends_on_its_keys_alone)
{
    on_all_paths(check_dropout);
}

/* ---- what it sees, and refuses ---- */

static void check_causal(void)
{
    setup s = small("{heads: 2, causal: true}", 2, 2);
    float before[5 * 8];
    run(&s);
    memcpy(before, s.y + 4 * 8, sizeof before); /* the last text but for its last row */
    for (size_t i = 1; i < 3; i++)
        for (size_t k = 0; k < 8; k++) s.x[i][9 * 8 + k] += 3.0f;
    run(&s);
    cr_expect(memcmp(before, s.y + 4 * 8, sizeof before) == 0, "%s", co_kernel_path());
    close_layer(&s);
}

Test(attend, a_causal_row_sees_nothing_behind_it)
{
    on_all_paths(check_causal);
}

/* Unwanted gradients are left alone and change no others. */
static void check_unwanted(void)
{
    setup s = small("{heads: 4, kv_heads: 2, rotary: 10000}", 4, 2);
    const size_t floats[] = {10 * 16, 10 * 8, 10 * 8};
    float whole[3][160];
    run(&s);
    for (size_t i = 0; i < 3; i++) memcpy(whole[i], s.dx[i], floats[i] * sizeof(float));
    for (size_t none = 0; none < 3; none++) {
        co_call call = call_of(&s);
        call.dx[none] = NULL;
        s.layer->backward_input(s.self, &call);
        for (size_t i = 0; i < 3; i++)
            cr_expect(memcmp(whole[i], s.dx[i], floats[i] * sizeof(float)) == 0);
    }
    close_layer(&s);
}

Test(attend, a_gradient_that_nobody_wants_is_left_out)
{
    on_all_paths(check_unwanted);
}

Test(attend, large_scores_stay_finite)
{
    setup s = small("{heads: 2}", 2, 2);
    for (size_t k = 0; k < s.rows * 8; k++) s.x[0][k] *= 1e4f;
    run(&s);
    for (size_t k = 0; k < s.rows * 8; k++)
        cr_assert(isfinite(s.y[k]) && isfinite(s.dx[0][k]) && isfinite(s.dx[1][k]));
    close_layer(&s);
}

/* Scratch grows by the row, not by its square; what is kept is a float a row and head. */
Test(attend, memory_is_linear_in_the_rows)
{
    setup s = small("{heads: 2}", 2, 2);
    const size_t at_1000 = s.layer->scratch_size(s.self, 1, 1000),
                 at_2000 = s.layer->scratch_size(s.self, 1, 2000);
    cr_expect_leq(at_2000, 2 * at_1000);
    cr_expect_leq(at_1000, 1000 * (3 * 64 + 4 * 16) + 100000);
    cr_expect_eq(s.layer->cache_size(s.self, 4, 100), 200);
    close_layer(&s);
}

static void refuse(const char *name, const char *yaml, size_t a, size_t b, size_t c,
                   const char *words)
{
    co_shape in[3], out;
    void *self;
    const size_t width[] = {a, b, c};
    for (size_t i = 0; i < 3; i++)
        in[i] = (co_shape){.sequence = true, .ndim = 1, .dim = {width[i]}};
    cr_expect_eq(test_layer(co_layer_find(name), yaml, in, 2, &out, &self), CO_EUSAGE, "%s", yaml);
    cr_expect(strstr(co_status_message(), words), "%s: %s", words, co_status_message());
    cr_expect_eq(co_memory_blocks(), 0);
}

Test(attend, refuses_what_does_not_fit)
{
    refuse("attend", "{heads: 5}", 12, 12, 12, "12 features do not divide into 5 heads");
    refuse("attend", "{heads: 3, kv_heads: 2}", 12, 8, 8, "3 heads do not divide into groups");
    refuse("attend", "{heads: 4, kv_heads: 2}", 12, 12, 12, "need keys and values of [6]");
    refuse("attend", "{heads: 4}", 12, 12, 6, "keys and values of one size");
    refuse("attend", "{heads: 4, rotary: 10000}", 12, 12, 12, "a head has 3");
    refuse("attend", "{heads: 4, dropout: 1}", 12, 12, 12, "dropout");
    refuse("gate", "{}", 12, 13, 0, "one shape");
    refuse("gate", "{act: relu}", 12, 12, 0, "act");
}

/* Four projections a row, scores and their sums a pair of rows (causal: of half the pairs), the
 * head once a text. */
Test(attend, costs_grow_with_the_square_of_a_text)
{
    const co_shape tokens = {.sequence = true, .tokens = true, .dim = {9}};
    for (int causal = 0; causal < 2; causal++) {
        co_model *model;
        char yaml[200];
        snprintf(yaml, sizeof yaml,
                 "{layers: [{embedding: 8}, {attention: {heads: 2, causal: %s}}, {pool_time: "
                 "mean}, {dense: classes}]}",
                 causal ? "true" : "false");
        cr_assert_eq(test_model(yaml, &tokens, 3, &model), CO_OK, "%s", co_status_message());
        for (double t = 1.0; t < 40.0; t *= 3.0)
            cr_expect_eq(co_model_flops(model, t, 0.0),
                         4.0 * 64.0 * t + (causal ? 8.0 : 16.0) * t * t + 8.0 * 3.0);
        co_model_destroy(model);
    }
    cr_expect_eq(co_memory_blocks(), 0);
}
