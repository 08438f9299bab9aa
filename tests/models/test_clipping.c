/* tests/models/test_clipping.c - clipped gradients of single examples: by norms alone, formed, and
 * against a batch of one example at a time. */
#include "core/vector.h"
#include "models/graph/graph.h"
#include "models/kernel_path.h"
#include "tests/harness.h"
#include "tests/models/build.h"
#include <math.h>

enum { N = 6, ROWS = 256, MOST_GROUPS = 64 };
#ifdef __SANITIZE_ADDRESS__ /* sees an access, which the first tries make, twenty times as slowly  \
                             */
enum { N_TRIES = 6 };
#else
enum { N_TRIES = 60 };
#endif

/* A model, N examples of lengths 1, 5, 0 .., and what is formed of them. */
typedef struct {
    const char *yaml;
    co_model *model;
    co_workspace *work;
    const co_layout *layout;
    size_t size, n_tensors;
    float *params, *x;
    int64_t offsets[N + 1];
    int64_t target_offsets[N + 1], char_offsets[ROWS + 1];
    int32_t tokens[ROWS], target_tokens[ROWS], chars[ROWS], y[2 * ROWS];
    float values[N * 16];
    co_labels labels;
    co_batch batch;
    co_pass pass;
} setup;

typedef struct {
    const char *task, *yaml;
    co_shape in;
    size_t classes;
} model_case;

#define TOKENS                                                                                     \
    {                                                                                              \
        .sequence = true, .tokens = true, .dim = { 11, 7 }                                         \
    } /* of 7 letters */
#define IMAGE(c, h, w)                                                                             \
    {                                                                                              \
        .ndim = 3, .dim = { c, h, w }                                                              \
    }
