/* models/graph/ghost.c - clipped sums by norms alone: one forward pass, one first phase of
 * backward, norms between the phases, one second phase in which each example has a weight.
 *
 * A node's gradients of single examples are formed at once and kept side by side where they are
 * small (a batch then goes in parts, so that they stay near), and summed up with the weights
 * afterwards; else its layer gives the norms (layer.h, `norms`) and forms the weighted sum; else
 * they are formed one after the other by a weight of 1 for one example and 0 for the others.
 * Tensors that several nodes share: |sum of u|^2 = sum |u|^2 + 2 sum u . v, by factors where the
 * layers give them. An example whose gradient is not finite would make the others' share of a
 * product no number: then the batch is taken in halves, down to that example alone. Cost: a plain
 * pass, and what the norms take. Sources: Goodfellow, arXiv:1510.01799; Li et al., ICLR 2022,
 * arXiv:2110.05679 (ghost clipping); Bu et al., ICML 2023, arXiv:2210.00038 (book-keeping). */
#include "core/memory.h"
#include "core/vector.h"
#include "models/graph/graph.h"
#include "models/layers/outer.h"
#include <math.h>
#include <string.h>

/* squares[g][i] of a group; behind the groups: of each tensor that several nodes share. */
static double *squares_at(const co_clip_run *r, size_t g)
{
    return r->w->squared + g * r->w->max_n;
}

static bool is_shared(const co_tensor *tensor)
{
    return tensor->n_uses > 1 && tensor->role != CO_FROZEN;
}

/* Where the squares of tensor t go. */
static double *squares_of(const co_clip_run *r, size_t t)
{
    size_t g = co_clip_group(r, t);
    if (!is_shared(&r->m->tensor[t])) return squares_at(r, g);
    g = r->how->n_groups;
    for (size_t k = 0; k < t; k++) g += is_shared(&r->m->tensor[k]);
    return squares_at(r, g);
}

/* ---- norms of a node ---- */

/* squared[t] += those of tensor t of a node, own: of example i by its tensors. */
static void add_own(const co_clip_run *r, const co_vertex *v, const float *own, size_t i,
                    double *const *squared)
{
    for (size_t t = 0; t < v->n_tensors; t++)
        if (squared[t])
            squared[t][i] += co_outer_row(co_graph_own_size(r->m, v, t), own + v->own_at[t]);
}

/* One image or row an example, and nothing kept from forward: it can be looked at alone. */
static bool stands_alone(const co_vertex *v)
{
    const bool keeps = v->layer->cache_size && v->layer->cache_size(v->self, 1, 1) > 0;
    return v->facts.each && !v->out.sequence && v->n_inputs == 1 && !keeps;
}

/* The gradient of example i of the batch alone, by the node's tensors. */
static void form_single(const co_clip_run *r, const co_pass *pass, size_t l, size_t i)
{
    const co_vertex *v = &r->m->node[l];
    const co_batch one = {.n = 1, .rows = 1};
    float *only = r->w->weight;
    co_pass alone = *pass;
    co_call call;
    co_pass_open(r->w, pass, r->params, l, &call);
    co_pass_target_own(v, r->w->single, stands_alone(v) ? v->own_floats : 0, &call);
    if (stands_alone(v)) {
        alone.batch = &one;
        call.pass = &alone;
        call.x[0] += i * r->m->node[v->input[0]].floats;
        call.y += i * v->floats;
        call.dy += i * v->floats;
    } else {
        memset(only, 0, pass->batch->n * sizeof *only);
        memset(r->w->single, 0, v->own_floats * sizeof *only);
        only[i] = 1.0f;
        call.scale = only;
    }
    v->layer->backward_params(v->self, &call);
}

/* Of the examples of a part that begins behind `first` others. */
static void node_norms(const co_clip_run *r, const co_pass *pass, size_t first, size_t l)
{
    const co_vertex *v = &r->m->node[l];
    const co_clip_way way = co_graph_clip_way(v);
    double *squared[CO_MAX_TENSORS];
    co_call call;
    for (size_t t = 0; t < v->n_tensors; t++)
        squared[t] = v->is_frozen[t] ? NULL : squares_of(r, v->tensor[t]) + first;
    if (way == CO_GHOST) {
        co_pass_open(r->w, pass, r->params, l, &call);
        v->layer->norms(v->self, &call, squared);
        return;
    }
    for (size_t i = 0; i < pass->batch->n; i++) {
        if (way == CO_SINGLES) form_single(r, pass, l, i);
        add_own(r, v, way == CO_KEPT ? r->w->slot[l].each + i * v->own_floats : r->w->single, i,
                squared);
    }
}

