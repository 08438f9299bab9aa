/* tests/models/graph_support.h - a model with a batch around it, and what the tests of graphs
 * share. */
#pragma once
#include "models/graph/graph.h"
#include "models/kernel_path.h"
#include "tests/harness.h"
#include "tests/models/build.h"
#include <math.h>

enum { N = 5, CLASSES = 4 };

/* A model with everything around it for N images, rows or texts. */
typedef struct {
    co_model *model;
    co_workspace *work;
    size_t size;
    float *params, *grad, *x;
    int64_t offsets[N + 1];
    int32_t y[N], tokens[256];
    co_batch batch;
    co_pass pass;
    double sums[64];
} setup;

static inline setup open_model(const char *yaml, co_shape in)
{
    setup s = {0};
    cr_assert_eq(test_model(yaml, &in, CLASSES, &s.model), CO_OK, "%s", co_status_message());
    s.size = co_model_size(s.model);
    s.params = co_calloc(s.size, sizeof(float));
    s.grad = co_calloc(s.size, sizeof(float));
    co_model_init(s.model, 1, s.params);
    s.x = co_calloc(N * (in.tokens ? 1 : co_shape_size(&in)), sizeof(float));
    test_fill(1, in.tokens ? 0 : N * co_shape_size(&in), 1.0f, s.x);
    for (int i = 0; i < N; i++) s.y[i] = i % CLASSES;
    for (int i = 0; i < N; i++) s.offsets[i + 1] = s.offsets[i] + (i % 3 ? i : 2);
    for (int i = 0; i < 256; i++)
        s.tokens[i] = (int32_t)(test_bits(4, (uint64_t)i) % (in.tokens ? in.dim[0] : 1));
    return s;
}

static inline void aim(setup *s)
{
    const co_shape *in = co_model_input(s->model);
    s->batch = (co_batch){.n = N, .rows = N, .x = in->tokens ? NULL : s->x, .y = s->y};
    if (in->tokens) {
        s->batch.rows = (size_t)s->offsets[N];
        s->batch.offsets = s->offsets;
        s->batch.tokens = s->tokens;
    }
    s->pass = (co_pass){.batch = &s->batch, .train = true, .seed = 3, .step = 7};
    if (!s->work)
        cr_assert_eq(co_workspace_create(s->model, N, s->batch.rows, 0, &s->work), CO_OK, "%s",
                     co_status_message());
    memset(s->sums, 0, sizeof s->sums);
}

/* Summed loss; adds the gradient of its mean to grad if that is not NULL. */
static inline double loss_of(setup *s, float *grad)
{
    aim(s);
    co_model_loss(s->model, s->work, s->params, &s->pass, NULL, grad, s->sums);
    return s->sums[1];
}

static inline void close_model(setup *s)
{
    co_workspace_destroy(s->work);
    co_model_destroy(s->model);
    co_free(s->params), co_free(s->grad), co_free(s->x);
}

static inline void on_all_paths(void (*law)(void))
{
    co_kernel_level best;
    cr_assert_eq(co_kernel_best(&best), CO_OK, "%s", co_status_message());
    for (co_kernel_level level = CO_KERNELS_REFERENCE; level <= best; level++) {
        co_kernel_use(level);
        law();
    }
    cr_expect_eq(co_memory_blocks(), 0);
}

static inline void refuse(const char *yaml, co_shape in, const char *word)
{
    co_model *model;
    cr_assert_eq(test_model(yaml, &in, CLASSES, &model), CO_EUSAGE, "%s", yaml);
    cr_expect(strstr(co_status_message(), word), "%s: %s", word, co_status_message());
    cr_expect_eq(co_memory_blocks(), 0, "%s", yaml);
}