static const model_case cases[] = {
    {"classification", "{layers: [flatten, {dense: 20}, relu, {dense: classes}]}", IMAGE(2, 5, 5),
     4},
    {"regression", "{layers: [flatten, {dense: {units: 9, bias: false}}, tanh, {dense: classes}]}",
     IMAGE(1, 4, 4), 3},
    {"multilabel", "{layers: [flatten, {dense: classes}]}", IMAGE(1, 4, 4), 5},
    {"classification",
     "{layers: [{conv2d: {channels: 5, kernel: 3}}, relu, {conv2d: {channels: 20, kernel: 3, "
     "padding: same}}, {group_norm: 4}, relu, {max_pool: 2}, flatten, {dropout: 0.3}, {dense: "
     "classes}]}",
     IMAGE(3, 9, 8), 4},
    {"classification",
     "{layers: [{conv2d: {channels: 17, kernel: 5, padding: same}}, {max_pool: 2}, relu, {conv2d: "
     "{channels: 18, kernel: 5, padding: 2, bias: false}}, relu, {conv2d: {channels: 3, kernel: 2, "
     "stride: 2}}, flatten, {dense: classes}]}",
     IMAGE(1, 12, 12), 4},
    {"classification",
     "{layers: [{conv2d: {channels: 96, kernel: 1}}, {residual: [{conv2d: {channels: 96, kernel: "
     "3, "
     "padding: same}}, relu]}, {conv2d: {channels: 96, kernel: 3, stride: 2}}, global_avg_pool, "
     "{dense: classes}]}",
     IMAGE(2, 7, 7), 4},
    {"lm", "{layers: [{embedding: 6}, {lstm: {units: 5, layers: 2}}, {dense: classes}]}", TOKENS,
     11},
    {"lm", "{layers: [{embedding: 6}, {gru: {units: 5, layers: 2}}, {dense: classes}]}", TOKENS,
     11},
    {"tagging",
     "{layers: [{embedding: 6}, {lstm: {units: 4, layers: 2, bidirectional: true}}, {dense: "
     "classes}]}",
     TOKENS, 5},
    {"classification",
     "{layers: [{embedding: 6}, {gru: {units: 40, bidirectional: true}}, {pool_time: last}, "
     "{dense: "
     "classes}]}",
     TOKENS, 3},
    {"lm", "{name: gpt2, layers: 2, hidden: 16, heads: 2, most_positions: 64}", TOKENS, 11},
    {"lm", "{name: llama, layers: 2, hidden: 16, heads: 2, intermediate: 24, tied: true}", TOKENS,
     11},
    {"tagging",
     "{name: bert, layers: 2, hidden: 16, heads: 2, intermediate: 40, most_positions: 64, head: "
     "tagging}",
     TOKENS, 5},
    {"mlm",
     "{name: bert, layers: 1, hidden: 16, heads: 2, intermediate: 40, most_positions: 64, head: "
     "mlm}",
     TOKENS, 11},
    {"classification",
     "{name: bert, layers: 2, hidden: 16, heads: 2, intermediate: 40, most_positions: 64, head: "
     "classification, lora: {rank: 3, targets: [query, value], dropout: 0.2}}",
     TOKENS, 5},
    {"classification",
     "{layers: [{embedding: 6}, {positions: {most: 60}}, {segments: {most: 3, separator: 2}}, "
     "rms_norm, {dense: 6}, {dense: {units: 6}, tie: {weight: 4.weight}}, {pool_time: mean}, "
     "{dense: classes}]}",
     TOKENS, 5},
    {"classification",
     "{layers: [{embedding: 6}, {lstm: 6}, {lstm: 6, tie: {weight_ih_l0: 1.weight_ih_l0}}, "
     "{pool_time: mean}, {dense: classes}]}",
     TOKENS, 5},
    {"classification", /* in parts of one image */
     "{layers: [{conv2d: {channels: 32, kernel: 3}}, relu, {conv2d: {channels: 32, kernel: 3}}, "
     "{group_norm: 2}, {conv2d: {channels: 32, kernel: 3, stride: 2}}, global_avg_pool, {dense: "
     "classes}]}",
     IMAGE(1, 34, 34), 4},
    {"lm", /* wide enough for inner products */
     "{layers: [{embedding: 96}, {dense: 100}, tanh, {lstm: {units: 60, bidirectional: true}}, "
     "{gru: 90}, {dense: classes}]}",
     TOKENS, 11},
    {"tagging", "{name: bilstm, embedding: 6, units: 5, head: crf, chars: cnn}", TOKENS, 5},
    {"joint", "{name: bilstm, embedding: 6, units: 5, head: joint}", TOKENS, 7},
    {"span", "{name: bilstm, embedding: 6, units: 5}", TOKENS, 2},
    {"seq2seq", "{name: seq2seq_lstm, embedding: 6, units: 5, layers: 2, dropout: 0.2}", TOKENS,
     11},
    {"seq2seq",
     "{name: seq2seq_transformer, most_positions: 64, layers: 1, hidden: 12, heads: 3, "
     "intermediate: 20, tied: all, dropout: 0.2, attention_dropout: 0.2}",
     TOKENS, 11},
    {"seq2seq",
     "{name: seq2seq_transformer, most_positions: 64, layers: 1, hidden: 12, heads: 3, "
     "intermediate: 20, tied: output, positions: learned, norm: post}",
     TOKENS, 11},
};

