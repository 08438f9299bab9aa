/* tests/models/build.h - models from one line of YAML, closed-form numbers, batches: what the tests
 * of models share. */
#pragma once
#include "core/memory.h"
#include "io/yaml.h"
#include "models/layers/layout.h"
#include "models/model.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 24 pseudo-random bits, a function of (stream, j): the finaliser of SplitMix64. */
static inline uint32_t test_bits(uint64_t stream, uint64_t j)
{
    uint64_t z = ((stream << 40) + j + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return (uint32_t)((z ^ (z >> 31)) >> 40);
}

/* Uniform in [-1, 1). */
static inline float test_value(uint64_t stream, uint64_t j)
{
    return (float)test_bits(stream, j) * 0x1p-23f - 1.0f;
}

static inline void test_fill(uint64_t stream, size_t n, float factor, float *out)
{
    for (size_t j = 0; j < n; j++) out[j] = test_value(stream, j) * factor;
}

/* Section `model` from YAML in the flow form, for any task; labels are borrowed. */
static inline co_status test_model_for(const char *task, const char *yaml, const co_shape *in,
                                       const co_labels *labels, co_model **model)
{
    co_node *root = NULL;
    co_status st = co_yaml_read_text(yaml, "test.yaml", &root);
    *model = NULL;
    if (st == CO_OK) {
        const co_node *name = co_node_find(root, "name");
        const co_plugin *preset = name ? co_plugin_find(&co_kind_model, name->text) : NULL;
        const co_node *loss = co_node_find(root, "loss");
        const co_plugin *chosen = loss ? co_plugin_find(&co_kind_loss, loss->text) : NULL;
        const co_param *const tables[] = {co_model_params, preset ? preset->params : NULL,
                                          chosen ? chosen->params : NULL};
        const co_config opt = {.file = "test.yaml", .section = "model", .map = root};
        st = co_config_check(&opt, tables, 3);
        if (st == CO_OK) st = co_model_create(&opt, in, labels, co_task_find(task), model);
    }
    co_node_destroy(root);
    return st;
}

/* A classifier of n classes without names. */
static inline co_status test_model(const char *yaml, const co_shape *in, size_t n_classes,
                                   co_model **model)
{
    static co_labels labels[64]; /* one for each model of a test */
    static size_t n_labels;
    co_labels *own = &labels[n_labels++ % 64];
    *own = (co_labels){.n = n_classes, .unknown = -1};
    return test_model_for("classification", yaml, in, own, model);
}

/* A layer from the YAML of its options, "{units: 3}". */
static inline co_status test_layer(const co_layer *layer, const char *yaml, const co_shape *in,
                                   size_t n_classes, co_shape *out, void **self)
{
    co_node *root = NULL;
    co_status st = yaml[0] ? co_yaml_read_text(yaml, "test.yaml", &root) : CO_OK;
    if (!root) root = co_node_create(CO_NODE_MAP, NULL, NULL);
    const co_param *const tables[] = {layer->params};
    const co_config opt = {.file = "test.yaml", .section = "model.layers[0]", .map = root};
    if (st == CO_OK) st = co_config_check(&opt, tables, 1);
    if (st == CO_OK) st = layer->create(&opt, in, n_classes, out, self);
    co_node_destroy(root);
    return st;
}

static inline co_shape test_image(size_t c, size_t h, size_t w)
{
    return (co_shape){.ndim = 3, .dim = {c, h, w}};
}

static inline co_shape test_flat(size_t n)
{
    return (co_shape){.ndim = 1, .dim = {n}};
}

/* One layer with everything around it for n examples. Sequences have 2, 0 and 3 rows in turn. A
 * layer of several inputs gets them all in one shape, one behind the other in x and dx. */
typedef struct {
    const co_layer *layer;
    void *self;
    co_facts facts;
    co_shape in, out;
    size_t n, rows_in, rows_out, n_in, n_out, n_params,
        n_tensors;             /* n_in, n_out: floats of a row; rows_in: of all inputs */
    size_t n_inputs, rows_one; /* rows_one: of one input */
    int64_t offsets[8];
    int32_t tokens[16], labels[16]; /* labels: of the rows of sequences, for layers that ask */
    int32_t chars[64];              /* letters of tokens, 0 to 3 each */
    int64_t char_offsets[17];
    co_tensor_shape shape[CO_MAX_TENSORS];
    size_t at[CO_MAX_TENSORS]; /* where each tensor begins in params and grad */
    float *x, *y, *dy, *dx, *params, *grad, *cache,
        *scratch;                           /* images as planes, whatever the layer takes */
    float *raw_x, *raw_y, *raw_dy, *raw_dx; /* as the layer sees them */
    co_batch batch;
    co_pass pass;
    uint64_t draw;
} test_bench;

static inline size_t test_kept(size_t (*size)(const void *, size_t, size_t), const void *self,
                               size_t n, size_t rows)
{
    return size ? size(self, n, rows) : 0;
}

/* The batch of a bench; x is set when it is there. */
static inline void bench_batch(test_bench *b, const co_shape *in)
{
    static const int64_t lengths[] = {2, 0, 3};
    b->batch = (co_batch){.n = b->n, .rows = b->n};
    if (!in->sequence) return;
    cr_assert_lt(b->n, 8);
    for (size_t i = 0; i < b->n; i++) b->offsets[i + 1] = b->offsets[i] + lengths[i % 3];
    b->batch.rows = (size_t)b->offsets[b->n];
    b->batch.offsets = b->offsets;
    cr_assert_leq(b->batch.rows, 16);
    for (size_t r = 0; r < b->batch.rows; r++)
        b->tokens[r] = (int32_t)(test_bits(4, r) % (in->dim[0] + 1) % in->dim[0]);
    b->batch.tokens = in->tokens ? b->tokens : NULL;
    for (size_t r = 0; in->tokens && in->dim[1] && r < b->batch.rows; r++)
        b->char_offsets[r + 1] = b->char_offsets[r] + (int64_t)(r * 3 + 2) % 4;
    for (size_t l = 0; in->tokens && in->dim[1] && l < 64; l++)
        b->chars[l] = (int32_t)(test_bits(6, l) % in->dim[1]);
    b->batch.chars = b->chars;
    b->batch.char_offsets = b->char_offsets;
    for (size_t r = 0; r < b->batch.rows; r++)
        b->labels[r] = (int32_t)(test_bits(5, r) % (in->dim[0] + 1)) - 1;
    b->batch.y = b->labels;
}

/* Creates the layer; x, dy and params get values of their own in [-1, 1). */
static inline void bench_open(test_bench *b, const char *name, const char *yaml, co_shape in,
                              size_t n)
{
    *b = (test_bench){.layer = co_layer_find(name), .in = in, .n = n, .draw = 4 * 64 + 1};
    const co_shape alike[CO_MAX_INPUTS] = {in, in, in};
    cr_assert_eq(test_layer(b->layer, yaml, alike, 7, &b->out, &b->self), CO_OK, "%s",
                 co_status_message());
    if (b->layer->facts) b->facts = b->layer->facts(b->self);
    b->n_inputs = b->layer->n_inputs ? b->layer->n_inputs : 1;
    const size_t raw_in = co_shape_size(&in), raw_out = co_shape_size(&b->out);
    co_shape in_planes = in, out_planes = b->out;
    in_planes.lanes = out_planes.lanes = 0;
    b->n_in = co_shape_size(&in_planes);
    b->n_out = co_shape_size(&out_planes);
    bench_batch(b, &in);
    b->rows_one = co_shape_rows(&in, &b->batch);
    b->rows_in = b->n_inputs * b->rows_one;
    b->rows_out = co_shape_rows(&b->out, &b->batch);
    b->raw_x = co_calloc(b->rows_in * raw_in, sizeof(float));
    b->raw_dx = co_calloc(b->rows_in * raw_in, sizeof(float));
    b->raw_y = co_calloc(b->rows_out * raw_out, sizeof(float));
    b->raw_dy = co_calloc(b->rows_out * raw_out, sizeof(float));
    b->n_tensors = b->layer->tensors ? b->layer->tensors(b->self, b->shape) : 0;
    for (size_t t = 0; t < b->n_tensors; t++) {
        size_t size = 1;
        for (size_t i = 0; i < b->shape[t].ndim; i++) size *= b->shape[t].dim[i];
        b->at[t] = b->n_params;
        b->n_params += size;
    }
    b->x = co_calloc(b->rows_in * b->n_in, sizeof(float));
    b->dx = co_calloc(b->rows_in * b->n_in, sizeof(float));
    b->y = co_calloc(b->rows_out * b->n_out, sizeof(float));
    b->dy = co_calloc(b->rows_out * b->n_out, sizeof(float));
    b->params = co_calloc(b->n_params, sizeof(float));
    b->grad = co_calloc(b->n_params, sizeof(float));
    b->cache = co_calloc(test_kept(b->layer->cache_size, b->self, n, b->batch.rows), sizeof(float));
    b->scratch =
        co_calloc(test_kept(b->layer->scratch_size, b->self, n, b->batch.rows), sizeof(float));
    test_fill(1, b->rows_in * b->n_in, 1.0f, b->x);
    test_fill(2, b->rows_out * b->n_out, 1.0f, b->dy);
    for (size_t r = 0; b->facts.chains && r < b->rows_out; r++) /* tags jump */
        b->dy[(r + 1) * b->n_out - CO_CRF_EXTRA + CO_CRF_TAG] = 0.0f;
    test_fill(3, b->n_params, 1.0f, b->params);
    b->batch.x = b->x;
    b->pass =
        (co_pass){.batch = &b->batch, .train = true, .seed = 5, .round = 2, .device = 3, .step = 4};
}

static inline void bench_free(test_bench *b)
{
    if (b->layer->destroy) b->layer->destroy(b->self);
    float *const blocks[] = {b->x,     b->dx,      b->y,     b->dy,     b->params, b->grad,
                             b->cache, b->scratch, b->raw_x, b->raw_dx, b->raw_y,  b->raw_dy};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) co_free(blocks[i]);
}

