/* models/layers/max_pool.c - the largest value of each window.
 *
 * Windows that would leave the image are dropped (floor), as in PyTorch. dy goes to the first
 * largest value of a window, rows first; it is found again from x and y, nothing is kept. A NaN in
 * a window gives NaN. Cost: kernel^2 compares an output, each way, in passes over output rows that
 * the compiler turns into vector code. Source: Ranzato et al., CVPR 2007. */
#include "models/layers/layer.h"
#include "core/memory.h"
#include "models/layers/window.h"
#include <string.h>

typedef struct {
    co_window w;
    bool relu; /* the windows are of max(x, 0) */
} max_pool;

static co_status create(const co_config *opt, const co_shape *in, size_t n_classes, co_shape *out,
                        void **self)
{
    co_window w;
    (void)n_classes;
    *self = NULL;
    CO_TRY(co_window_init(&w, opt, in, 0, false));
    max_pool *kept = co_malloc(1, sizeof *kept);
    if (!kept) return CO_FAIL(CO_ENOMEM, "layer max_pool");
    *kept = (max_pool){.w = w};
    *out = w.out;
    *self = kept;
    return CO_OK;
}

/* Channels-last: the largest of max(x, 0) is max(the largest x, 0), and dy passes where that is above 0. */
static bool take_relu(void *self)
{
    max_pool *pool = self;
    return pool->relu = pool->w.in.lanes > 0;
}

static co_pooling pooling_of(const max_pool *pool)
{
    co_pooling pooling = co_window_pooling(&pool->w);
    pooling.relu = pool->relu;
    return pooling;
}

/* One output row: y[c] = max of x[i * width + c * stride + j], i, j < kernel. */
static inline __attribute__((always_inline)) void pool_row(const float *restrict x, size_t width,
                                                           size_t kernel, size_t stride, size_t n,
                                                           float *restrict y)
{
    for (size_t c = 0; c < n; c++) y[c] = x[c * stride];
    for (size_t i = 0; i < kernel; i++)
        for (size_t j = i == 0 ? 1 : 0; j < kernel; j++)
            for (size_t c = 0; c < n; c++) {
                const float v = x[i * width + c * stride + j];
                y[c] = v > y[c] || v != v ? v : y[c];
            }
}

/* rest[c] holds dy[c] until the first place where x equals y has taken it. */
static void spread_row(const co_window *w, const float *restrict x, const float *restrict y,
                       float *restrict rest, float *restrict dx)
{
    for (size_t i = 0; i < w->kernel; i++)
        for (size_t j = 0; j < w->kernel; j++)
            for (size_t c = 0; c < w->out_width; c++) {
                const size_t at = i * w->width + c * w->stride + j;
                const float left = rest[c]; /* read in any case: no branch */
                const float taken = x[at] == y[c] ? left : 0.0f;
                dx[at] += taken;
                rest[c] = left - taken;
            }
}

/* The same for windows of 2 x 2 side by side, all four places at once: whole rows are stored, as
 * vectors like it. */
static void spread_pairs(const float *restrict x, size_t width, size_t n, const float *restrict y,
                         const float *restrict dy, float *restrict dx)
{
    for (size_t c = 0; c < n; c++) {
        const float largest = y[c], d0 = dy[c];
        const float t0 = x[2 * c] == largest ? d0 : 0.0f, d1 = d0 - t0;
        const float t1 = x[2 * c + 1] == largest ? d1 : 0.0f, d2 = d1 - t1;
        const float t2 = x[width + 2 * c] == largest ? d2 : 0.0f, d3 = d2 - t2;
        dx[2 * c] = t0;
        dx[2 * c + 1] = t1;
        dx[width + 2 * c] = t2;
        dx[width + 2 * c + 1] = x[width + 2 * c + 1] == largest ? d3 : 0.0f;
    }
}

static void forward(const void *self, const co_pass *pass, const float *params, const float *x,
                    float *y, float *cache, float *scratch)
{
    const co_window *w = &((const max_pool *)self)->w;
    const size_t planes = co_shape_rows(&w->in, pass->batch) * w->channels;
    (void)params, (void)cache, (void)scratch;
    if (w->in.lanes) {
        const co_pooling pooling = pooling_of(self);
        for (size_t r = 0; r < co_shape_rows(&w->in, pass->batch); r++)
            w->fast->max_pool(&pooling, x + r * co_shape_size(&w->in), y + r * co_shape_size(&w->out));
        return;
    }
    for (size_t p = 0; p < planes; p++, x += w->height * w->width)
        for (size_t r = 0; r < w->out_height; r++, y += w->out_width) {
            const float *row = x + r * w->stride * w->width;
            if (w->kernel == 2 && w->stride == 2)
                pool_row(row, w->width, 2, 2, w->out_width, y);
            else
                pool_row(row, w->width, w->kernel, w->stride, w->out_width, y);
        }
}

static size_t scratch_size(const void *self, size_t n, size_t rows)
{
    (void)n, (void)rows;
    return ((const max_pool *)self)->w.out_width;
}

static void backward_input(const void *self, const co_pass *pass, const float *params,
                           const float *x, const float *y, const float *dy, float *dx,
                           float *cache, float *scratch)
{
    const co_window *w = &((const max_pool *)self)->w;
    const size_t size = w->height * w->width,
                 planes = co_shape_rows(&w->in, pass->batch) * w->channels;
    (void)params, (void)cache;
    if (w->in.lanes) {
        const co_pooling pooling = pooling_of(self);
        const size_t in = co_shape_size(&w->in), out = co_shape_size(&w->out);
        for (size_t r = 0; r < co_shape_rows(&w->in, pass->batch); r++)
            w->fast->max_pool_back(&pooling, x + r * in, y + r * out, dy + r * out, dx + r * in);
        return;
    }
    memset(dx, 0, planes * size * sizeof *dx);
    for (size_t p = 0; p < planes; p++, x += size, dx += size)
        for (size_t r = 0; r < w->out_height; r++, y += w->out_width, dy += w->out_width) {
            const size_t row = r * w->stride * w->width;
            if (w->kernel == 2 && w->stride == 2) {
                spread_pairs(x + row, w->width, w->out_width, y, dy, dx + row);
                continue;
            }
            memcpy(scratch, dy, w->out_width * sizeof *scratch);
            spread_row(w, x + row, y, scratch, dx + row);
        }
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
                                    .take_relu = take_relu,
                                    .in_parts = true,
                                    .create = create,
                                    .destroy = co_free,
                                    .scratch_size = scratch_size,
                                    .forward = forward,
                                    .backward_input = backward_input};