static void open_case(const model_case *c, setup *out)
{
    static const int64_t lengths[N] = {1, 5, 40, 0, 2, 9};
    setup s = {.yaml = c->yaml};
    cr_assert_eq(co_labels_init(&s.labels, NULL, c->classes), CO_OK);
    if (c->task[0] == 'j') s.labels.n_tags = 4;
    out->labels = s.labels;
    cr_assert_eq(test_model_for(c->task, c->yaml, &c->in, &out->labels, &s.model), CO_OK, "%s: %s",
                 c->yaml, co_status_message());
    co_model_tensors(s.model, &s.n_tensors);
    s.layout = co_model_layout(s.model);
    s.size = co_model_size(s.model);
    s.params = co_calloc(s.size, sizeof(float));
    co_model_init(s.model, 1, s.params);
    for (size_t i = 0; i < s.size; i++) s.params[i] += 0.05f * test_value(9, i);
    const size_t floats = c->in.tokens ? 1 : co_shape_size(&c->in);
    s.x = co_calloc(N * floats, sizeof(float));
    test_fill(1, N * floats, 1.0f, s.x);
    test_fill(2, N * 16, 1.0f, s.values);
    for (size_t i = 0; i < N; i++) s.offsets[i + 1] = s.offsets[i] + lengths[i];
    for (size_t r = 0; r < ROWS; r++) {
        s.tokens[r] = (int32_t)(test_bits(4, r) % 5); /* they repeat */
        s.y[r] = (int32_t)(test_bits(5, r) % c->classes);
        if (s.labels.n == 5 && c->task[0] == 't' && r % 3 == 0) s.y[r] = -1; /* not scored */
        if (c->task[0] == 'm' && c->task[1] == 'l' && r % 3) s.y[r] = -1;
    }
    static const int64_t target_lengths[N] = {3, 1, 20, 2, 0, 4};
    for (size_t i = 0; i < N; i++)
        s.target_offsets[i + 1] = s.target_offsets[i] + target_lengths[i];
    for (size_t r = 0; r < ROWS; r++) {
        s.target_tokens[r] = (int32_t)(test_bits(6, r) % 6);
        s.chars[r] = (int32_t)(test_bits(7, r) % 7);
        s.char_offsets[r + 1] = s.char_offsets[r] + (int64_t)(r % 3);
    }
    const bool joint = c->task[0] == 'j';
    if (joint) s.labels.n_tags = out->labels.n_tags;
    for (size_t r = 0; joint && r < ROWS; r++) {
        s.y[2 * r] = (int32_t)(test_bits(5, r) % s.labels.n_tags);
        s.y[2 * r + 1] = (int32_t)(test_bits(8, r) % (c->classes - s.labels.n_tags));
    }
    for (size_t i = 0; strcmp(c->task, "span") == 0 && i < 2 * N; i++)
        s.y[i] = i / 2 == 2 || i / 2 == 5 ? (int32_t)(i % 7) : i / 2 == 1 ? (int32_t)(i % 5) : -1;
    if (strcmp(c->task, "multilabel") == 0)
        for (size_t i = 0; i < N * 16; i++) s.values[i] = s.values[i] > 0.0f ? 1.0f : 0.0f;
    *out = s;
}

static void aim(setup *s, const model_case *c)
{
    const bool reals = c->task[0] == 'r' || strcmp(c->task, "multilabel") == 0;
    s->batch = (co_batch){.n = N, .rows = N, .x = s->x, .y = reals ? (void *)s->values : s->y};
    if (c->in.tokens) {
        s->batch = (co_batch){.n = N, .rows = (size_t)s->offsets[N], .offsets = s->offsets};
        s->batch.tokens = s->tokens;
        s->batch.chars = s->chars;
        s->batch.char_offsets = s->char_offsets;
        s->batch.y = s->y;
        if (strcmp(c->task, "seq2seq") == 0) {
            s->batch.target_rows = (size_t)s->target_offsets[N];
            s->batch.target_offsets = s->target_offsets;
            s->batch.target_tokens = s->target_tokens;
        }
    }
    s->pass = (co_pass){.batch = &s->batch, .train = true, .seed = 3, .step = 7};
    if (!s->work)
        cr_assert_eq(
            co_workspace_create(s->model, N, s->batch.rows, s->batch.target_rows, &s->work), CO_OK,
            "%s", co_status_message());
}

static void close_case(setup *s)
{
    co_workspace_destroy(s->work);
    co_model_destroy(s->model);
    co_labels_fini(&s->labels);
    co_free(s->params), co_free(s->x);
}

/* A clipped sum into new blocks. */
typedef struct {
    float *grad;
    double *norms, *sums;
} result;

