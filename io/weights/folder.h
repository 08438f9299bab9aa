/* io/weights/folder.h - the weights of a model as other programs keep them: a folder, or one file
 * of it. Local. */
#pragma once
#include "io/weights/safetensors.h"

typedef struct {
    char *path; /* as it was given */
    co_safetensors *file;
    size_t n_files;
    co_stored *tensor; /* [n], ascending by name; names borrowed from the files */
    size_t n;
} co_weights;

/* path: a file of format safetensors, or a folder with one of
 *   model.safetensors, model.safetensors.index.json and its shards, adapter_model.safetensors,
 * the first that is there. CO_EFILE: missing, not readable, or none of these. CO_EDATA: as
 * co_safetensors_open; an index that names a file outside the folder or one that is missing, or
 * that does not agree with the shards. weights is ended by co_weights_close, also after a failure.
 */
co_status co_weights_open(const char *path, co_weights *weights);
void co_weights_close(co_weights *weights);
const co_stored *co_weights_find(const co_weights *weights, const char *name); /* NULL: none */
/* All of it: out[tensor->size]. As co_safetensors_read. */
co_status co_weights_read(const co_weights *weights, const co_stored *tensor, float *out);
/* The file that the tensor lies in, for messages; borrowed. */
const char *co_weights_file(const co_weights *weights, const co_stored *tensor);
