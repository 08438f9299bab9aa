/* models/layers/dense.c - y = W x + b, W [out][in], b [out] (PyTorch's Linear).
 *
 * Over a batch X [rows][in]: Y = X W' + b, dX = dY W, dW += dY' X, db += column sums of dY; with a
 * scale per example the rows of dY are multiplied by it first. Cost: rows x out x in multiply-adds
 * each (kernels/dense.inc; on the reference path one OpenBLAS sgemm); scratch for the scaled dY. */
#include "models/layers/layer.h"
#include "core/memory.h"
#include "models/kernels/kernels.h"
#include "models/layers/init.h"
#include <cblas.h>
#include <string.h>

enum { MOST_UNITS = 1 << 24 };

typedef struct {
    co_shape in;
    size_t n_in, n_out;
    const co_kernels *fast; /* NULL: reference */
} dense;

static co_status read_units(const co_config *opt, size_t n_classes, size_t *units)
{
    const co_node *node = co_config_node(opt, "units");
    int64_t value;
    if (node->kind == CO_NODE_SCALAR && strcmp(node->text, "classes") == 0) {
        *units = n_classes;
    } else if (co_node_int(node, &value) && value >= 1 && value <= MOST_UNITS) {
        *units = (size_t)value;
    } else {
        return co_config_fail(
            opt, node, "%s is not a number of units; give a whole number from 1 to %d or `classes`",
            node->kind == CO_NODE_SCALAR ? node->text : "a list or map", MOST_UNITS);
    }
    return CO_OK;
}

static co_status check_input(const co_config *opt, const co_shape *in)
{
    char text[CO_SHAPE_TEXT];
    co_shape_text(in, text);
    if (in->tokens)
        return co_config_fail(opt, NULL,
                              "needs rows of floats, its input is tokens; put embedding before it");
    if (in->ndim != 1)
        return co_config_fail(
            opt, NULL, "needs rows [features], its input is %s; put `flatten` before it", text);
    return CO_OK;
}

static co_status create(const co_config *opt, const co_shape *in, size_t n_classes, co_shape *out,
                        void **self)
{
    size_t units = 0, weights;
    *self = NULL;
    CO_TRY(check_input(opt, in));
    CO_TRY(read_units(opt, n_classes, &units));
    weights = in->dim[0];
    if (!co_size_multiply(&weights, units))
        return co_config_fail(opt, co_config_node(opt, "units"),
                              "%zu x %zu weights are more than 2^31 - 1; use fewer units", units,
                              in->dim[0]);
    dense *d = co_malloc(1, sizeof *d);
    if (!d) return CO_FAIL(CO_ENOMEM, "layer dense");
    *d = (dense){.in = *in, .n_in = in->dim[0], .n_out = units, .fast = co_kernels_in_use()};
    *out = (co_shape){.sequence = in->sequence, .ndim = 1, .dim = {units}};
    *self = d;
    return CO_OK;
}

static size_t tensors(const void *self, co_tensor_shape *shape)
{
    const dense *d = self;
    shape[0] = (co_tensor_shape){"weight", 2, {d->n_out, d->n_in}};
    shape[1] = (co_tensor_shape){"bias", 1, {d->n_out}};
    return 2;
}

static void init(const void *self, uint64_t seed, size_t t, uint64_t number, float *tensor)
{
    const dense *d = self;
    co_init_fan_in(seed, number, d->n_in, t == 0 ? d->n_out * d->n_in : d->n_out, tensor);
}

static size_t scratch_size(const void *self, size_t n, size_t rows)
{
    const dense *d = self;
    return (d->in.sequence ? rows : n) * d->n_out;
}

static void forward(const void *self, const co_call *call)
{
    const dense *d = self;
    const size_t rows = co_shape_rows(&d->in, call->pass->batch);
    const float *x = call->x[0], *weight = co_call_tensor(call, 0), *bias = co_call_tensor(call, 1);
    float *y = call->y;
    const int m = (int)rows, n = (int)d->n_out, k = (int)d->n_in;
    if (rows == 0) return; /* texts without tokens */
    if (d->fast) {
        d->fast->dense_forward(rows, d->n_in, d->n_out, x, weight, bias, y);
        return;
    }
    for (size_t r = 0; r < rows; r++) memcpy(y + r * d->n_out, bias, d->n_out * sizeof *y);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, m, n, k, 1.0f, x, k, weight, k, 1.0f, y,
                n);
}

