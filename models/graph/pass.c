/* models/graph/pass.c - batches through a graph: forward, loss, and backward in two phases.
 *
 * Backward first hands dY down the graph, as far as something trains there or a tap asks; then each
 * node forms its weight gradient. A node that several others read gets the sum of their gradients,
 * the last reader's first. In a step of SGD both phases of a node come at once, but for tensors
 * that several nodes share: their gradients are summed up over the whole pass. Through the first
 * nodes a batch goes in parts, forward and in that step (lowering.c). Cost: about three times the
 * multiply-adds of the forward pass, less what the lowest layer saves. Allocates nothing. */
#include "core/memory.h"
#include "core/vector.h"
#include "models/graph/graph.h"
#include <string.h>

/* Floats from the start of a node's values to the part of the batch at hand. */
static size_t part_start(const co_vertex *v, const co_pass *pass)
{
    return v->low.brief ? 0 : pass->first * v->floats;
}

/* Below the last node that takes parts one buffer serves all of them. */
static float *gradient_of(const co_workspace *w, const co_pass *pass, size_t l)
{
    const co_vertex *v = &w->model->node[l];
    return w->slot[l].dy +
           (v->low.whole_dy || l >= w->model->n_parts ? pass->first * v->floats : 0);
}

/* What every entry of node l gets; nothing is wanted back yet. Field by field: zeroing all of it
 * first takes longer. */
static void open_call(const co_workspace *w, const co_pass *pass, const float *params, size_t l,
                      co_call *call)
{
    const co_vertex *v = &w->model->node[l];
    const co_slot *slot = &w->slot[l];
    call->pass = pass;
    call->draw = co_graph_draw(pass->step, l);
    call->params = params;
    call->frozen = pass->frozen ? pass->frozen : params;
    call->target = NULL;
    call->at = pass->frozen ? v->place : v->at;
    call->target_at = pass->frozen ? v->grad_place : v->at;
    call->is_frozen = v->is_frozen;
    call->y = slot->y + part_start(v, pass);
    call->dy = NULL;
    call->scale = NULL;
    call->factor = 1.0f;
    call->each = 0;
    call->cache = slot->cache;
    call->scratch = w->scratch;
    call->add = v->low.adds_dx;
    call->rectify = v->low.rectify;
    for (size_t s = 0; s < CO_MAX_INPUTS; s++) {
        const float *from = s < v->n_inputs ? w->slot[v->input[s]].out : NULL;
        call->x[s] = from ? from + part_start(&w->model->node[v->input[s]], pass) : NULL;
        call->dx[s] = NULL;
    }
}

void co_pass_open_call(const co_workspace *w, const co_pass *pass, const float *params, size_t l,
                       co_call *call)
{
    open_call(w, pass, params, l, call);
}

bool co_pass_next_part(const co_model *m, const co_pass *whole, co_pass *pass, co_batch *batch)
{
    const size_t first = pass->first + batch->n, left = whole->batch->n - first;
    if (left == 0) return false;
    *batch = *whole->batch;
    batch->n = batch->rows = left < m->part ? left : m->part;
    batch->x += first * m->node[0].floats;
    pass->batch = batch;
    pass->first = first;
    pass->more = left > batch->n;
    return true;
}

/* ---- forward ---- */

static void forward_nodes(const co_model *m, const co_workspace *w, const float *params,
                          const co_pass *pass, size_t begin, size_t end)
{
    for (size_t l = begin; l < end; l++) {
        const co_vertex *v = &m->node[l];
        if (v->low.passes_on) continue;
        co_call call;
        open_call(w, pass, params, l, &call);
        v->layer->forward(v->self, &call);
    }
}

/* Nodes begin .. n_parts - 1, part by part. */
static void forward_parts(const co_model *m, const co_workspace *w, const float *params,
                          const co_pass *pass, size_t begin)
{
    co_pass part = *pass;
    co_batch batch = {0};
    while (co_pass_next_part(m, pass, &part, &batch))
        forward_nodes(m, w, params, &part, begin, m->n_parts);
}

