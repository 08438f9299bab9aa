/* models/layers/flatten.c - an image [c, h, w] becomes a row [c h w]: the same floats in the same
 * order.
 *
 * A row that is flat already stays as it is. Cost: none, a model shares the buffer; an image
 * that stands channels-last is turned into planes, one pass. */
#include "models/layers/input.h"
#include "core/memory.h"
#include "models/layers/layout.h"
#include <string.h>

typedef struct {
    co_shape in;
    const co_kernels *fast;
} flatten;

static co_status create(const co_config *opt, const co_shape *in, size_t n_classes, co_shape *out,
                        void **self)
{
    co_shape planes = *in;
    (void)n_classes;
    *self = NULL;
    CO_TRY(co_input_floats(opt, in));
    flatten *f = co_malloc(1, sizeof *f);
    if (!f) return CO_FAIL(CO_ENOMEM, "layer flatten");
    *f = (flatten){.in = *in, .fast = co_kernels_in_use()};
    planes.lanes = 0;
    *out = (co_shape){
        .sequence = in->sequence, .target = in->target, .ndim = 1, .dim = {co_shape_size(&planes)}};
    *self = f;
    return CO_OK;
}

static co_facts facts(const void *self)
{
    return (co_facts){.row_wise = true,
                      .alias = ((const flatten *)self)->in.lanes == 0,
                      .spares_input = true,
                      .spares_output = true,
                      .in_parts = true};
}

static size_t floats_of(const flatten *f, const co_call *call)
{
    return co_shape_rows(&f->in, call->pass->batch) * co_shape_size(&f->in);
}

static void forward(const void *self, const co_call *call)
{
    const flatten *f = self;
    if (f->in.lanes)
        co_layout_to_planes(f->fast, &f->in, co_shape_rows(&f->in, call->pass->batch), call->x[0],
                            call->y);
    else
        memcpy(call->y, call->x[0], floats_of(f, call) * sizeof *call->y);
}

static void backward_input(const void *self, const co_call *call)
{
    const flatten *f = self;
    if (f->in.lanes)
        co_layout_to_lanes(f->fast, &f->in, co_shape_rows(&f->in, call->pass->batch), call->dy,
                           call->dx[0]);
    else
        memcpy(call->dx[0], call->dy, floats_of(f, call) * sizeof *call->dy);
}

const co_layer co_layer_flatten = {.name = "flatten",
                                   .summary = "an image becomes one row of features",
                                   .create = create,
                                   .destroy = co_free,
                                   .facts = facts,
                                   .forward = forward,
                                   .backward_input = backward_input};
