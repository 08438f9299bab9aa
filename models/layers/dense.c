/* models/layers/dense.c - y = W x + b, W [out][in], b [out] (PyTorch's Linear); transposed: W
 * stands as [in][out] (Conv1D of GPT-2).
 *
 * Over a batch X [rows][in]: Y = X W' + b, dX = dY W, dW += dY' X, db += column sums of dY; with a
 * scale per example the rows of dY are multiplied by it first. Nothing is formed of a frozen half.
 * Cost: rows x out x in multiply-adds each (kernels/dense.inc, kernels/packed.inc for MANY rows and
 * more of a packed one; on the reference path one OpenBLAS sgemm); scratch for the scaled dY, and
 * for what is packed less than 6 MiB. */
#include "models/layers/layer.h"
#include "core/memory.h"
#include "core/vector.h"
#include "models/kernels/kernels.h"
#include "models/layers/init.h"
#include "models/layers/panels.h"
#include "models/layers/outer.h"
#include <cblas.h>
#include <string.h>

/* Rows from which on it is worth laying the weight out anew. */
enum { MOST_UNITS = 1 << 24, MANY = 64 };

typedef struct {
    co_shape in;
    size_t n_in, n_out;
    bool has_bias, transposed, packed;
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
    *d = (dense){.in = *in,
                 .n_in = in->dim[0],
                 .n_out = units,
                 .has_bias = co_config_bool(opt, "bias"),
                 .transposed = co_config_bool(opt, "transposed"),
                 .packed = co_config_bool(opt, "packed"),
                 .fast = co_kernels_in_use()};
    *out = (co_shape){.sequence = in->sequence, .target = in->target, .ndim = 1, .dim = {units}};
    *self = d;
    return CO_OK;
}

static size_t tensors(const void *self, co_tensor_shape *shape)
{
    const dense *d = self;
    const size_t rows = d->transposed ? d->n_in : d->n_out,
                 cols = d->transposed ? d->n_out : d->n_in;
    shape[0] = (co_tensor_shape){"weight", 2, {rows, cols}};
    shape[1] = (co_tensor_shape){"bias", 1, {d->n_out}};
    return d->has_bias ? 2 : 1;
}

static void init(const void *self, uint64_t seed, size_t t, uint64_t number, float *tensor)
{
    const dense *d = self;
    co_init_fan_in(seed, number, d->n_in, t == 0 ? d->n_out * d->n_in : d->n_out, tensor);
}

/* The scaled dY first. */
static size_t scaled_size(const dense *d, size_t rows)
{
    return (rows * d->n_out + 15) / 16 * 16;
}

static size_t scratch_size(const void *self, size_t n, size_t rows)
{
    const dense *d = self;
    const size_t scaled = scaled_size(d, d->in.sequence ? rows : n), few = MANY * d->n_in;
    if (!d->packed || !d->fast) return scaled;
    return scaled + (d->fast->packed_scratch > few ? d->fast->packed_scratch : few);
}

/* ---- the three products; scratch is for the packed ones ---- */

static bool is_packed(const dense *d, size_t rows)
{
    return d->fast && d->packed && rows >= MANY;
}

/* y = x W' + b; bias may be NULL. */
static void form_outputs(const dense *d, size_t rows, const float *x, const float *weight,
                         const float *bias, float *y, float *scratch)
{
    const int m = (int)rows, n = (int)d->n_out, k = (int)d->n_in;
    if (is_packed(d, rows))
        d->fast->packed(&(co_packed){.rows = rows,
                                     .cols = d->n_out,
                                     .depth = d->n_in,
                                     .a = x,
                                     .a_row = d->n_in,
                                     .a_step = 1,
                                     .b = weight,
                                     .b_row = d->transposed ? d->n_out : 1,
                                     .b_column = d->transposed ? 1 : d->n_in,
                                     .c = y,
                                     .c_row = d->n_out,
                                     .start = bias,
                                     .scratch = scratch});
    else if (d->fast && d->transposed)
        d->fast->product(&(co_product){.rows = rows,
                                       .cols = d->n_out,
                                       .depth = d->n_in,
                                       .n_segments = 1,
                                       .a = x,
                                       .b = weight,
                                       .a_row = d->n_in,
                                       .a_step = 1,
                                       .b_step = d->n_out,
                                       .c_row = d->n_out,
                                       .c = y,
                                       .start = bias});
    else if (d->fast)
        d->fast->dense_forward(rows, d->n_in, d->n_out, x, weight, bias, y);
    else {
        for (size_t r = 0; bias && r < rows; r++)
            memcpy(y + r * d->n_out, bias, d->n_out * sizeof *y);
        cblas_sgemm(CblasRowMajor, CblasNoTrans, d->transposed ? CblasNoTrans : CblasTrans, m, n, k,
                    1.0f, x, k, weight, d->transposed ? n : k, bias ? 1.0f : 0.0f, y, n);
    }
}

