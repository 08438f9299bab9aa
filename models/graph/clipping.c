/* models/graph/clipping.c - sums of clipped gradients of single examples, or of slots of examples.
 *
 * Formed: example by example, as a batch of its own: forward, backward, its norms, and its gradient
 * times min(1, clip / norm) group by group. Cost: a step of batch 1 for each example, and three
 * passes over the vector. Source: Abadi et al., CCS 2016, arXiv:1607.00133, algorithm 1; groups:
 * McMahan et al., ICLR 2018, arXiv:1710.06963, section 2. Allocates nothing. */
#include "core/memory.h"
#include "core/vector.h"
#include "models/graph/graph.h"
#include <math.h>
#include <string.h>

typedef struct {
    const co_model *m;
    co_workspace *w;
    const float *params;
    const co_pass *pass;
    const co_clipping *how;
    double *sums;
} clipping;

static size_t place_of(const clipping *c, const co_tensor *tensor)
{
    return c->pass->frozen ? co_layout_place(&c->m->layout, tensor->offset) : tensor->offset;
}

static uint32_t group_of(const clipping *c, size_t t)
{
    return c->how->group ? c->how->group[t] : 0;
}

/* What a gradient of that norm is multiplied by; 0 for one that is not finite. */
static float factor_of(double norm, double clip)
{
    const double most = clip * (1.0 - CO_CLIP_ROOM);
    if (!isfinite(norm)) return 0.0f;
    return norm <= most ? 1.0f : (float)(most / norm);
}

/* Examples first .. first + n of the batch. */
static void open_part(const clipping *c, size_t first, size_t n, co_batch *batch, co_pass *pass)
{
    const co_model *m = c->m;
    const co_batch *whole = c->pass->batch;
    co_batch_part(whole, first, n, m->node[0].floats,
                  m->task->label_words ? m->task->label_words(m->labels->n) : 1, m->task->per_row,
                  c->w->offsets, batch);
    *pass = *c->pass;
    pass->batch = batch;
    pass->drawn += first;
    pass->drawn_rows += whole->offsets ? (size_t)whole->offsets[first] : first;
}

/* one += the gradient of example i alone, times scale. */
static void add_example(const clipping *c, size_t i, float scale, float *one)
{
    co_batch batch;
    co_pass pass;
    open_part(c, i, 1, &batch, &pass);
    const float *out = co_pass_forward(c->m, c->w, c->params, &pass, 0, batch.x);
    c->m->task->measure(&pass, c->m->labels, &c->m->criterion, out,
                        c->w->slot[c->m->n_nodes - 1].dy, c->sums);
    co_pass_backward_inputs(c->m, c->w, c->params, &pass, CO_PASS_ALL);
    co_pass_backward_params(c->m, c->w, c->params, &pass, 0, &scale, one);
}

/* norms[n_groups] of a gradient that stands there. */
static void norms_of(const clipping *c, const float *one, double *norms)
{
    memset(norms, 0, c->how->n_groups * sizeof *norms);
    for (size_t t = 0; t < c->m->n_tensors; t++) {
        const co_tensor *tensor = &c->m->tensor[t];
        if (tensor->role == CO_FROZEN) continue;
        const double norm = co_vector_norm(one + place_of(c, tensor), tensor->size);
        norms[group_of(c, t)] += norm * norm;
    }
    for (size_t g = 0; g < c->how->n_groups; g++) norms[g] = sqrt(norms[g]);
}

/* Nothing at all is added of a gradient of which a group is not finite. */
static void add_clipped(const clipping *c, const float *one, const double *norms, float *grad)
{
    for (size_t g = 0; g < c->how->n_groups; g++)
        if (!isfinite(norms[g])) return;
    for (size_t t = 0; t < c->m->n_tensors; t++) {
        const co_tensor *tensor = &c->m->tensor[t];
        const uint32_t g = group_of(c, t);
        if (tensor->role == CO_FROZEN) continue;
        co_vector_add_scaled(grad + place_of(c, tensor), one + place_of(c, tensor), tensor->size,
                             factor_of(norms[g], c->how->clip[g]));
    }
}

/* Slot s: its gradient in `one`. */
static void form_slot(const clipping *c, size_t s, float *one)
{
    const size_t n_grad = c->pass->frozen ? c->m->layout.n_grad : c->m->size;
    const float share = c->how->slot ? 1.0f / (float)c->how->slot_size : 1.0f;
    CO_ASSERT(c->w->clip_floats >= n_grad);
    memset(one, 0, n_grad * sizeof *one);
    if (!c->how->slot) add_example(c, s, share, one);
    for (size_t i = 0; c->how->slot && i < c->pass->batch->n; i++)
        if (c->how->slot[i] == (int32_t)s) add_example(c, i, share, one);
}

void co_model_clipped(const co_model *model, co_workspace *workspace, const float *params,
                      const co_pass *pass, const co_clipping *how, float *grad, double *norms,
                      double *sums)
{
    const clipping c = {model, workspace, params, pass, how, sums};
    const size_t n_slots = how->slot ? how->n_slots : pass->batch->n;
    CO_ASSERT(workspace->clip_groups >= how->n_groups);
    for (size_t s = 0; s < n_slots; s++) {
        form_slot(&c, s, workspace->one);
        norms_of(&c, workspace->one, norms + s * how->n_groups);
        add_clipped(&c, workspace->one, norms + s * how->n_groups, grad);
    }
}
