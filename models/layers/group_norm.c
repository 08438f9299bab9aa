/* models/layers/group_norm.c - y = (x - m) r w_c + b_c, with the mean m and r = 1 / sqrt(variance +
 * eps) of a row's own group of channels, over all pixels (PyTorch's GroupNorm).
 *
 * Nothing is shared between examples. Backward, with z = (x - m) r and N floats a group: db_c = sum
 * dy, dw_c = sum dy z over the pixels, dx = r (w_c dy - (1/N) sum_group w_c db_c - z (1/N)
 * sum_group w_c dw_c); db and dw of each row come with dx and are kept, so that phase two only adds
 * them up. Features without pixels are channels of one. Cost: three passes forward, two backward;
 * four floats a channel kept of each row. Source: Wu & He, ECCV 2018, arXiv:1803.08494, equations 1
 * to 7. */
#include "core/memory.h"
#include "models/layers/channels.h"
#include "models/layers/layer.h"
#include <math.h>
#include <string.h>

typedef struct {
    co_shape shape;
    size_t groups, channels, padded, pixels;
    float eps;
} norm;

static co_status create(const co_config *opt, const co_shape *in, size_t n_classes, co_shape *out,
                        void **self)
{
    char text[CO_SHAPE_TEXT];
    const size_t groups = (size_t)co_config_int(opt, "groups");
    (void)n_classes;
    *self = NULL;
    co_shape_text(in, text);
    if (in->tokens || (in->ndim != 1 && in->ndim != 3))
        return co_config_fail(opt, NULL, "needs an image or a row of features, its input is %s",
                              text);
    if (in->dim[0] % groups != 0)
        return co_config_fail(opt, co_config_node(opt, "groups"),
                              "%zu channels do not divide into %zu groups", in->dim[0], groups);
    norm *v = co_malloc(1, sizeof *v);
    if (!v) return CO_FAIL(CO_ENOMEM, "layer group_norm");
    *v = (norm){.shape = *in,
                .groups = groups,
                .channels = in->dim[0],
                .padded = co_shape_channels(in),
                .pixels = in->ndim == 3 ? in->dim[1] * in->dim[2] : 1,
                .eps = (float)co_config_real(opt, "eps")};
    *out = *in;
    *self = v;
    return CO_OK;
}

static co_facts facts(const void *self)
{
    (void)self;
    return (co_facts){.spares_output = true, .in_parts = true, .each = true};
}

static size_t tensors(const void *self, co_tensor_shape *shape)
{
    const norm *v = self;
    shape[0] = (co_tensor_shape){"weight", 1, {v->channels}};
    shape[1] = (co_tensor_shape){"bias", 1, {v->channels}};
    return 2;
}

static void init(const void *self, uint64_t seed, size_t t, uint64_t number, float *tensor)
{
    const norm *v = self;
    (void)seed, (void)number;
    for (size_t c = 0; c < v->channels; c++) tensor[c] = t == 0 ? 1.0f : 0.0f;
}

/* Of one row, [padded] each: m and r of the channel's group; then dy's sum over the pixels, and
 * that of dy z. */
typedef struct {
    float *mean, *rate, *sum, *dot;
} kept;

static size_t cache_size(const void *self, size_t n, size_t rows)
{
    const norm *v = self;
    return (v->shape.sequence ? rows : n) * 4 * v->padded;
}

static kept kept_of(const norm *v, const co_call *call, size_t row)
{
    float *at = call->cache + (call->pass->first + row) * 4 * v->padded;
    return (kept){at, at + v->padded, at + 2 * v->padded, at + 3 * v->padded};
}

static size_t scratch_size(const void *self, size_t n, size_t rows)
{
    (void)n, (void)rows;
    return 3 * ((const norm *)self)->padded;
}

/* Each channel's number becomes the mean of its group's floats; padding channels stay zero. */
static void mean_of_groups(const norm *v, float *sum)
{
    const size_t size = v->channels / v->groups;
    for (size_t g = 0; g < v->groups; g++) {
        double total = 0.0;
        for (size_t c = g * size; c < (g + 1) * size; c++) total += (double)sum[c];
        const float mean = (float)(total / (double)(size * v->pixels));
        for (size_t c = g * size; c < (g + 1) * size; c++) sum[c] = mean;
    }
}