static result clipped(setup *s, const co_clipping *how)
{
    result r = {co_calloc(s->size, sizeof(float)), co_calloc(N * MOST_GROUPS, sizeof(double)),
                co_calloc(256, sizeof(double))};
    cr_assert_eq(co_workspace_clip(s->work, how, s->size), CO_OK);
    const size_t blocks = co_memory_blocks();
    co_model_clipped(s->model, s->work, s->params, &s->pass, how, r.grad, r.norms, r.sums);
    cr_expect_eq(co_memory_blocks(), blocks);
    return r;
}

static void drop(result *r)
{
    co_free(r->grad), co_free(r->norms), co_free(r->sums);
}

static void compare(const setup *s, const result *have, const result *want, size_t n_groups)
{
    const double distance = relative_distance(have->grad, want->grad, s->size);
    double whole[N] = {0};
    for (size_t k = 0; k < N * n_groups; k++) whole[k / n_groups] += pow(want->norms[k], 2.0);
    for (size_t k = 0; k < N * n_groups; k++)
        cr_assert_leq(fabs(have->norms[k] - want->norms[k]),
                      1e-5 * want->norms[k] + (n_groups > 1 ? 1e-5 * sqrt(whole[k / n_groups]) : 0),
                      "%s on %s: norm %zu is %.9g, not %.9g", s->yaml, co_kernel_path(), k,
                      have->norms[k], want->norms[k]);
    cr_assert_leq(distance, 1e-5, "%s on %s: %g", s->yaml, co_kernel_path(), distance);
    for (size_t k = 0; k < 256; k++)
        cr_assert_float_eq(have->sums[k], want->sums[k], 1e-5 * (1.0 + fabs(want->sums[k])), "%s",
                           s->yaml);
}

static double middle(const result *r, size_t n_groups, size_t g)
{
    double most = 0.0;
    for (size_t i = 0; i < N; i++)
        if (r->norms[i * n_groups + g] > most) most = r->norms[i * n_groups + g];
    return 0.4 * most + 1e-6;
}

static void check_case(const model_case *c)
{
    setup s;
    if (getenv("CASES")) fprintf(stderr, "%s on %s\n", c->yaml, co_kernel_path());
    open_case(c, &s);
    aim(&s, c);
    double clip[MOST_GROUPS] = {1e-3};
    uint32_t *group = co_calloc(s.n_tensors, sizeof *group);
    co_clipping how = {.naive = true, .n_groups = 1, .clip = clip};
    result norms = clipped(&s, &how);
    clip[0] = middle(&norms, 1, 0);
    result formed = clipped(&s, &how);
    how.naive = false;
    result ghost = clipped(&s, &how);
    compare(&s, &ghost, &formed, 1);
    drop(&norms), drop(&formed), drop(&ghost);
    for (size_t width = 1; width < 3; width++) { /* tensors of a layer in several groups, or two */
        const size_t n_groups = s.n_tensors / width + 1 < MOST_GROUPS ? s.n_tensors / width + 1 : 3;
        for (size_t t = 0; t < s.n_tensors; t++) group[t] = (uint32_t)(t / width % n_groups);
        how = (co_clipping){.naive = true, .n_groups = n_groups, .group = group, .clip = clip};
        for (size_t g = 0; g < n_groups; g++) clip[g] = 1.0;
        norms = clipped(&s, &how);
        for (size_t g = 0; g < n_groups; g++) clip[g] = middle(&norms, n_groups, g);
        formed = clipped(&s, &how);
        how.naive = false;
        ghost = clipped(&s, &how);
        compare(&s, &ghost, &formed, n_groups);
        drop(&norms), drop(&formed), drop(&ghost);
    }
    co_free(group);
    close_case(&s);
}

