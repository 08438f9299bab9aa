/* privacy/mechanisms/correlated.c - the independent draws below correlated noise: vectorised, for
 * simulation (privacy/mechanisms/gaussian.c says what floats lack). */
#include "privacy/mechanisms/correlated.h"
#include "core/status.h"

void co_correlated_draw(const co_noise_source *source, uint64_t index, uint64_t first, size_t n,
                        float *out)
{
    CO_ASSERT(!source->is_secret);
    const co_stream s =
        co_stream_open(source->seed, CO_DRAW_NOISE, index, UINT64_MAX, CO_NOISE_FOR_ROWS);
    co_fill_normal(&s, first, n, out);
}
