/* models/graph/block.h - kind block: several layers that stand as one item of a list of layers.
 *
 * A block adds nodes behind one node and says which of them is its end. Lists inside it name their
 * tensors by their place in it: item i of list `name` in item k is "k.name.i.weight". Adding one: a
 * file models/graph/<name>.c with the table co_block_<name>, and a line in list.h. repeat.c is the
 * simplest. */
#pragma once
#include "models/graph/graph.h"

typedef struct {
    CO_PLUGIN_FIELDS;
    const char *main_option; /* the option that `{residual: [..]}` sets; NULL: options are needed */
    /* Adds nodes behind node `in` by co_build_list and co_build_layer; *out: the last one.
     * CO_EUSAGE when shapes do not fit. Local. */
    co_status (*build)(const co_place *place, const co_config *opt, size_t in, size_t *out);
} co_block;

extern const co_kind co_kind_block;
const co_block *
co_block_find(const char *name); /* NULL, without a message, when there is none of that name */