static void on_all_paths(void (*law)(const model_case *))
{
    co_kernel_level best;
    cr_assert_eq(co_kernel_best(&best), CO_OK, "%s", co_status_message());
    for (co_kernel_level level = CO_KERNELS_REFERENCE; level <= best; level++) {
        co_kernel_use(level);
        for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) law(&cases[k]);
    }
    cr_expect_eq(co_memory_blocks(), 0);
}

Test(clipping, by_norms_equals_formed)
{
    on_all_paths(check_case);
}

Test(clipping, by_norms_equals_formed_without_lowering)
{
    setenv("COHORT_LOWERING", "off", 1);
    on_all_paths(check_case);
}

/* ---- an example's gradient is that of a batch of it alone ---- */

static void check_alone(const model_case *c)
{
    setup s;
    open_case(c, &s);
    aim(&s, c);
    s.pass.train = false;
    const double far = (double)INFINITY;
    double clip = 1.0;
    co_clipping how = {.naive = true, .n_groups = 1, .clip = &far};
    result norms = clipped(&s, &how);
    clip = middle(&norms, 1, 0);
    how.clip = &clip;
    result formed = clipped(&s, &how),
           want = {co_calloc(s.size, sizeof(float)), co_calloc(N, sizeof(double)),
                   co_calloc(256, sizeof(double))};
    float *one = co_calloc(s.size, sizeof *one);
    const co_task *task = co_task_find(c->task);
    for (size_t i = 0; i < N; i++) {
        co_batch alone;
        int64_t offsets[4];
        co_pass pass = {.batch = &alone};
        co_batch_part(&s.batch, i, 1, c->in.tokens ? 0 : co_shape_size(&c->in),
                      task->label_words ? task->label_words(c->classes) : 1,
                      task->per_row && !task->label_per_text, offsets, &alone);
        memset(one, 0, s.size * sizeof *one);
        co_model_loss(s.model, s.work, s.params, &pass, NULL, one, want.sums);
        want.norms[i] = co_vector_norm(one, s.size);
        co_vector_add_scaled(want.grad, one, s.size,
                             (float)fmin(1.0, clip * (1.0 - CO_CLIP_ROOM) / want.norms[i]));
    }
    compare(&s, &formed, &want, 1);
    drop(&norms), drop(&formed), drop(&want);
    co_free(one);
    close_case(&s);
}

Test(clipping, formed_is_a_batch_of_one_example_at_a_time)
{
    on_all_paths(check_alone);
}

/* ---- slots ---- */

static void check_slots(const model_case *c)
{
    static const int32_t slot[N] = {3, 0, 3, 3, 0, 1};
    setup s;
    open_case(c, &s);
    aim(&s, c);
    const double far = (double)INFINITY;
    co_clipping how = {.n_groups = 1, .clip = &far, .slot = slot, .n_slots = 4, .slot_size = 2};
    result whole = clipped(&s, &how);
    double clip = 0.5 * whole.norms[3];
    how.clip = &clip;
    result have = clipped(&s, &how),
           want = {co_calloc(s.size, sizeof(float)), co_calloc(4, sizeof(double)), NULL};
    cr_expect_eq(have.norms[2], 0.0);
    for (int32_t k = 0; k < 4; k++) {
        float scale[N];
        double sums[256] = {0};
        float *one = co_calloc(s.size, sizeof *one);
        for (size_t i = 0; i < N; i++) scale[i] = slot[i] == k ? 1.0f : 0.0f;
        for (size_t i = 0; i < N; i++) {
            const int32_t alone[N] = {-1, -1, -1, -1, -1, -1};
            int32_t only[N];
            memcpy(only, alone, sizeof only);
            if (scale[i] == 0.0f) continue;
            only[i] = 0;
            const co_clipping single = {
                .n_groups = 1, .clip = &far, .slot = only, .n_slots = 1, .slot_size = 1};
            co_model_clipped(s.model, s.work, s.params, &s.pass, &single, one, want.norms, sums);
        }
        const double norm = 0.5 * co_vector_norm(one, s.size);
        cr_expect_leq(fabs(norm - have.norms[k]), 1e-5 * norm, "%s", c->yaml);
        co_vector_add_scaled(
            want.grad, one, s.size,
            (float)(0.5 * fmin(1.0, norm > 0.0 ? clip * (1.0 - CO_CLIP_ROOM) / norm : 1.0)));
        co_free(one);
    }
    cr_expect_leq(relative_distance(have.grad, want.grad, s.size), 1e-5, "%s", c->yaml);
    drop(&whole), drop(&have), drop(&want);
    close_case(&s);
}

