/* partition/kmeans.h - clusters of the features. */
#pragma once
#include "partition/partitioner.h"

/* *cluster: a new block [data->n] with 0 .. k - 1 for the examples of split 0 (0 for the others),
 * the same on any number of ranks. Collective(in->ranks); the status is agreed. */
co_status co_kmeans(const co_partition_input *in, size_t k, int iterations, int32_t **cluster);
