/* partition/labels.h - the labels that methods go by, where they are not y.
 *
 * Key `by` names them: a column (user, group), the set of the types of a tagged text's entities
 * (tags), the tenth of all lengths that a text is in (length), or a file with a word for each
 * example. Where devices are users (natural), it names what stands in their place. Without it,
 * tasks that have no classes get: of a tagged text the set of types, of a question the user (the
 * article) that its context is of. Source: Lin et al., FedNLP, 2022, arXiv:2104.08815, section 3.
 */
#pragma once
#include "partition/partitioner.h"

/* Whether such labels come from the texts, which columns alone do not have. Local. */
bool co_partition_needs_texts(const co_config *opt, const co_partitioner *member,
                              const co_dataset *data);
/* *view: data, borrowed, with y and n_classes by these rules where the member wants labels;
 * labels are numbered in the order in which they occur. CO_EUSAGE: no tag names an entity, the data
 * set lacks the column, the member goes by no labels. CO_EDATA, CO_EFILE: the file. Local. */
co_status co_partition_view(const co_config *opt, const co_partitioner *member,
                            const co_dataset *data, co_dataset *view);
void co_partition_view_fini(const co_dataset *data, co_dataset *view); /* zeroed allowed */
