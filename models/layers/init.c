/* models/layers/init.c - initial values: (2 u - 1) / sqrt(fan_in), u uniform in [0, 1). Cost: one
 * keyed draw a value. Source: LeCun et al., Efficient BackProp, 1998, section 4.6, in the variant
 * that PyTorch's layers use. */
#include "models/layers/init.h"
#include "core/random.h"
#include <math.h>

void co_init_fan_in(uint64_t seed, uint64_t tensor, size_t fan_in, size_t n, float *out)
{
    const co_stream stream = co_stream_open(seed, CO_DRAW_MODEL_INIT, 0, 0, tensor);
    const float bound = (float)(1.0 / sqrt((double)fan_in));
    co_fill_uniform(&stream, 0, n, out);
    for (size_t i = 0; i < n; i++) out[i] = (2.0f * out[i] - 1.0f) * bound;
}

void co_init_normal(uint64_t seed, uint64_t tensor, float deviation, size_t n, float *out)
{
    const co_stream stream = co_stream_open(seed, CO_DRAW_MODEL_INIT, 0, 0, tensor);
    co_fill_normal(&stream, 0, n, out);
    for (size_t i = 0; i < n; i++) out[i] *= deviation;
}
