/* io/readers/shape.c - shapes of examples. Cost: one pass over x where channels move, one example
 * of memory. */
#include "io/readers/shape.h"
#include "core/log.h"
#include "core/memory.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LEAST_SIDE = 8 }; /* of what auto takes as an image */

/* "1x28x28" */
static bool parse(const char *text, size_t dim[4], size_t *ndim)
{
    for (*ndim = 0; *ndim < 4;) {
        char *end;
        if (*text < '1' || *text > '9') return false;
        dim[(*ndim)++] = strtoull(text, &end, 10);
        if (!*end) return true;
        if (*end != 'x') return false;
        text = end + 1;
    }
    return false;
}

static co_status set_shape(const char *text, co_dataset *data)
{
    size_t dim[4], ndim, size = 1;
    bool fits = true;
    if (!parse(text, dim, &ndim))
        return CO_FAIL(CO_EUSAGE, "shape=%.60s: 1 to 4 sizes with x between them, as in 1x28x28",
                       text);
    for (size_t i = 0; i < ndim; i++) fits = fits && !__builtin_mul_overflow(size, dim[i], &size);
    if (!fits || size != data->x_size)
        return CO_FAIL(CO_EUSAGE,
                       "shape=%.60s: an example has %zu numbers, this shape another count", text,
                       data->x_size);
    data->x_ndim = ndim;
    memcpy(data->x_dim, dim, ndim * sizeof *dim);
    return CO_OK;
}

/* One example [height width][channels] to [channels][height width]. */
static void move_channels(char *x, size_t size, size_t channels, size_t element, char *scratch)
{
    const size_t pixels = size / channels;
    for (size_t p = 0; p < pixels; p++)
        for (size_t c = 0; c < channels; c++)
            memcpy(scratch + (c * pixels + p) * element, x + (p * channels + c) * element, element);
    memcpy(x, scratch, size * element);
}

static co_status channels_first(co_dataset *data)
{
    const size_t height = data->x_dim[0], width = data->x_dim[1], channels = data->x_dim[2];
    const size_t element = co_dtype_size(data->x_type, 0), bytes = data->x_size * element;
    char *scratch = co_malloc(bytes, 1);
    if (!scratch) return CO_FAIL(CO_ENOMEM, "out of memory for one example");
    for (int64_t i = 0; channels > 1 && i < data->n; i++)
        move_channels((char *)data->x + (size_t)i * bytes, data->x_size, channels, element,
                      scratch);
    co_free(scratch);
    data->x_dim[0] = channels;
    data->x_dim[1] = height;
    data->x_dim[2] = width;
    return CO_OK;
}

static bool is_few(size_t channels)
{
    return channels == 1 || channels == 3 || channels == 4;
}

static co_status guess(co_dataset *data)
{
    const size_t *d = data->x_dim;
    const bool image = data->x_ndim >= 2 && d[0] >= LEAST_SIDE && d[1] >= LEAST_SIDE;
    if (image && data->x_ndim == 3 && is_few(d[2])) {
        co_log("examples [%zu, %zu, %zu] are taken as height, width, channels; layout=NCHW leaves "
               "them "
               "as they are",
               d[0], d[1], d[2]);
        return channels_first(data);
    }
    if (image && data->x_ndim == 2 && data->x_type == CO_U8) {
        co_log(
            "examples [%zu, %zu] of bytes are taken as images of one channel; layout=NCHW leaves "
            "them as they are",
            d[0], d[1]);
        memmove(data->x_dim + 1, data->x_dim, 2 * sizeof *data->x_dim);
        data->x_dim[0] = 1;
        data->x_ndim = 3;
    }
    return CO_OK;
}

co_status co_shape_apply(const co_config *opt, co_dataset *data)
{
    const char *layout = co_config_string(opt, "layout");
    if (!data->x) {
        if (co_config_has(opt, "shape"))
            return CO_FAIL(CO_EUSAGE, "shape=%.60s: these examples are no rows of numbers",
                           co_config_string(opt, "shape"));
        return CO_OK;
    }
    if (co_config_has(opt, "shape")) CO_TRY(set_shape(co_config_string(opt, "shape"), data));
    if (strcmp(layout, "NCHW") == 0) return CO_OK;
    if (strcmp(layout, "auto") == 0) return guess(data);
    if (data->x_ndim != 3)
        return CO_FAIL(CO_EUSAGE, "layout=NHWC: examples have %zu dimensions, images have 3%s",
                       data->x_ndim, co_config_has(opt, "shape") ? "" : "; give shape=HxWxC");
    return channels_first(data);
}
