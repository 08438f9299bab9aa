/* models/layers/conv2d.c - y[o] = b[o] + sum over c of W[o][c] * x[c] (cross-correlation, PyTorch's
 * Conv2d).
 *
 * On the fast paths: conv_direct.c, for 3x3 and 5x5 conv_winograd.c, and between many channels
 * conv_wide.c. Here, as their reference:
 * per example the windows of x are laid out as a matrix C [c k k][pixels] (im2col) in scratch: Y =
 * W C, dC = W' dY summed back into dx, dW += scale dY C'. C is made again for the weight gradient
 * rather than kept: it is k k times the input. Cost: per example out x c k k x pixels multiply-adds
 * each, one OpenBLAS sgemm; c k k x pixels floats of scratch. Source: Chellapilla, Puri & Simard,
 * IWFHR 2006 (convolution as a matrix product). */
#include "models/layers/layer.h"
#include "core/memory.h"
#include "core/vector.h"
#include "models/layers/conv_wide.h"
#include "models/layers/conv_winograd.h"
#include "models/layers/init.h"
#include <cblas.h>
#include <string.h>

typedef struct {
    co_window w;
    size_t n_out, taps, pixels, n_in_floats; /* output channels, c k k, output pixels, c h w */
    co_conv_direct direct;                   /* unless w.fast is NULL */
    bool wide, winograd, bias;
} conv2d;

static co_status check_sizes(const co_config *opt, const conv2d *v)
{
    char text[CO_SHAPE_TEXT];
    size_t columns = v->taps, weights = v->taps, row = v->pixels;
    size_t spread = v->direct.spread_h, turned = v->w.kernel * v->w.kernel;
    co_shape_text(&v->w.in, text);
    if (co_size_multiply(&columns, v->pixels) && co_size_multiply(&weights, v->n_out) &&
        co_size_multiply(&row, v->n_out) &&
        (!v->w.fast ||
         (co_size_multiply(&spread, v->direct.spread_w) &&
          co_size_multiply(&spread, v->direct.c_out) && co_size_multiply(&turned, v->direct.c_in) &&
          co_size_multiply(&turned, v->direct.c_out))))
        return CO_OK;
    return co_config_fail(
        opt, NULL,
        "%zu channels with a %zu x %zu kernel on input %s need more than 2^31 - 1 floats", v->n_out,
        v->w.kernel, v->w.kernel, text);
}

/* valid, same, or pixels. */
static co_status read_padding(const co_config *opt, int64_t *padding)
{
    const co_node *node = co_config_node(opt, "padding");
    if (strcmp(node->text, "same") == 0 || strcmp(node->text, "valid") == 0) {
        *padding = node->text[0] == 's' ? CO_PADDING_SAME : 0;
    } else if (!co_node_int(node, padding) || *padding < 0) {
        return co_config_fail(opt, node,
                              "%s is no padding; it can be valid, same or a whole number of pixels",
                              node->text);
    }
    return CO_OK;
}

static co_status create(const co_config *opt, const co_shape *in, size_t n_classes, co_shape *out,
                        void **self)
{
    conv2d v = {.n_out = (size_t)co_config_int(opt, "channels"),
                .bias = co_config_bool(opt, "bias")};
    int64_t padding = 0;
    (void)n_classes;
    *self = NULL;
    CO_TRY(read_padding(opt, &padding));
    CO_TRY(co_window_init(&v.w, opt, in, v.n_out, padding));
    v.taps = v.w.channels * v.w.kernel * v.w.kernel;
    v.pixels = v.w.out_height * v.w.out_width;
    v.n_in_floats = co_shape_size(in);
    if (v.w.fast) {
        v.w.out.lanes = v.w.fast->lanes;
        v.direct = co_conv_direct_of(&v.w, v.n_out);
    }
    CO_TRY(check_sizes(opt, &v));
    conv2d *kept = co_malloc(1, sizeof *kept);
    if (!kept) return CO_FAIL(CO_ENOMEM, "layer conv2d");
    *kept = v;
    kept->direct.w = &kept->w;
    kept->wide = v.w.fast && co_conv_wide_fits(&kept->direct);
    kept->winograd = v.w.fast && !kept->wide && co_conv_winograd_fits(&kept->direct);
    *out = v.w.out;
    *self = kept;
    return CO_OK;
}

static size_t tensors(const void *self, co_tensor_shape *shape)
{
    const conv2d *v = self;
    shape[0] = (co_tensor_shape){"weight", 4, {v->n_out, v->w.channels, v->w.kernel, v->w.kernel}};
    shape[1] = (co_tensor_shape){"bias", 1, {v->n_out}};
    return v->bias ? 2 : 1;
}

