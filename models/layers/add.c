/* models/layers/add.c - y = x_0 + x_1: where a residual block ends.
 *
 * dx_0 = dx_1 = dy. An image that stands channels-last makes the sum do so, and is joined by a copy
 * of the other one that does. Cost: one pass over the floats. */
#include "core/memory.h"
#include "core/vector.h"
#include "models/layers/layer.h"
#include "models/layers/layout.h"
#include <string.h>

typedef struct {
    co_shape in[2], out;
    const co_kernels *fast;
} add;

static co_status create(const co_config *opt, const co_shape *in, size_t n_classes, co_shape *out,
                        void **self)
{
    char text[CO_SHAPE_TEXT], other[CO_SHAPE_TEXT];
    (void)n_classes;
    *self = NULL;
    co_shape_text(&in[0], text);
    co_shape_text(&in[1], other);
    if (!co_shape_equal(&in[0], &in[1]) || in[0].tokens)
        return co_config_fail(opt, NULL,
                              "needs two inputs of floats with one shape, they are %s and %s", text,
                              other);
    add *a = co_malloc(1, sizeof *a);
    if (!a) return CO_FAIL(CO_ENOMEM, "layer add");
    *out = in[0].lanes ? in[0] : in[1];
    *a = (add){.in = {in[0], in[1]}, .out = *out, .fast = co_kernels_in_use()};
    *self = a;
    return CO_OK;
}

static co_facts facts(const void *self)
{
    const add *a = self;
    return (co_facts){.row_wise = true,
                      .in_place = a->in[0].lanes == a->out.lanes,
                      .spares_input = true,
                      .spares_output = true,
                      .in_parts = true};
}

static size_t scratch_size(const void *self, size_t n, size_t rows)
{
    const add *a = self;
    const bool turns = a->in[0].lanes != a->in[1].lanes;
    return turns ? (a->out.sequence ? rows : n) * co_shape_size(&a->out) : 0;
}

static void forward(const void *self, const co_call *call)
{
    const add *a = self;
    const size_t rows = co_shape_rows(&a->out, call->pass->batch),
                 n = rows * co_shape_size(&a->out);
    for (size_t s = 0; s < 2; s++) {
        const float *x = call->x[s];
        if (a->in[s].lanes != a->out.lanes) {
            co_layout_to_lanes(a->fast, &a->out, rows, x, call->scratch);
            x = call->scratch;
        }
        if (s > 0)
            co_vector_add_scaled(call->y, x, n, 1.0f);
        else if (x != call->y)
            memcpy(call->y, x, n * sizeof *x);
    }
}

static void backward_input(const void *self, const co_call *call)
{
    const add *a = self;
    const size_t rows = co_shape_rows(&a->out, call->pass->batch),
                 n = rows * co_shape_size(&a->out);
    for (size_t s = 0; s < 2; s++) {
        if (!call->dx[s] || call->dx[s] == call->dy) continue;
        if (a->in[s].lanes == a->out.lanes)
            memcpy(call->dx[s], call->dy, n * sizeof *call->dy);
        else
            co_layout_to_planes(a->fast, &a->out, rows, call->dy, call->dx[s]);
    }
}

const co_layer co_layer_add = {.name = "add",
                               .summary = "sum of two inputs: the end of a residual block",
                               .n_inputs = 2,
                               .create = create,
                               .destroy = co_free,
                               .facts = facts,
                               .scratch_size = scratch_size,
                               .forward = forward,
                               .backward_input = backward_input};