static void backward_input(const void *self, const co_call *call)
{
    const dense *d = self;
    const int m = (int)co_shape_rows(&d->in, call->pass->batch), n = (int)d->n_in,
              k = (int)d->n_out;
    const float *weight = co_call_tensor(call, 0);
    if (d->fast) {
        d->fast->dense_backward((size_t)m, d->n_in, d->n_out, call->x[0], weight, call->dy,
                                call->dx[0], 0.0f, NULL, NULL);
        return;
    }
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, n, k, 1.0f, call->dy, k, weight, n,
                0.0f, call->dx[0], n);
}

/* scaled[row] = scale[example of the row] dy[row] */
static void scale_rows(const dense *d, const co_batch *batch, const float *restrict dy,
                       const float *scale, float *restrict scaled)
{
    for (size_t e = 0; e < batch->n; e++) {
        const size_t end = co_shape_first_row(&d->in, batch, e + 1) * d->n_out;
        const float factor = scale[e];
        for (size_t i = co_shape_first_row(&d->in, batch, e) * d->n_out; i < end; i++)
            scaled[i] = factor * dy[i];
    }
}

static void backward_params(const void *self, const co_call *call)
{
    const dense *d = self;
    const size_t rows = co_shape_rows(&d->in, call->pass->batch);
    const int m = (int)d->n_out, n = (int)d->n_in, k = (int)rows;
    const float *x = call->x[0], *dy = call->dy;
    float *restrict weight = co_call_target(call, 0), *restrict bias = co_call_target(call, 1);
    if (call->scale) {
        scale_rows(d, call->pass->batch, dy, call->scale, call->scratch);
        dy = call->scratch;
    }
    if (d->fast) {
        d->fast->dense_backward(rows, d->n_in, d->n_out, x, co_call_tensor(call, 0), dy, NULL, 1.0f,
                                weight, bias);
        return;
    }
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, m, n, k, 1.0f, dy, m, x, n, 1.0f, weight,
                n);
    for (size_t r = 0; r < rows; r++)
        for (size_t o = 0; o < d->n_out; o++) bias[o] += dy[r * d->n_out + o];
}

static void backward(const void *self, const co_call *call)
{
    const dense *d = self;
    const size_t rows = co_shape_rows(&d->in, call->pass->batch);
    const float *x = call->x[0], *dy = call->dy;
    float *weight = co_call_target(call, 0), *restrict bias = co_call_target(call, 1);
    if (d->fast) {
        d->fast->dense_backward(rows, d->n_in, d->n_out, x, co_call_tensor(call, 0), dy,
                                call->dx[0], call->factor, weight, bias);
        return;
    }
    const int m = (int)d->n_out, n = (int)d->n_in, k = (int)rows;
    if (call->dx[0]) backward_input(self, call);
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, m, n, k, call->factor, dy, m, x, n, 1.0f,
                weight, n);
    for (size_t r = 0; r < rows; r++)
        for (size_t o = 0; o < d->n_out; o++) bias[o] += call->factor * dy[r * d->n_out + o];
}

static co_facts facts(const void *self)
{
    (void)self;
    return (co_facts){.spares_output = true, .at_once = true};
}

static double flops(const void *self)
{
    const dense *d = self;
    return (double)d->n_in * (double)d->n_out;
}

static const co_param params[] = {
    {"units", CO_TREE, .flags = CO_REQUIRED, .doc = "outputs: a whole number, or the word classes"},
    {0}};
const co_layer co_layer_dense = {.name = "dense",
                                 .summary = "every output sees every input: W x + b",
                                 .params = params,
                                 .main_option = "units",
                                 .create = create,
                                 .destroy = co_free,
                                 .facts = facts,
                                 .tensors = tensors,
                                 .init = init,
                                 .scratch_size = scratch_size,
                                 .forward = forward,
                                 .backward_input = backward_input,
                                 .backward_params = backward_params,
                                 .backward = backward,
                                 .flops = flops};
