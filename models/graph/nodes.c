/* models/graph/nodes.c - nodes of the graph and the table of their tensors.
 *
 * Offsets follow from the table alone: tensor after tensor, in the order of the nodes and, within a
 * layer, in PyTorch's. Cost: linear in nodes and tensors. */
#include "core/memory.h"
#include "models/graph/graph.h"
#include <stdio.h>
#include <string.h>

enum { MOST_NODES = 65536 };

co_status co_build_check_name(const co_place *place, const co_node *node)
{
    static const char known[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
    const co_config at = {.file = place->file, .section = place->section};
    const char *text = node->kind == CO_NODE_SCALAR ? node->text : "";
    const size_t n = strlen(text);
    if (n > 0 && strspn(text, known) == n && text[0] != '.' && text[n - 1] != '.' &&
        !strstr(text, ".."))
        return CO_OK;
    return co_config_fail(
        &at, node,
        "a name has letters, digits, _ and -, with single dots between: encoder.layer.0");
}

/* ---- tensors ---- */

static co_status add_tensor(co_model *m, const char *node, const co_tensor_shape *shape,
                            size_t *number)
{
    size_t size = 1;
    co_tensor *t;
    if (co_reserve((void **)&m->tensor, &m->tensor_capacity, m->n_tensors + 1, sizeof *m->tensor))
        return CO_FAIL(CO_ENOMEM, "table of tensors");
    t = &m->tensor[m->n_tensors];
    *t = (co_tensor){.ndim = shape->ndim, .offset = m->size, .role = CO_SHARED};
    if (snprintf(t->name, sizeof t->name, "%s.%s", node, shape->name) >= (int)sizeof t->name)
        return CO_FAIL(
            CO_EUSAGE,
            "the name of tensor %s.%s is longer than %d characters; put blocks less deep "
            "into each other, or give a shorter name",
            node, shape->name, CO_NAME);
    memcpy(t->dim, shape->dim, sizeof t->dim);
    bool fits = true;
    for (size_t i = 0; i < t->ndim; i++) fits = fits && co_size_multiply(&size, t->dim[i]);
    if (!fits || m->size + size > INT32_MAX)
        return CO_FAIL(CO_EUSAGE,
                       "the model has more than 2^31 - 1 parameters at %s; make its layers smaller",
                       t->name);
    t->size = size;
    m->size += size;
    *number = m->n_tensors++;
    return CO_OK;
}

/* The tensor of an earlier node that this one is tied to. */
static co_status find_tied(const co_config *at, co_model *m, const co_node *name,
                           const co_tensor_shape *shape, size_t *number)
{
    for (size_t t = 0; t < m->n_tensors && name->kind == CO_NODE_SCALAR; t++) {
        const co_tensor *other = &m->tensor[t];
        if (strcmp(other->name, name->text) != 0) continue;
        if (other->ndim != shape->ndim ||
            memcmp(other->dim, shape->dim, shape->ndim * sizeof *shape->dim) != 0)
            return co_config_fail(at, name,
                                  "tie: %s and %s have not the same shape (%zu and %zu rows; "
                                  "if they are of two vocabularies, import pairs with shared=true)",
                                  shape->name, other->name, shape->dim[0], other->dim[0]);
        *number = t;
        return CO_OK;
    }
    return co_config_fail(at, name, "tie: no tensor before this layer is called %s",
                          name->kind == CO_NODE_SCALAR ? name->text : "so");
}

static co_status check_tie(const co_config *at, const co_node *tie, const co_tensor_shape *shape,
                           size_t n)
{
    if (tie && tie->kind != CO_NODE_MAP)
        return co_config_fail(at, tie, "tie is a map such as {weight: 0.weight}");
    for (const co_node *key = tie ? tie->first : NULL; key; key = key->next) {
        bool known = false;
        for (size_t i = 0; i < n; i++) known = known || strcmp(key->key, shape[i].name) == 0;
        if (!known) return co_config_fail(at, key, "tie: the layer has no tensor %s", key->key);
    }
    return CO_OK;
}

static co_status add_tensors(const co_config *at, co_model *m, co_vertex *v, const co_node *tie)
{
    co_tensor_shape shape[CO_MAX_TENSORS];
    v->n_tensors = v->layer->tensors ? v->layer->tensors(v->self, shape) : 0;
    CO_TRY(check_tie(at, tie, shape, v->n_tensors));
    v->tensor = co_malloc(5 * v->n_tensors, sizeof *v->tensor);
    v->is_frozen = co_calloc(2 * v->n_tensors, sizeof *v->is_frozen);
    if (!v->tensor || !v->is_frozen) return CO_FAIL(CO_ENOMEM, "table of tensors");
    v->owns = v->is_frozen + v->n_tensors;
    v->at = v->tensor + v->n_tensors;
    v->place = v->at + v->n_tensors;
    v->grad_place = v->place + v->n_tensors;
    v->own_at = v->grad_place + v->n_tensors;
    for (size_t i = 0; i < v->n_tensors; i++) {
        const co_node *name = tie ? co_node_find(tie, shape[i].name) : NULL;
        if (name)
            CO_TRY(find_tied(at, m, name, &shape[i], &v->tensor[i]));
        else
            CO_TRY(add_tensor(m, v->name, &shape[i], &v->tensor[i]));
        v->owns[i] = !name;
        v->at[i] = m->tensor[v->tensor[i]].offset;
        v->own_at[i] = v->own_floats;
        v->own_floats += co_graph_align(co_graph_own_size(m, v, i));
        m->n_tied += ++m->tensor[v->tensor[i]].n_uses == 2;
    }
    return CO_OK;
}

/* ---- nodes ---- */

static co_status add_node(co_model *m, const char *name, co_vertex **v)
{
    if (m->n_nodes == MOST_NODES)
        return CO_FAIL(CO_EUSAGE, "model.layers: more than %d layers", MOST_NODES - 1);
    if (co_reserve((void **)&m->node, &m->node_capacity, m->n_nodes + 1, sizeof *m->node))
        return CO_FAIL(CO_ENOMEM, "layers");
    *v = &m->node[m->n_nodes];
    **v = (co_vertex){.name = co_strdup(name)};
    if (!(*v)->name) return CO_FAIL(CO_ENOMEM, "layers");
    m->n_nodes++;
    return CO_OK;
}

co_status co_build_input(co_model *m, const co_shape *in)
{
    co_vertex *v = NULL;
    CO_TRY(add_node(m, "input", &v));
    v->out = *in;
    v->floats = co_shape_size(in);
    return CO_OK;
}

co_status co_build_node(const co_place *place, const co_layer *layer, co_node *options,
                        const co_node *tie, const size_t *in, size_t *out)
{
    co_model *m = place->model;
    co_shape shape[CO_MAX_INPUTS] = {{0}};
    co_vertex *v = NULL;
    const co_config at = {.file = place->file, .section = place->section, .map = options};
    const co_param *const tables[] = {layer->params};
    if (options) CO_TRY(co_config_check(&at, tables, 1));
    CO_TRY(add_node(m, place->name, &v));
    v->after = place->after ? co_strdup(place->after) : NULL;
    if (place->after && !v->after) return CO_FAIL(CO_ENOMEM, "layers");
    v->layer = layer;
    v->n_inputs = layer->n_inputs ? layer->n_inputs : 1;
    for (size_t s = 0; s < v->n_inputs; s++) {
        v->input[s] = in[s];
        shape[s] = m->node[in[s]].out;
    }
    CO_TRY(layer->create(&at, shape, place->n_classes, &v->out, &v->self));
    v->floats = v->out.tokens ? 0 : co_shape_size(&v->out); /* tokens stand in the batch */
    if (layer->facts) v->facts = layer->facts(v->self);
    *out = m->n_nodes - 1;
    return add_tensors(&at, m, v, tie);
}