const float *co_pass_forward(const co_model *m, co_workspace *w, const float *params,
                             const co_pass *pass, size_t from, const float *x)
{
    const size_t begin = from + 1;
    CO_ASSERT(w->model == m && w->n_taps == m->n_taps && pass->batch->n <= w->max_n &&
              pass->batch->rows <= w->max_rows && pass->batch->target_rows <= w->max_target_rows);
    w->slot[from].out = x;
    for (size_t l = begin; l < m->n_nodes; l++)
        w->slot[l].out = m->node[l].low.passes_on ? w->slot[m->node[l].input[0]].out : w->slot[l].y;
    if (begin < m->n_parts) forward_parts(m, w, params, pass, begin);
    forward_nodes(m, w, params, pass, begin < m->n_parts ? m->n_parts : begin, m->n_nodes);
    return w->slot[m->n_nodes - 1].out;
}

const float *co_model_forward(const co_model *model, co_workspace *workspace, const float *params,
                              const co_pass *pass)
{
    return co_pass_forward(model, workspace, params, pass, 0, pass->batch->x);
}

const float *co_model_outputs(const co_model *model, const co_workspace *workspace)
{
    return workspace->slot[model->n_nodes - 1].out;
}

/* ---- backward ---- */

enum { NONE = CO_PASS_ALL };
static bool is_wanted(const co_model *m, size_t l, int64_t stop)
{
    return stop == NONE ? m->node[l].wanted : (int64_t)l >= stop;
}

/* What node l gives back by input s goes through a sum of the pass. */
static bool is_summed(const co_vertex *v, size_t s)
{
    return v->adds[s] && !(s == 0 && v->low.adds_dx);
}

/* Room for what node l gives back, where somebody wants it. True when somebody does. */
static bool open_dx(const co_workspace *w, co_call *call, size_t l, int64_t stop)
{
    const co_vertex *v = &w->model->node[l];
    float *extra = w->extra;
    bool any = false;
    for (size_t s = 0; s < v->n_inputs; s++) {
        const size_t to = v->input[s];
        if (!is_wanted(w->model, to, stop)) continue;
        call->dx[s] = is_summed(v, s) ? extra : gradient_of(w, call->pass, to);
        if (is_summed(v, s))
            extra += co_graph_align(co_shape_rows(&w->model->node[to].out, call->pass->batch) *
                                    w->model->node[to].floats);
        any = true;
    }
    return any;
}

/* Adds what node l gave to those that had gradients before. */
static void close_dx(const co_workspace *w, const co_call *call, size_t l)
{
    const co_vertex *v = &w->model->node[l];
    for (size_t s = 0; s < v->n_inputs; s++) {
        const co_vertex *to = &w->model->node[v->input[s]];
        if (is_summed(v, s) && call->dx[s])
            co_vector_add_scaled(gradient_of(w, call->pass, v->input[s]), call->dx[s],
                                 co_shape_rows(&to->out, call->pass->batch) * to->floats, 1.0f);
    }
}

static void backward_inputs(const co_model *m, const co_workspace *w, const float *params,
                            const co_pass *pass, size_t begin, int64_t stop)
{
    for (size_t l = m->n_nodes; l-- > begin;) {
        const co_vertex *v = &m->node[l];
        if (v->low.passes_on || !is_wanted(m, l, stop) || (int64_t)l == stop) continue;
        co_call call;
        open_call(w, pass, params, l, &call);
        call.dy = gradient_of(w, pass, l);
        if (open_dx(w, &call, l, stop) || v->layer->input_first)
            v->layer->backward_input(v->self, &call);
        close_dx(w, &call, l);
    }
}

void co_pass_backward_inputs(const co_model *m, const co_workspace *w, const float *params,
                             const co_pass *pass, int64_t stop)
{
    backward_inputs(m, w, params, pass, 1, stop);
}

void co_pass_backward_inputs_behind(const co_model *m, const co_workspace *w, const float *params,
                                    const co_pass *pass, size_t begin)
{
    backward_inputs(m, w, params, pass, begin, NONE);
}