/* dx = dy W, or add: dx += dy W, packed alone */
static void form_dx(const dense *d, size_t rows, const float *weight, const float *dy, bool add,
                    float *dx, float *scratch)
{
    const int m = (int)rows, n = (int)d->n_in, k = (int)d->n_out;
    if (rows == 0) return; /* texts without tokens */
    if (is_packed(d, rows))
        d->fast->packed(&(co_packed){.rows = rows,
                                     .cols = d->n_in,
                                     .depth = d->n_out,
                                     .a = dy,
                                     .a_row = d->n_out,
                                     .a_step = 1,
                                     .b = weight,
                                     .b_row = d->transposed ? 1 : d->n_in,
                                     .b_column = d->transposed ? d->n_out : 1,
                                     .c = dx,
                                     .c_row = d->n_in,
                                     .add = add,
                                     .factor = 1.0f,
                                     .scratch = scratch});
    else if (d->fast && d->transposed)
        d->fast->dense_forward(rows, d->n_out, d->n_in, dy, weight, NULL, dx);
    else if (d->fast)
        d->fast->dense_backward(rows, d->n_in, d->n_out, NULL, weight, dy, dx, 0.0f, NULL, NULL);
    else
        cblas_sgemm(CblasRowMajor, CblasNoTrans, d->transposed ? CblasTrans : CblasNoTrans, m, n, k,
                    1.0f, dy, k, weight, d->transposed ? k : n, 0.0f, dx, n);
}

/* weight[out][in] += factor dy' x, and bias += factor column sums of dy, unless NULL: in the pass
 * that lays dy out. */
static void add_packed(const dense *d, size_t rows, const float *x, const float *dy, float factor,
                       float *weight, float *bias, float *scratch)
{
    const size_t out = d->transposed ? d->n_in : d->n_out, in = d->transposed ? d->n_out : d->n_in;
    d->fast->packed(&(co_packed){.rows = out,
                                 .cols = in,
                                 .depth = rows,
                                 .a = d->transposed ? x : dy,
                                 .a_row = 1,
                                 .a_step = out,
                                 .b = d->transposed ? dy : x,
                                 .b_row = in,
                                 .b_column = 1,
                                 .c = weight,
                                 .c_row = in,
                                 .add = true,
                                 .factor = factor,
                                 .sums = d->transposed ? NULL : bias,
                                 .scratch = scratch});
}

/* weight += factor dy' x, and bias += factor column sums of dy; each may be NULL. */
static void add_gradients(const dense *d, size_t rows, const float *x, const float *dy,
                          float factor, float *weight, float *bias, float *scratch)
{
    const int out = (int)d->n_out, in = (int)d->n_in, k = (int)rows;
    const bool packed = is_packed(d, rows);
    if (rows == 0) return;
    if (bias && d->fast && (!packed || !weight || d->transposed))
        d->fast->column_sums(rows, d->n_out, dy, factor, bias);
    else if (bias && !d->fast)
        for (size_t r = 0; r < rows; r++)
            for (size_t o = 0; o < d->n_out; o++) bias[o] += factor * dy[r * d->n_out + o];
    if (!weight) return;
    if (packed)
        add_packed(d, rows, x, dy, factor, weight, bias, scratch);
    else if (d->fast && d->transposed)
        d->fast->dense_backward(rows, d->n_out, d->n_in, dy, weight, x, NULL, factor, weight, NULL);
    else if (d->fast)
        d->fast->dense_backward(rows, d->n_in, d->n_out, x, weight, dy, NULL, factor, weight, NULL);
    else if (d->transposed)
        cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, in, out, k, factor, x, in, dy, out,
                    1.0f, weight, out);
    else
        cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, out, in, k, factor, dy, out, x, in,
                    1.0f, weight, in);
}

/* ---- entries ---- */

static void forward(const void *self, const co_call *call)
{
    const dense *d = self;
    const size_t rows = co_shape_rows(&d->in, call->pass->batch);
    if (rows == 0) return; /* texts without tokens */
    form_outputs(d, rows, call->x[0], co_call_tensor(call, 0),
                 d->has_bias ? co_call_tensor(call, 1) : NULL, call->y, call->scratch);
}