static void forward(const void *self, const co_call *call)
{
    const norm *v = self;
    const size_t rows = co_shape_rows(&v->shape, call->pass->batch),
                 floats = co_shape_size(&v->shape);
    const float *weight = co_call_tensor(call, 0), *bias = co_call_tensor(call, 1);
    float *factor = call->scratch, *start = factor + v->padded;
    memset(factor, 0, 2 * v->padded * sizeof *factor); /* padding channels give zeros */
    memcpy(start, bias, v->channels * sizeof *bias);
    for (size_t r = 0; r < rows; r++) {
        const float *x = call->x[0] + r * floats;
        const kept k = kept_of(v, call, r);
        co_channels_sum(&v->shape, x, k.mean);
        mean_of_groups(v, k.mean);
        co_channels_square_sum(&v->shape, x, k.mean, k.rate);
        mean_of_groups(v, k.rate);
        for (size_t c = 0; c < v->channels; c++) {
            k.rate[c] = 1.0f / sqrtf(k.rate[c] + v->eps);
            factor[c] = k.rate[c] * weight[c];
        }
        co_channels_scale(&v->shape, x, k.mean, factor, start, call->y + r * floats);
    }
}

/* dx = dy a - (x - m) b - d of one row, from the kept sums. */
static void row_back(const norm *v, const co_call *call, const kept *k, size_t r)
{
    const size_t floats = co_shape_size(&v->shape);
    const float *weight = co_call_tensor(call, 0);
    float *a = call->scratch, *b = a + v->padded, *d = b + v->padded;
    memset(a, 0, 3 * v->padded * sizeof *a);
    for (size_t c = 0; c < v->channels; c++) {
        b[c] = weight[c] * k->dot[c];
        d[c] = weight[c] * k->sum[c];
    }
    mean_of_groups(v, b);
    mean_of_groups(v, d);
    for (size_t c = 0; c < v->channels; c++) {
        a[c] = k->rate[c] * weight[c];
        b[c] *= k->rate[c] * k->rate[c];
        d[c] *= k->rate[c];
    }
    co_channels_back(&v->shape, call->x[0] + r * floats, k->mean, call->dy + r * floats, a, b, d,
                     call->dx[0] + r * floats);
}

static void backward_input(const void *self, const co_call *call)
{
    const norm *v = self;
    const size_t rows = co_shape_rows(&v->shape, call->pass->batch),
                 floats = co_shape_size(&v->shape);
    for (size_t r = 0; r < rows; r++) {
        const kept k = kept_of(v, call, r);
        co_channels_dot(&v->shape, call->x[0] + r * floats, k.mean, call->dy + r * floats, k.sum,
                        k.dot);
        for (size_t c = 0; c < v->channels; c++) k.dot[c] *= k.rate[c];
        if (call->dx[0]) row_back(v, call, &k, r);
    }
}

static void backward_params(const void *self, const co_call *call)
{
    const norm *v = self;
    const co_batch *batch = call->pass->batch;
    for (size_t e = 0; e < batch->n; e++) {
        float *weight = co_call_own(call, 0, e, v->channels),
              *bias = co_call_own(call, 1, e, v->channels);
        const size_t end = co_shape_first_row(&v->shape, batch, e + 1);
        const float factor = call->scale ? call->scale[e] : 1.0f;
        for (size_t r = co_shape_first_row(&v->shape, batch, e); r < end; r++) {
            const kept k = kept_of(v, call, r);
            for (size_t c = 0; c < v->channels; c++) {
                weight[c] += factor * k.dot[c];
                bias[c] += factor * k.sum[c];
            }
        }
    }
}

static const co_param params[] = {{"groups", CO_INT, .lo = 1, .hi = 65536, .flags = CO_REQUIRED,
                                   .doc = "groups of channels; 1: all together"},
                                  {"eps", CO_REAL, .def = 1e-5, .lo = 0.0, .hi = 1.0,
                                   .flags = CO_LO_OPEN, .doc = "added to the variance"},
                                  {0}};
const co_layer co_layer_group_norm = {
    .name = "group_norm",
    .summary =
        "each example's groups of channels get mean 0 and variance 1, then a scale and a start",
    .source = "Wu & He, ECCV 2018, arXiv:1803.08494",
    .params = params,
    .main_option = "groups",
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
    .backward_params = backward_params};