Test(clipping, a_slot_is_the_mean_of_its_examples)
{
    on_all_paths(check_slots);
}

/* ---- examples that are no numbers ---- */

static void check_broken(const model_case *c)
{
    static const float bad[] = {NAN, INFINITY};
    if (c->in.tokens) return;
    for (size_t k = 0; k < 4; k++) {
        setup s;
        open_case(c, &s);
        aim(&s, c);
        s.pass.train = false;
        double clip = 0.01;
        const co_clipping how = {.naive = k >= 2, .n_groups = 1, .clip = &clip};
        const size_t floats = co_shape_size(&c->in);
        result all = clipped(&s, &how);
        for (size_t i = 0; i < floats; i++) s.x[3 * floats + i] = bad[k % 2];
        result have = clipped(&s, &how);
        co_batch rest = s.batch; /* without example 3: that one moves to the end */
        memmove(s.x + 3 * floats, s.x + 4 * floats, 2 * floats * sizeof(float));
        for (size_t i = 3; i < 5; i++) s.y[i] = s.y[i + 1];
        const size_t words = s.batch.y == s.y ? 0 : c->classes;
        memmove(s.values + 3 * words, s.values + 4 * words, 2 * words * sizeof(float));
        rest.n = rest.rows = N - 1;
        s.pass.batch = &rest;
        result want = clipped(&s, &how);
        cr_expect_not(isfinite(have.norms[3]), "%s: %g", c->yaml, have.norms[3]);
        for (size_t i = 0; i < N; i++)
            cr_expect(i == 3 || fabs(have.norms[i] - all.norms[i]) <= 1e-5 * all.norms[i]);
        cr_expect_leq(relative_distance(have.grad, want.grad, s.size), 1e-5, "%s: %zu", c->yaml, k);
        drop(&all), drop(&have), drop(&want);
        close_case(&s);
    }
}

Test(clipping, an_example_that_is_not_finite_adds_nothing)
{
    on_all_paths(check_broken);
}

/* ---- what one example changes ---- */

/* Rows of example i, behind those that are there already; words of a row. */
static void append(const int64_t *from_at, const int32_t *from, size_t i, size_t k, size_t words,
                   int64_t *to_at, int32_t *to)
{
    const size_t first = (size_t)from_at[i], n = (size_t)from_at[i + 1] - first,
                 row = (size_t)to_at[k];
    memcpy(to + row * words, from + first * words, n * words * sizeof *to);
    to_at[k + 1] = (int64_t)(row + n);
}

