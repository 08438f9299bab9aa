/* models/layers/window.c - sizes of sliding windows.
 *
 * Without padding: out = floor((in - kernel) / stride) + 1. `same`: kernel - 1 zeros in all, the
 * smaller half of them before, as PyTorch's padding='same' puts them; stride 1 only, as there.
 * Cost: constant. */
#include "models/layers/window.h"

static co_status check_same(const co_window *w, const co_config *opt)
{
    if (w->stride == 1) return CO_OK;
    return co_config_fail(opt, co_config_node(opt, "stride"),
                          "padding same needs stride 1, not %zu; use padding: valid", w->stride);
}

co_status co_window_init(co_window *window, const co_config *opt, const co_shape *in,
                         size_t out_channels, bool same)
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
    if (same) {
        CO_TRY(check_same(&w, opt));
        w.pad = (w.kernel - 1) / 2;
    } else if (w.kernel > w.height || w.kernel > w.width) {
        return co_config_fail(
            opt, co_config_node(opt, "kernel"),
            "a window of %zu x %zu does not fit into its input %s; use at most %zu", w.kernel,
            w.kernel, text, w.height < w.width ? w.height : w.width);
    }
    w.out_height = same ? w.height : (w.height - w.kernel) / w.stride + 1;
    w.out_width = same ? w.width : (w.width - w.kernel) / w.stride + 1;
    w.out.dim[0] = out_channels ? out_channels : w.channels;
    w.out.dim[1] = w.out_height;
    w.out.dim[2] = w.out_width;
    w.fast = co_kernels_in_use();
    *window = w;
    return CO_OK;
}

co_pooling co_window_pooling(const co_window *w)
{
    return (co_pooling){.channels = co_shape_channels(&w->in), .height = w->height, .width = w->width, .kernel = w->kernel,
                        .stride = w->stride, .out_height = w->out_height, .out_width = w->out_width};
}
