/* models/layers/window.c - sizes of sliding windows.
 *
 * With p zeros on every side: out = floor((in + 2 p - kernel) / stride) + 1. `same`: kernel - 1
 * zeros in all, the smaller half of them before, as PyTorch's padding='same' puts them; stride 1
 * only, as there. Cost: constant. */
#include "models/layers/window.h"

static co_status check_padding(const co_window *w, const co_config *opt, int64_t padding)
{
    if (padding == CO_PADDING_SAME && w->stride > 1)
        return co_config_fail(
            opt, co_config_node(opt, "stride"),
            "padding same needs stride 1, not %zu; use padding: valid, or a number of pixels",
            w->stride);
    if (padding >= (int64_t)w->kernel)
        return co_config_fail(
            opt, co_config_node(opt, "padding"),
            "%lld pixels of padding are too many for a window of %zu x %zu; use at most %zu",
            (long long)padding, w->kernel, w->kernel, w->kernel - 1);
    return CO_OK;
}

co_status co_window_init(co_window *window, const co_config *opt, const co_shape *in,
                         size_t out_channels, int64_t padding)
{
    char text[CO_SHAPE_TEXT];
    co_shape_text(in, text);
    if (in->tokens || in->ndim != 3)
        return co_config_fail(opt, NULL,
                              "needs an image [channels, height, width], its input is %s", text);
    co_window w = {
        .in = *in, .out = *in, .channels = in->dim[0], .height = in->dim[1], .width = in->dim[2]};
    w.kernel = (size_t)co_config_int(opt, "kernel");
    w.stride = co_config_has(opt, "stride") ? (size_t)co_config_int(opt, "stride") : w.kernel;
    const bool same = padding == CO_PADDING_SAME;
    CO_TRY(check_padding(&w, opt, padding));
    w.pad = same ? (w.kernel - 1) / 2 : (size_t)padding;
    if (!same && (w.kernel > w.height + 2 * w.pad || w.kernel > w.width + 2 * w.pad)) {
        return co_config_fail(
            opt, co_config_node(opt, "kernel"),
            "a window of %zu x %zu does not fit into its input %s; use at most %zu", w.kernel,
            w.kernel, text, w.height < w.width ? w.height : w.width);
    }
    w.out_height = same ? w.height : (w.height + 2 * w.pad - w.kernel) / w.stride + 1;
    w.out_width = same ? w.width : (w.width + 2 * w.pad - w.kernel) / w.stride + 1;
    w.out.dim[0] = out_channels ? out_channels : w.channels;
    w.out.dim[1] = w.out_height;
    w.out.dim[2] = w.out_width;
    w.fast = co_kernels_in_use();
    *window = w;
    return CO_OK;
}

co_pooling co_window_pooling(const co_window *w)
{
    return (co_pooling){.channels = co_shape_channels(&w->in),
                        .height = w->height,
                        .width = w->width,
                        .kernel = w->kernel,
                        .stride = w->stride,
                        .out_height = w->out_height,
                        .out_width = w->out_width};
}