static void init(const void *self, uint64_t seed, size_t t, uint64_t number, float *tensor)
{
    const conv2d *v = self;
    co_init_fan_in(seed, number, v->taps, t == 0 ? v->n_out * v->taps : v->n_out, tensor);
}

/* The fast forms keep turned weights and sums over the parts of a batch. */
static size_t cache_size(const void *self, size_t n, size_t rows)
{
    const conv2d *v = self;
    (void)n, (void)rows;
    if (!v->w.fast || v->wide) return 0;
    return v->winograd ? co_conv_winograd_memory(&v->direct) : co_conv_direct_memory(&v->direct);
}

static size_t scratch_size(const void *self, size_t n, size_t rows)
{
    const conv2d *v = self;
    if (v->wide) return co_conv_wide_memory(&v->direct, v->w.in.sequence ? rows : n);
    return v->w.fast ? 0 : v->taps * v->pixels;
}

static co_conv_part part_of(const conv2d *v, const co_pass *pass)
{
    return (co_conv_part){.rows = co_shape_rows(&v->w.in, pass->batch),
                          .begins = pass->first == 0,
                          .ends = !pass->more};
}

static co_conv_weights weights_of(const conv2d *v, const co_call *call)
{
    return (co_conv_weights){co_call_tensor(call, 0), v->bias ? co_call_tensor(call, 1) : NULL};
}

static co_conv_target target_of(const conv2d *v, const co_call *call, float factor)
{
    return (co_conv_target){co_call_target(call, 0), v->bias ? co_call_target(call, 1) : NULL,
                            factor, call->each};
}

/* Between many channels a block of weights serves all images: each by itself. */
static void wide_each(const conv2d *v, size_t rows, const co_call *call, const float *x,
                      const float *dy, float *dx, co_conv_target target)
{
    const float *weight = co_call_tensor(call, 0);
    const size_t in = co_shape_size(&v->w.in), out = co_shape_size(&v->w.out);
    if (dx)
        co_conv_wide_backward(&v->direct, rows, weight, x, dy, NULL, dx, (co_conv_target){0},
                              call->scratch);
    for (size_t e = 0; e < rows; e++) {
        const co_conv_target own = {target.weight + e * target.each,
                                    target.bias ? target.bias + e * target.each : NULL, 1.0f, 0};
        memset(own.weight, 0, v->n_out * v->taps * sizeof *own.weight);
        if (own.bias) memset(own.bias, 0, v->n_out * sizeof *own.bias);
        co_conv_wide_backward(&v->direct, 1, weight, x + e * in, dy + e * out, NULL, NULL, own,
                              call->scratch);
    }
}

/* dx unless NULL, the target's gradient, or both. */
static void fast_backward(const conv2d *v, co_conv_part part, const co_call *call, const float *x,
                          const float *dy, const float *scale, float *dx, co_conv_target target)
{
    const float *weight = co_call_tensor(call, 0);
    if (v->wide && target.each)
        wide_each(v, part.rows, call, x, dy, dx, target);
    else if (v->wide)
        co_conv_wide_backward(&v->direct, part.rows, weight, x, dy, scale, dx, target,
                              call->scratch);
    else if (v->winograd)
        co_conv_winograd_backward(&v->direct, part, weight, x, dy, scale, dx, target, call->cache);
    else
        co_conv_direct_backward(&v->direct, part, weight, x, dy, scale, dx, target, call->cache);
}

/* First output index whose input index o stride + tap - pad is not negative, and the first one past
 * the image. */
static void inside(const co_window *w, size_t tap, size_t length, size_t n_out, size_t *first,
                   size_t *end)
{
    *first = tap >= w->pad ? 0 : (w->pad - tap + w->stride - 1) / w->stride;
    *end = length + w->pad <= tap ? 0 : (length + w->pad - tap - 1) / w->stride + 1;
    if (*end > n_out) *end = n_out;
    if (*first > *end) *first = *end;
}

/* One row of C for one output row: the input row seen by one tap, zero outside of the image. */
static void copy_row(const float *restrict x, size_t stride, size_t first, size_t end, size_t n,
                     float *restrict out)
{
    for (size_t i = 0; i < first; i++) out[i] = 0.0f;
    if (stride == 1)
        memcpy(out + first, x, (end - first) * sizeof *out);
    else
        for (size_t i = first; i < end; i++) out[i] = x[(i - first) * stride];
    for (size_t i = end; i < n; i++) out[i] = 0.0f;
}

