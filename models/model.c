/* models/model.c - from the section `model` of an experiment to a list of layers and the table of
 * its tensors.
 *
 * Offsets follow from the table alone: tensor after tensor, in the order of the list and, within a
 * layer, in PyTorch's. Cost: linear in layers and tensors; only co_model_init touches the
 * parameters. */
#include "models/model.h"
#include "core/memory.h"
#include "models/items.h"
#include <stdio.h>
#include <string.h>

const co_param co_model_params[] = {
    {"name", CO_STRING, .flags = CO_OPTIONAL, .doc = "a preset; or give layers"},
    {"layers", CO_TREE, .flags = CO_OPTIONAL, .doc = "list of layers, first to last"},
    {"init", CO_STRING, .flags = CO_OPTIONAL, .doc = "checkpoint file with the initial values"},
    {"loss", CO_STRING, .flags = CO_OPTIONAL, .doc = "cohort list loss; default: the task's first (cohort list task)"},
    {"freeze", CO_STRINGS, .words = "", .doc = "tensors that never change, by name (1.weight)"},
    {0}};

/* The list of layers: of the preset, or as written. */
static co_status find_list(const co_config *opt, co_node **list)
{
    const bool named = co_config_has(opt, "name"), listed = co_config_has(opt, "layers");
    if (named == listed)
        return co_config_fail(opt, co_config_node(opt, "name"),
                              "give either `name` or `layers`, %s",
                              named ? "not both" : "one of them is needed");
    if (named) {
        const co_model_preset *preset =
            (const co_model_preset *)co_plugin_find(&co_kind_model, co_config_string(opt, "name"));
        if (!preset) return co_fail_in(CO_EUSAGE, "%s: %s.name", opt->file, opt->section);
        *list = preset->layers(opt);
    } else {
        *list = co_node_copy(co_config_node(opt, "layers"));
    }
    return *list ? CO_OK : CO_FAIL(CO_ENOMEM, "list of layers");
}

static co_status check_list(const co_config *opt, const co_node *list)
{
    if (list->kind != CO_NODE_LIST || !list->first)
        return co_config_fail(opt, list,
                              "layers must be a list such as [flatten, {dense: classes}]");
    if (co_node_count(list) > CO_MAX_LAYERS)
        return co_config_fail(opt, list, "%zu layers are too many; at most %d", co_node_count(list),
                              CO_MAX_LAYERS);
    return CO_OK;
}

/* The layer's name in an item `relu` or `{dense: 10}`; value is NULL for a bare name. */
static co_status read_name(const co_config *at, const co_node *item, const char **name,
                           const co_node **value)
{
    *value = NULL;
    if (item->kind == CO_NODE_SCALAR) {
        *name = item->text;
    } else if (item->kind == CO_NODE_MAP && item->first && !item->first->next) {
        *name = item->first->key;
        *value = item->first;
    } else {
        return co_config_fail(at, item,
                              "a layer is a name (relu) or a map with one key ({dense: 10})");
    }
    return CO_OK;
}

/* A new map of options from the value behind a layer's name. */
static co_status read_options(const co_config *at, const co_layer *layer, const co_node *value,
                              co_node **map)
{
    if (value && value->kind == CO_NODE_MAP) {
        *map = co_node_copy(value);
        return *map ? CO_OK : CO_FAIL(CO_ENOMEM, "options of a layer");
    }
    if (value && !layer->main_option)
        return co_config_fail(
            at, value, "%s takes no bare value; write {%s: {option: value}} with %s", layer->name,
            layer->name, layer->params ? layer->params[0].key : "no option at all");
    *map = co_node_create(CO_NODE_MAP, NULL, NULL);
    co_node *option = *map && value ? co_node_copy(value) : NULL;
    if (!*map || (value && !option)) return CO_FAIL(CO_ENOMEM, "options of a layer");
    if (!option) return CO_OK;
    co_free(option->key);
    option->key = co_strdup(layer->main_option);
    co_node_append(*map, option);
    return option->key ? CO_OK : CO_FAIL(CO_ENOMEM, "options of a layer");
}

static co_status create_layer(const co_config *opt, const co_node *node, size_t index,
                              const co_shape *in, size_t n_classes, co_item *item)
{
    char section[128];
    const char *name = NULL;
    const co_node *value;
    co_node *map = NULL;
    co_status st = CO_OK;
    snprintf(section, sizeof section, "%.40s.layers[%zu]", opt->section, index);
    co_config at = {.file = opt->file, .section = section, .map = opt->map};
    CO_TRY(read_name(&at, node, &name, &value));
    item->layer = co_layer_find(name);
    if (!item->layer) return co_fail_in(CO_EUSAGE, "%s:%d: %s", opt->file, node->line, section);
    CO_TRY_OUT(read_options(&at, item->layer, value, &map));
    const co_param *const tables[] = {item->layer->params};
    snprintf(section, sizeof section, "%.40s.layers[%zu].%.60s", opt->section, index, name);
    at.map = map;
    map->line = node->line;
    map->column = node->column;
    CO_TRY_OUT(co_config_check(&at, tables, 1));
    item->in = *in;
    st = item->layer->create(&at, in, n_classes, &item->out, &item->self);
out:
    co_node_destroy(map);
    return st;
}

