/* partition/values.h - a number of each example, for methods that go by one (CO_PART_BY_VALUE).
 *
 * Key `by` names it: y, the class number or the one number of a regression; y:J, number J of its
 * targets, from 0; x:J, feature J, scaled as models see it; length, the tokens of a text; else a
 * file with a number a line, one for each example of the data set, whatever its split. */
#pragma once
#include "partition/partitioner.h"

/* *value: a new block [data->n], finite. CO_EUSAGE: the data set lacks it. CO_EFILE, CO_EDATA: the
 * file, with the line. Local. */
co_status co_partition_values(const co_config *opt, const co_dataset *data, double **value);
