/* models/model.h - a model: a graph of layers over one canonical parameter vector.
 *
 * The vector holds the tensors in PyTorch's order, shape and names (torch.nn.Sequential of the same
 * list: "1.weight", every item counts; inside blocks "1.0.weight"), without padding; a tensor that
 * two layers share stands once, under its first name. Items with keys `name` and `after` have
 * another name and place: those of the model they stand for. Norms, noise, digests, checkpoints and
 * aggregation index it. All calls are Local; the structure is the same on all ranks. */
#pragma once
#include "core/config.h"
#include "models/batch.h"
#include "models/layers/layer.h"
#include "models/presets/preset.h"
#include "models/tasks/task.h"

typedef struct co_model co_model;

enum { CO_NAME = 128 }; /* longest name of a tensor */
typedef struct {
    char name[CO_NAME + 1];
    size_t ndim, dim[4];
    size_t offset, size; /* floats, in the vector */
    size_t n_uses;       /* layers that it belongs to: above 1 where it is tied */
    double spread;       /* standard deviation of normal initial values; 0: those of its layer */
    co_role role;
} co_tensor;

typedef struct {
    size_t offset, size; /* floats, in the vector */
} co_span;

/* What is trained: the vector without those of its blocks (CO_BLOCK coordinates) in which
 * everything is frozen. The grid stays, so that norms and sums over blocks keep their bits. With
 * nothing frozen it is the vector itself. */
typedef struct {
    size_t offset, at, size; /* floats [offset, offset + size) of the vector, from `at` on */
} co_part;
typedef struct {
    size_t whole, n; /* floats of the vector, and of what is trained */
    size_t n_parts;
    co_part *part;               /* ascending, as few as possible */
    co_part *span[3];            /* by role and ascending */
    size_t n_spans[3], n_shared; /* n_shared: floats that travel */
    size_t n_grad; /* floats of a gradient: n, and room for those of frozen tensors that layers
                      cannot leave out */
} co_layout;
size_t co_layout_place(const co_layout *layout, size_t offset); /* of a coordinate that it has */
/* trained may be whole: then in place. Local. */
void co_layout_pack(const co_layout *layout, const float *whole, float *trained);
void co_layout_unpack(const co_layout *layout, const float *trained, float *whole); /* Local */

extern const co_kind
    co_kind_block; /* what stands in a list of layers beside layers: models/graph/block.h */

/* Keys of section `model`: name, layers, init, loss, freeze, lora. The options of a preset and of a
 * loss stand beside them. */
extern const co_param co_model_params[];

/* From the checked section `model` (name, or layers; both or none: CO_EUSAGE). in: the shape of the
 * data's rows; labels of the data set, borrowed as long as the model lives. The last layer must
 * give task->outputs(labels->n) values, for each row of a sequence where the task wants that.
 * `freeze` and `lora` name tensors and layers (unknown: CO_EUSAGE). */
co_status co_model_create(const co_config *opt, const co_shape *in, const co_labels *labels,
                          const co_task *task, co_model **model);
void co_model_destroy(co_model *model); /* NULL allowed */

size_t co_model_size(const co_model *model); /* floats of the vector */
const co_tensor *co_model_tensors(const co_model *model, size_t *n_tensors);
/* The coordinates with that role: ascending, as few spans as possible. Those of all roles make up
 * the vector. */
const co_span *co_model_spans(const co_model *model, co_role role, size_t *n_spans);
const co_layout *co_model_layout(const co_model *model);
/* Before workspaces of the model are created. CO_EUSAGE: no tensor has that name. */
co_status co_model_set_role(co_model *model, const char *tensor, co_role role);
/* Most rows that a sequence of its batches may have, or one that its decoder reads; 0: any number.
 * Longer ones must not come to a pass. */
size_t co_model_longest(const co_model *model, bool target);
char *co_model_describe(const co_model *model); /* new block: JSON list of {name, shape, role}, as
                                                   checkpoints carry it */
void co_model_init(const co_model *model, uint64_t seed, float *params);
/* Multiply-adds of one example of so many rows, and rows of its target, forward. Attention grows
 * with the square of a text's own length: of the mean length of texts it is somewhat less than
 * their mean. */
double co_model_flops(const co_model *model, double n_rows, double n_target_rows);

/* Activations, their gradients and scratch for batches of at most max_n examples, max_rows rows and
 * max_target_rows rows of targets (0 without a decoder): one arena. */
typedef struct co_workspace co_workspace;
co_status co_workspace_create(const co_model *model, size_t max_n, size_t max_rows,
                              size_t max_target_rows, co_workspace **workspace);
/* Room for larger batches, when it is too small for these; nothing in it is kept. After an error it
 * only can be destroyed. */
co_status co_workspace_reserve(co_workspace *workspace, size_t n, size_t rows, size_t target_rows);
void co_workspace_destroy(co_workspace *workspace);
/* Memory of one for so large batches; 0 when size_t cannot hold it. */
size_t co_workspace_bytes(const co_model *model, size_t max_n, size_t max_rows,
                          size_t max_target_rows);

