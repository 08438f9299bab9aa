/* models/layers/relu.c - y = max(x, 0).
 *
 * dx = dy where y > 0, else 0 (0 at x = 0, as PyTorch). A NaN stays a NaN. Cost: one pass over the
 * floats each way. Source: Nair & Hinton, ICML 2010. */
#include "models/layers/input.h"
#include "core/memory.h"
#include "models/kernels/kernels.h"

typedef struct {
    co_shape shape;
    const co_kernels *fast; /* NULL: reference */
} relu;

static co_status create(const co_config *opt, const co_shape *in, size_t n_classes, co_shape *out,
                        void **self)
{
    (void)n_classes;
    *self = NULL;
    CO_TRY(co_input_floats(opt, in));
    relu *l = co_malloc(1, sizeof *l);
    if (!l) return CO_FAIL(CO_ENOMEM, "layer relu");
    *l = (relu){.shape = *in, .fast = co_kernels_in_use()};
    *out = *in;
    *self = l;
    return CO_OK;
}

static void forward(const void *self, const co_call *call)
{
    const relu *l = self;
    const size_t n = co_shape_rows(&l->shape, call->pass->batch) * co_shape_size(&l->shape);
    const float *x = call->x[0];
    float *y = call->y;
    if (l->fast) {
        l->fast->relu(n, x, y);
        return;
    }
    for (size_t i = 0; i < n; i++) y[i] = x[i] < 0.0f ? 0.0f : x[i];
}

static void backward_input(const void *self, const co_call *call)
{
    const relu *l = self;
    const size_t n = co_shape_rows(&l->shape, call->pass->batch) * co_shape_size(&l->shape);
    const float *y = call->y, *dy = call->dy;
    float *dx = call->dx[0];
    if (l->fast) {
        l->fast->relu_back(n, y, dy, dx);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const float d = dy[i]; /* read in any case: no branch */
        dx[i] = y[i] <= 0.0f ? 0.0f : d;
    }
}

static co_facts facts(const void *self)
{
    (void)self;
    return (co_facts){.row_wise = true, .in_place = true, .in_parts = true, .rectifies = true};
}

const co_layer co_layer_relu = {.name = "relu",
                                .summary = "max(x, 0), element by element",
                                .source = "Nair & Hinton, ICML 2010",
                                .create = create,
                                .destroy = co_free,
                                .facts = facts,
                                .forward = forward,
                                .backward_input = backward_input};