static void image_to_columns(const co_window *w, const float *x, float *columns)
{
    size_t top, bottom, left, right;
    for (size_t c = 0; c < w->channels; c++)
        for (size_t i = 0; i < w->kernel; i++)
            for (size_t j = 0; j < w->kernel; j++, columns += w->out_height * w->out_width) {
                const float *plane = x + c * w->height * w->width;
                inside(w, i, w->height, w->out_height, &top, &bottom);
                inside(w, j, w->width, w->out_width, &left, &right);
                if (left == right) top = bottom = 0; /* a tap that never meets the image */
                memset(columns, 0, top * w->out_width * sizeof *columns);
                for (size_t r = top; r < bottom; r++)
                    copy_row(plane + (r * w->stride + i - w->pad) * w->width + left * w->stride +
                                 j - w->pad,
                             w->stride, left, right, w->out_width, columns + r * w->out_width);
                memset(columns + bottom * w->out_width, 0,
                       (w->out_height - bottom) * w->out_width * sizeof *columns);
            }
}

static void add_row(const float *restrict from, size_t stride, size_t n, float *restrict to)
{
    if (stride == 1)
        for (size_t i = 0; i < n; i++) to[i] += from[i];
    else
        for (size_t i = 0; i < n; i++) to[i * stride] += from[i];
}

/* dx = the sum of all entries of C that came from each pixel. */
static void columns_to_image(const co_window *w, const float *columns, float *dx)
{
    size_t top, bottom, left, right;
    memset(dx, 0, w->channels * w->height * w->width * sizeof *dx);
    for (size_t c = 0; c < w->channels; c++)
        for (size_t i = 0; i < w->kernel; i++)
            for (size_t j = 0; j < w->kernel; j++, columns += w->out_height * w->out_width) {
                float *plane = dx + c * w->height * w->width;
                inside(w, i, w->height, w->out_height, &top, &bottom);
                inside(w, j, w->width, w->out_width, &left, &right);
                if (left == right) top = bottom = 0; /* a tap that never meets the image */
                for (size_t r = top; r < bottom; r++)
                    add_row(columns + r * w->out_width + left, w->stride, right - left,
                            plane + (r * w->stride + i - w->pad) * w->width + left * w->stride + j -
                                w->pad);
            }
}

static void forward(const void *self, const co_call *call)
{
    const conv2d *v = self;
    const size_t rows = co_shape_rows(&v->w.in, call->pass->batch);
    const co_conv_weights w = weights_of(v, call);
    const int m = (int)v->n_out, n = (int)v->pixels, k = (int)v->taps;
    const float *x = call->x[0];
    float *y = call->y;
    if (v->wide) {
        co_conv_wide_forward(&v->direct, rows, w, x, y, call->scratch);
        return;
    }
    if (v->winograd) {
        co_conv_winograd_forward(&v->direct, part_of(v, call->pass), w, x, y, call->cache);
        return;
    }
    if (v->w.fast) {
        co_conv_direct_forward(&v->direct, part_of(v, call->pass), w, x, y, call->cache);
        return;
    }
    for (size_t e = 0; e < rows; e++, x += v->n_in_floats, y += v->n_out * v->pixels) {
        image_to_columns(&v->w, x, call->scratch);
        for (size_t o = 0; o < v->n_out; o++)
            for (size_t p = 0; p < v->pixels; p++) y[o * v->pixels + p] = w.bias ? w.bias[o] : 0.0f;
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, n, k, 1.0f, w.weight, k,
                    call->scratch, n, 1.0f, y, n);
    }
}

static void backward_input(const void *self, const co_call *call)
{
    const conv2d *v = self;
    const size_t rows = co_shape_rows(&v->w.in, call->pass->batch);
    const int m = (int)v->taps, n = (int)v->pixels, k = (int)v->n_out;
    const float *dy = call->dy;
    float *dx = call->dx[0];
    if (v->w.fast) {
        fast_backward(v, part_of(v, call->pass), call, call->x[0], dy, NULL, dx,
                      (co_conv_target){0});
        return;
    }
    for (size_t e = 0; e < rows; e++, dx += v->n_in_floats, dy += v->n_out * v->pixels) {
        cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, m, n, k, 1.0f, co_call_tensor(call, 0),
                    m, dy, n, 0.0f, call->scratch, n);
        columns_to_image(&v->w, call->scratch, dx);
    }
}

/* An example of a sequence has a scale for all of its rows. */
static void fast_params(const conv2d *v, const co_call *call)
{
    const co_batch *batch = call->pass->batch;
    const float *x = call->x[0], *dy = call->dy, *scale = call->scale;
    const co_conv_target target = target_of(v, call, 1.0f);
    const size_t in = co_shape_size(&v->w.in), out = co_shape_size(&v->w.out);
    const co_conv_part one = {.rows = 1, .begins = true, .ends = true};
    if (!scale || !v->w.in.sequence) {
        fast_backward(v, part_of(v, call->pass), call, x, dy, scale, NULL, target);
        return;
    }
    for (size_t e = 0; e < batch->n; e++) {
        const size_t end = co_shape_first_row(&v->w.in, batch, e + 1);
        for (size_t r = co_shape_first_row(&v->w.in, batch, e); r < end; r++)
            fast_backward(v, one, call, x + r * in, dy + r * out, scale + e, NULL, target);
    }
}

