/* partition/rounding.h - a table of real numbers of examples becomes one of whole numbers. */
#pragma once
#include "partition/partitioner.h"

/* x[n_columns] >= 0: what the device wants of each column; the sum is a whole number within
 * rounding. */
typedef void co_wanted(const void *self, int64_t device, double *x);

/* count[n_devices][n_columns]: every entry is x rounded down or up, every row keeps its sum, and no
 * column gets more than cap[column]; the columns' sums of x are at most cap, and all caps together
 * at least the sum of the table. Where x is above cap by less than 1 or so, a few entries may be
 * further off. An entry expects x; the devices that are rounded otherwise to keep the caps come in
 * keyed order, so that no device is favoured. Uses the streams `draw_id` and `draw_id` + 1. The
 * same on all ranks: every rank makes the whole table. Local. */
co_status co_round_table(const co_partition_input *in, uint64_t draw_id, co_wanted *wanted,
                         const void *self, size_t n_columns, const int64_t *cap, int32_t *count);
