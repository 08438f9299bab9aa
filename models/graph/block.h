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
    /* Adds nodes behind node `in` by place->list and co_build_layer; *out: the last one.
     * CO_EUSAGE when shapes do not fit. Local. */
    co_status (*build)(const co_place *place, const co_config *opt, size_t in, size_t *out);
} co_block;

/* Blocks of fixed layers: option `names` is NULL or a map {part: name}; parts ends with NULL. All
 * CO_EUSAGE with the section's place, and Local. */
co_status co_parts_check(const co_place *place, const co_config *opt, const char *const *parts);
/* *own: place of a part, "<place>.part" or as `names` calls it; of what stands inside a part. */
co_status co_parts_name(const co_place *place, const co_config *opt, const char *part,
                        co_place *own);
co_status co_parts_inside(const co_place *owner, const char *part, co_place *own);
/* One layer there. options: keys and values in turn, a value of NULL left out, NULL at the end. */
co_status co_parts_add(const co_place *own, const char *layer, const char *const *options,
                       const size_t *in, size_t *out);
/* A dense layer there, packed; options bias and transposed are the block's. */
co_status co_parts_dense(const co_place *own, const co_config *opt, size_t units, size_t in,
                         size_t *out);
/* Columns of node in, which must give rows of floats. */
co_status co_parts_width(const co_place *place, const co_config *opt, size_t in, size_t *width);

extern const co_kind co_kind_block;
const co_block *
co_block_find(const char *name); /* NULL, without a message, when there is none of that name */
