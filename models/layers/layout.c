/* models/layers/layout.c - channels-last and back, one transposition an image. Cost: one pass over
 * the floats. */
#include "models/layers/layout.h"
#include <string.h>

void co_layout_to_lanes(const co_kernels *fast, const co_shape *shape, size_t rows,
                        const float *planes, float *lanes)
{
    const size_t channels = shape->dim[0], pixels = shape->dim[1] * shape->dim[2],
                 padded = co_shape_channels(shape);
    if (padded > channels) memset(lanes, 0, rows * pixels * padded * sizeof *lanes);
    for (size_t r = 0; r < rows; r++)
        fast->transpose(channels, pixels, planes + r * pixels * channels, pixels,
                        lanes + r * pixels * padded, padded);
}

void co_layout_to_planes(const co_kernels *fast, const co_shape *shape, size_t rows,
                         const float *lanes, float *planes)
{
    const size_t channels = shape->dim[0], pixels = shape->dim[1] * shape->dim[2],
                 padded = co_shape_channels(shape);
    for (size_t r = 0; r < rows; r++)
        fast->transpose(pixels, channels, lanes + r * pixels * padded, padded,
                        planes + r * pixels * channels, pixels);
}
