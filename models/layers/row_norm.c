/* models/layers/row_norm.c - the passes of layer_norm and rms_norm (their formulas stand there).
 *
 * Sums of a row go to CO_LANES lanes in a fixed order: the same bits on every path. */
#include "models/layers/row_norm.h"
#include "core/memory.h"
#include "core/vector.h"
#include <math.h>

typedef struct {
    co_shape shape;
    size_t units;
    bool centred;
    float eps;
} norm;

co_status co_row_norm_create(const co_config *opt, const co_shape *in, bool centred, co_shape *out,
                             void **self)
{
    char text[CO_SHAPE_TEXT];
    *self = NULL;
    co_shape_text(in, text);
    if (in->tokens || in->ndim != 1)
        return co_config_fail(opt, NULL, "needs rows of [features], its input is %s%s", text,
                              in->tokens ? "; put embedding before it" : "");
    norm *v = co_malloc(1, sizeof *v);
    if (!v) return CO_FAIL(CO_ENOMEM, "norm of rows");
    *v = (norm){.shape = *in,
                .units = in->dim[0],
                .centred = centred,
                .eps = (float)co_config_real(opt, "eps")};
    *out = *in;
    *self = v;
    return CO_OK;
}

void co_row_norm_destroy(void *self)
{
    co_free(self);
}

co_facts co_row_norm_facts(const void *self)
{
    (void)self;
    return (co_facts){.row_wise = true, .spares_output = true, .in_parts = true, .each = true};
}

size_t co_row_norm_tensors(const void *self, co_tensor_shape *shape)
{
    const norm *v = self;
    shape[0] = (co_tensor_shape){"weight", 1, {v->units}};
    if (v->centred) shape[1] = (co_tensor_shape){"bias", 1, {v->units}};
    return v->centred ? 2 : 1;
}

void co_row_norm_init(const void *self, uint64_t seed, size_t t, uint64_t number, float *tensor)
{
    const norm *v = self;
    (void)seed, (void)number;
    for (size_t k = 0; k < v->units; k++) tensor[k] = t == 0 ? 1.0f : 0.0f;
}

/* Of each row m and r. */
size_t co_row_norm_cache_size(const void *self, size_t n, size_t rows)
{
    return 2 * (((const norm *)self)->shape.sequence ? rows : n);
}

CO_INLINE float sum_lanes(float lane[CO_LANES])
{
    for (size_t half = CO_LANES / 2; half > 0; half /= 2)
        for (size_t l = 0; l < half; l++) lane[l] += lane[l + half];
    return lane[0];
}

CO_INLINE float row_sum(size_t n, const float *x)
{
    float lane[CO_LANES] = {0};
    size_t k = 0;
    for (; k + CO_LANES <= n; k += CO_LANES)
        for (size_t l = 0; l < CO_LANES; l++) lane[l] += x[k + l];
    for (size_t l = 0; k + l < n; l++) lane[l] += x[k + l];
    return sum_lanes(lane);
}

CO_INLINE float row_square_sum(size_t n, const float *x, float mean)
{
    float lane[CO_LANES] = {0};
    size_t k = 0;
    for (; k + CO_LANES <= n; k += CO_LANES)
        for (size_t l = 0; l < CO_LANES; l++) lane[l] += (x[k + l] - mean) * (x[k + l] - mean);
    for (size_t l = 0; k + l < n; l++) lane[l] += (x[k + l] - mean) * (x[k + l] - mean);
    return sum_lanes(lane);
}