/* ---- tensors that several nodes share ---- */

/* The tensor's number within node v; v->n_tensors where it is not there. */
static size_t number_in(const co_vertex *v, size_t tensor)
{
    size_t t = 0;
    while (t < v->n_tensors && v->tensor[t] != tensor) t++;
    return t;
}

static bool factors_of(const co_clip_run *r, const co_pass *pass, size_t l, size_t tensor,
                       co_factors *f)
{
    const co_vertex *v = &r->m->node[l];
    const size_t t = number_in(v, tensor);
    co_call call;
    if (!v->layer->factors) return false;
    co_pass_open(r->w, pass, r->params, l, &call);
    return v->layer->factors(v->self, &call, t, f);
}

/* All nodes that the tensor belongs to give factors. */
static bool has_factors(const co_clip_run *r, const co_pass *pass, size_t tensor)
{
    co_factors f;
    for (size_t l = 1; l < r->m->n_nodes; l++)
        if (number_in(&r->m->node[l], tensor) < r->m->node[l].n_tensors &&
            !factors_of(r, pass, l, tensor, &f))
            return false;
    return true;
}

static co_outer_side side_of(const co_factors *f, const co_batch *batch, size_t i)
{
    const size_t row = co_shape_first_row(f->shape, batch, i);
    return (co_outer_side){.rows = co_shape_first_row(f->shape, batch, i + 1) - row,
                           .index = f->index ? f->index + row : NULL,
                           .left = f->left ? f->left + row * f->n_left : NULL,
                           .right = f->right + row * f->n_right};
}

/* squared[i] += 2 u . v for all pairs of nodes. */
static void add_cross(const co_clip_run *r, const co_pass *pass, size_t tensor, double *squared)
{
    const co_model *m = r->m;
    for (size_t l = 1; l < m->n_nodes; l++)
        for (size_t k = l + 1; k < m->n_nodes; k++) {
            co_factors a, b;
            if (number_in(&m->node[l], tensor) == m->node[l].n_tensors ||
                number_in(&m->node[k], tensor) == m->node[k].n_tensors)
                continue;
            factors_of(r, pass, l, tensor, &a);
            factors_of(r, pass, k, tensor, &b);
            for (size_t i = 0; i < pass->batch->n; i++) {
                const co_outer_side one = side_of(&a, pass->batch, i),
                                    other = side_of(&b, pass->batch, i);
                squared[i] +=
                    2.0 * co_outer_cross(m->fast, a.n_left, a.n_right, &one, &other, r->w->scratch);
            }
        }
}

/* squared[i] from the sum of all nodes' gradients, formed for one example after the other. */
static void form_shared(const co_clip_run *r, const co_pass *pass, size_t tensor, double *squared)
{
    const co_model *m = r->m;
    float *sum = r->w->shared;
    for (size_t i = 0; i < pass->batch->n; i++) {
        memset(sum, 0, m->tensor[tensor].size * sizeof *sum);
        for (size_t l = 1; l < m->n_nodes; l++) {
            const co_vertex *v = &m->node[l];
            const size_t t = number_in(v, tensor);
            if (t == v->n_tensors) continue;
            form_single(r, pass, l, i);
            co_vector_add_scaled(sum, r->w->single + v->own_at[t], m->tensor[tensor].size, 1.0f);
        }
        squared[i] = co_outer_row(m->tensor[tensor].size, sum);
    }
}

/* A sum of nodes' gradients counts this share of their squares at least: what cancels out is
 * rounded. */
#define CANCELS 0x1p-16

/* What the nodes' squares left out; then they go to their tensors' groups. */
static void close_shared(const co_clip_run *r, const co_pass *pass)
{
    for (size_t t = 0; t < r->m->n_tensors; t++) {
        if (!is_shared(&r->m->tensor[t])) continue;
        double *squared = squares_of(r, t), *group = squares_at(r, co_clip_group(r, t));
        if (!has_factors(r, pass, t)) {
            form_shared(r, pass, t, squared);
        } else {
            double *before = r->w->kept_squares;
            memcpy(before, squared, pass->batch->n * sizeof *before);
            add_cross(r, pass, t, squared);
            for (size_t i = 0; i < pass->batch->n; i++)
                squared[i] = fmax(squared[i], before[i] * CANCELS);
        }
        for (size_t i = 0; i < pass->batch->n; i++) group[i] += squared[i];
    }
}