/* In 16 lanes, so that it is fast and the same on every instruction set. */
static float sum_row(const float *x, size_t n)
{
    float lane[16] = {0}, sum = 0.0f;
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        for (size_t l = 0; l < 16; l++) lane[l] += x[i + l];
    for (size_t l = 0; l < 16; l++) sum += lane[l];
    for (; i < n; i++) sum += x[i];
    return sum;
}

static void backward_params(const void *self, const co_call *call)
{
    const conv2d *v = self;
    const co_batch *batch = call->pass->batch;
    const int m = (int)v->n_out, n = (int)v->taps, k = (int)v->pixels;
    if (v->w.fast) {
        fast_params(v, call);
        return;
    }
    for (size_t e = 0; e < batch->n; e++) {
        const size_t end = co_shape_first_row(&v->w.in, batch, e + 1);
        const float factor = call->scale ? call->scale[e] : 1.0f;
        float *weight = co_call_own(call, 0, e, v->n_out * v->taps),
              *bias = v->bias ? co_call_own(call, 1, e, v->n_out) : NULL;
        for (size_t r = co_shape_first_row(&v->w.in, batch, e); r < end; r++) {
            const float *d = call->dy + r * v->n_out * v->pixels;
            image_to_columns(&v->w, call->x[0] + r * v->n_in_floats, call->scratch);
            cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, m, n, k, factor, d, k,
                        call->scratch, k, 1.0f, weight, n);
            for (size_t o = 0; v->bias && o < v->n_out; o++)
                bias[o] += factor * sum_row(d + o * v->pixels, v->pixels);
        }
    }
}

static void backward(const void *self, const co_call *call)
{
    const conv2d *v = self;
    fast_backward(v, part_of(v, call->pass), call, call->x[0], call->dy, NULL, call->dx[0],
                  target_of(v, call, call->factor));
}

static co_facts facts(const void *self)
{
    const conv2d *v = self;
    return (co_facts){.spares_output = true,
                      .in_parts = !v->wide,
                      .at_once = v->w.fast != NULL,
                      .each = !v->w.in.sequence};
}

/* The fast forms keep W[i][j][c][o] as they have it. */
static size_t own_size(const void *self, size_t t)
{
    const conv2d *v = self;
    if (v->w.fast && !v->wide) return t == 0 ? co_conv_weights_size(&v->direct) : v->direct.c_out;
    return t == 0 ? v->n_out * v->taps : v->n_out;
}

static void own_back(const void *self, const co_call *call, size_t t, const float *own)
{
    const conv2d *v = self;
    float *target = co_call_target(call, t);
    if (t == 0 && v->w.fast && !v->wide)
        co_conv_finish(&v->direct, own, NULL, (co_conv_target){target, NULL, 1.0f, 0}, call->cache);
    else
        co_vector_add_scaled(target, own, t == 0 ? v->n_out * v->taps : v->n_out, 1.0f);
}

static double flops(const void *self)
{
    const conv2d *v = self;
    return (double)v->n_out * (double)v->taps * (double)v->pixels;
}

static const co_param params[] = {
    {"channels", CO_INT, .lo = 1, .hi = 65536, .flags = CO_REQUIRED, .doc = "output channels"},
    {"kernel", CO_INT, .lo = 1, .hi = 255, .flags = CO_REQUIRED,
     .doc = "height and width of the window, pixels"},
    {"stride", CO_INT, .def = 1, .lo = 1, .hi = 255, .doc = "step of the window, pixels"},
    {"padding", CO_STRING, .words = "valid",
     .doc = "valid: none; same: output as large as the input (stride 1); or pixels on every side"},
    {"bias", CO_BOOL, .def = 1, .doc = "adds a number of its own to every output channel"},
    {0}};
const co_layer co_layer_conv2d = {.name = "conv2d",
                                  .summary = "two-dimensional convolution",
                                  .source = "LeCun et al., Neural Computation 1(4), 1989",
                                  .params = params,
                                  .create = create,
                                  .destroy = co_free,
                                  .facts = facts,
                                  .tensors = tensors,
                                  .init = init,
                                  .cache_size = cache_size,
                                  .scratch_size = scratch_size,
                                  .forward = forward,
                                  .backward_input = backward_input,
                                  .backward_params = backward_params,
                                  .own_size = own_size,
                                  .own_back = own_back,
                                  .backward = backward,
                                  .flops = flops};
