/* io/readers/shape.h - what one example is: the options shape and layout of every import. Local. */
#pragma once
#include "core/config.h"
#include "io/data/dataset.h"

/* Options shape, layout; they stand in co_reader_common_params. */
#define CO_SHAPE_PARAMS                                                                            \
    {"shape", CO_STRING, .flags = CO_OPTIONAL,                                                     \
     .doc = "of one example, where rows are flat: 1x28x28"},                                       \
    {                                                                                              \
        "layout", CO_CHOICE, .words = "auto|NCHW|NHWC",                                            \
                             .doc = "where images have their channels; auto: last if there are "   \
                                    "1, 3 or 4 of them there"                                      \
    }

/* Gives x the shape that is asked for, and turns images with channels last (layout) into
 * [channels][height][width]. auto, told by a line: [h][w][c] with c 1, 3 or 4, h and w at least 8,
 * is NHWC; bytes [h][w] are one channel. CO_EUSAGE when the shape has another number of elements or
 * the examples are no images. Nothing for texts. */
co_status co_shape_apply(const co_config *opt, co_dataset *data);