/* Outputs [rows_out][outputs], inside the workspace. */
const float *co_model_forward(const co_model *model, co_workspace *workspace, const float *params,
                              const co_pass *pass);
const float *co_model_outputs(const co_model *model,
                              const co_workspace *workspace); /* of the last pass */
/* Loss and metric sums of the batch as the task defines them: sums[task->n_sums] += . With grad:
 * the gradient of the batch's mean loss is added to grad[size] (zeroed by the caller); frozen
 * tensors get none. scale[n]: a factor per example, or NULL. With pass->frozen params and grad are
 * of what is trained, grad with room for layout->n_grad floats. */
void co_model_loss(const co_model *model, co_workspace *workspace, const float *params,
                   const co_pass *pass, const float *scale, float *grad, double *sums);
/* What co_model_loss adds to sums, of outputs that are there: out[rows][outputs] for pass->batch. A
 * single row of a sequence may be taken as a batch. */
void co_model_measure(const co_model *model, const co_pass *pass, const float *out, double *sums);
/* As co_model_loss, and the step of plain SGD at once: params -= lr gradient, each layer as soon as
 * its dx is known. The same bits as through a gradient of zeros. grad[size] is scratch for layers
 * that cannot do both in one; frozen tensors stay. */
void co_model_step(const co_model *model, co_workspace *workspace, float *params,
                   const co_pass *pass, float lr, float *grad, double *sums);

/* Gradients of single examples, clipped (DP-SGD: Abadi et al., CCS 2016, arXiv:1607.00133). An
 * example's loss is that of a batch of it alone: the mean over its own scored rows. */
typedef struct {
    bool naive;            /* each example's gradient is formed: slow, the reference */
    size_t n_groups;       /* 1 at least */
    const uint32_t *group; /* [n_tensors] of each tensor; NULL: all 0 */
    const double *clip;    /* [n_groups] longest norm, > 0; infinite: none */
    /* Micro-batches: [n] the slot of each example; its gradient is the sum of its examples' /
     * slot_size. NULL: each example is its own slot. */
    const int32_t *slot;
    size_t n_slots, slot_size;
} co_clipping;
/* Room for co_model_clipped that way, before it is called; n_grad: floats of grad. After an error
 * the workspace only can be destroyed. */
co_status co_workspace_clip(co_workspace *workspace, const co_clipping *clipping, size_t n_grad);
/* grad += sum over examples (or slots) of their gradient, clipped group by group, as formed: not
 * divided by n; frozen tensors get none. norms[n or n_slots][n_groups]: before clipping. An example
 * whose gradient is not finite adds nothing, and its norm is not finite. In float arithmetic what
 * an example adds is no longer than clip, by a factor that is CO_CLIP_ROOM smaller than clip /
 * norm. sums as co_model_loss. With pass->frozen grad as there. */
#define CO_CLIP_ROOM 0x1p-14
void co_model_clipped(const co_model *model, co_workspace *workspace, const float *params,
                      const co_pass *pass, const co_clipping *clipping, float *grad, double *norms,
                      double *sums);

/* Taps: a node's values, and passes that begin there. name: an item of the list ("2", inside blocks
 * "3.1"), whose last node is meant, or "input", the batch. Before workspaces of the model are
 * created. CO_EUSAGE: no such item, or tokens. Images are planes here. */
co_status co_model_tap(co_model *model, const char *name, size_t *node);
/* Taps the node whose values feed the last layer that has tensors (the representation of a
 * classifier). CO_EUSAGE: there is none, or it is fed by tokens. */
co_status co_model_tap_hidden(co_model *model, size_t *node);
const char *co_model_tap_name(const co_model *model, size_t node); /* of its item; borrowed */
co_shape co_model_tap_shape(const co_model *model, size_t node);   /* of a row of its values */
/* Everything behind the node depends on nothing in front of it but by way of its values. */
bool co_model_begins_at(const co_model *model, size_t node);
/* values[rows][..] of the last pass of that batch. */
void co_model_tap_values(const co_model *model, const co_workspace *workspace,
                         const co_batch *batch, size_t node, float *values);
/* As co_model_loss, from the node on, at which co_model_begins_at holds: values take the place of
 * what the batch would give there (soft embeddings, changed inputs), and nothing in front of it is
 * touched. d_values: the gradient of the mean loss by them, or NULL. */
void co_model_loss_from(const co_model *model, co_workspace *workspace, const float *params,
                        const co_pass *pass, size_t node, const float *values, const float *scale,
                        float *grad, float *d_values, double *sums);
const co_task *co_model_task(const co_model *model);
/* False: its outputs are hidden states (head: none), of which the task can measure nothing. */
bool co_model_has_head(const co_model *model);
/* Its outputs are emissions with CO_CRF_EXTRA values of a chain behind each row (layer.h). A
 * chain is measured by whole texts. */
bool co_model_has_chain(const co_model *model);
const co_shape *co_model_input(const co_model *model); /* shape of a row of the data */
size_t co_model_n_classes(const co_model *model);
