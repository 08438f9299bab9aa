/* models/layers/window.h - square windows sliding over images: what convolution and pooling share.
 */
#pragma once
#include "core/config.h"
#include "models/batch.h"
#include "models/kernels/kernels.h"

/* Output pixel (r, c) sees input rows r stride - pad .. r stride - pad + kernel - 1, and columns
 * alike; what lies outside is zero. pad is the padding before; what is needed after follows from
 * the output's size. */
typedef struct {
    co_shape in, out;
    size_t channels, height, width; /* of the input */
    size_t kernel, stride, pad;
    size_t out_height, out_width;
    const co_kernels *fast; /* NULL: reference */
} co_window;
co_pooling co_window_pooling(const co_window *window);

enum { CO_PADDING_SAME = -1 };
/* Local. Reads option `kernel`, and `stride` (default: kernel). padding: zeros on every side, fewer
 * than the kernel has pixels; CO_PADDING_SAME: so many that there are as many output pixels as
 * input pixels, for stride 1. out_channels 0: as many as the input has. CO_EUSAGE when the input is
 * no image or smaller than the kernel. */
co_status co_window_init(co_window *window, const co_config *opt, const co_shape *in,
                         size_t out_channels, int64_t padding);
