/* models/layers/input.c - what layers ask of their input, in one wording. */
#include "models/layers/input.h"

co_status co_input_floats(const co_config *opt, const co_shape *in)
{
    if (!in->tokens) return CO_OK;
    return co_config_fail(opt, NULL, "needs floats, its input is tokens; put embedding before it");
}

co_status co_input_sequences(const co_config *opt, const co_shape *in)
{
    char text[CO_SHAPE_TEXT];
    if (!in->tokens && in->sequence && in->ndim == 1) return CO_OK;
    co_shape_text(in, text);
    return co_config_fail(opt, NULL, "needs sequences of [features], its input is %s%s", text,
                          in->tokens ? "; put embedding before it" : "");
}