static co_status add_tensor(co_model *m, size_t index, const co_tensor_shape *shape)
{
    size_t size = 1;
    co_tensor *t;
    if (co_reserve((void **)&m->tensor, &m->tensor_capacity, m->n_tensors + 1, sizeof *m->tensor))
        return CO_FAIL(CO_ENOMEM, "table of tensors");
    t = &m->tensor[m->n_tensors];
    *t = (co_tensor){.ndim = shape->ndim, .offset = m->size, .role = CO_SHARED};
    snprintf(t->name, sizeof t->name, "%zu.%.*s", index, (int)sizeof shape->name, shape->name);
    memcpy(t->dim, shape->dim, sizeof t->dim);
    bool fits = true;
    for (size_t i = 0; i < t->ndim; i++) fits = fits && co_size_multiply(&size, t->dim[i]);
    if (!fits || m->size + size > INT32_MAX)
        return CO_FAIL(CO_EUSAGE,
                       "the model has more than 2^31 - 1 parameters at %s; make its layers smaller",
                       t->name);
    t->size = size;
    m->size += size;
    m->n_tensors++;
    return CO_OK;
}

static co_status add_item(co_model *m, const co_config *opt, const co_node *node,
                          const co_shape *in)
{
    co_tensor_shape shape[CO_MAX_TENSORS];
    co_item *item = &m->item[m->n_items];
    *item = (co_item){.first_tensor = m->n_tensors, .offset = m->size};
    CO_TRY(create_layer(opt, node, m->n_items, in, m->labels->n, item));
    m->n_items++;
    item->passes_on = item->layer->passes_on && item->layer->passes_on(item->self);
    if (m->n_items > 1 && strcmp(item[-1].layer->name, "relu") == 0 && item->layer->take_relu)
        item[-1].passes_on = item->layer->take_relu(item->self);
    item->at_once = item->layer->backward && (!item->layer->has_backward || item->layer->has_backward(item->self));
    item->n_tensors = item->layer->tensors ? item->layer->tensors(item->self, shape) : 0;
    for (size_t i = 0; i < item->n_tensors; i++) CO_TRY(add_tensor(m, m->n_items - 1, &shape[i]));
    return CO_OK;
}

static co_status check_outputs(const co_model *m, const co_config *opt, const co_node *list)
{
    char text[CO_SHAPE_TEXT];
    const co_shape *last = &m->item[m->n_items - 1].out;
    const size_t wanted = m->task->outputs(m->labels->n);
    co_shape_text(last, text);
    if (!last->tokens && last->sequence && !m->task->per_row)
        return co_config_fail(opt, list,
                              "the last layer gives %s, the task %s wants one row an example; put `pool_time` into the list",
                              text, m->task->name);
    if (!last->tokens && !last->sequence && m->task->per_row)
        return co_config_fail(opt, list, "the last layer gives %s, the task %s wants a row for every token; leave out %s",
                              text, m->task->name, "what turns sequences into one row");
    if (!last->tokens && last->ndim == 1 && last->dim[0] == wanted) return CO_OK;
    return co_config_fail(
        opt, list,
        "the last layer gives %s, the task %s with these data needs [%zu]; end the list with "
        "{dense: classes}",
        text, m->task->name, wanted);
}

static co_status freeze_one(co_model *m, const co_config *opt, const co_node *name)
{
    if (name->kind == CO_NODE_SCALAR)
        for (size_t i = 0; i < m->n_tensors; i++)
            if (strcmp(name->text, m->tensor[i].name) == 0) {
                m->tensor[i].role = CO_FROZEN;
                return CO_OK;
            }
    return co_config_fail(opt, name, "freeze: no tensor is called %s; the model has %s .. %s",
                          name->kind == CO_NODE_SCALAR ? name->text : "so",
                          m->n_tensors ? m->tensor[0].name : "none",
                          m->n_tensors ? m->tensor[m->n_tensors - 1].name : "none");
}

static co_status freeze(co_model *m, const co_config *opt)
{
    const co_node *names = co_config_node(opt, "freeze");
    if (!names) return CO_OK;
    if (names->kind == CO_NODE_SCALAR) return names->text[0] ? freeze_one(m, opt, names) : CO_OK;
    for (const co_node *name = names->first; name; name = name->next)
        CO_TRY(freeze_one(m, opt, name));
    return CO_OK;
}

