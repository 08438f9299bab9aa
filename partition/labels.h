/* partition/labels.h - a label for every example of tasks that have none of their own, for methods
 * that go by labels: of a tagged text the set of the types of its entities, of a question the user
 * (the article) that its context is of. Source: Lin et al., FedNLP, 2022, arXiv:2104.08815, section
 * 3. */
#pragma once
#include "partition/partitioner.h"

/* Whether such labels come from token_y, which columns alone do not have. Local. */
bool co_partition_needs_tags(const co_partitioner *member, const co_dataset *data);
/* *view: data, borrowed, with y and n_classes by these rules where the member wants labels and the
 * data set has none; labels are numbered in the order in which they occur. CO_EUSAGE: no tag names
 * an entity. Local. */
co_status co_partition_view(const co_config *opt, const co_partitioner *member,
                            const co_dataset *data, co_dataset *view);
void co_partition_view_fini(const co_dataset *data, co_dataset *view); /* zeroed allowed */