/* bias NULL: not centred. */
CO_CLONES static void row_norm_forward(size_t rows, size_t n, float eps, const float *restrict x,
                                       const float *restrict weight, const float *restrict bias,
                                       float *restrict kept, float *restrict y)
{
    for (size_t r = 0; r < rows; r++, x += n, y += n, kept += 2) {
        const float mean = bias ? row_sum(n, x) / (float)n : 0.0f;
        const float rate = 1.0f / sqrtf(row_square_sum(n, x, mean) / (float)n + eps);
        kept[0] = mean, kept[1] = rate;
        if (bias)
            for (size_t k = 0; k < n; k++) y[k] = (x[k] - mean) * rate * weight[k] + bias[k];
        else
            for (size_t k = 0; k < n; k++) y[k] = x[k] * rate * weight[k];
    }
}

void co_row_norm_forward(const void *self, const co_call *call)
{
    const norm *v = self;
    row_norm_forward(co_shape_rows(&v->shape, call->pass->batch), v->units, v->eps, call->x[0],
                     co_call_tensor(call, 0), v->centred ? co_call_tensor(call, 1) : NULL,
                     call->cache + 2 * call->pass->first, call->y);
}

/* Sum of w dy (with x NULL) or of w dy (x - mean). */
CO_INLINE float row_dot(size_t n, const float *x, const float *dy, const float *weight, float mean)
{
    float lane[CO_LANES] = {0};
    size_t k = 0;
    for (; k + CO_LANES <= n; k += CO_LANES)
        for (size_t l = 0; l < CO_LANES; l++)
            lane[l] += weight[k + l] * dy[k + l] * (x ? x[k + l] - mean : 1.0f);
    for (size_t l = 0; k + l < n; l++)
        lane[l] += weight[k + l] * dy[k + l] * (x ? x[k + l] - mean : 1.0f);
    return sum_lanes(lane);
}

CO_CLONES static void row_norm_back(size_t rows, size_t n, bool centred, const float *restrict x,
                                    const float *restrict weight, const float *restrict kept,
                                    const float *restrict dy, float *restrict dx)
{
    for (size_t r = 0; r < rows; r++, x += n, dy += n, dx += n, kept += 2) {
        const float mean = kept[0], rate = kept[1];
        const float sum = centred ? row_dot(n, NULL, dy, weight, 0.0f) / (float)n : 0.0f,
                    dot = row_dot(n, x, dy, weight, mean) / (float)n * (rate * rate);
        for (size_t k = 0; k < n; k++)
            dx[k] = rate * ((weight[k] * dy[k] - sum) - (x[k] - mean) * dot);
    }
}

void co_row_norm_backward_input(const void *self, const co_call *call)
{
    const norm *v = self;
    row_norm_back(co_shape_rows(&v->shape, call->pass->batch), v->units, v->centred, call->x[0],
                  co_call_tensor(call, 0), call->cache + 2 * call->pass->first, call->dy,
                  call->dx[0]);
}

/* One example's rows. */
CO_CLONES static void row_norm_weights(size_t rows, size_t n, float scale, const float *restrict x,
                                       const float *restrict kept, const float *restrict dy,
                                       float *restrict weight, float *restrict bias)
{
    for (size_t r = 0; r < rows; r++, x += n, dy += n, kept += 2) {
        const float mean = kept[0], rate = kept[1] * scale;
        for (size_t k = 0; k < n; k++) weight[k] += dy[k] * ((x[k] - mean) * rate);
        if (bias)
            for (size_t k = 0; k < n; k++) bias[k] += dy[k] * scale;
    }
}

void co_row_norm_backward_params(const void *self, const co_call *call)
{
    const norm *v = self;
    const co_batch *batch = call->pass->batch;
    for (size_t i = 0; i < batch->n; i++) {
        const size_t row = co_shape_first_row(&v->shape, batch, i),
                     rows = co_shape_first_row(&v->shape, batch, i + 1) - row;
        row_norm_weights(rows, v->units, call->scale ? call->scale[i] : 1.0f,
                         call->x[0] + row * v->units, call->cache + 2 * (call->pass->first + row),
                         call->dy + row * v->units, co_call_own(call, 0, i, v->units),
                         v->centred ? co_call_own(call, 1, i, v->units) : NULL);
    }
}
