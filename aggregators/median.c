/* aggregators/median.c - the coordinate-wise median.
 * Per coordinate: the middle of the m device values, the mean of the two middle ones for even m.
 * Every device counts the same. Cost a coordinate: O(log^2 m) vector steps of m, no messages.
 * Source: Yin et al., ICML 2018, arXiv:1803.01498, Definition 1. */
#include "aggregators/updates.h"

static void middle(const void *context, const float *values, size_t m, size_t n, double *out)
{
    const float *low = values + (m - 1) / 2 * CO_TILE, *high = values + m / 2 * CO_TILE;
    (void)context;
    for (size_t j = 0; j < n; j++) out[j] = 0.5 * ((double)low[j] + (double)high[j]) + 0.0;
}

static void combine(const void *self, const co_updates *in, double *update)
{
    (void)self;
    co_rows_sorted(in, in->scratch, middle, NULL, update);
}

static size_t scratch(const void *self, size_t n_rows, size_t n)
{
    (void)self;
    (void)n;
    return n_rows * CO_TILE * sizeof(float);
}

const co_aggregator co_aggregator_median = {.name = "median",
                                            .summary = "coordinate-wise median",
                                            .source = "Yin et al. 2018, arXiv:1803.01498",
                                            .combine = combine,
                                            .scratch = scratch};
