/* models/items.h - the inside of a model, for the files of this folder: one description from which
 * the parameter table, the workspace and the passes derive. */
#pragma once
#include "models/model.h"

enum { CO_MAX_LAYERS = 64 }; /* a layer's draws are keyed by 64 step + layer */

/* One layer of the list. */
typedef struct {
    const co_layer *layer;
    void *self;
    co_shape in, out;
    bool at_once;   /* the layer's backward serves fused steps */
    bool passes_on; /* owns no buffer: its neighbour's is passed on */
    size_t first_tensor, n_tensors;
    size_t offset; /* of its first tensor in the vector */
    size_t size;   /* floats of its tensors */
    bool trained;  /* at least one tensor is not frozen */
    bool frozen;   /* at least one tensor is */
} co_item;

struct co_model {
    co_item item[CO_MAX_LAYERS];
    size_t n_items;
    size_t n_parts; /* lowest items, through which a batch goes in parts */
    size_t part;    /* examples of a part */
    size_t first_trained; /* lowest item with a trained tensor: below it no gradient is needed;
                             n_items if none */
    co_tensor *tensor;
    size_t n_tensors, tensor_capacity, size;
    const co_task *task;
    co_criterion criterion; /* the loss that it is trained with */
    const co_labels *labels; /* borrowed */
};
