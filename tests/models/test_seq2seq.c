/* tests/models/test_seq2seq.c - encoder-decoder graphs: gradients against slopes, texts and targets
 * of their own lengths (some without a row), the same bits without lowering, and what does not go
 * together. PyTorch's numbers: test_reference.c (pairs_..), test_folders.c (bart). */
#include "tests/models/graph_support.h"
#include <stdlib.h>

enum { SOURCES = 9, TARGETS = 7, MOST = 64 };

/* A model with a batch of N pairs. */
typedef struct {
    co_labels labels;
    co_model *model;
    co_workspace *work;
    size_t size;
    float *params, *grad;
    int64_t offsets[N + 1], target_offsets[N + 1];
    int32_t tokens[MOST], target_tokens[MOST], y[MOST];
    co_batch batch;
    co_pass pass;
} pairs;

static const co_shape sources = {.sequence = true, .tokens = true, .dim = {SOURCES}};

/* Texts of 2, 0, 5, 1 and 3 rows, targets of 3, 2, 1, 4 and 2. */
static void open_batch(pairs *p)
{
    static const int64_t rows[N] = {2, 0, 5, 1, 3}, target_rows[N] = {3, 2, 1, 4, 2};
    for (size_t i = 0; i < N; i++) {
        p->offsets[i + 1] = p->offsets[i] + rows[i];
        p->target_offsets[i + 1] = p->target_offsets[i] + target_rows[i];
    }
    for (size_t r = 0; r < MOST; r++) {
        p->tokens[r] = (int32_t)(test_bits(4, r) % SOURCES);
        p->target_tokens[r] = (int32_t)(test_bits(5, r) % TARGETS);
        p->y[r] = (int32_t)(test_bits(6, r) % TARGETS);
    }
    p->batch = (co_batch){.n = N,
                          .rows = (size_t)p->offsets[N],
                          .offsets = p->offsets,
                          .tokens = p->tokens,
                          .target_rows = (size_t)p->target_offsets[N],
                          .target_offsets = p->target_offsets,
                          .target_tokens = p->target_tokens,
                          .y = p->y};
    p->pass = (co_pass){.batch = &p->batch, .train = true, .seed = 3, .step = 7};
}

static void open_pairs(pairs *p, const char *yaml)
{
    *p = (pairs){.labels = {.n = TARGETS, .unknown = -1}};
    cr_assert_eq(test_model_for("seq2seq", yaml, &sources, &p->labels, &p->model), CO_OK, "%s",
                 co_status_message());
    open_batch(p);
    p->size = co_model_size(p->model);
    p->params = co_calloc(p->size, sizeof(float));
    p->grad = co_calloc(p->size, sizeof(float));
    co_model_init(p->model, 1, p->params);
    cr_assert_eq(co_workspace_create(p->model, N, p->batch.rows, p->batch.target_rows, &p->work),
                 CO_OK, "%s", co_status_message());
}

static void close_pairs(pairs *p)
{
    co_workspace_destroy(p->work);
    co_model_destroy(p->model);
    co_free(p->params), co_free(p->grad);
}

static double loss_of_pairs(pairs *p, const float *scale, float *grad)
{
    double sums[16] = {0};
    co_model_loss(p->model, p->work, p->params, &p->pass, scale, grad, sums);
    return co_task_mean_loss(sums);
}

#define HALVES                                                                                     \
    "{encoder: [{embedding: 6}, {positions: {most: 8}}, {residual: [layer_norm, {attention: "      \
    "2}]}, {gru: {units: 3, bidirectional: true}}], decoder: [{embedding: 8}, {scale: 1.5}, "      \
    "{positions: {most: 6, first: 1}}, {segments: {separator: 2}}, {residual: [layer_norm, "       \
    "{attention: {heads: 2, causal: true, dropout: 0.3}}]}, {dropout: 0.2}, {residual: "           \
    "[layer_norm, {attention: {heads: 4, kv_heads: 2, cross: true, dropout: 0.3}}]}, {lstm: 5}, "  \
    "{dense: classes}]}"

/* ---- gradients ---- */

static void check_slopes(void)
{
    pairs p;
    open_pairs(&p, HALVES);
    loss_of_pairs(&p, NULL, p.grad);
    size_t n;
    const co_tensor *tensor = co_model_tensors(p.model, &n);
    for (size_t t = 0; t < n; t++)
        for (size_t k = 0; k < tensor[t].size; k += 1 + tensor[t].size / 7) {
            float *at = p.params + tensor[t].offset + k;
            const float old = *at, h = 0.01f;
            double side[2];
            for (int s = 0; s < 2; s++) {
                *at = old + (s ? -h : h);
                side[s] = loss_of_pairs(&p, NULL, NULL);
            }
            *at = old;
            const double slope = (side[0] - side[1]) / (2.0 * (double)h),
                         have = (double)p.grad[tensor[t].offset + k];
            cr_expect_float_eq(have, slope, 2e-4 + 2e-2 * fabs(slope), "%s[%zu] on %s: %g, not %g",
                               tensor[t].name, k, co_kernel_path(), have, slope);
        }
    close_pairs(&p);
}

