/* models/layers/silu.c - y = x s, with s = 1 / (1 + exp(-x)).
 *
 * The slope s (1 + x (1 - s)) is kept, one float each: so y may stand where x stood, and backward
 * is one product a float. Cost: one exponential and one division a float, two floats written.
 * Source: Hendrycks & Gimpel 2016, arXiv:1606.08415, section 2 (there SiLU). */
#include "core/memory.h"
#include "models/layers/input.h"
#include "models/smooth.h"

static co_status create(const co_config *opt, const co_shape *in, size_t n_classes, co_shape *out,
                        void **self)
{
    (void)n_classes;
    *self = NULL;
    CO_TRY(co_input_floats(opt, in));
    co_shape *shape = co_malloc(1, sizeof *shape);
    if (!shape) return CO_FAIL(CO_ENOMEM, "layer silu");
    *shape = *out = *in;
    *self = shape;
    return CO_OK;
}

static size_t cache_size(const void *self, size_t n, size_t rows)
{
    const co_shape *shape = self;
    return (shape->sequence ? rows : n) * co_shape_size(shape);
}

/* y may be x. */
CO_CLONES static void silu_forward(size_t n, const float *x, float *y, float *restrict slope)
{
    CO_IN_ANY_ORDER
    for (size_t i = 0; i < n; i++) y[i] = co_silu(x[i], &slope[i]);
}

CO_CLONES static void silu_back(size_t n, const float *dy, const float *restrict slope, float *dx)
{
    CO_IN_ANY_ORDER
    for (size_t i = 0; i < n; i++) dx[i] = dy[i] * slope[i];
}

static void forward(const void *self, const co_call *call)
{
    const co_shape *shape = self;
    const size_t size = co_shape_size(shape), n = co_shape_rows(shape, call->pass->batch) * size;
    silu_forward(n, call->x[0], call->y, call->cache + call->pass->first * size);
}

static void backward_input(const void *self, const co_call *call)
{
    const co_shape *shape = self;
    const size_t size = co_shape_size(shape), n = co_shape_rows(shape, call->pass->batch) * size;
    silu_back(n, call->dy, call->cache + call->pass->first * size, call->dx[0]);
}

static co_facts facts(const void *self)
{
    (void)self;
    return (co_facts){.row_wise = true,
                      .in_place = true,
                      .spares_input = true,
                      .spares_output = true,
                      .in_parts = true};
}

const co_layer co_layer_silu = {.name = "silu",
                                .summary = "x times the logistic function of x, by element",
                                .source = "Hendrycks & Gimpel 2016, arXiv:1606.08415",
                                .create = create,
                                .destroy = co_free,
                                .facts = facts,
                                .cache_size = cache_size,
                                .forward = forward,
                                .backward_input = backward_input};
