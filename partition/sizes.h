/* partition/sizes.h - how many examples each device gets, whatever they are. */
#pragma once
#include "partition/partitioner.h"

typedef enum {
    CO_SIZES_EQUAL,
    CO_SIZES_LOGNORMAL,
    CO_SIZES_ZIPF,
    CO_SIZES_DIRICHLET,
    CO_SIZES_POWER,      /* (id + 1)^parameter: 1 linear, 2 square */
    CO_SIZES_EXPONENTIAL /* e^(parameter id) */
} co_size_law;
/* Adds to count[i * stride], i over the devices of this rank, its part of n examples. parameter:
 * sigma of the log-normal, exponent of Zipf, concentration of the Dirichlet law. EQUAL: spans that
 * differ by at most 1, the empty ones spread evenly. ZIPF: weight (j + 1)^-exponent, the ranks j a
 * keyed permutation of the devices. Uses the streams `draw_id` and draw_id + 1.
 * Collective(in->ranks).
 */
co_status co_sizes(const co_partition_input *in, uint64_t draw_id, co_size_law law,
                   double parameter, int64_t n, int32_t *count, size_t stride);