/* ---- the weighted sum ---- */

/* A block of grad stays near while all examples are added. */
static void add_weighted(size_t n, size_t floats, size_t each, const float *own,
                         const float *weight, float *grad)
{
    enum { BLOCK = 2048 };
    for (size_t k = 0; k < floats; k += BLOCK)
        for (size_t i = 0; i < n; i++)
            co_vector_add_scaled(grad + k, own + i * each + k,
                                 floats - k < BLOCK ? floats - k : BLOCK, weight[i]);
}

/* The weighted sum of what is kept of n examples behind `first` others, by tensor t of node l. */
static void sum_kept(const co_clip_run *r, size_t l, size_t t, size_t first, size_t n, float *to)
{
    const co_vertex *v = &r->m->node[l];
    add_weighted(n, co_graph_own_size(r->m, v, t), v->own_floats, r->w->slot[l].each + v->own_at[t],
                 r->w->weight + co_clip_group(r, v->tensor[t]) * r->w->max_n + first, to);
}

/* A node's weighted sums, of parts where it went in parts, into grad. */
static void add_kept(const co_clip_run *r, const co_pass *pass, size_t l, float *grad)
{
    const co_vertex *v = &r->m->node[l];
    for (size_t t = 0; t < v->n_tensors; t++) {
        const size_t floats = co_graph_own_size(r->m, v, t);
        float *own = r->w->slot[l].sum ? r->w->slot[l].sum + v->own_at[t] : r->w->single,
              *to = grad + co_clip_place(r, &r->m->tensor[v->tensor[t]]);
        co_call call;
        if (v->is_frozen[t]) continue;
        if (!r->w->slot[l].sum && !v->layer->own_back) {
            sum_kept(r, l, t, 0, pass->batch->n, to);
            continue;
        }
        if (!r->w->slot[l].sum) {
            memset(own, 0, floats * sizeof *own);
            sum_kept(r, l, t, 0, pass->batch->n, own);
        }
        if (!v->layer->own_back) {
            co_vector_add_scaled(to, own, floats, 1.0f);
            continue;
        }
        co_pass_open(r->w, pass, r->params, l, &call);
        call.target = grad;
        v->layer->own_back(v->self, &call, t, own);
    }
}

/* The tensors of one group, where a node's are in several: by way of a block of its own. */
static void add_group(const co_clip_run *r, const co_pass *pass, size_t l, uint32_t g, float *grad)
{
    const co_vertex *v = &r->m->node[l];
    bool left_out[CO_MAX_TENSORS];
    co_call call;
    for (size_t t = 0; t < v->n_tensors; t++)
        left_out[t] = v->is_frozen[t] || co_clip_group(r, v->tensor[t]) != g;
    memset(r->w->single, 0, v->own_floats * sizeof *grad);
    co_pass_open(r->w, pass, r->params, l, &call);
    co_pass_target_own(v, r->w->single, 0, &call);
    call.is_frozen = left_out;
    call.scale = r->w->weight + g * r->w->max_n;
    v->layer->backward_params(v->self, &call);
    for (size_t t = 0; t < v->n_tensors; t++)
        if (!left_out[t])
            co_vector_add_scaled(grad + co_clip_place(r, &r->m->tensor[v->tensor[t]]),
                                 r->w->single + v->own_at[t], r->m->tensor[v->tensor[t]].size,
                                 1.0f);
}

static void add_node(const co_clip_run *r, const co_pass *pass, size_t l, float *grad)
{
    const co_vertex *v = &r->m->node[l];
    uint32_t group = UINT32_MAX;
    bool several = false;
    for (size_t t = 0; t < v->n_tensors; t++) {
        if (v->is_frozen[t]) continue;
        several |= group != UINT32_MAX && co_clip_group(r, v->tensor[t]) != group;
        group = co_clip_group(r, v->tensor[t]);
    }
    if (!several) {
        co_pass_backward_params_of(r->m, r->w, r->params, pass, l,
                                   r->w->weight + group * r->w->max_n, grad);
        return;
    }
    for (uint32_t g = 0; g < r->how->n_groups; g++) {
        bool any = false;
        for (size_t t = 0; t < v->n_tensors; t++)
            any |= !v->is_frozen[t] && co_clip_group(r, v->tensor[t]) == g;
        if (any) add_group(r, pass, l, g, grad);
    }
}

