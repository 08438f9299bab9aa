/* models/layers/tanh.c - y = tanh(x).
 *
 * dx = dy (1 - y^2), from the kept output. Cost: one tanh of the C library a float, one pass back.
 */
#include "models/layers/layer.h"
#include "core/memory.h"
#include <math.h>

static co_status create(const co_config *opt, const co_shape *in, size_t n_classes, co_shape *out,
                        void **self)
{
    (void)n_classes;
    *self = NULL;
    if (in->tokens)
        return co_config_fail(opt, NULL,
                              "needs floats, its input is tokens; put embedding before it");
    co_shape *shape = co_malloc(1, sizeof *shape);
    if (!shape) return CO_FAIL(CO_ENOMEM, "layer tanh");
    *shape = *out = *in;
    *self = shape;
    return CO_OK;
}

static void forward(const void *self, const co_pass *pass, const float *params,
                    const float *restrict x, float *restrict y, float *cache, float *scratch)
{
    const co_shape *shape = self;
    const size_t n = co_shape_rows(shape, pass->batch) * co_shape_size(shape);
    (void)params, (void)cache, (void)scratch;
    for (size_t i = 0; i < n; i++) y[i] = tanhf(x[i]);
}

static void backward_input(const void *self, const co_pass *pass, const float *params,
                           const float *x, const float *restrict y, const float *restrict dy,
                           float *restrict dx, float *cache, float *scratch)
{
    const co_shape *shape = self;
    const size_t n = co_shape_rows(shape, pass->batch) * co_shape_size(shape);
    (void)params, (void)x, (void)cache, (void)scratch;
    for (size_t i = 0; i < n; i++) dx[i] = dy[i] * (1.0f - y[i] * y[i]);
}

const co_layer co_layer_tanh = {.name = "tanh",
                                .summary = "hyperbolic tangent, element by element",
                                .in_parts = true,
                                .create = create,
                                .destroy = co_free,
                                .forward = forward,
                                .backward_input = backward_input};