static inline void bench_close(test_bench *b)
{
    bench_free(b);
    cr_assert_eq(co_memory_blocks(), 0);
}

static inline void test_to_raw(const co_shape *shape, size_t n, const float *planes, float *raw)
{
    if (shape->lanes)
        co_layout_to_lanes(co_kernels_in_use(), shape, n, planes, raw);
    else
        memcpy(raw, planes, n * co_shape_size(shape) * sizeof *raw);
}

static inline void test_from_raw(const co_shape *shape, size_t n, const float *raw, float *planes)
{
    if (shape->lanes)
        co_layout_to_planes(co_kernels_in_use(), shape, n, raw, planes);
    else
        memcpy(planes, raw, n * co_shape_size(shape) * sizeof *raw);
}

/* A call of the layer, on the bench's blocks. */
static inline co_call bench_call(test_bench *b)
{
    static const bool none[CO_MAX_TENSORS];
    co_call call = {.pass = &b->pass,
                    .draw = b->draw,
                    .params = b->params,
                    .target = b->grad,
                    .at = b->at,
                    .target_at = b->at,
                    .is_frozen = none,
                    .y = b->raw_y,
                    .dy = b->raw_dy,
                    .factor = 1.0f,
                    .cache = b->cache,
                    .scratch = b->scratch};
    for (size_t s = 0; s < b->n_inputs; s++) {
        call.x[s] = b->raw_x + s * b->rows_one * co_shape_size(&b->in);
        if (b->layer->backward_input)
            call.dx[s] = b->raw_dx + s * b->rows_one * co_shape_size(&b->in);
    }
    return call;
}