static void find_trained(co_model *m)
{
    m->first_trained = m->n_items;
    for (size_t l = m->n_items; l-- > 0;) {
        co_item *item = &m->item[l];
        for (size_t i = 0; i < item->n_tensors; i++) {
            const co_tensor *t = &m->tensor[item->first_tensor + i];
            item->size += t->size;
            item->trained |= t->role != CO_FROZEN;
            item->frozen |= t->role == CO_FROZEN;
        }
        if (item->trained) m->first_trained = l;
    }
}

/* How far a batch goes in parts: to the last convolution and what follows it that takes parts; not at all without weights there. */
static void find_parts(co_model *m)
{
    enum { FLOATS = 131072 }; /* outputs of a part: half a MiB */
    size_t n = 0, floats = 0;
    bool has_weights = false;
    for (; n < m->n_items && m->item[n].layer->in_parts && !m->item[n].out.sequence; n++) {
        has_weights |= m->item[n].n_tensors > 0;
        floats += co_shape_size(&m->item[n].out);
    }
    m->n_parts = has_weights ? n : 0;
    m->part = floats > 0 && floats < FLOATS ? FLOATS / floats : 1;
}

static co_status build(co_model *m, const co_config *opt, const co_shape *in, const co_node *list)
{
    const co_shape *shape = in;
    CO_TRY(check_list(opt, list));
    for (const co_node *node = list->first; node; node = node->next) {
        CO_TRY(add_item(m, opt, node, shape));
        shape = &m->item[m->n_items - 1].out;
    }
    CO_TRY(check_outputs(m, opt, list));
    CO_TRY(freeze(m, opt));
    find_trained(m);
    find_parts(m);
    return CO_OK;
}

co_status co_model_create(const co_config *opt, const co_shape *in, const co_labels *labels,
                          const co_task *task, co_model **model)
{
    co_node *list = NULL;
    co_status st = CO_OK;
    co_model *m = co_calloc(1, sizeof *m);
    *model = NULL;
    if (!m) return CO_FAIL(CO_ENOMEM, "model");
    m->task = task;
    m->labels = labels;
    CO_TRY_OUT(co_criterion_init(&m->criterion, opt, task->name, task->losses));
    CO_TRY_OUT(find_list(opt, &list));
    CO_TRY_OUT(build(m, opt, in, list));
    *model = m;
out:
    co_node_destroy(list);
    if (st != CO_OK) co_model_destroy(m);
    return st;
}

void co_model_destroy(co_model *model)
{
    if (!model) return;
    for (size_t l = 0; l < model->n_items; l++)
        if (model->item[l].layer->destroy) model->item[l].layer->destroy(model->item[l].self);
    co_criterion_fini(&model->criterion);
    co_free(model->tensor);
    co_free(model);
}

size_t co_model_size(const co_model *model)
{
    return model->size;
}

const co_tensor *co_model_tensors(const co_model *model, size_t *n_tensors)
{
    *n_tensors = model->n_tensors;
    return model->tensor;
}

const co_shape *co_model_input(const co_model *model)
{
    return &model->item[0].in;
}

const co_task *co_model_task(const co_model *model)
{
    return model->task;
}

size_t co_model_n_classes(const co_model *model)
{
    return model->labels->n;
}

void co_model_init(const co_model *model, uint64_t seed, float *params)
{
    for (size_t l = 0; l < model->n_items; l++) {
        const co_item *item = &model->item[l];
        if (item->layer->init)
            item->layer->init(item->self, seed, item->first_tensor, params + item->offset);
    }
}

double co_model_flops(const co_model *model, double n_rows)
{
    double sum = 0.0;
    for (size_t l = 0; l < model->n_items; l++) {
        const co_item *i = &model->item[l];
        if (i->layer->flops) sum += i->layer->flops(i->self) * (i->in.sequence ? n_rows : 1.0);
    }
    return sum;
}

static size_t describe_tensor(const co_tensor *t, char *text, size_t room)
{
    static const char *const roles[] = {
        [CO_SHARED] = "shared", [CO_PERSONAL] = "personal", [CO_FROZEN] = "frozen"};
    size_t n = (size_t)snprintf(text, room, "{\"name\": \"%s\", \"shape\": [", t->name);
    for (size_t i = 0; i < t->ndim; i++)
        n += (size_t)snprintf(text + n, room - n, "%s%zu", i ? ", " : "", t->dim[i]);
    return n + (size_t)snprintf(text + n, room - n, "], \"role\": \"%s\"}", roles[t->role]);
}

char *co_model_describe(const co_model *model)
{
    enum { LINE = 256 }; /* name 80, four dimensions of at most 20 digits, the words around them */
    const size_t room = 3 + model->n_tensors * (LINE + 2);
    char *text = co_malloc(room, 1);
    size_t n = 0;
    if (!text) return NULL;
    text[n++] = '[';
    for (size_t i = 0; i < model->n_tensors; i++) {
        if (i) n += (size_t)snprintf(text + n, room - n, ", ");
        n += describe_tensor(&model->tensor[i], text + n, LINE);
    }
    snprintf(text + n, room - n, "]");
    return text;
}
