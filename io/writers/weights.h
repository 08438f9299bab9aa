/* io/writers/weights.h - what the parts of the writer `weights` share. Local. */
#pragma once
#include "core/config.h"
#include "io/files/file.h"
#include "io/weights/safetensors.h"
#include "io/writers/aside.h"

/* A tensor of the checkpoint. */
typedef struct {
    co_stored stored; /* name, n_dims, dim; the name is owned */
    bool trained;     /* its role is not frozen */
} co_weights_tensor;

/* A checkpoint, opened. */
typedef struct {
    co_file *file;
    co_node *config;           /* the resolved experiment; NULL: the file holds none */
    const co_node *model;      /* its section; or NULL */
    const char *from;          /* model.from; or NULL */
    const co_node *lora;       /* model.lora; or NULL */
    const co_node *alpha;      /* of it: where it names none, its rank */
    co_weights_tensor *tensor; /* [n] by name */
    size_t n;
    char *missing; /* a tensor of the model that the file leaves out; NULL: none */
} co_weights_source;

co_status co_weights_source_open(const char *path, co_weights_source *source);
void co_weights_source_close(co_weights_source *source);
const co_weights_tensor *co_weights_source_find(const co_weights_source *source, const char *name);
/* The scalar `key` of the section, as text; NULL when it is absent or null. */
const char *co_weights_option(const co_node *section, const char *key);

/* config.json of the model for transformers, as a tree (co_node_destroy); NULL when it is none of
 * its architectures, which is no failure. What we do not know of it comes from the config.json of
 * model.from, where that still is. */
co_status co_weights_config(const co_weights_source *source, co_node **config);
/* Whether that dense layer's weight of it is stored [in][out]: GPT-2's Conv1D. */
bool co_weights_transposed(const co_weights_source *source, const char *name);
/* adapter_config.json as PEFT keeps it. */
co_status co_weights_adapter_config(const co_weights_source *source, co_node **config);
/* The lines of vocab.txt, new block; NULL: the architecture has none, or they are not known (a line
 * says so). */
co_status co_weights_vocabulary(const co_weights_source *source, char **text);

/* Whether the name ends so. */
bool co_weights_ends(const char *name, const char *end);
