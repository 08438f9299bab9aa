/* models/layers/layout.h - images as planes [channel][row][column], as data and tests see them, and
 * channels-last, as fast layers hand them on (co_shape.lanes). */
#pragma once
#include "models/batch.h"
#include "models/kernels/kernels.h"

/* The same images in the other layout; shape has lanes. Padding channels become zero. Local. */
void co_layout_to_lanes(const co_kernels *fast, const co_shape *shape, size_t rows,
                        const float *planes, float *lanes);
void co_layout_to_planes(const co_kernels *fast, const co_shape *shape, size_t rows,
                         const float *lanes, float *planes);
