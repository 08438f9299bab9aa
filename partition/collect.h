/* partition/collect.h - the lists of all ranks on rank 0. */
#pragma once
#include "partition/deal.h"

/* p->train_offsets, train and unassigned on rank 0, in the order of the devices; takes the blocks
 * of dealt where it can. Other ranks keep p as it is. Collective(in->ranks); the status is agreed.
 */
co_status co_collect(const co_partition_input *in, co_dealt *dealt, co_partition *p);