/* Adds the node's gradient to its part of grad; frozen tensors get zeros. */
static void backward_params(const co_model *m, const co_vertex *v, co_call *call,
                            const float *scale, float *grad)
{
    call->scale = scale;
    call->target = grad;
    v->layer->backward_params(v->self, call);
    for (size_t t = 0; v->frozen && t < v->n_tensors; t++) {
        const co_tensor *tensor = &m->tensor[v->tensor[t]];
        if (v->is_frozen[t]) memset(co_call_target(call, t), 0, tensor->size * sizeof *grad);
    }
}

void co_pass_backward_params_of(const co_model *m, const co_workspace *w, const float *params,
                                const co_pass *pass, size_t l, const float *scale, float *grad)
{
    co_call call;
    open_call(w, pass, params, l, &call);
    call.dy = gradient_of(w, pass, l);
    backward_params(m, &m->node[l], &call, scale, grad);
}

/* Tensors that several nodes share: the last node first, as a step meets them. */
void co_pass_backward_params(const co_model *m, const co_workspace *w, const float *params,
                             const co_pass *pass, size_t from, const float *scale, float *grad)
{
    for (size_t l = from + 1; l < m->n_nodes; l++)
        if (m->node[l].trained && !m->node[l].tied)
            co_pass_backward_params_of(m, w, params, pass, l, scale, grad);
    for (size_t l = m->n_nodes; l-- > from + 1;)
        if (m->node[l].trained && m->node[l].tied)
            co_pass_backward_params_of(m, w, params, pass, l, scale, grad);
}

void co_pass_open(const co_workspace *w, const co_pass *pass, const float *params, size_t l,
                  co_call *call)
{
    open_call(w, pass, params, l, call);
    call->dy = gradient_of(w, pass, l);
}

void co_pass_target_own(const co_vertex *v, float *own, size_t each, co_call *call)
{
    call->target = own;
    call->target_at = v->own_at;
    call->each = each;
}

/* dx, and the gradient of each example of the part. */
static void each_node(const co_model *m, const co_workspace *w, const float *params,
                      const co_pass *pass, size_t l)
{
    const co_vertex *v = &m->node[l];
    co_call call;
    co_pass_open(w, pass, params, l, &call);
    const bool wants_dx = open_dx(w, &call, l, NONE);
    if (v->trained) co_pass_target_own(v, w->slot[l].each, v->own_floats, &call);
    if (v->at_once) {
        v->layer->backward(v->self, &call);
    } else {
        if (wants_dx || v->layer->input_first) v->layer->backward_input(v->self, &call);
        if (v->trained) v->layer->backward_params(v->self, &call);
    }
    close_dx(w, &call, l);
}

void co_pass_backward_each(const co_model *m, const co_workspace *w, const float *params,
                           const co_pass *part)
{
    for (size_t l = m->n_parts; l-- > 1;)
        if (m->node[l].wanted && !m->node[l].low.passes_on) each_node(m, w, params, part, l);
}

static void take_loss(const co_model *m, const co_pass *pass, const float *out, float *d_out,
                      double *sums)
{
    m->task->measure(pass, m->labels, &m->criterion, out, d_out, sums);
}

void co_pass_loss(const co_model *model, co_workspace *workspace, const float *params,
                  const co_pass *pass, size_t from, const float *x, const float *scale, float *grad,
                  bool down, double *sums)
{
    const float *out = co_pass_forward(model, workspace, params, pass, from, x);
    take_loss(model, pass, out, grad || down ? workspace->slot[model->n_nodes - 1].dy : NULL, sums);
    if (grad || down)
        co_pass_backward_inputs(model, workspace, params, pass,
                                down || from > 0 ? (int64_t)from : NONE);
    if (grad) co_pass_backward_params(model, workspace, params, pass, from, scale, grad);
}

void co_model_loss(const co_model *model, co_workspace *workspace, const float *params,
                   const co_pass *pass, const float *scale, float *grad, double *sums)
{
    co_pass_loss(model, workspace, params, pass, 0, pass->batch->x, scale, grad, false, sums);
}

/* ---- the step of SGD ---- */