static void backward_input(const void *self, const co_call *call)
{
    const dense *d = self;
    const size_t rows = co_shape_rows(&d->in, call->pass->batch);
    const bool sums = call->add && !is_packed(d, rows); /* by way of scratch */
    form_dx(d, rows, co_call_tensor(call, 0), call->dy, call->add && !sums,
            sums ? call->scratch : call->dx[0], call->scratch);
    if (sums) co_vector_add_scaled(call->dx[0], call->scratch, rows * d->n_in, 1.0f);
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

/* Where the gradient of tensor t goes; NULL: nowhere. */
static float *target_of(const dense *d, const co_call *call, size_t t)
{
    return (t == 0 || d->has_bias) && !call->is_frozen[t] ? co_call_target(call, t) : NULL;
}

static void backward_params(const void *self, const co_call *call)
{
    const dense *d = self;
    const size_t rows = co_shape_rows(&d->in, call->pass->batch);
    const float *dy = call->dy;
    float *scratch = call->scratch;
    if (call->scale) {
        scale_rows(d, call->pass->batch, dy, call->scale, scratch);
        dy = scratch;
        scratch += scaled_size(d, rows);
    }
    add_gradients(d, rows, call->x[0], dy, 1.0f, target_of(d, call, 0), target_of(d, call, 1),
                  scratch);
}

static void backward(const void *self, const co_call *call)
{
    const dense *d = self;
    const size_t rows = co_shape_rows(&d->in, call->pass->batch);
    float *weight = target_of(d, call, 0), *bias = target_of(d, call, 1);
    const bool adds = call->add && call->dx[0];
    if (d->fast && !d->transposed && !is_packed(d, rows) && !adds) { /* a block of W serves both */
        d->fast->dense_backward(rows, d->n_in, d->n_out, call->x[0], co_call_tensor(call, 0),
                                call->dy, call->dx[0], call->factor, weight, bias);
        return;
    }
    if (call->dx[0]) backward_input(self, call);
    add_gradients(d, rows, call->x[0], call->dy, call->factor, weight, bias, call->scratch);
}

/* ---- one row a text: the weight in panels, laid out once ---- */

static size_t step_size(const void *self, const co_steps_size *size)
{
    const dense *d = self;
    (void)size;
    return co_panels_size(d->n_in, d->n_out);
}

static void lay(const void *self, const co_call *call, const co_steps_size *size, float *block)
{
    const dense *d = self;
    (void)size;
    co_panels_lay(d->fast, d->n_in, d->n_out, d->transposed, co_call_tensor(call, 0), block);
}

static void step(const void *self, const co_call *call, const co_step *step, float *block)
{
    const dense *d = self;
    co_panels_rows(d->fast, step->n, d->n_in, d->n_out, call->x[0], block,
                   d->has_bias ? co_call_tensor(call, 1) : NULL, false, 1.0f, call->y);
}

/* Of each example's sum of outer products of the rows of dy and x. */
static void norms(const void *self, const co_call *call, double *const *squared)
{
    const dense *d = self;
    const co_batch *batch = call->pass->batch;
    for (size_t i = 0; i < batch->n; i++) {
        const size_t row = co_shape_first_row(&d->in, batch, i);
        double square, columns;
        const co_outer o = {.rows = co_shape_first_row(&d->in, batch, i + 1) - row,
                            .g = call->dy + row * d->n_out,
                            .n_g = d->n_out,
                            .n = squared[0] ? 1 : 0,
                            .a = {call->x[0] + row * d->n_in},
                            .n_a = {d->n_in}};
        co_outer_squares(d->fast, &o, &square, d->has_bias && squared[1] ? &columns : NULL,
                         call->scratch);
        if (squared[0]) squared[0][i] += square;
        if (d->has_bias && squared[1]) squared[1][i] += columns;
    }
}

static size_t norms_size(const void *self, size_t n, size_t rows)
{
    const dense *d = self;
    (void)n, (void)rows;
    return co_outer_size(d->n_out, d->n_in, 0);
}

static bool factors(const void *self, const co_call *call, size_t t, co_factors *f)
{
    const dense *d = self;
    *f = (co_factors){.shape = &d->in,
                      .left = d->transposed ? call->x[0] : call->dy,
                      .n_left = d->transposed ? d->n_in : d->n_out,
                      .right = d->transposed ? call->dy : call->x[0],
                      .n_right = d->transposed ? d->n_out : d->n_in};
    return t == 0;
}

static co_facts facts(const void *self)
{
    const dense *d = self;
    return (co_facts){.spares_output = true,
                      .at_once = true,
                      .adds_dx = d->fast && d->packed,
                      .row_wise = true,
                      .steps = true};
}

static double flops(const void *self)
{
    const dense *d = self;
    return (double)d->n_in * (double)d->n_out;
}

static const co_param params[] = {
    {"units", CO_TREE, .flags = CO_REQUIRED, .doc = "outputs: a whole number, or the word classes"},
    {"bias", CO_BOOL, .def = 1, .doc = "adds a number of its own to every output"},
    {"transposed", CO_BOOL, .doc = "the weight stands as [inputs][units] (Conv1D of GPT-2)"},
    {"packed", CO_BOOL,
     .doc = "for many rows at once: the weight is laid out anew for each product"},
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
                                 .norms = norms,
                                 .norms_size = norms_size,
                                 .factors = factors,
                                 .backward = backward,
                                 .step_size = step_size,
                                 .lay = lay,
                                 .step = step,
                                 .flops = flops};