/* ---- a batch ---- */

/* norms[n][n_groups] of examples behind `first` others, and their weights; false: one of them is
 * not finite. */
static bool weigh(const co_clip_run *r, size_t first, size_t n, double *norms)
{
    const size_t n_groups = r->how->n_groups;
    bool finite = true;
    for (size_t g = 0; g < n_groups; g++)
        for (size_t i = first; i < first + n; i++) {
            const double norm = sqrt(squares_at(r, g)[i]);
            norms[i * n_groups + g] = norm;
            r->w->weight[g * r->w->max_n + i] = co_clipping_factor(norm, r->how->clip[g]);
            finite &= isfinite(norm) != 0;
        }
    return finite;
}

/* Phase one behind the parts, what is kept there, and its squares. */
static void go_back(const co_clip_run *r, const co_pass *pass, size_t begin)
{
    const co_model *m = r->m;
    memset(r->w->squared, 0, (r->how->n_groups + m->n_tied) * r->w->max_n * sizeof *r->sums);
    co_pass_backward_inputs_behind(m, r->w, r->params, pass, begin);
    for (size_t l = begin; l < m->n_nodes; l++) {
        const co_vertex *v = &m->node[l];
        co_call call;
        if (co_graph_clip_way(v) == CO_NO_GRADIENT) continue;
        if (co_graph_clip_way(v) == CO_KEPT) {
            co_pass_open(r->w, pass, r->params, l, &call);
            co_pass_target_own(v, r->w->slot[l].each, v->own_floats, &call);
            v->layer->backward_params(v->self, &call);
        }
        node_norms(r, pass, 0, l);
    }
    close_shared(r, pass);
}

/* Part by part through the front: there an example's norm is complete, and what is kept of it can
 * be added up at once. */
static bool go_through_parts(const co_clip_run *r, const co_pass *pass, double *norms)
{
    const co_model *m = r->m;
    co_pass part = *pass;
    co_batch batch = {0};
    bool finite = true;
    for (size_t l = 1; l < m->n_parts; l++)
        if (co_graph_clip_way(&m->node[l]) == CO_KEPT)
            memset(r->w->slot[l].sum, 0, m->node[l].own_floats * sizeof(float));
    while (finite && co_pass_next_part(m, pass, &part, &batch)) {
        co_pass_backward_each(m, r->w, r->params, &part);
        for (size_t l = 1; l < m->n_parts; l++)
            if (co_graph_clip_way(&m->node[l]) == CO_KEPT) node_norms(r, &part, part.first, l);
        finite = weigh(r, part.first, batch.n, norms);
        for (size_t l = 1; l < m->n_parts; l++) {
            const co_vertex *v = &m->node[l];
            for (size_t t = 0; co_graph_clip_way(v) == CO_KEPT && t < v->n_tensors; t++)
                sum_kept(r, l, t, part.first, batch.n, r->w->slot[l].sum + v->own_at[t]);
        }
    }
    return finite;
}

void co_clip_ghost(const co_clip_run *r, size_t first, size_t n, float *grad, double *norms)
{
    const co_model *m = r->m;
    const bool parts = co_graph_keeps_parts(m);
    const size_t n_sums = m->task->n_sums(m->labels->n);
    co_batch batch;
    co_pass pass;
    memcpy(r->w->kept_sums, r->sums, n_sums * sizeof *r->sums);
    co_clip_part(r, first, n, &batch, &pass);
    co_clip_forward(r, &pass);
    go_back(r, &pass, parts ? m->n_parts : 1);
    if (parts ? go_through_parts(r, &pass, norms) : weigh(r, 0, n, norms)) {
        for (size_t l = 1; l < m->n_nodes; l++) {
            const co_clip_way way = co_graph_clip_way(&m->node[l]);
            if (way == CO_KEPT) add_kept(r, &pass, l, grad);
            if (way == CO_GHOST || way == CO_SINGLES) add_node(r, &pass, l, grad);
        }
    } else if (n > 1) {
        memcpy(r->sums, r->w->kept_sums, n_sums * sizeof *r->sums);
        co_clip_ghost(r, first, n / 2, grad, norms);
        co_clip_ghost(r, first + n / 2, n - n / 2, grad, norms + n / 2 * r->how->n_groups);
    }
}