/* dx, and the step on the node's own tensors; the gradients of shared ones are added to grad. */
static void step_node(const co_model *m, const co_workspace *w, float *params, const co_pass *pass,
                      size_t l, float lr, float *grad)
{
    const co_vertex *v = &m->node[l];
    co_call call;
    open_call(w, pass, params, l, &call);
    call.dy = gradient_of(w, pass, l);
    const bool wants_dx = open_dx(w, &call, l, NONE);
    if (v->at_once) {
        call.factor = -lr;
        call.target = params;
        v->layer->backward(v->self, &call);
        close_dx(w, &call, l);
        return;
    }
    if (wants_dx || v->layer->input_first) v->layer->backward_input(v->self, &call);
    close_dx(w, &call, l);
    if (!v->trained) return;
    for (size_t t = 0; pass->first == 0 && t < v->n_tensors; t++) {
        const co_tensor *tensor = &m->tensor[v->tensor[t]];
        if (tensor->n_uses == 1) memset(grad + call.target_at[t], 0, tensor->size * sizeof *grad);
    }
    backward_params(m, v, &call, NULL, grad);
    for (size_t t = 0; !pass->more && t < v->n_tensors; t++) {
        const co_tensor *tensor = &m->tensor[v->tensor[t]];
        if (tensor->n_uses == 1 && !v->is_frozen[t])
            co_vector_add_scaled(params + call.at[t], grad + call.target_at[t], tensor->size, -lr);
    }
}

/* Nodes end - 1 down to begin, as far as anything below trains. */
static void step_nodes(const co_model *m, const co_workspace *w, float *params, const co_pass *pass,
                       size_t begin, size_t end, float lr, float *grad)
{
    for (size_t l = end; l-- > begin;)
        if (m->node[l].wanted && !m->node[l].low.passes_on)
            step_node(m, w, params, pass, l, lr, grad);
}

/* The nodes in front, part by part. */
static void step_parts(const co_model *m, const co_workspace *w, float *params, const co_pass *pass,
                       float lr, float *grad)
{
    co_pass part = *pass;
    co_batch batch = {0};
    while (co_pass_next_part(m, pass, &part, &batch))
        step_nodes(m, w, params, &part, 1, m->n_parts, lr, grad);
}

/* Before the step: zeros for the gradients of tensors that several nodes share; after it: their
 * step. */
static bool is_stepped(const co_tensor *tensor)
{
    return tensor->n_uses > 1 && tensor->role != CO_FROZEN;
}

static size_t place_of(const co_model *m, const co_pass *pass, const co_tensor *tensor)
{
    return pass->frozen ? co_layout_place(&m->layout, tensor->offset) : tensor->offset;
}

static void zero_tied(const co_model *m, const co_pass *pass, float *grad)
{
    for (const co_tensor *t = m->tensor; t < m->tensor + m->n_tensors; t++)
        if (is_stepped(t)) memset(grad + place_of(m, pass, t), 0, t->size * sizeof *grad);
}

static void step_tied(const co_model *m, const co_pass *pass, float *params, const float *grad,
                      float lr)
{
    for (const co_tensor *t = m->tensor; t < m->tensor + m->n_tensors; t++)
        if (is_stepped(t))
            co_vector_add_scaled(params + place_of(m, pass, t), grad + place_of(m, pass, t),
                                 t->size, -lr);
}

void co_model_step(const co_model *model, co_workspace *workspace, float *params,
                   const co_pass *pass, float lr, float *grad, double *sums)
{
    const co_model *m = model;
    const size_t begin = m->n_parts > 1 ? m->n_parts : 1;
    const float *out = co_model_forward(m, workspace, params, pass);
    if (m->n_tied > 0) zero_tied(m, pass, grad);
    take_loss(m, pass, out, workspace->slot[m->n_nodes - 1].dy, sums);
    step_nodes(m, workspace, params, pass, begin, m->n_nodes, lr, grad);
    if (begin > 1 && m->node[begin - 1].wanted) step_parts(m, workspace, params, pass, lr, grad);
    if (m->n_tied > 0) step_tied(m, pass, params, grad, lr);
}
