/* models/layers/global_avg_pool.c - the mean of each channel over the whole image: one row of
 * features.
 *
 * y_c = mean over pixels of x_c, dx = dy_c / pixels, as PyTorch's AdaptiveAvgPool2d(1) and a
 * flatten. Cost: one pass over the floats. Source: Lin, Chen & Yan, ICLR 2014, arXiv:1312.4400,
 * section 3.2. */
#include "core/memory.h"
#include "models/layers/layer.h"
#include "models/layers/channels.h"
#include <string.h>

static co_status create(const co_config *opt, const co_shape *in, size_t n_classes, co_shape *out,
                        void **self)
{
    char text[CO_SHAPE_TEXT];
    (void)n_classes;
    *self = NULL;
    co_shape_text(in, text);
    if (in->tokens || in->ndim != 3)
        return co_config_fail(opt, NULL,
                              "needs an image [channels, height, width], its input is %s", text);
    co_shape *shape = co_malloc(1, sizeof *shape);
    if (!shape) return CO_FAIL(CO_ENOMEM, "layer global_avg_pool");
    *shape = *in;
    *out =
        (co_shape){.sequence = in->sequence, .target = in->target, .ndim = 1, .dim = {in->dim[0]}};
    *self = shape;
    return CO_OK;
}

static co_facts facts(const void *self)
{
    (void)self;
    return (co_facts){.spares_input = true, .spares_output = true, .in_parts = true};
}

static size_t scratch_size(const void *self, size_t n, size_t rows)
{
    (void)n, (void)rows;
    return co_shape_channels(self);
}

static void forward(const void *self, const co_call *call)
{
    const co_shape *in = self;
    const size_t channels = in->dim[0], rows = co_shape_rows(in, call->pass->batch);
    const float pixels = (float)(in->dim[1] * in->dim[2]);
    float *sum = call->scratch;
    for (size_t r = 0; r < rows; r++) {
        co_channels_sum(in, call->x[0] + r * co_shape_size(in), sum);
        for (size_t c = 0; c < channels; c++) call->y[r * channels + c] = sum[c] / pixels;
    }
}

static void backward_input(const void *self, const co_call *call)
{
    const co_shape *in = self;
    const size_t channels = in->dim[0], rows = co_shape_rows(in, call->pass->batch),
                 padded = co_shape_channels(in);
    const float pixels = (float)(in->dim[1] * in->dim[2]);
    float *share = call->scratch;
    memset(share, 0, padded * sizeof *share);
    for (size_t r = 0; r < rows; r++) {
        for (size_t c = 0; c < channels; c++) share[c] = call->dy[r * channels + c] / pixels;
        co_channels_fill(in, share, call->dx[0] + r * co_shape_size(in));
    }
}

const co_layer co_layer_global_avg_pool = {.name = "global_avg_pool",
                                           .summary = "mean of each channel over the whole image",
                                           .source = "Lin, Chen & Yan, ICLR 2014, arXiv:1312.4400",
                                           .create = create,
                                           .destroy = co_free,
                                           .facts = facts,
                                           .scratch_size = scratch_size,
                                           .forward = forward,
                                           .backward_input = backward_input};
