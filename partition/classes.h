/* partition/classes.h - devices that hold a few classes each, and have sizes of their own. */
#pragma once
#include "partition/partitioner.h"

/* Which classes each device holds. Borrowed but for what co_classes_fit fills in the plan. */
typedef struct {
    const co_partition_input *in;
    co_partition_plan *plan; /* its counts are zeroed */
    size_t k;                /* classes a device */
    int32_t *held;           /* [n_devices][k] distinct */
    double *weight;          /* [n_devices][k] logs of the parts wished; overwritten */
    int64_t *size;           /* [n_devices] */
} co_classes_held;

/* Fills plan->count: sizes by a law as near as the classes allow, with every example of a class
 * that a device holds dealt; given sizes exactly, or CO_EUSAGE with the class that is short.
 * Collective(in->ranks). */
co_status co_classes_fit(const co_classes_held *held, const co_config *opt);
