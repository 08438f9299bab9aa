/* tests/models/test_clipping.c - clipped gradients of single examples: by norms alone, formed, and
 * against a batch of one example at a time. */
#include "core/vector.h"
#include "models/graph/graph.h"
#include "models/kernel_path.h"
#include "tests/harness.h"
#include "tests/models/build.h"
#include <math.h>

enum { N = 6, ROWS = 256, MOST_GROUPS = 64 };

/* A model, N examples of lengths 1, 5, 0 .., and what is formed of them. */
typedef struct {
    const char *yaml;
    co_model *model;
    co_workspace *work;
    const co_layout *layout;
    size_t size, n_tensors;
    float *params, *x;
    int64_t offsets[N + 1];
    int32_t tokens[ROWS], y[ROWS];
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
        .sequence = true, .tokens = true, .dim = { 11 }                                            \
    }
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
     "{name: bert, layers: 1, hidden: 16, heads: 2, intermediate: 40, most_positions: 64, head: mlm}",
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
};

static void open_case(const model_case *c, setup *out)
{
    static const int64_t lengths[N] = {1, 5, 40, 0, 2, 9};
    setup s = {.yaml = c->yaml};
    cr_assert_eq(co_labels_init(&s.labels, NULL, c->classes), CO_OK);
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
        s->batch.y = s->y;
    }
    s->pass = (co_pass){.batch = &s->batch, .train = true, .seed = 3, .step = 7};
    if (!s->work)
        cr_assert_eq(co_workspace_create(s->model, N, s->batch.rows, &s->work), CO_OK, "%s",
                     co_status_message());
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
                      1e-5 * want->norms[k] + (n_groups > 1 ? 1e-6 * sqrt(whole[k / n_groups]) : 0),
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
