/* models/graph/clipping.c - sums of clipped gradients of single examples, or of slots of examples.
 *
 * By their norms alone: ghost.c. Formed, here: example by example, as a batch of its own: forward,
 * backward, its norms, and its gradient times min(1, clip / norm) group by group. Cost: a step of
 * batch 1 for each example, and three passes over the vector. Allocates nothing. Sources: Abadi et
 * al., CCS 2016, arXiv:1607.00133, algorithm 1; groups: McMahan et al., ICLR 2018,
 * arXiv:1710.06963, section 2; slots: Dupuy et al., ICASSP 2022, arXiv:2107.14586. */
#include "core/memory.h"
#include "core/vector.h"
#include "models/graph/graph.h"
#include <math.h>
#include <string.h>

/* one += the gradient of example i alone, times scale. */
static void add_example(const co_clip_run *r, size_t i, float scale, float *one)
{
    co_batch batch;
    co_pass pass;
    co_clip_part(r, i, 1, &batch, &pass);
    co_clip_forward(r, &pass);
    co_pass_backward_inputs(r->m, r->w, r->params, &pass, CO_PASS_ALL);
    co_pass_backward_params(r->m, r->w, r->params, &pass, 0, &scale, one);
}

/* Slot s: its gradient in `one`. */
static void form_slot(const co_clip_run *r, size_t s, float *one)
{
    const size_t n_grad = r->pass->frozen ? r->m->layout.n_grad : r->m->size;
    const float share = r->how->slot ? 1.0f / (float)r->how->slot_size : 1.0f;
    CO_ASSERT(r->w->clip_floats >= n_grad);
    memset(one, 0, n_grad * sizeof *one);
    if (!r->how->slot) add_example(r, s, share, one);
    for (size_t i = 0; r->how->slot && i < r->pass->batch->n; i++)
        if (r->how->slot[i] == (int32_t)s) add_example(r, i, share, one);
}

/* norms[n_groups] of a gradient that stands there. */
static void norms_of(const co_clip_run *r, const float *one, double *norms)
{
    memset(norms, 0, r->how->n_groups * sizeof *norms);
    for (size_t t = 0; t < r->m->n_tensors; t++) {
        const co_tensor *tensor = &r->m->tensor[t];
        if (tensor->role == CO_FROZEN) continue;
        const double norm = co_vector_norm(one + co_clip_place(r, tensor), tensor->size);
        norms[co_clip_group(r, t)] += norm * norm;
    }
    for (size_t g = 0; g < r->how->n_groups; g++) norms[g] = sqrt(norms[g]);
}

/* Nothing at all of a gradient of which a group is not finite. */
static void add_clipped(const co_clip_run *r, const float *one, const double *norms, float *grad)
{
    for (size_t g = 0; g < r->how->n_groups; g++)
        if (!isfinite(norms[g])) return;
    for (size_t t = 0; t < r->m->n_tensors; t++) {
        const co_tensor *tensor = &r->m->tensor[t];
        const uint32_t g = co_clip_group(r, t);
        if (tensor->role == CO_FROZEN) continue;
        co_vector_add_scaled(grad + co_clip_place(r, tensor), one + co_clip_place(r, tensor),
                             tensor->size, co_clipping_factor(norms[g], r->how->clip[g]));
    }
}

void co_model_clipped(const co_model *model, co_workspace *workspace, const float *params,
                      const co_pass *pass, const co_clipping *how, float *grad, double *norms,
                      double *sums)
{
    const co_clip_run r = {model, workspace, params, pass, how, sums};
    const size_t n = pass->batch->n, n_slots = how->slot ? how->n_slots : n;
    float *one = workspace->one;
    CO_ASSERT(workspace->clip_groups >= how->n_groups);
    if (!how->naive && !how->slot) {
        const size_t n_parts = (n + workspace->clip_n - 1) / workspace->clip_n;
        for (size_t k = 0, first = 0, end; k < n_parts; k++, first = end) {
            end = n * (k + 1) / n_parts;
            co_clip_ghost(&r, first, end - first, grad, norms + first * how->n_groups);
        }
        return;
    }
    for (size_t s = 0; s < n_slots; s++) {
        form_slot(&r, s, one);
        norms_of(&r, one, norms + s * how->n_groups);
        add_clipped(&r, one, norms + s * how->n_groups, grad);
    }
}
