/* privacy/mechanisms/laplace.c - Laplace noise rounded to the grid, exact: no float between the
 * random words and the release.
 *
 * Contributions are whole steps, so that rounding Laplace noise is post-processing of the
 * continuous mechanism, and its guarantee holds as it is. The scale is a whole number of steps.
 * Cost: some 0.2 us a coordinate. Source: Dwork, McSherry, Nissim and Smith, TCC 2006. */
#include "privacy/mechanisms/discrete.h"
#include "privacy/mechanisms/mechanism.h"

static void add(const co_noise_release *release, double scale, uint64_t first, size_t n,
                int64_t *sum)
{
    for (size_t j = 0; j < n; j++) {
        co_noise_words words;
        co_noise_words_open(&words, release, first + j);
        sum[j] += co_noise_laplace(&words, (uint64_t)scale);
    }
}

const co_mechanism co_mechanism_laplace = {
    .name = "laplace",
    .summary = "L1 clip, exact rounded Laplace noise: delta may be 0",
    .source = "Dwork, McSherry, Nissim and Smith 2006",
    .params = co_mechanism_params,
    .norm = CO_NORM_L1,
    .noise = CO_NOISE_LAPLACE,
    .is_exact = true,
    .spread = 1.4142135623730951,
    .add = add};
