/* models/layers/embedding.c - y = row x of a table W [tokens][units] (PyTorch's Embedding).
 *
 * Gradient: row x of dW gets the dy of every place where token x stands. A step touches only the
 * rows of the batch's own tokens: their gradients are summed up apart, found by a hash table over
 * the batch, then added once. Cost: rows x units; for the step, scratch of as many floats and a
 * table of twice the rows. Source: Bengio et al., JMLR 3, 2003, section 2. */
#include "core/memory.h"
#include "models/layers/init.h"
#include "models/layers/layer.h"
#include "models/layers/outer.h"
#include <math.h>
#include <string.h>

enum { MOST_UNITS = 1 << 20 };

typedef struct {
    co_shape in;
    size_t n_tokens, units;
    float scale;
} embedding;

static co_status create(const co_config *opt, const co_shape *in, size_t n_classes, co_shape *out,
                        void **self)
{
    char text[CO_SHAPE_TEXT];
    const size_t units = (size_t)co_config_int(opt, "units");
    const size_t tokens =
        co_config_has(opt, "tokens") ? (size_t)co_config_int(opt, "tokens") : in->dim[0];
    size_t weights = tokens;
    (void)n_classes;
    *self = NULL;
    co_shape_text(in, text);
    if (!in->tokens)
        return co_config_fail(opt, NULL, "needs tokens, its input is %s; leave it out", text);
    if (tokens < in->dim[0])
        return co_config_fail(
            opt, co_config_node(opt, "tokens"),
            "%zu rows are too few for the %zu tokens of the data's vocabulary; import "
            "the texts with the vocabulary of the model, or give more rows",
            tokens, in->dim[0]);
    if (!co_size_multiply(&weights, units))
        return co_config_fail(opt, co_config_node(opt, "units"),
                              "%zu x %zu weights are more than 2^31 - 1; use fewer units", tokens,
                              units);
    embedding *e = co_malloc(1, sizeof *e);
    if (!e) return CO_FAIL(CO_ENOMEM, "layer embedding");
    *e = (embedding){.in = *in,
                     .n_tokens = tokens,
                     .units = units,
                     .scale = (float)co_config_real(opt, "scale")};
    *out = (co_shape){.sequence = in->sequence, .target = in->target, .ndim = 1, .dim = {units}};
    *self = e;
    return CO_OK;
}

static size_t tensors(const void *self, co_tensor_shape *shape)
{
    const embedding *e = self;
    shape[0] = (co_tensor_shape){"weight", 2, {e->n_tokens, e->units}};
    return 1;
}

static void init(const void *self, uint64_t seed, size_t t, uint64_t number, float *tensor)
{
    const embedding *e = self;
    (void)t;
    co_init_normal(seed, number, e->scale, e->n_tokens * e->units, tensor);
}

static void forward(const void *self, const co_call *call)
{
    const embedding *e = self;
    const co_batch *batch = call->pass->batch;
    const size_t rows = co_shape_rows(&e->in, batch);
    const int32_t *tokens = co_shape_tokens(&e->in, batch);
    const float *weight = co_call_tensor(call, 0);
    float *y = call->y;
    for (size_t r = 0; r < rows; r++) {
        CO_ASSERT(tokens[r] >= 0 && (size_t)tokens[r] < e->n_tokens);
        memcpy(y + r * e->units, weight + (size_t)tokens[r] * e->units, e->units * sizeof *y);
    }
}

static void add_scaled(size_t n, float factor, const float *restrict from, float *restrict to)
{
    for (size_t k = 0; k < n; k++) to[k] += factor * from[k];
}

static void backward_params(const void *self, const co_call *call)
{
    const embedding *e = self;
    const co_batch *batch = call->pass->batch;
    const int32_t *tokens = co_shape_tokens(&e->in, batch);
    const float *dy = call->dy, *scale = call->scale;
    float *grad = co_call_target(call, 0);
    for (size_t i = 0; i < batch->n; i++) {
        const size_t end = co_shape_first_row(&e->in, batch, i + 1);
        for (size_t r = co_shape_first_row(&e->in, batch, i); r < end; r++)
            add_scaled(e->units, scale ? scale[i] : 1.0f, dy + r * e->units,
                       grad + (size_t)tokens[r] * e->units);
    }
}

/* Slots of the hash table: a power of two, at least twice the rows. */
static size_t n_cells(size_t rows)
{
    size_t n = 16;
    while (n < 2 * rows) n *= 2;
    return n;
}

/* Sums, the token of each sum, the table of 1 + number of a sum. */
static size_t scratch_size(const void *self, size_t n, size_t rows)
{
    (void)n;
    return rows * (((const embedding *)self)->units + 1) + n_cells(rows);
}

/* As much, and the sizes of a sum's terms. */
static size_t norms_size(const void *self, size_t n, size_t rows)
{
    return scratch_size(self, n, rows) + 2 * rows + 16;
}

