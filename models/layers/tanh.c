/* models/layers/tanh.c - y = tanh(x).
 *
 * dx = dy (1 - y^2), from the kept output. Cost: one exponential and one division a float, one
 * pass back. */
#include "models/layers/input.h"
#include "core/memory.h"
#include "models/smooth.h"

static co_status create(const co_config *opt, const co_shape *in, size_t n_classes, co_shape *out,
                        void **self)
{
    (void)n_classes;
    *self = NULL;
    CO_TRY(co_input_floats(opt, in));
    co_shape *shape = co_malloc(1, sizeof *shape);
    if (!shape) return CO_FAIL(CO_ENOMEM, "layer tanh");
    *shape = *out = *in;
    *self = shape;
    return CO_OK;
}

CO_CLONES static void tanh_forward(size_t n, const float *restrict x, float *restrict y)
{
    for (size_t i = 0; i < n; i++) y[i] = co_tanh(x[i]);
}

static void forward(const void *self, const co_call *call)
{
    const co_shape *shape = self;
    const size_t n = co_shape_rows(shape, call->pass->batch) * co_shape_size(shape);
    tanh_forward(n, call->x[0], call->y);
}

static void backward_input(const void *self, const co_call *call)
{
    const co_shape *shape = self;
    const size_t n = co_shape_rows(shape, call->pass->batch) * co_shape_size(shape);
    const float *restrict y = call->y, *restrict dy = call->dy;
    float *restrict dx = call->dx[0];
    for (size_t i = 0; i < n; i++) dx[i] = dy[i] * (1.0f - y[i] * y[i]);
}

static co_facts facts(const void *self)
{
    (void)self;
    return (co_facts){.row_wise = true, .in_parts = true};
}

const co_layer co_layer_tanh = {.name = "tanh",
                                .summary = "hyperbolic tangent, element by element",
                                .create = create,
                                .destroy = co_free,
                                .facts = facts,
                                .forward = forward,
                                .backward_input = backward_input};
