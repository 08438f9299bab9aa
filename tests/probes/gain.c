/* tests/probes/gain.c - a layer: y = g x, one trained factor for all numbers, 1 at first. */
#include "core/memory.h"
#include "models/layers/layer.h"

static co_status create(const co_config *opt, const co_shape *in, size_t n_classes, co_shape *out,
                        void **self)
{
    (void)opt;
    (void)n_classes;
    co_shape *shape = co_malloc(1, sizeof *shape);
    if (!shape) return CO_FAIL(CO_ENOMEM, "gain");
    *self = shape;
    *shape = *out = *in;
    return CO_OK;
}

static size_t tensors(const void *self, co_tensor_shape *shape)
{
    (void)self;
    shape[0] = (co_tensor_shape){.name = "weight", .ndim = 1, .dim = {1}};
    return 1;
}

static void init(const void *self, uint64_t seed, size_t t, uint64_t number, float *tensor)
{
    (void)self;
    (void)seed;
    (void)t;
    (void)number;
    tensor[0] = 1.0f;
}

static size_t count(const void *self, const co_call *c)
{
    return co_shape_rows(self, c->pass->batch) * co_shape_size(self);
}

static void forward(const void *self, const co_call *c)
{
    const float gain = *co_call_tensor(c, 0);
    for (size_t i = 0; i < count(self, c); i++) c->y[i] = gain * c->x[0][i];
}

static void backward_input(const void *self, const co_call *c)
{
    const float gain = *co_call_tensor(c, 0);
    for (size_t i = 0; c->dx[0] && i < count(self, c); i++) c->dx[0][i] = gain * c->dy[i];
}

static void backward_params(const void *self, const co_call *c)
{
    const size_t n = co_shape_rows(self, c->pass->batch), width = co_shape_size(self);
    double sum = 0.0;
    for (size_t i = 0; i < n * width; i++)
        sum +=
            (c->scale ? (double)c->scale[i / width] : 1.0) * (double)c->dy[i] * (double)c->x[0][i];
    *co_call_target(c, 0) += (float)sum;
}

const co_layer co_layer_gain = {.name = "gain",
                                .summary = "one factor for all numbers",
                                .create = create,
                                .destroy = co_free,
                                .tensors = tensors,
                                .init = init,
                                .forward = forward,
                                .backward_input = backward_input,
                                .backward_params = backward_params};
