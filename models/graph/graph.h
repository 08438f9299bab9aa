/* models/graph/graph.h - the inside of a model, for the files of this folder and model.c: nodes,
 * from which the table of tensors, the workspace and the passes derive.
 *
 * Node 0 is the batch; every other one is a layer with one to three inputs among the nodes before
 * it. build.c makes them from lists of layers and blocks, lowering.c decides what they share,
 * workspace.c lays out their memory, pass.c runs them. */
#pragma once
#include "models/kernels/kernels.h"
#include "models/model.h"

/* What lowering decides. All false: buffers of its own, the whole batch at once, nothing fused. */
typedef struct {
    bool passes_on; /* owns no buffer and is never called: hands its input on, and dy as dx */
    bool in_place;  /* writes over its first input, and dx[0] over dy */
    bool rectify;   /* does the work of the rectifier in front of it, which passes on */
    bool adds_dx;   /* adds to dx[0] itself, where it is to be added */
    bool brief;    /* its values are read by the next one's forward alone: the parts of a batch take
                      turns in one buffer */
    bool whole_dy; /* inside the parts: its gradient has room for the whole batch, not for a part */
    size_t dy_of;  /* the node whose gradient's buffer it shares; 0: its own */
} co_lowered;

/* What a pass reads stands first. */
typedef struct {
    const co_layer *layer; /* NULL: the batch */
    void *self;
    size_t n_inputs, input[CO_MAX_INPUTS];
    bool adds[CO_MAX_INPUTS]; /* dx is added to what nodes behind this one gave */
    bool trained, frozen;     /* at least one tensor is not frozen; is */
    bool tied;                /* at least one belongs to another node as well */
    bool wanted; /* the gradient by its values is needed: it, or something in front of it, trains */
    bool at_once; /* a step takes both phases in one */
    bool tapped;  /* its values and gradient must be there */
    co_lowered low;
    size_t floats; /* of a row of out */
    /* [n_tensors] their numbers, where they begin in the whole vector, where in that of what is
     * trained (frozen ones: as in the whole), and where their gradients do there; one block */
    size_t *tensor, *at, *place, *grad_place;
    bool *is_frozen,
        *owns; /* [n_tensors] which are frozen; which no node before it has; one block */
    size_t n_tensors;
    co_shape out;
    co_facts facts;
    size_t n_uses; /* inputs that it is */
    char *name;    /* its item's: "3", "3.0.1"; blocks give theirs to the node that ends them */
    char *after;   /* name of the item whose tensors stand before its own; NULL: those before it */
} co_vertex;

/* What model.lora asks for, while the nodes are made. */
typedef struct co_lora co_lora;
extern const co_param co_lora_params[];

struct co_model {
    co_vertex *node;
    size_t n_nodes, node_capacity;
    size_t n_parts; /* first node that a batch does not go through in parts; <= 1: none does */
    size_t part;    /* examples of a part */
    size_t n_taps;
    co_tensor *tensor;
    size_t n_tensors, tensor_capacity, size;
    size_t n_tied;    /* tensors that several nodes share */
    co_span *span[3]; /* by role */
    size_t n_spans[3];
    co_layout layout;
    const co_task *task;
    bool has_head;           /* gives what the task wants */
    co_criterion criterion;  /* the loss that it is trained with */
    const co_labels *labels; /* borrowed */
    const co_kernels *fast;  /* NULL: reference */
    co_lora *lora;           /* NULL: none, or all is built */
};

/* Where an item stands while a list is read. */
typedef struct {
    co_model *model;
    const char *file;
    char name[CO_NAME + 1]; /* "3.0" */
    char section[160];      /* "model.layers[3].residual[0]" for messages */
    const char *after;      /* as of a vertex; what stands inside a block has the block's */
    size_t n_classes;       /* what the word `classes` stands for */
    size_t encoder;         /* the node that a decoder around it looks at; 0: there is no decoder */
} co_place;

/* Node 0. */
co_status co_build_input(co_model *model, const co_shape *in);
/* Nodes for the items of a list, one behind the other and behind node `in`; *out: the last one.
 * name: of the list within the item at `place`, "" for its own. CO_EUSAGE as co_model_create.
 * Local. */
co_status co_build_list(const co_place *place, const co_node *list, const char *name, size_t in,
                        size_t *out);
/* CO_EUSAGE unless the node is a text that tensors can be called by: parts with dots between. */
co_status co_build_check_name(const co_place *place, const co_node *node);
/* One node, named as `place`. options: unchecked, NULL for a layer that has none. tie: NULL, or a
 * map {tensor: tensor of the model}. */
co_status co_build_layer(const co_place *place, const co_layer *layer, co_node *options,
                         const co_node *tie, const size_t *in, size_t *out);
/* Section model.lora, if there is one. CO_EUSAGE: not one that can be. Local. */
co_status co_lora_open(co_model *model, const co_config *opt);
void co_lora_close(co_model *model); /* nothing without one */
/* The layer that follows node *out, made from node `in` at that place, where that is a target;
 * *out: the new node. Local. */
co_status co_lora_follow(const co_place *place, size_t in, size_t *out);
/* Roles, as lora and freeze say. CO_EUSAGE: a pattern matches nothing. Local. */
co_status co_set_roles(co_model *model, const co_config *opt);
/* Puts the tensors into their order, after the nodes. CO_EUSAGE: `after` names no item, or goes
 * round in a circle, or two tensors have one name. opt and list: for the message. Local. */
co_status co_order_tensors(co_model *model, const co_config *opt, const co_node *list);
/* Node v is the item of that name, or stands inside it. */
bool co_graph_belongs(const co_vertex *v, const char *name);
/* After the nodes, roles or taps have changed. CO_EUSAGE: COHORT_LOWERING is neither on nor off.
 * Local. */
co_status co_lower(co_model *model);

/* After roles have changed: what is trained, and where it stands. Local. */
void co_lay_out(co_model *model);

typedef struct {
    float *y, *dy, *cache; /* in the arena; y is NULL where the node passes on */
    const float *out;      /* of the last forward: y, the batch, or another node's */
} co_slot;

struct co_workspace {
    const co_model *model;
    size_t max_n, max_rows, max_target_rows, n_taps;
    float *arena, *scratch, *extra; /* extra: gradients on their way to a sum */
    co_slot *slot;                  /* [n_nodes] */
};

/* co_model_loss from behind node `from` on, whose values are x; with gradients down to that node's
 * values when `down`, else as far as something trains. from > 0 needs a tap there. */
void co_pass_loss(const co_model *model, co_workspace *workspace, const float *params,
                  const co_pass *pass, size_t from, const float *x, const float *scale, float *grad,
                  bool down, double *sums);

/* What the entries of node l get in a pass; nothing is wanted back. */
void co_pass_open_call(const co_workspace *workspace, const co_pass *pass, const float *params,
                       size_t l, co_call *call);

/* Floats of a block behind which the next one is aligned. */
static inline size_t co_graph_align(size_t floats)
{
    return (floats + 15) / 16 * 16;
}

/* The last key of what node l draws at a step: step and node in one number, distinct below 2^42
 * steps. */
static inline uint64_t co_graph_draw(uint64_t step, size_t l)
{
    const uint64_t position = l - 1;
    return (step * 64 + position % 64) ^ (position / 64 << 48);
}