static inline void bench_forward(test_bench *b)
{
    const co_call call = bench_call(b);
    test_to_raw(&b->in, b->n_inputs * co_shape_rows(&b->in, &b->batch), b->x, b->raw_x);
    b->layer->forward(b->self, &call);
    test_from_raw(&b->out, co_shape_rows(&b->out, &b->batch), b->raw_y, b->y);
}

/* Forward and both phases of backward; dx is full of rubbish before. */
static inline void bench_backward(test_bench *b, const float *scale)
{
    bench_forward(b);
    co_call call = bench_call(b);
    test_to_raw(&b->out, co_shape_rows(&b->out, &b->batch), b->dy, b->raw_dy);
    for (size_t i = 0; i < b->rows_in * co_shape_size(&b->in); i++) b->raw_dx[i] = 1e30f;
    if (b->layer->backward_input) {
        b->layer->backward_input(b->self, &call);
        test_from_raw(&b->in, b->n_inputs * co_shape_rows(&b->in, &b->batch), b->raw_dx, b->dx);
    }
    call.scale = scale;
    if (b->layer->backward_params) b->layer->backward_params(b->self, &call);
}

/* sum of dy_i y_i: the function whose gradients backward gives. */
static inline double bench_dot(const test_bench *b)
{
    double sum = 0.0;
    for (size_t i = 0; i < b->rows_out * b->n_out; i++) sum += (double)b->dy[i] * (double)b->y[i];
    return sum;
}

/* bench_dot with *value moved by h, and how far it really moved. */
static inline double bench_moved(test_bench *b, float *value, float h, double *way)
{
    const float old = *value;
    *value = old + h;
    *way = (double)*value - (double)old;
    bench_forward(b);
    *value = old;
    return bench_dot(b);
}

/* Slope of bench_dot by *value from four points, up to 2 h away: the error is of the fourth order.
 */
static inline double bench_slope(test_bench *b, float *value, float h)
{
    double way[4], at[4], slope[2];
    const float steps[4] = {h, -h, 2.0f * h, -2.0f * h};
    for (int k = 0; k < 4; k++) at[k] = bench_moved(b, value, steps[k], &way[k]);
    for (int k = 0; k < 2; k++)
        slope[k] = (at[2 * k] - at[2 * k + 1]) / (way[2 * k] - way[2 * k + 1]);
    return (4.0 * slope[0] - slope[1]) / 3.0;
}

/* Numbers of [-1, 1) that keep a distance of 1/200 from 0 and 1/100 from each other, n <= 190: so
 * that a difference over h = 1/500 crosses no kink of relu or max. In a keyed order. */
static inline void test_spread(uint64_t stream, size_t n, float *out)
{
    cr_assert_leq(n, 190);
    for (size_t i = 0; i < n; i++)
        out[i] = (float)((double)i - 0.5 * (double)n + 0.5) * 0.01f + (n % 2 ? 0.005f : 0.0f);
    for (size_t i = n; i-- > 1;) {
        const size_t j = test_bits(stream, i) % (i + 1);
        const float kept = out[i];
        out[i] = out[j];
        out[j] = kept;
    }
}
