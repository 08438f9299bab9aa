/* models/layers/lora.c - y = y_0 + s B (A drop(x)), s = alpha / rank: a change of low rank beside a
 * dense layer that gives y_0 from x. A [rank][in], B [out][rank].
 *
 * Two inputs, y_0 and x; y is written over y_0. B begins at zero, so that training begins at y_0.
 * With h = A drop(x) and e = s B' dy a row: dy_0 = dy, dx = drop(A' e), dA += e drop(x)', dB += s
 * dy h'. Element i of the batch is dropped as in dropout.c. Cost: rank x (in + out) multiply-adds a
 * row, forward, and twice that backward; keeps h and e, with dropout also the mask. Source: Hu et
 * al., ICLR 2022, arXiv:2106.09685, equation 3; names, initial values and dropout as in PEFT. */
#include "core/clones.h"
#include "core/memory.h"
#include "core/random.h"
#include "models/kernels/kernels.h"
#include "models/layers/init.h"
#include "models/layers/layer.h"
#include "models/layers/panels.h"
#include <cblas.h>
#include <string.h>

typedef struct {
    co_shape in;
    size_t n_in, n_out, rank;
    float factor, p;
    const co_kernels *fast; /* NULL: reference */
} lora;

static co_status create(const co_config *opt, const co_shape *in, size_t n_classes, co_shape *out,
                        void **self)
{
    const size_t rank = (size_t)co_config_int(opt, "rank");
    char text[CO_SHAPE_TEXT], other[CO_SHAPE_TEXT];
    (void)n_classes;
    *self = NULL;
    co_shape_text(&in[0], text);
    co_shape_text(&in[1], other);
    if (in[0].ndim != 1 || in[1].ndim != 1 || in[0].tokens || in[1].tokens ||
        in[0].sequence != in[1].sequence)
        return co_config_fail(opt, NULL, "needs two inputs of [features], they are %s and %s", text,
                              other);
    lora *l = co_malloc(1, sizeof *l);
    if (!l) return CO_FAIL(CO_ENOMEM, "layer lora");
    const double alpha = co_config_has(opt, "alpha") ? co_config_real(opt, "alpha") : (double)rank;
    *l = (lora){.in = in[1],
                .n_in = in[1].dim[0],
                .n_out = in[0].dim[0],
                .rank = rank,
                .factor = (float)(alpha / (double)rank),
                .p = (float)co_config_real(opt, "dropout"),
                .fast = co_kernels_in_use()};
    *out = in[0];
    *self = l;
    return CO_OK;
}

static size_t tensors(const void *self, co_tensor_shape *shape)
{
    const lora *l = self;
    shape[0] = (co_tensor_shape){"lora_A.weight", 2, {l->rank, l->n_in}};
    shape[1] = (co_tensor_shape){"lora_B.weight", 2, {l->n_out, l->rank}};
    return 2;
}

static void init(const void *self, uint64_t seed, size_t t, uint64_t number, float *tensor)
{
    const lora *l = self;
    if (t == 0)
        co_init_fan_in(seed, number, l->n_in, l->rank * l->n_in, tensor);
    else
        memset(tensor, 0, l->n_out * l->rank * sizeof *tensor);
}

static size_t rows_of(const lora *l, size_t n, size_t rows)
{
    return l->in.sequence ? rows : n;
}

static size_t dropped_size(const lora *l, size_t rows)
{
    return l->p > 0.0f ? rows * l->n_in : 0;
}

/* h, e, the mask. */
static size_t cache_size(const void *self, size_t n, size_t rows)
{
    const lora *l = self;
    const size_t m = rows_of(l, n, rows);
    return 2 * m * l->rank + dropped_size(l, m);
}

/* h or e in another form, B', drop(x). */
static size_t scratch_size(const void *self, size_t n, size_t rows)
{
    const lora *l = self;
    const size_t m = rows_of(l, n, rows);
    return (m + l->n_out) * l->rank + dropped_size(l, m);
}

/* ---- products ---- */

/* Y = X W' */
static void product(const lora *l, size_t m, size_t n_in, size_t n_out, const float *x,
                    const float *w, float *y)
{
    if (l->fast)
        l->fast->dense_forward(m, n_in, n_out, x, w, NULL, y);
    else
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)m, (int)n_out, (int)n_in, 1.0f, x,
                    (int)n_in, w, (int)n_in, 0.0f, y, (int)n_out);
}

