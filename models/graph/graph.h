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
     * trained (frozen ones: as in the whole), where their gradients do there, and where they do
     * among the node's own; one block */
    size_t *tensor, *at, *place, *grad_place, *own_at;
    bool *is_frozen,
        *owns; /* [n_tensors] which are frozen; which no node before it has; one block */
    size_t n_tensors, own_floats; /* of all its tensors */
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
typedef struct co_place co_place;
struct co_place {
    co_model *model;
    const char *file;
    char name[CO_NAME + 1]; /* "3.0" */
    char section[160];      /* "model.layers[3].residual[0]" for messages */
    const char *after;      /* as of a vertex; what stands inside a block has the block's */
    size_t n_classes;       /* what the word `classes` stands for */
    size_t encoder;         /* the node that a decoder around it looks at; 0: there is no decoder */
    /* For a block, whose options hold lists: co_build_list. */
    co_status (*list)(const co_place *place, const co_node *list, const char *name, size_t in,
                      size_t *out);
};

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
co_status co_build_node(const co_place *place, const co_layer *layer, co_node *options,
                        const co_node *tie, const size_t *in, size_t *out);
/* The same, and behind it the change of low rank where model.lora names the layer; *out: the last
 * one. */
co_status co_build_layer(const co_place *place, const co_layer *layer, co_node *options,
                         const co_node *tie, const size_t *in, size_t *out);
/* Section model.lora, if there is one. CO_EUSAGE: not one that can be. Local. */
co_status co_lora_open(co_model *model, const co_config *opt);
void co_lora_close(co_model *model); /* nothing without one */
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

/* Floats that an example's own gradient by the node's tensor t takes. */
static inline size_t co_graph_own_size(const co_model *m, const co_vertex *v, size_t t)
{
    const size_t size = m->tensor[v->tensor[t]].size;
    return v->facts.each && v->layer->own_size ? v->layer->own_size(v->self, t) : size;
}

/* How a node's gradients of single examples get their norms, and what is clipped their sum. */
typedef enum {
    CO_NO_GRADIENT,
    CO_KEPT,   /* formed side by side, summed up with weights */
    CO_GHOST,  /* layer->norms, then backward_params with weights */
    CO_SINGLES /* formed one after the other and forgotten, then as CO_GHOST */
} co_clip_way;
enum { CO_MOST_KEPT = 1 << 18 }; /* floats of an example's gradient by a node's tensors */
static inline co_clip_way co_graph_clip_way(const co_vertex *v)
{
    if (!v->layer || !v->trained) return CO_NO_GRADIENT;
    if (v->facts.each && v->own_floats <= CO_MOST_KEPT) return CO_KEPT;
    return v->layer->norms ? CO_GHOST : CO_SINGLES;
}
/* The front of the graph goes part by part, and what it keeps is that of a part: all of its nodes
 * that train are CO_KEPT. */
bool co_graph_keeps_parts(const co_model *model);

typedef struct {
    float *y, *dy, *cache; /* in the arena; y is NULL where the node passes on */
    float *each;           /* CO_KEPT: [clip_n][own_floats], or [examples of a part][..] */
    float *sum;            /* [own_floats] the weighted sum over parts */
    const float *out;      /* of the last forward: y, the batch, or another node's */
} co_slot;

struct co_workspace {
    const co_model *model;
    size_t max_n, max_rows, max_target_rows, n_taps;
    float *arena, *scratch, *extra; /* extra: gradients on their way to a sum */
    /* For co_model_clipped (clipping.c, ghost.c): most groups (0: no room) and floats of `one`;
     * most examples at once; [2][max_n + 1] offsets of a part; the gradient of a slot; that of one
     * example by the tensors of a node, and by one that several share; [clip_groups + tied
     * tensors][max_n] squares; [clip_groups][max_n] weights; [n_sums] to come back to. */
    size_t clip_groups, clip_floats, clip_n;
    int64_t *offsets;
    float *one, *single, *shared, *weight;
    double *squared, *kept_squares, *kept_sums;
    co_slot *slot; /* [n_nodes] */
};

/* What co_model_loss consists of. Forward, from behind node `from` on, whose values are x; returns
 * the outputs. */
const float *co_pass_forward(const co_model *model, co_workspace *workspace, const float *params,
                             const co_pass *pass, size_t from, const float *x);
/* Phase one: from the gradient by the outputs (that of the last slot) to that by the values of node
 * `stop`, or with CO_PASS_ALL by all values that are wanted. */
enum { CO_PASS_ALL = -1 };
void co_pass_backward_inputs(const co_model *model, const co_workspace *workspace,
                             const float *params, const co_pass *pass, int64_t stop);
/* The same for nodes l >= begin alone. */
void co_pass_backward_inputs_behind(const co_model *model, const co_workspace *workspace,
                                    const float *params, const co_pass *pass, size_t begin);
/* Phase two of node l: grad += its weight gradients, from what phase one left; may be asked for
 * again, with another scale. */
void co_pass_backward_params_of(const co_model *model, const co_workspace *workspace,
                                const float *params, const co_pass *pass, size_t l,
                                const float *scale, float *grad);
/* Of all nodes behind node `from`. */
void co_pass_backward_params(const co_model *model, const co_workspace *workspace,
                             const float *params, const co_pass *pass, size_t from,
                             const float *scale, float *grad);

/* The part of a pass's batch behind the one in *part and *batch; the first one when that is empty.
 * False at the end. */
bool co_pass_next_part(const co_model *model, const co_pass *pass, co_pass *part, co_batch *batch);
/* Both phases of a part for nodes l < n_parts: the gradient of each example into slot.each. */
void co_pass_backward_each(const co_model *model, const co_workspace *workspace,
                           const float *params, const co_pass *part);
/* The call of node l with what phase two needs, or norms do; no target. */
void co_pass_open(const co_workspace *workspace, const co_pass *pass, const float *params, size_t l,
                  co_call *call);
/* Whose target is a block of the node's own tensors, each floats apart. */
void co_pass_target_own(const co_vertex *v, float *own, size_t each, co_call *call);

/* One call of co_model_clipped (clipping.c). */
typedef struct {
    const co_model *m;
    co_workspace *w;
    const float *params;
    const co_pass *pass;
    const co_clipping *how;
    double *sums;
} co_clip_run;
size_t co_clip_place(const co_clip_run *run, const co_tensor *tensor); /* in a gradient */
uint32_t co_clip_group(const co_clip_run *run, size_t tensor);
/* What a gradient of that norm is multiplied by; 0 for one that is not finite. */
float co_clipping_factor(double norm, double clip);
/* Examples first .. first + n of the run's batch as one of their own; its offsets are the
 * workspace's. */
void co_clip_part(const co_clip_run *run, size_t first, size_t n, co_batch *batch, co_pass *pass);
/* Forward, and the gradient by the outputs of each example's own loss; adds to the sums. */
void co_clip_forward(const co_clip_run *run, const co_pass *pass);
/* co_model_clipped for those examples, without slots, by norms alone (ghost.c). norms[n][n_groups].
 */
void co_clip_ghost(const co_clip_run *run, size_t first, size_t n, float *grad, double *norms);

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
