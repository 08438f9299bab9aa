/* models/layers/flatten.c - an image [c, h, w] becomes a row [c h w]: the same floats in the same
 * order.
 *
 * A row that is flat already stays as it is. Cost: none, the model passes the buffers on. */
#include "models/layers/layer.h"

static co_status create(const co_config *opt, const co_shape *in, size_t n_classes, co_shape *out,
                        void **self)
{
    (void)n_classes;
    *self = NULL;
    if (in->tokens)
        return co_config_fail(opt, NULL,
                              "needs floats, its input is tokens; put embedding before it");
    *out = (co_shape){.sequence = in->sequence, .ndim = 1, .dim = {co_shape_size(in)}};
    return CO_OK;
}

const co_layer co_layer_flatten = {
    .name = "flatten", .summary = "an image becomes one row of features", .create = create};