Test(seq2seq, gradients_are_slopes)
{
    on_all_paths(check_slopes);
}

/* A factor an example: the sum over examples of each one's own gradient, times its factor. */
static void check_scaled(void)
{
    pairs p;
    open_pairs(&p, HALVES);
    p.pass.train = false;
    float *sum = co_calloc(p.size, sizeof *sum), scale[N];
    double lengths[2] = {0};
    for (size_t i = 0; i < N; i++) {
        for (size_t k = 0; k < N; k++) scale[k] = k == i ? 1.0f : 0.0f;
        memset(p.grad, 0, p.size * sizeof *p.grad);
        loss_of_pairs(&p, scale, p.grad);
        for (size_t k = 0; k < p.size; k++) sum[k] += (float)(i + 1) * p.grad[k];
    }
    for (size_t k = 0; k < N; k++) scale[k] = (float)(k + 1);
    memset(p.grad, 0, p.size * sizeof *p.grad);
    loss_of_pairs(&p, scale, p.grad);
    for (size_t k = 0; k < p.size; k++) {
        lengths[0] += pow((double)(sum[k] - p.grad[k]), 2.0);
        lengths[1] += pow((double)sum[k], 2.0);
    }
    cr_expect_leq(sqrt(lengths[0]), 1e-5 * sqrt(lengths[1]), "%s", co_kernel_path());
    co_free(sum);
    close_pairs(&p);
}

Test(seq2seq, an_example_has_a_factor_of_its_own_in_both_halves)
{
    on_all_paths(check_scaled);
}

/* What a text and its target give does not depend on the pairs beside them. */
Test(seq2seq, a_pair_alone_gives_what_it_gives_among_others)
{
    pairs p;
    float together[MOST * TARGETS];
    open_pairs(&p, HALVES);
    p.pass.train = false;
    memcpy(together, co_model_forward(p.model, p.work, p.params, &p.pass),
           p.batch.target_rows * TARGETS * sizeof *together);
    for (size_t i = 0; i < N; i++) {
        const int64_t from = p.offsets[i], target = p.target_offsets[i],
                      offsets[2] = {0, p.offsets[i + 1] - from},
                      target_offsets[2] = {0, p.target_offsets[i + 1] - target};
        const co_batch one = {.n = 1,
                              .rows = (size_t)offsets[1],
                              .offsets = offsets,
                              .tokens = p.tokens + from,
                              .target_rows = (size_t)target_offsets[1],
                              .target_offsets = target_offsets,
                              .target_tokens = p.target_tokens + target,
                              .y = p.y + target};
        const co_pass pass = {.batch = &one};
        const float *alone = co_model_forward(p.model, p.work, p.params, &pass);
        for (size_t k = 0; k < one.target_rows * TARGETS; k++)
            cr_expect_float_eq(alone[k], together[(size_t)target * TARGETS + k], 1e-5f,
                               "pair %zu, value %zu", i, k);
    }
    close_pairs(&p);
}

/* ---- the same bits ---- */

static void train(const char *yaml, const char *lowering, float *params)
{
    pairs p;
    double sums[16];
    setenv("COHORT_LOWERING", lowering, 1);
    open_pairs(&p, yaml);
    for (p.pass.step = 1; p.pass.step <= 3; p.pass.step++) {
        memset(p.grad, 0, p.size * sizeof *p.grad);
        memset(sums, 0, sizeof sums);
        co_model_step(p.model, p.work, p.params, &p.pass, 0.3f, p.grad, sums);
    }
    memcpy(params, p.params, p.size * sizeof *params);
    close_pairs(&p);
    unsetenv("COHORT_LOWERING");
}

static void check_lowering(void)
{
    static const char *const yaml[] = {
        HALVES, "{name: seq2seq_transformer, layers: 1, hidden: 8, heads: 2, most_positions: 8}",
        "{name: seq2seq_lstm, embedding: 4, units: 5}"};
    static float params[2][20000];
    for (size_t k = 0; k < sizeof yaml / sizeof *yaml; k++) {
        train(yaml[k], "on", params[0]);
        train(yaml[k], "off", params[1]);
        cr_expect(memcmp(params[0], params[1], sizeof params[0]) == 0, "%s on %s", yaml[k],
                  co_kernel_path());
    }
}

