/* models/layers/pool_time.c - one row from all rows of a sequence: their mean, or the last one.
 *
 * mean: y = (1/T) sum_t x_t, dx_t = dy / T. last: y = x_T, dx_T = dy, else 0. A sequence without
 * rows gives zeros. Cost: one pass. */
#include "core/memory.h"
#include "models/layers/layer.h"
#include <string.h>

typedef struct {
    co_shape in;
    size_t size;
    bool last;
} pool;

static co_status create(const co_config *opt, const co_shape *in, size_t n_classes, co_shape *out,
                        void **self)
{
    char text[CO_SHAPE_TEXT];
    (void)n_classes;
    *self = NULL;
    co_shape_text(in, text);
    if (in->tokens || !in->sequence || in->ndim != 1)
        return co_config_fail(opt, NULL, "needs sequences of [features], its input is %s%s", text,
                              in->tokens ? "; put embedding before it" : "");
    pool *p = co_malloc(1, sizeof *p);
    if (!p) return CO_FAIL(CO_ENOMEM, "layer pool_time");
    *p = (pool){
        .in = *in, .size = in->dim[0], .last = strcmp(co_config_string(opt, "by"), "last") == 0};
    *out = (co_shape){.ndim = 1, .dim = {in->dim[0]}};
    *self = p;
    return CO_OK;
}

static void forward(const void *self, const co_call *call)
{
    const pool *p = self;
    const co_batch *batch = call->pass->batch;
    const float *x = call->x[0];
    float *restrict y = call->y;
    memset(y, 0, batch->n * p->size * sizeof *y);
    for (size_t i = 0; i < batch->n; i++, y += p->size) {
        const size_t first = co_shape_first_row(&p->in, batch, i),
                     end = co_shape_first_row(&p->in, batch, i + 1);
        const float factor = 1.0f / (float)(end - first);
        if (first == end) continue;
        if (p->last) {
            memcpy(y, x + (end - 1) * p->size, p->size * sizeof *y);
            continue;
        }
        for (size_t r = first; r < end; r++)
            for (size_t k = 0; k < p->size; k++) y[k] += x[r * p->size + k];
        for (size_t k = 0; k < p->size; k++) y[k] *= factor;
    }
}

static void backward_input(const void *self, const co_call *call)
{
    const pool *p = self;
    const co_batch *batch = call->pass->batch;
    const float *restrict dy = call->dy;
    float *restrict dx = call->dx[0];
    memset(dx, 0, batch->rows * p->size * sizeof *dx);
    for (size_t i = 0; i < batch->n; i++, dy += p->size) {
        const size_t first = co_shape_first_row(&p->in, batch, i),
                     end = co_shape_first_row(&p->in, batch, i + 1);
        const float factor = p->last ? 1.0f : 1.0f / (float)(end - first);
        for (size_t r = p->last && first < end ? end - 1 : first; r < end; r++)
            for (size_t k = 0; k < p->size; k++) dx[r * p->size + k] = factor * dy[k];
    }
}

static const co_param params[] = {{"by", CO_CHOICE, .words = "mean|last", .flags = CO_REQUIRED,
                                   .doc = "the mean of all rows, or the last row"},
                                  {0}};
const co_layer co_layer_pool_time = {.name = "pool_time",
                                     .summary = "the mean or the last of a sequence's rows",
                                     .params = params,
                                     .main_option = "by",
                                     .create = create,
                                     .destroy = co_free,
                                     .forward = forward,
                                     .backward_input = backward_input};
