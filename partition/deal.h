/* partition/deal.h - from counts to lists: which examples of a group each device gets. */
#pragma once
#include "partition/partitioner.h"

/* The lists of the devices [first, last) of this rank, each ascending. */
typedef struct {
    int64_t *offsets; /* [last - first + 1] */
    int64_t *ids;
    int64_t *rest; /* on the last rank: what no device gets */
    int64_t n_rest;
} co_dealt;
void co_dealt_fini(co_dealt *dealt); /* Local. */

/* Deals the groups at random by the counts of the plan: every way to do so is equally likely.
 * Collective(in->ranks); the status is agreed. */
co_status co_deal(const co_partition_input *in, const co_partition_plan *plan, co_dealt *dealt);
