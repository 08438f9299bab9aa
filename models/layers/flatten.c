/* models/layers/flatten.c - an image [c, h, w] becomes a row [c h w]: the same floats in the same
 * order.
 *
 * A row that is flat already stays as it is. Cost: none, the model passes the buffers on; an image
 * that stands channels-last is turned into planes, one pass. */
#include "models/layers/layer.h"
#include "core/memory.h"
#include "models/layers/layout.h"

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
    if (in->tokens)
        return co_config_fail(opt, NULL,
                              "needs floats, its input is tokens; put embedding before it");
    flatten *f = co_malloc(1, sizeof *f);
    if (!f) return CO_FAIL(CO_ENOMEM, "layer flatten");
    *f = (flatten){.in = *in, .fast = co_kernels_in_use()};
    planes.lanes = 0;
    *out = (co_shape){.sequence = in->sequence, .ndim = 1, .dim = {co_shape_size(&planes)}};
    *self = f;
    return CO_OK;
}

static bool passes_on(const void *self)
{
    return ((const flatten *)self)->in.lanes == 0;
}

static void forward(const void *self, const co_pass *pass, const float *params, const float *x,
                    float *y, float *cache, float *scratch)
{
    const flatten *f = self;
    (void)params, (void)cache, (void)scratch;
    co_layout_to_planes(f->fast, &f->in, co_shape_rows(&f->in, pass->batch), x, y);
}

static void backward_input(const void *self, const co_pass *pass, const float *params,
                           const float *x, const float *y, const float *dy, float *dx,
                           float *cache, float *scratch)
{
    const flatten *f = self;
    (void)params, (void)x, (void)y, (void)cache, (void)scratch;
    co_layout_to_lanes(f->fast, &f->in, co_shape_rows(&f->in, pass->batch), dy, dx);
}

const co_layer co_layer_flatten = {.name = "flatten",
                                   .summary = "an image becomes one row of features",
                                   .in_parts = true,
                                   .spares_input = true,
                                   .spares_output = true,
                                   .create = create,
                                   .destroy = co_free,
                                   .passes_on = passes_on,
                                   .forward = forward,
                                   .backward_input = backward_input};
