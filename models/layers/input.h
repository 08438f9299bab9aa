/* models/layers/input.h - what layers ask of their input. Each is CO_OK, or CO_EUSAGE with what
 * comes instead and what to do. Local. */
#pragma once
#include "models/layers/layer.h"

co_status co_input_floats(const co_config *opt, const co_shape *in);    /* no tokens */
co_status co_input_sequences(const co_config *opt, const co_shape *in); /* rows [features] */