/* The batch without example j, in blocks of its own. */
static void leave_out(const setup *s, const model_case *c, size_t j, setup *less)
{
    const size_t floats = c->in.tokens ? 0 : co_shape_size(&c->in);
    const co_task *task = co_task_find(c->task);
    const size_t words = task->label_words ? task->label_words(c->classes) : 1;
    const bool reals = s->batch.y != s->y, pairs = s->batch.target_offsets != NULL;
    static const int64_t single[] = {0, 1, 2, 3, 4, 5, 6};
    const int64_t *at = pairs                                    ? s->target_offsets
                        : task->per_row && !task->label_per_text ? s->offsets
                                                                 : single;
    int64_t y_at[N + 1] = {0};
    less->x = co_calloc(N * floats, sizeof(float));
    memset(less->offsets, 0, sizeof less->offsets);
    memset(less->target_offsets, 0, sizeof less->target_offsets);
    less->char_offsets[0] = 0;
    for (size_t i = 0, k = 0; i < N; i++) {
        if (i == j) continue;
        memcpy(less->x + k * floats, s->x + i * floats, floats * sizeof(float));
        for (int64_t r = s->offsets[i], to = less->offsets[k]; r < s->offsets[i + 1]; r++, to++) {
            const int64_t n = s->char_offsets[r + 1] - s->char_offsets[r];
            memcpy(less->chars + less->char_offsets[to], s->chars + s->char_offsets[r],
                   (size_t)n * sizeof(int32_t));
            less->char_offsets[to + 1] = less->char_offsets[to] + n;
        }
        append(s->offsets, s->tokens, i, k, 1, less->offsets, less->tokens);
        append(s->target_offsets, s->target_tokens, i, k, 1, less->target_offsets,
               less->target_tokens);
        if (reals)
            memcpy(less->values + k * c->classes, s->values + i * c->classes,
                   c->classes * sizeof(float));
        else
            append(at, s->y, i, k, words, y_at, less->y);
        k++;
    }
    less->batch = s->batch;
    less->batch.n = N - 1;
    less->batch.rows = s->batch.offsets ? (size_t)less->offsets[N - 1] : N - 1;
    if (s->batch.offsets) less->batch.offsets = less->offsets;
    if (s->batch.x) less->batch.x = less->x;
    if (s->batch.tokens) less->batch.tokens = less->tokens;
    if (s->batch.tokens) less->batch.chars = less->chars;
    if (s->batch.tokens) less->batch.char_offsets = less->char_offsets;
    if (pairs) less->batch.target_offsets = less->target_offsets;
    if (pairs) less->batch.target_tokens = less->target_tokens;
    if (pairs) less->batch.target_rows = (size_t)less->target_offsets[N - 1];
    less->batch.y = reals ? (void *)less->values : less->y;
}

/* |sum with - sum without| / bound, of the worst group. */
static double change(setup *s, const model_case *c, const co_clipping *how, size_t j)
{
    static setup less;
    int32_t slot[N];
    co_clipping other = *how;
    leave_out(s, c, j, &less);
    for (size_t i = 0, k = 0; how->slot && i < N; i++)
        if (i != j) slot[k++] = how->slot[i];
    if (how->slot) other.slot = slot;
    result with = clipped(s, how);
    s->pass.batch = &less.batch;
    result without = clipped(s, &other);
    s->pass.batch = &s->batch;
    const co_tensor *tensor = co_model_tensors(s->model, &s->n_tensors);
    double square[MOST_GROUPS] = {0}, worst = 0.0;
    for (size_t t = 0; t < s->n_tensors; t++)
        for (size_t i = tensor[t].offset; i < tensor[t].offset + tensor[t].size; i++)
            square[how->group ? how->group[t] : 0] +=
                pow((double)with.grad[i] - (double)without.grad[i], 2.0);
    for (size_t g = 0; g < how->n_groups; g++)
        worst = fmax(worst, sqrt(square[g]) / how->clip[g] / (how->slot ? 2.0 : 1.0));
    drop(&with), drop(&without);
    co_free(less.x);
    return worst;
}

/* Inputs of other sizes, tokens and labels of other patterns, weights of other sizes. */
static void mutate(setup *s, const model_case *c, uint64_t draw)
{
    const uint32_t what = test_bits(90, draw) % 5, i = test_bits(91, draw) % N;
    const float by = powf(10.0f, 3.0f * test_value(92, draw));
    const size_t floats = c->in.tokens ? 0 : co_shape_size(&c->in);
    if (what == 0)
        for (size_t k = 0; k < floats; k++) s->x[i * floats + k] *= by;
    if (what == 1)
        for (size_t k = 0; k < s->size; k++) s->params[k] *= 0.5f + by / (1.0f + by);
    if (what == 2) /* all tokens alike, labels in turn: what a sum cancels */
        for (int64_t r = s->offsets[i]; r < s->offsets[i + 1]; r++) {
            s->tokens[r] = (int32_t)(draw % c->in.dim[0]);
            if (strcmp(c->task, "lm") == 0) s->y[r] = (int32_t)((size_t)r % c->classes);
        }
    if (what == 3)
        for (int64_t r = s->offsets[i]; r < s->offsets[i + 1]; r++)
            s->tokens[r] = (int32_t)(test_bits(93 + draw, (uint64_t)r) % c->in.dim[0]);
    if (what == 4) {
        const size_t t = test_bits(94, draw) % s->n_tensors;
        const co_tensor *tensor = co_model_tensors(s->model, &s->n_tensors) + t;
        for (size_t k = 0; k < tensor->size; k++) s->params[tensor->offset + k] *= by;
    }
}

