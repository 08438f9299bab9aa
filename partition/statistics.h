/* partition/statistics.h - what the files of statistics share. Local. */
#pragma once
#include "partition/partitioner.h"

enum { CO_MAX_STATISTICS = 40 }; /* of a partition */

/* Appends a scalar to the partition's; the room is made by co_partition_statistics. */
co_status co_statistic_add(co_partition *p, const char *name, double value);
/* Those of statistics_labels.c; data has labels. seed keys the sampled pairs. */
co_status co_statistics_labels(co_partition *p, const co_dataset *data, uint64_t seed);
