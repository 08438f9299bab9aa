/* models/graph/build.c - from a list of layers and blocks to nodes and the table of tensors.
 *
 * An item is a layer or a block, with options or without. Keys beside it: `tie` lets a layer use
 * tensors of a layer before it: {dense: classes, tie: {weight: 0.weight}}; `name` stands in place
 * of its numbered place; `after` puts its tensors behind those of another item (order.c). Offsets
 * follow from the table alone: tensor after tensor, in the order of the list and, within a layer,
 * in PyTorch's. Cost: linear in nodes and tensors. */
#include "core/memory.h"
#include "models/graph/block.h"
#include <stdio.h>
#include <string.h>

enum { MOST_NODES = 65536 };

static co_status check_list(const co_config *at, const co_node *list)
{
    if (list->kind == CO_NODE_LIST && list->first) return CO_OK;
    return co_config_fail(at, list, "layers must be a list such as [flatten, {dense: classes}]");
}

/* What an item says; NULL where it says nothing. */
typedef struct {
    const char *what; /* the layer or block */
    const co_node *value, *tie, *name, *after;
} parts;

/* `relu`, `{dense: 10}` or `{dense: 10, tie: .., name: .., after: ..}`. */
static co_status read_item(const co_config *at, const co_node *item, parts *p)
{
    *p = (parts){0};
    size_t n = 1;
    if (item->kind == CO_NODE_SCALAR) {
        p->what = item->text;
        return CO_OK;
    }
    for (const co_node *key = item->kind == CO_NODE_MAP ? item->first : NULL; key;
         key = key->next) {
        const co_node **to = strcmp(key->key, "tie") == 0     ? &p->tie
                             : strcmp(key->key, "name") == 0  ? &p->name
                             : strcmp(key->key, "after") == 0 ? &p->after
                                                              : &p->value;
        n += *to != NULL;
        *to = key;
    }
    if (!p->value || n > 1)
        return co_config_fail(at, item,
                              "a layer is a name (relu) or a map with one key ({dense: 10}), and "
                              "`tie`, `name`, `after` beside it");
    p->what = p->value->key;
    return CO_OK;
}

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

/* A new map of options from the value behind a name. */
static co_status read_options(const co_config *at, const co_plugin *plugin, const char *main_option,
                              const co_node *value, co_node **map)
{
    if (value && value->kind == CO_NODE_MAP) {
        *map = co_node_copy(value);
        return *map ? CO_OK : CO_FAIL(CO_ENOMEM, "options of a layer");
    }
    if (value && !main_option)
        return co_config_fail(
            at, value, "%s takes no bare value; write {%s: {option: value}} with %s", plugin->name,
            plugin->name, plugin->params ? plugin->params[0].key : "no option at all");
    *map = co_node_create(CO_NODE_MAP, NULL, NULL);
    co_node *option = *map && value ? co_node_copy(value) : NULL;
    if (!*map || (value && !option)) return CO_FAIL(CO_ENOMEM, "options of a layer");
    if (!option) return CO_OK;
    co_free(option->key);
    option->key = co_strdup(main_option);
    co_node_append(*map, option);
    return option->key ? CO_OK : CO_FAIL(CO_ENOMEM, "options of a layer");
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

co_status co_build_layer(const co_place *place, const co_layer *layer, co_node *options,
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
    CO_TRY(add_tensors(&at, m, v, tie));
    return co_lora_follow(place, in[0], out);
}

static co_status fail_unknown(const co_config *at, const co_node *item, const char *name)
{
    const co_kind *const kinds[] = {&co_kind_layer, &co_kind_block};
    const char *words[256];
    char suggestion[512];
    size_t n = 0;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        for (const co_plugin *const *m = kinds[k]->members;
             *m && n + 1 < sizeof words / sizeof *words; m++)
            words[n++] = (*m)->name;
    words[n] = NULL;
    co_suggest(name, words, suggestion, sizeof suggestion);
    return co_config_fail(at, item, "unknown layer '%.64s'%s", name, suggestion);
}

/* `name` and `after`: where the item stands. */
static co_status place_item(co_place *place, const parts *p)
{
    const co_config at = {.file = place->file, .section = place->section};
    if (p->name) {
        CO_TRY(co_build_check_name(place, p->name));
        if (snprintf(place->name, sizeof place->name, "%s", p->name->text) > CO_NAME)
            return co_config_fail(&at, p->name, "longer than %d characters", CO_NAME);
    }
    if (p->after) {
        CO_TRY(co_build_check_name(place, p->after));
        place->after = p->after->text;
    }
    return CO_OK;
}

/* The item's options, at its own place. */
static co_status build_item(co_place *place, const co_node *item, size_t in, size_t *out)
{
    const co_config at = {.file = place->file, .section = place->section};
    parts p;
    co_node *map = NULL;
    co_status st = CO_OK;
    CO_TRY(read_item(&at, item, &p));
    CO_TRY(place_item(place, &p));
    const co_block *block = co_block_find(p.what);
    const co_layer *layer = block ? NULL : co_layer_find(p.what);
    const co_plugin *plugin = block ? (const co_plugin *)block : (const co_plugin *)layer;
    if (!plugin) return fail_unknown(&at, item, p.what);
    if (block && p.tie)
        return co_config_fail(&at, p.tie, "tie stands beside a layer; %s is a block", p.what);
    if (layer && layer->n_inputs > 1)
        return co_config_fail(&at, item,
                              "%s has %zu inputs and ends a block; write {residual: [..]}", p.what,
                              layer->n_inputs);
    CO_TRY_OUT(
        read_options(&at, plugin, block ? block->main_option : layer->main_option, p.value, &map));
    map->line = item->line;
    map->column = item->column;
    const size_t n = strlen(place->section);
    snprintf(place->section + n, sizeof place->section - n, ".%s", p.what);
    if (layer) {
        st = co_build_layer(place, layer, map, p.tie, &in, out);
    } else {
        const co_config opt = {.file = place->file, .section = place->section, .map = map};
        const co_param *const tables[] = {block->params};
        CO_TRY_OUT(co_config_check(&opt, tables, 1));
        st = block->build(place, &opt, in, out);
    }
out:
    co_node_destroy(map);
    return st;
}

co_status co_build_list(const co_place *place, const co_node *list, const char *name, size_t in,
                        size_t *out)
{
    const co_config at = {.file = place->file, .section = place->section};
    size_t number = 0;
    CO_TRY(check_list(&at, list));
    *out = in;
    for (const co_node *item = list->first; item; item = item->next, number++) {
        co_place here = {.model = place->model,
                         .file = place->file,
                         .after = place->after,
                         .n_classes = place->n_classes,
                         .encoder = place->encoder};
        const int n = snprintf(here.name, sizeof here.name, "%s%s%s%s%zu", place->name,
                               place->name[0] ? "." : "", name, name[0] ? "." : "", number);
        if (n >= (int)sizeof here.name ||
            snprintf(here.section, sizeof here.section, "%s[%zu]", place->section, number) >=
                (int)sizeof here.section)
            return co_config_fail(
                &at, item, "blocks stand too deep inside each other: the name %s.. is too long",
                here.name);
        CO_TRY(build_item(&here, item, *out, out));
    }
    return CO_OK;
}