typedef struct {
    float *params, *x;
    int32_t tokens[ROWS], y[2 * ROWS];
} memory;

static void keep(const setup *s, size_t n_x, memory *m)
{
    memcpy(m->params, s->params, s->size * sizeof(float));
    memcpy(m->x, s->x, n_x * sizeof(float));
    memcpy(m->tokens, s->tokens, sizeof m->tokens);
    memcpy(m->y, s->y, sizeof m->y);
}

static void take_back(setup *s, size_t n_x, const memory *m)
{
    memcpy(s->params, m->params, s->size * sizeof(float));
    memcpy(s->x, m->x, n_x * sizeof(float));
    memcpy(s->tokens, m->tokens, sizeof m->tokens);
    memcpy(s->y, m->y, sizeof m->y);
}

/* From random places uphill: the largest change that one example makes. */
static void search(const model_case *c, const co_clipping *how, size_t n_tries)
{
    setup s;
    double worst = 0.0;
    open_case(c, &s);
    aim(&s, c);
    s.pass.train = false;
    const size_t n_x = c->in.tokens ? 1 : N * co_shape_size(&c->in);
    memory m = {co_calloc(s.size, sizeof(float)), co_calloc(n_x, sizeof(float)), {0}, {0}};
    keep(&s, n_x, &m);
    for (uint64_t draw = 0; draw < n_tries; draw++) {
        mutate(&s, c, draw);
        const size_t j = test_bits(95, draw) % N;
        const double now = change(&s, c, how, j);
        cr_assert_leq(now, 1.0, "%s on %s: example %zu changes the sum by %.9g of the bound",
                      c->yaml, co_kernel_path(), j, now);
        if (now >= worst || draw % 16 == 15) {
            worst = now;
            keep(&s, n_x, &m);
        } else {
            take_back(&s, n_x, &m);
        }
    }
    co_free(m.params), co_free(m.x);
    close_case(&s);
}

static void search_all(bool naive, const int32_t *slot)
{
    static const double clips[] = {1e-4, 1e-2, 1.0, 30.0};
    uint32_t group[MOST_GROUPS];
    for (uint32_t t = 0; t < MOST_GROUPS; t++) group[t] = t % 3;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++)
        for (size_t g = 0; g < 2; g++) {
            const double clip = clips[(k + g) % 4], bounds[3] = {clip, 0.3 * clip, 2.0 * clip};
            const co_clipping how = {.naive = naive,
                                     .n_groups = g ? 3 : 1,
                                     .group = g ? group : NULL,
                                     .clip = bounds,
                                     .slot = slot,
                                     .n_slots = slot ? 4 : 0,
                                     .slot_size = slot ? 2 : 0};
            search(&cases[k], &how, N_TRIES);
        }
}

Test(clipping, no_example_changes_the_sum_by_more_than_the_bound)
{
    search_all(false, NULL);
}

Test(clipping, nor_where_gradients_are_formed)
{
    search_all(true, NULL);
}

Test(clipping, nor_by_more_than_twice_the_bound_in_slots)
{
    static const int32_t slot[N] = {3, 0, 3, 2, 0, 1};
    search_all(false, slot);
}
