/* partition/questions.h - windows of one question (task span) stay together: on one device, in its
 * train or its test part, in one period. Otherwise a device would be tested on texts that it was
 * trained with, and answers be looked for in a part of a text. */
#pragma once
#include "partition/partitioner.h"

/* Whether example ids[i] is a further window of the question of ids[i - 1]. Local. */
static inline bool co_partition_goes_on(const co_dataset *data, const int64_t *ids, int64_t i)
{
    return data->question && i > 0 && data->question[ids[i]] == data->question[ids[i - 1]];
}
/* Examples of ids[n], ascending, the windows of a question counted once. Local. */
int64_t co_partition_units(const co_dataset *data, const int64_t *ids, int64_t n);
/* Every window of split 0 goes where the first one of its question is: to that device, or to none;
 * the devices' sizes change by a few windows. Nothing without questions. CO_ENOMEM. Local. */
co_status co_partition_join_questions(const co_dataset *data, co_partition *p);
