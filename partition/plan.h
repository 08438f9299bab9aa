/* partition/plan.h - the making and ending of plans, for make.c. */
#pragma once
#include "partition/partitioner.h"

/* Groups and their sizes: the classes, or one of all examples. Local. */
co_status co_partition_plan_init(const co_partition_input *in, bool by_label,
                                 co_partition_plan *plan);
void co_partition_plan_fini(co_partition_plan *plan); /* Local. */
