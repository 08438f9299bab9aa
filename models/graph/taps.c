/* models/graph/taps.c - values and gradients of single nodes, and passes that begin at one.
 *
 * A tapped node keeps a buffer of its own, so that lowering leaves it alone (lowering.c); no float
 * changes. Images are handed out and taken as planes. Cost: one copy of the values. */
#include "core/memory.h"
#include "models/graph/graph.h"
#include "models/layers/layout.h"
#include <string.h>

static co_status tap(co_model *model, size_t node)
{
    co_vertex *v = &model->node[node];
    if (v->out.tokens) return CO_FAIL(CO_EUSAGE, "%s is tokens, which have no values", v->name);
    v->tapped = true;
    model->n_taps++;
    return co_lower(model);
}

co_status co_model_tap(co_model *model, const char *name, size_t *node)
{
    *node = model->n_nodes;
    for (size_t l = 0; l < model->n_nodes; l++)
        if (co_graph_belongs(&model->node[l], name)) *node = l;
    if (*node == model->n_nodes)
        return CO_FAIL(CO_EUSAGE, "no layer is called %s; the model has %s, %s .. %s", name,
                       model->node[0].name, model->node[1].name,
                       model->node[model->n_nodes - 1].name);
    return tap(model, *node);
}

co_status co_model_tap_hidden(co_model *model, size_t *node)
{
    size_t l = model->n_nodes - 1;
    while (l > 0 && (model->node[l].n_tensors == 0 || model->node[l].facts.chains)) l--;
    if (l == 0) return CO_FAIL(CO_EUSAGE, "no layer of the model has tensors");
    *node = model->node[l].input[model->node[l].n_inputs - 1];
    return tap(model, *node);
}

const char *co_model_tap_name(const co_model *model, size_t node)
{
    return model->node[node].name;
}

co_shape co_model_tap_shape(const co_model *model, size_t node)
{
    co_shape shape = model->node[node].out;
    shape.lanes = 0;
    return shape;
}

bool co_model_begins_at(const co_model *model, size_t node)
{
    for (size_t l = node + 1; l < model->n_nodes; l++)
        for (size_t s = 0; s < model->node[l].n_inputs; s++)
            if (model->node[l].input[s] < node) return false;
    return true;
}

static size_t rows_of(const co_vertex *v, const co_batch *batch)
{
    return co_shape_rows(&v->out, batch);
}

static void hand_out(const co_model *m, size_t node, const co_batch *batch, const float *from,
                     float *to)
{
    const co_vertex *v = &m->node[node];
    if (v->out.lanes)
        co_layout_to_planes(m->fast, &v->out, rows_of(v, batch), from, to);
    else
        memcpy(to, from, rows_of(v, batch) * v->floats * sizeof *to);
}

void co_model_tap_values(const co_model *model, const co_workspace *workspace,
                         const co_batch *batch, size_t node, float *values)
{
    CO_ASSERT(model->node[node].tapped);
    hand_out(model, node, batch, workspace->slot[node].out, values);
}

void co_model_loss_from(const co_model *model, co_workspace *workspace, const float *params,
                        const co_pass *pass, size_t node, const float *values, const float *scale,
                        float *grad, float *d_values, double *sums)
{
    const co_vertex *v = &model->node[node];
    float *x = workspace->slot[node].y;
    CO_ASSERT(v->tapped && co_model_begins_at(model, node));
    if (v->out.lanes)
        co_layout_to_lanes(model->fast, &v->out, rows_of(v, pass->batch), values, x);
    else
        memcpy(x, values, rows_of(v, pass->batch) * v->floats * sizeof *x);
    co_pass_loss(model, workspace, params, pass, node, x, scale, grad, d_values != NULL, sums);
    if (d_values) hand_out(model, node, pass->batch, workspace->slot[node].dy, d_values);
}
