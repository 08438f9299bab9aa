/* models/layers/max_pool.c - the largest value of each window.
 *
 * Windows that would leave the image are dropped (floor), as in PyTorch. dy goes to the first
 * largest value of a window, rows first, whose place is kept: 2 bytes an output, so that the images
 * themselves need not last. A NaN in a window gives NaN, and takes dy. Cost: kernel^2 compares an
 * output, each way. Source: Ranzato et al., CVPR 2007. */
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
    if (!kept) return CO_FAIL(CO_ENOMEM, "layer max_pool");
    *kept = w;
    *out = w.out;
    *self = kept;
    return CO_OK;
}

/* Channels-last: the largest of max(x, 0) is max(the largest x, 0), and dy passes where that is
 * above 0. */
static co_facts facts(const void *self)
{
    const co_window *w = self;
    return (co_facts){.spares_input = true,
                      .spares_output = true,
                      .in_parts = true,
                      .takes_unrectified = w->in.lanes > 0};
}

static co_pooling pooling_of(const co_window *w, const co_call *call)
{
    co_pooling pooling = co_window_pooling(w);
    pooling.relu = call->rectify;
    return pooling;
}

/* One plane. */
static void pool_plane(const co_window *w, const float *x, float *y, uint16_t *place)
{
    for (size_t r = 0; r < w->out_height; r++)
        for (size_t c = 0; c < w->out_width; c++, y++, place++) {
            const float *corner = x + (r * w->width + c) * w->stride;
            *y = corner[0];
            *place = 0;
            for (size_t t = 1; t < w->kernel * w->kernel; t++) {
                const float v = corner[t / w->kernel * w->width + t % w->kernel];
                if (v > *y || v != v) {
                    *y = v;
                    *place = (uint16_t)t;
                }
            }
        }
}

static void spread_plane(const co_window *w, const uint16_t *place, const float *dy, float *dx)
{
    for (size_t r = 0; r < w->out_height; r++)
        for (size_t c = 0; c < w->out_width; c++, place++)
            dx[(r * w->stride + *place / w->kernel) * w->width + c * w->stride +
               *place % w->kernel] += *dy++;
}

static size_t cache_size(const void *self, size_t n, size_t rows)
{
    const co_window *w = self;
    const size_t places = (w->out.sequence ? rows : n) * co_shape_size(&w->out);
    return places / 2 + places % 2;
}

static void forward(const void *self, const co_call *call)
{
    const co_window *w = self;
    const size_t rows = co_shape_rows(&w->in, call->pass->batch), in = co_shape_size(&w->in),
                 out = co_shape_size(&w->out);
    const size_t plane = w->height * w->width, out_plane = w->out_height * w->out_width;
    uint16_t *place = (uint16_t *)call->cache + call->pass->first * out;
    const float *x = call->x[0];
    float *y = call->y;
    if (w->in.lanes) {
        const co_pooling pooling = pooling_of(w, call);
        for (size_t r = 0; r < rows; r++)
            w->fast->max_pool(&pooling, x + r * in, y + r * out, place + r * out);
        return;
    }
    for (size_t p = 0; p < rows * w->channels; p++)
        pool_plane(w, x + p * plane, y + p * out_plane, place + p * out_plane);
}

static void backward_input(const void *self, const co_call *call)
{
    const co_window *w = self;
    const size_t rows = co_shape_rows(&w->in, call->pass->batch), in = co_shape_size(&w->in),
                 out = co_shape_size(&w->out);
    const size_t plane = w->height * w->width, out_plane = w->out_height * w->out_width;
    const uint16_t *place = (const uint16_t *)call->cache + call->pass->first * out;
    const float *dy = call->dy;
    float *dx = call->dx[0];
    if (w->in.lanes) {
        const co_pooling pooling = pooling_of(w, call);
        for (size_t r = 0; r < rows; r++)
            w->fast->max_pool_back(&pooling, place + r * out, dy + r * out, dx + r * in);
        return;
    }
    memset(dx, 0, rows * in * sizeof *dx);
    for (size_t p = 0; p < rows * w->channels; p++)
        spread_plane(w, place + p * out_plane, dy + p * out_plane, dx + p * plane);
}

static const co_param params[] = {{"kernel", CO_INT, .lo = 1, .hi = 255, .flags = CO_REQUIRED,
                                   .doc = "height and width of the window, pixels"},
                                  {"stride", CO_INT, .lo = 1, .hi = 255, .flags = CO_OPTIONAL,
                                   .doc = "step of the window, pixels; default: kernel"},
                                  {0}};
const co_layer co_layer_max_pool = {.name = "max_pool",
                                    .summary = "largest value of each window",
                                    .source = "Ranzato et al., CVPR 2007",
                                    .params = params,
                                    .main_option = "kernel",
                                    .create = create,
                                    .destroy = co_free,
                                    .facts = facts,
                                    .cache_size = cache_size,
                                    .forward = forward,
                                    .backward_input = backward_input};