Test(seq2seq, lowering_changes_no_bit)
{
    on_all_paths(check_lowering);
}

/* ---- memory ---- */

Test(seq2seq, rows_of_targets_have_memory_of_their_own)
{
    pairs p;
    open_pairs(&p, HALVES);
    const size_t few = co_workspace_bytes(p.model, N, 1000, 10),
                 many = co_workspace_bytes(p.model, N, 1000, 1000),
                 texts = co_workspace_bytes(p.model, N, 10, 1000);
    cr_expect_lt(few, many);
    cr_expect_lt(texts, many);
    cr_expect_eq(co_model_longest(p.model, false), 8);
    cr_expect_eq(co_model_longest(p.model, true), 5);
    cr_expect_gt(co_model_flops(p.model, 5.0, 7.0), co_model_flops(p.model, 5.0, 6.0));
    cr_expect_gt(co_model_flops(p.model, 5.0, 7.0), co_model_flops(p.model, 4.0, 7.0));
    cr_assert_eq(co_workspace_reserve(p.work, N, p.batch.rows, 500), CO_OK);
    close_pairs(&p);
    cr_expect_eq(co_memory_blocks(), 0);
}

/* ---- what does not go together ---- */

static void refuse_for(const char *task, const char *yaml, const char *words)
{
    co_model *model;
    co_labels labels = {.n = TARGETS, .unknown = -1};
    cr_assert_eq(test_model_for(task, yaml, &sources, &labels, &model), CO_EUSAGE, "%s", yaml);
    cr_expect(strstr(co_status_message(), words), "%s: %s", words, co_status_message());
    cr_expect_eq(co_memory_blocks(), 0, "%s", yaml);
}

Test(seq2seq, what_does_not_go_together_is_said_once)
{
    refuse_for("seq2seq", "{layers: [{embedding: 4}, {dense: classes}]}", "put {decoder: [..]}");
    refuse_for("seq2seq", "{decoder: [{embedding: 4}, {dense: classes}]}", "add the list encoder");
    refuse_for("seq2seq", "{encoder: [{embedding: 4}]}", "add the list decoder");
    refuse_for("seq2seq",
               "{name: bilstm, encoder: [{embedding: 4}], decoder: [{embedding: 4}, {dense: 7}]}",
               "not both");
    refuse_for("seq2seq", "{layers: [{decoder: [{embedding: 4}, {dense: classes}]}]}",
               "put embedding before it");
    refuse_for("seq2seq",
               "{layers: [{embedding: 4}, {decoder: [{embedding: 4}]}, {decoder: [{embedding: 4}, "
               "{dense: classes}]}]}",
               "a model has one");
    refuse_for("seq2seq", "{layers: [{embedding: 4}, {attention: {heads: 2, cross: true}}]}",
               "no decoder is around it");
    for (const char *const *word = (const char *const[]){"fused", "causal", NULL}; *word; word++) {
        char yaml[256];
        snprintf(yaml, sizeof yaml,
                 "{encoder: [{embedding: 4}], decoder: [{embedding: 4}, {attention: {heads: 2, "
                 "cross: true, %s: true}}]}",
                 *word);
        refuse_for("seq2seq", yaml, "does not go with cross");
    }
    refuse_for("seq2seq",
               "{encoder: [{embedding: 4}], decoder: [{embedding: 4}, {attention: {heads: 2, "
               "cross: true, rotary: 10000}}]}",
               "leave it out where attention is cross");
    refuse_for("seq2seq",
               "{encoder: [{embedding: 4}], decoder: [{embedding: 4}, {residual: {layers: "
               "[{dense: 4}], shortcut: [{pool_time: mean}]}}]}",
               "targets of [4]");
    refuse_for("seq2seq", "{name: seq2seq_transformer, hidden: 8, heads: 2, layers: 1, tied: all}",
               "have not the same shape");
    refuse_for("seq2seq", "{name: seq2seq_transformer, hidden: 8, heads: 3}", "do not divide");
    refuse_for("seq2seq", "{name: gpt2, hidden: 8, heads: 2}", "it reads no targets");
    refuse_for("seq2seq", "{name: bert, hidden: 8, heads: 2}", "it reads no targets");
    for (const char *const *task =
             (const char *const[]){"classification", "lm", "mlm", "tagging", NULL};
         *task; task++) {
        refuse_for(*task,
                   "{encoder: [{embedding: 4}], decoder: [{embedding: 4}, {dense: classes}]}",
                   "reads targets, but the task");
        refuse_for(*task, "{name: seq2seq_lstm}", "reads targets, but the task");
        refuse_for(*task, "{name: bart, hidden: 8, heads: 2}", "it says a text from a text");
    }
}