/* dX = dY W */
static void product_back(const lora *l, size_t m, size_t n_in, size_t n_out, const float *dy,
                         const float *w, float *dx)
{
    if (l->fast)
        l->fast->dense_backward(m, n_in, n_out, NULL, w, dy, dx, 0.0f, NULL, NULL);
    else
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)m, (int)n_in, (int)n_out, 1.0f,
                    dy, (int)n_out, w, (int)n_in, 0.0f, dx, (int)n_in);
}

/* T += factor P' Q, P [m][n_p], Q [m][n_q] */
static void add_product(const lora *l, size_t m, size_t n_p, size_t n_q, const float *p,
                        const float *q, float factor, float *t)
{
    if (l->fast)
        l->fast->dense_backward(m, n_q, n_p, q, t, p, NULL, factor, t, NULL);
    else
        cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)n_p, (int)n_q, (int)m, factor, p,
                    (int)n_p, q, (int)n_q, 1.0f, t, (int)n_q);
}

static void transpose(const lora *l, size_t rows, size_t cols, const float *from, float *to)
{
    if (l->fast) {
        l->fast->transpose(rows, cols, from, cols, to, rows);
        return;
    }
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < cols; c++) to[c * rows + r] = from[r * cols + c];
}

/* ---- dropout ---- */

CO_CLONES static void apply(size_t n, const float *x, const float *restrict mask, float *y)
{
    for (size_t i = 0; i < n; i++) y[i] = x[i] * mask[i];
}

static void draw_mask(const lora *l, const co_call *call, size_t n, float *restrict mask)
{
    const co_pass *pass = call->pass;
    const co_stream stream =
        co_stream_open(pass->seed, CO_DRAW_DROPOUT, pass->round, pass->device, call->draw);
    const float kept = 1.0f / (1.0f - l->p);
    co_fill_uniform(&stream, co_pass_drawn(pass, &l->in) * l->n_in, n, mask);
    for (size_t i = 0; i < n; i++) mask[i] = mask[i] < l->p ? 0.0f : kept;
}

static bool drops(const lora *l, const co_call *call)
{
    return l->p > 0.0f && call->pass->train;
}

/* drop(x), in the scratch where something is dropped. */
static const float *dropped(const lora *l, const co_call *call, size_t m)
{
    float *to = call->scratch + (m + l->n_out) * l->rank;
    if (!drops(l, call)) return call->x[1];
    apply(m * l->n_in, call->x[1], call->cache + 2 * m * l->rank, to);
    return to;
}

/* ---- entries ---- */

static void forward(const void *self, const co_call *call)
{
    const lora *l = self;
    const size_t m = co_shape_rows(&l->in, call->pass->batch);
    float *h = call->cache, *turned = call->scratch, *b = turned + m * l->rank;
    if (call->y != call->x[0]) memcpy(call->y, call->x[0], m * l->n_out * sizeof *h);
    if (m == 0) return; /* texts without tokens */
    if (drops(l, call)) draw_mask(l, call, m * l->n_in, h + 2 * m * l->rank);
    product(l, m, l->n_in, l->rank, dropped(l, call, m), co_call_tensor(call, 0), h);
    transpose(l, m, l->rank, h, turned);
    transpose(l, l->n_out, l->rank, co_call_tensor(call, 1), b);
    add_product(l, l->rank, m, l->n_out, turned, b, l->factor, call->y);
}

static void backward_input(const void *self, const co_call *call)
{
    const lora *l = self;
    const size_t m = co_shape_rows(&l->in, call->pass->batch);
    float *e = call->cache + m * l->rank, *dx = call->dx[1];
    if (m == 0) return;
    if (call->dx[0] && call->dx[0] != call->dy)
        memcpy(call->dx[0], call->dy, m * l->n_out * sizeof *e);
    product_back(l, m, l->rank, l->n_out, call->dy, co_call_tensor(call, 1), e);
    for (size_t i = 0; i < m * l->rank; i++) e[i] *= l->factor;
    if (!dx) return;
    product_back(l, m, l->n_in, l->rank, e, co_call_tensor(call, 0), dx);
    if (drops(l, call)) apply(m * l->n_in, dx, call->cache + 2 * m * l->rank, dx);
}

/* Rows of h or e, times the scale of their example. */
static const float *scaled(const lora *l, const co_call *call, const float *rows)
{
    const co_batch *batch = call->pass->batch;
    if (!call->scale) return rows;
    for (size_t i = 0; i < batch->n; i++) {
        const size_t end = co_shape_first_row(&l->in, batch, i + 1) * l->rank;
        for (size_t k = co_shape_first_row(&l->in, batch, i) * l->rank; k < end; k++)
            call->scratch[k] = call->scale[i] * rows[k];
    }
    return call->scratch;
}

