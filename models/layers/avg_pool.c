/* models/layers/avg_pool.c - the mean of each window.
 *
 * Windows that would leave the image are dropped (floor), as in PyTorch. dx of a pixel is the sum
 * of dy / kernel^2 over the windows that hold it. Cost: kernel^2 additions an output, each way.
 * Source: LeCun et al., Proceedings of the IEEE 86(11), 1998 (subsampling, here without coefficient
 * and bias). */
#include "models/layers/layer.h"
#include "core/memory.h"
#include "models/layers/window.h"
#include <string.h>

static co_status create(const co_config *opt, const co_shape *in, size_t n_classes, co_shape *out,
                        void **self)
{
    co_window w;
    (void)n_classes;
    *self = NULL;
    CO_TRY(co_window_init(&w, opt, in, 0, 0));
    co_window *kept = co_malloc(1, sizeof *kept);
    if (!kept) return CO_FAIL(CO_ENOMEM, "layer avg_pool");
    *kept = w;
    *out = w.out;
    *self = kept;
    return CO_OK;
}

static void pool_row(const co_window *w, const float *restrict x, float *restrict y)
{
    const float area = (float)(w->kernel * w->kernel);
    for (size_t c = 0; c < w->out_width; c++) y[c] = 0.0f;
    for (size_t i = 0; i < w->kernel; i++)
        for (size_t j = 0; j < w->kernel; j++)
            for (size_t c = 0; c < w->out_width; c++) y[c] += x[i * w->width + c * w->stride + j];
    for (size_t c = 0; c < w->out_width; c++) y[c] /= area;
}

static void spread_row(const co_window *w, const float *restrict dy, float *restrict dx)
{
    const float share = 1.0f / (float)(w->kernel * w->kernel);
    for (size_t i = 0; i < w->kernel; i++)
        for (size_t j = 0; j < w->kernel; j++)
            for (size_t c = 0; c < w->out_width; c++)
                dx[i * w->width + c * w->stride + j] += share * dy[c];
}

static void forward(const void *self, const co_call *call)
{
    const co_window *w = self;
    const size_t rows = co_shape_rows(&w->in, call->pass->batch);
    const float *x = call->x[0];
    float *y = call->y;
    if (w->in.lanes) {
        const co_pooling pooling = co_window_pooling(w);
        for (size_t r = 0; r < rows; r++)
            w->fast->avg_pool(&pooling, x + r * co_shape_size(&w->in),
                              y + r * co_shape_size(&w->out));
        return;
    }
    for (size_t p = 0; p < rows * w->channels; p++, x += w->height * w->width)
        for (size_t r = 0; r < w->out_height; r++, y += w->out_width)
            pool_row(w, x + r * w->stride * w->width, y);
}

static void backward_input(const void *self, const co_call *call)
{
    const co_window *w = self;
    const size_t size = w->height * w->width, rows = co_shape_rows(&w->in, call->pass->batch),
                 planes = rows * w->channels;
    const float *dy = call->dy;
    float *dx = call->dx[0];
    if (w->in.lanes) {
        const co_pooling pooling = co_window_pooling(w);
        const size_t in = co_shape_size(&w->in), out = co_shape_size(&w->out);
        for (size_t r = 0; r < rows; r++)
            w->fast->avg_pool_back(&pooling, dy + r * out, dx + r * in);
        return;
    }
    memset(dx, 0, planes * size * sizeof *dx);
    for (size_t p = 0; p < planes; p++, dx += size)
        for (size_t r = 0; r < w->out_height; r++, dy += w->out_width)
            spread_row(w, dy, dx + r * w->stride * w->width);
}

static co_facts facts(const void *self)
{
    (void)self;
    return (co_facts){.spares_input = true, .spares_output = true, .in_parts = true};
}

static const co_param params[] = {{"kernel", CO_INT, .lo = 1, .hi = 255, .flags = CO_REQUIRED,
                                   .doc = "height and width of the window, pixels"},
                                  {"stride", CO_INT, .lo = 1, .hi = 255, .flags = CO_OPTIONAL,
                                   .doc = "step of the window, pixels; default: kernel"},
                                  {0}};
const co_layer co_layer_avg_pool = {.name = "avg_pool",
                                    .summary = "mean of each window",
                                    .source = "LeCun et al., Proceedings of the IEEE 86(11), 1998",
                                    .params = params,
                                    .main_option = "kernel",
                                    .create = create,
                                    .destroy = co_free,
                                    .facts = facts,
                                    .forward = forward,
                                    .backward_input = backward_input};