/* The place in the table of the token, or the free one where it belongs. */
static size_t find_cell(const int32_t *cell, size_t n, const int32_t *sum_token, int32_t token)
{
    size_t s = ((uint32_t)token * 2654435761u) & (n - 1);
    while (cell[s] && sum_token[cell[s] - 1] != token) s = (s + 1) & (n - 1);
    return s;
}

static void backward(const void *self, const co_call *call)
{
    const embedding *e = self;
    const co_batch *batch = call->pass->batch;
    const int32_t *tokens = co_shape_tokens(&e->in, batch);
    const size_t rows = co_shape_rows(&e->in, batch), n = n_cells(rows);
    const float *dy = call->dy;
    float *sum = call->scratch, *target = co_call_target(call, 0);
    int32_t *sum_token = (int32_t *)(sum + rows * e->units), *cell = sum_token + rows, n_sums = 0;
    memset(cell, 0, n * sizeof *cell);
    for (size_t r = 0; r < rows; r++) {
        const size_t s = find_cell(cell, n, sum_token, tokens[r]);
        if (!cell[s]) {
            sum_token[n_sums] = tokens[r];
            memset(sum + (size_t)n_sums * e->units, 0, e->units * sizeof *sum);
            cell[s] = ++n_sums;
        }
        add_scaled(e->units, 1.0f, dy + r * e->units, sum + (size_t)(cell[s] - 1) * e->units);
    }
    for (int32_t k = 0; k < n_sums; k++)
        add_scaled(e->units, call->factor, sum + (size_t)k * e->units,
                   target + (size_t)sum_token[k] * e->units);
}

/* Sums of dy by token, of rows first .. end of the batch; returns how many. */
static size_t sum_tokens(const embedding *e, const co_call *call, size_t first, size_t end,
                         float *sum, double *size)
{
    const size_t n = n_cells(end - first);
    const int32_t *tokens = co_shape_tokens(&e->in, call->pass->batch);
    int32_t *sum_token = (int32_t *)(sum + (end - first) * e->units),
            *cell = sum_token + end - first;
    size_t n_sums = 0;
    memset(cell, 0, n * sizeof *cell);
    for (size_t r = first; r < end; r++) {
        const int32_t token = tokens[r];
        const float *dy = call->dy + r * e->units;
        const size_t s = find_cell(cell, n, sum_token, token);
        if (!cell[s]) {
            sum_token[n_sums] = token;
            memset(sum + n_sums * e->units, 0, e->units * sizeof *sum);
            size[n_sums] = 0.0;
            cell[s] = (int32_t)++n_sums;
        }
        const size_t k = (size_t)cell[s] - 1;
        add_scaled(e->units, 1.0f, dy, sum + k * e->units);
        size[k] += sqrt(co_outer_row(e->units, dy));
    }
    return n_sums;
}

static void norms(const void *self, const co_call *call, double *const *squared)
{
    const embedding *e = self;
    const co_batch *batch = call->pass->batch;
    for (size_t i = 0; squared[0] && i < batch->n; i++) {
        const size_t first = co_shape_first_row(&e->in, batch, i),
                     end = co_shape_first_row(&e->in, batch, i + 1);
        double *size = (double *)(void *)call->scratch;
        float *sum = call->scratch + (2 * (end - first) + 15) / 16 * 16;
        const size_t n_sums = sum_tokens(e, call, first, end, sum, size);
        for (size_t k = 0; k < n_sums; k++)
            squared[0][i] += co_outer_rounded(co_outer_row(e->units, sum + k * e->units), size[k]);
    }
}

static bool factors(const void *self, const co_call *call, size_t t, co_factors *f)
{
    const embedding *e = self;
    (void)t;
    *f = (co_factors){.shape = &e->in,
                      .index = co_shape_tokens(&e->in, call->pass->batch),
                      .n_left = e->n_tokens,
                      .right = call->dy,
                      .n_right = e->units};
    return true;
}

static co_facts facts(const void *self)
{
    (void)self;
    return (co_facts){.row_wise = true, .spares_output = true, .at_once = true};
}

static const co_param params[] = {
    {"units", CO_INT, .lo = 1, .hi = MOST_UNITS, .flags = CO_REQUIRED, .doc = "floats of a token"},
    {"tokens", CO_INT, .lo = 1, .hi = INT32_MAX, .flags = CO_OPTIONAL,
     .doc = "rows of the table; default: the data's vocabulary"},
    {"scale", CO_REAL, .def = 1.0, .lo = 0.0, .hi = 1e6,
     .doc = "standard deviation of the initial values"},
    {0}};
const co_layer co_layer_embedding = {.name = "embedding",
                                     .summary = "a learnt vector for every token",
                                     .source = "Bengio et al., JMLR 3, 2003",
                                     .params = params,
                                     .main_option = "units",
                                     .create = create,
                                     .destroy = co_free,
                                     .facts = facts,
                                     .tensors = tensors,
                                     .init = init,
                                     .scratch_size = scratch_size,
                                     .forward = forward,
                                     .backward_params = backward_params,
                                     .norms = norms,
                                     .norms_size = norms_size,
                                     .factors = factors,
                                     .backward = backward};