/* x: as it was dropped. */
static void form_each(const lora *l, const co_call *call, const float *x)
{
    const co_batch *batch = call->pass->batch;
    const float *h = call->cache, *e = h + co_shape_rows(&l->in, batch) * l->rank;
    for (size_t i = 0; i < batch->n; i++) {
        const size_t row = co_shape_first_row(&l->in, batch, i),
                     m = co_shape_first_row(&l->in, batch, i + 1) - row;
        float *a = co_call_own(call, 0, i, l->rank * l->n_in),
              *b = co_call_own(call, 1, i, l->n_out * l->rank);
        if (m > 0 && !call->is_frozen[0])
            add_product(l, m, l->rank, l->n_in, e + row * l->rank, x + row * l->n_in, 1.0f, a);
        if (m > 0 && !call->is_frozen[1])
            add_product(l, m, l->n_out, l->rank, call->dy + row * l->n_out, h + row * l->rank,
                        l->factor, b);
    }
}

static void backward_params(const void *self, const co_call *call)
{
    const lora *l = self;
    const size_t m = co_shape_rows(&l->in, call->pass->batch);
    const float *h = call->cache, *e = h + m * l->rank;
    if (call->each) {
        form_each(l, call, dropped(l, call, m));
        return;
    }
    if (m == 0) return;
    if (!call->is_frozen[0])
        add_product(l, m, l->rank, l->n_in, scaled(l, call, e), dropped(l, call, m), 1.0f,
                    co_call_target(call, 0));
    if (!call->is_frozen[1])
        add_product(l, m, l->n_out, l->rank, call->dy, scaled(l, call, h), l->factor,
                    co_call_target(call, 1));
}

/* ---- one row a text: A' and B' in panels, then h ---- */

static size_t step_size(const void *self, const co_steps_size *size)
{
    const lora *l = self;
    const size_t rows = size->n_slots > size->most_source ? size->n_slots : size->most_source;
    return co_panels_size(l->n_in, l->rank) + co_panels_size(l->rank, l->n_out) + rows * l->rank;
}

static void lay(const void *self, const co_call *call, const co_steps_size *size, float *block)
{
    const lora *l = self;
    (void)size;
    co_panels_lay(l->fast, l->n_in, l->rank, false, co_call_tensor(call, 0), block);
    co_panels_lay(l->fast, l->rank, l->n_out, false, co_call_tensor(call, 1),
                  block + co_panels_size(l->n_in, l->rank));
}

static void step(const void *self, const co_call *call, const co_step *step, float *block)
{
    const lora *l = self;
    float *b = block + co_panels_size(l->n_in, l->rank), *h = b + co_panels_size(l->rank, l->n_out);
    if (call->y != call->x[0]) memcpy(call->y, call->x[0], step->n * l->n_out * sizeof *h);
    co_panels_rows(l->fast, step->n, l->n_in, l->rank, call->x[1], block, NULL, false, 1.0f, h);
    co_panels_rows(l->fast, step->n, l->rank, l->n_out, h, b, NULL, true, l->factor, call->y);
}

static co_facts facts(const void *self)
{
    (void)self;
    return (co_facts){
        .in_place = true, .spares_output = true, .row_wise = true, .steps = true, .each = true};
}

static double flops(const void *self)
{
    const lora *l = self;
    return (double)l->rank * (double)(l->n_in + l->n_out);
}

static const co_param params[] = {
    {"rank", CO_INT, .lo = 1, .hi = 65536, .flags = CO_REQUIRED, .doc = "rows of A"},
    {"alpha", CO_REAL, .lo = 0.0, .hi = 1e6, .flags = CO_LO_OPEN | CO_OPTIONAL,
     .doc = "the change is multiplied by alpha / rank; default: rank"},
    {"dropout", CO_REAL, .lo = 0.0, .hi = 1.0, .flags = CO_HI_OPEN,
     .doc = "probability that a value of the input is dropped"},
    {0}};
const co_layer co_layer_lora = {.name = "lora",
                                .summary = "a change of low rank beside a dense layer (model.lora)",
                                .source = "Hu et al., ICLR 2022, arXiv:2106.09685",
                                .params = params,
                                .n_inputs = 2,
                                .create = create,
                                .destroy = co_free,
                                .facts = facts,
                                .tensors = tensors,
                                .init = init,
                                .cache_size = cache_size,
                                .scratch_size = scratch_size,
                                .forward = forward,
                                .backward_input = backward_input,
                                .input_first = true,
                                .backward_params = backward_params,
                                .step_size = step_size,
                                .lay = lay,
                                .step = step,
                                .flops = flops};
