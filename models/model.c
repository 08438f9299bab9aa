/* models/model.c - from the section `model` of an experiment to a graph (models/graph) and the
 * roles of its tensors.
 *
 * Cost: linear in layers and tensors; only co_model_init touches the parameters. */
#include "models/model.h"
#include "core/memory.h"
#include "core/random.h"
#include "models/graph/graph.h"
#include <stdio.h>
#include <string.h>

const co_param co_model_params[] = {
    {"name", CO_STRING, .flags = CO_OPTIONAL, .doc = "a preset; or give layers"},
    {"layers", CO_TREE, .flags = CO_OPTIONAL, .doc = "list of layers and blocks, first to last"},
    {"encoder", CO_TREE, .flags = CO_OPTIONAL,
     .doc = "list of layers that read the text; with decoder, in place of layers"},
    {"decoder", CO_TREE, .flags = CO_OPTIONAL, .doc = "list of layers that read its target"},
    {"init", CO_STRING, .flags = CO_OPTIONAL,
     .doc = "initial values: a checkpoint, a folder of weights or a .safetensors file; beside from "
            "those of lora (also an adapter of PEFT), of the head and of what is trained"},
    {"from", CO_STRING, .flags = CO_OPTIONAL,
     .doc = "folder of a pretrained model (config.json, model.safetensors): sizes and initial "
            "values"},
    {"loss", CO_STRING, .flags = CO_OPTIONAL,
     .doc = "cohort list loss; default: the task's first (cohort list task)"},
    {"freeze", CO_STRINGS, .words = "",
     .doc = "tensors that never change: names or patterns (1.weight, encoder.layer.[0-3].*)"},
    {"lora", CO_TREE, .flags = CO_OPTIONAL,
     .doc =
         "{rank, alpha, targets, dropout, aggregate: mean | freeze_a, trained}: trains changes of "
         "low rank beside the dense layers that targets names, and what trained names"},
    {0}};

/* Whether `layers` is an option of the preset's own: how many of them it has. */
static bool counts_layers(const co_model_preset *preset)
{
    for (const co_param *p = preset ? preset->params : NULL; p && p->key; p++)
        if (strcmp(p->key, "layers") == 0) return true;
    return false;
}

/* NULL where there is no `name`. */
static co_status find_preset(const co_config *opt, const co_model_preset **preset)
{
    *preset = NULL;
    if (!co_config_has(opt, "name")) return CO_OK;
    *preset = co_preset_find(co_config_string(opt, "name"));
    return *preset ? CO_OK : co_fail_in(CO_EUSAGE, "%s: %s.name", opt->file, opt->section);
}

/* {encoder: [..], decoder: [..]}: the list [{encoder: [..], name: encoder}, {decoder: [..], name:
 * decoder}]. */
static co_status join_halves(const co_config *opt, co_node **list)
{
    static const char *const halves[] = {"encoder", "decoder"};
    *list = co_node_create(CO_NODE_LIST, NULL, NULL);
    for (size_t k = 0; *list && k < 2; k++) {
        co_node *item = co_node_create(CO_NODE_MAP, NULL, NULL),
                *half = co_node_copy(co_config_node(opt, halves[k]));
        if (item) co_node_append(*list, item);
        if (!item || !half || co_node_set(item, "name", halves[k]) != CO_OK) {
            co_node_destroy(half);
            return CO_FAIL(CO_ENOMEM, "list of layers");
        }
        item->line = half->line;
        co_node_append(item, half);
    }
    return *list ? CO_OK : CO_FAIL(CO_ENOMEM, "list of layers");
}

/* The list of layers: of the preset, or as written. */
static co_status find_list(const co_config *opt, const co_model_preset *preset, const co_task *task,
                           co_node **list)
{
    const bool listed = co_config_has(opt, "layers") && !counts_layers(preset),
               encoder = co_config_has(opt, "encoder"), decoder = co_config_has(opt, "decoder");
    if (encoder != decoder)
        return co_config_fail(opt, co_config_node(opt, encoder ? "encoder" : "decoder"),
                              "`encoder` and `decoder` stand together: add the list %s, or write "
                              "one list `layers`",
                              encoder ? "decoder" : "encoder");
    if ((preset != NULL) + listed + encoder != 1)
        return co_config_fail(opt, co_config_node(opt, "name"),
                              "give either `name` or `layers` (or `encoder` and `decoder`), %s",
                              preset || listed ? "not both" : "one of them is needed");
    if (preset) return preset->layers(opt, task, list);
    if (encoder) return join_halves(opt, list);
    *list = co_node_copy(co_config_node(opt, "layers"));
    return *list ? CO_OK : CO_FAIL(CO_ENOMEM, "list of layers");
}

/* What the preset says of initial values. */
static void spread(co_model *m, const co_config *opt, const co_model_preset *preset)
{
    for (size_t t = 0; preset && preset->spread && t < m->n_tensors; t++)
        m->tensor[t].spread = preset->spread(opt, m->tensor[t].name);
}

/* A chain stands last, and behind emissions of a task that can score it. */
static co_status check_chain(co_model *m, const co_config *opt, const co_node *list)
{
    for (size_t l = 1; l < m->n_nodes; l++) {
        if (!m->node[l].facts.chains) continue;
        if (l + 1 < m->n_nodes)
            return co_config_fail(opt, list, "%s has to be the last layer", m->node[l].layer->name);
        if (!m->task->takes_chain)
            return co_config_fail(opt, list,
                                  "%s tags the tokens of texts, the task is %s; leave it out",
                                  m->node[l].layer->name, m->task->name);
        m->criterion.chain = true;
    }
    return CO_OK;
}

static co_status check_outputs(const co_model *m, const co_config *opt, const co_node *list)
{
    char text[CO_SHAPE_TEXT];
    co_shape given = m->node[m->n_nodes - 1].out;
    const co_shape *last = &given;
    const size_t wanted = m->task->outputs(m->labels->n);
    if (!m->has_head) return CO_OK;
    if (m->criterion.chain) given.dim[0] -= CO_CRF_EXTRA;
    co_shape_text(last, text);
    if (!last->tokens && m->task->targets && !last->target)
        return co_config_fail(
            opt, list,
            "the last layer gives %s, the task %s wants a row for every token of "
            "the target; put {decoder: [..]} behind the layers that read the text",
            text, m->task->name);
    if (!last->tokens && last->sequence && !m->task->per_row)
        return co_config_fail(opt, list,
                              "the last layer gives %s, the task %s wants one row an example; put "
                              "`pool_time` into the list",
                              text, m->task->name);
    if (!last->tokens && !last->sequence && m->task->per_row)
        return co_config_fail(
            opt, list,
            "the last layer gives %s, the task %s wants a row for every token; leave out %s", text,
            m->task->name, "what turns sequences into one row");
    if (!last->tokens && last->ndim == 1 && last->dim[0] == wanted) return CO_OK;
    return co_config_fail(
        opt, list, "the last layer gives %s, the task %s with these data needs [%zu]; %s", text,
        m->task->name, wanted,
        co_config_node(opt, "vocabulary")
            ? "the model's vocabulary (vocabulary) has to be the data's (import h5: vocab_size)"
        : m->criterion.chain ? "put {dense: classes} before crf"
                             : "end the list with {dense: classes}");
}

/* The tensor of that name; NULL when there is none. */
static co_tensor *find_tensor(const co_model *m, const char *name)
{
    for (size_t t = 0; t < m->n_tensors; t++)
        if (strcmp(name, m->tensor[t].name) == 0) return &m->tensor[t];
    return NULL;
}

/* Neighbours of one role become one span. */
static co_status find_spans(co_model *m)
{
    size_t n[3] = {0};
    for (size_t t = 0; t < m->n_tensors; t++) {
        const co_tensor *tensor = &m->tensor[t];
        co_span *last = m->span[tensor->role] + n[tensor->role];
        if (n[tensor->role] > 0 && last[-1].offset + last[-1].size == tensor->offset)
            last[-1].size += tensor->size;
        else
            *last = (co_span){tensor->offset, tensor->size}, n[tensor->role]++;
    }
    memcpy(m->n_spans, n, sizeof n);
    co_lay_out(m);
    return co_lower(m);
}

static co_status open_spans(co_model *m)
{
    for (size_t role = 0; role < 3; role++) {
        m->span[role] = co_malloc(m->n_tensors, sizeof *m->span[role]);
        m->layout.span[role] = co_malloc(2 * m->n_tensors + 1, sizeof *m->layout.span[role]);
        if (!m->span[role] || !m->layout.span[role])
            return CO_FAIL(CO_ENOMEM, "spans of %zu tensors", m->n_tensors);
    }
    m->layout.part = co_malloc(m->n_tensors, sizeof *m->layout.part);
    return m->layout.part ? CO_OK : CO_FAIL(CO_ENOMEM, "spans of %zu tensors", m->n_tensors);
}

static co_status build(co_model *m, const co_config *opt, const co_shape *in, const co_node *list)
{
    co_place place = {.model = m, .file = opt->file, .n_classes = m->labels->n};
    size_t last;
    snprintf(place.section, sizeof place.section, "%.40s.layers", opt->section);
    CO_TRY(co_lora_open(m, opt));
    CO_TRY(co_build_input(m, in));
    CO_TRY(co_build_list(&place, list, "", 0, &last));
    CO_TRY(co_order_tensors(m, opt, list));
    CO_TRY(check_chain(m, opt, list));
    CO_TRY(check_outputs(m, opt, list));
    CO_TRY(open_spans(m));
    CO_TRY(co_set_roles(m, opt));
    co_lora_close(m);
    return find_spans(m);
}

co_status co_model_create(const co_config *opt, const co_shape *in, const co_labels *labels,
                          const co_task *task, co_model **model)
{
    const co_model_preset *preset;
    co_node *list = NULL;
    co_status st = CO_OK;
    co_model *m = co_calloc(1, sizeof *m);
    *model = NULL;
    if (!m) return CO_FAIL(CO_ENOMEM, "model");
    m->task = task;
    m->labels = labels;
    CO_TRY_OUT(co_criterion_init(&m->criterion, opt, task->name, task->losses));
    m->fast = co_kernels_in_use();
    CO_TRY_OUT(find_preset(opt, &preset));
    CO_TRY_OUT(find_list(opt, preset, task, &list));
    const co_node *head = preset ? co_node_find(opt->map, "head") : NULL;
    m->has_head = !head || strcmp(head->text, "none") != 0;
    CO_TRY_OUT(build(m, opt, in, list));
    spread(m, opt, preset);
    *model = m;
out:
    co_node_destroy(list);
    if (st != CO_OK) co_model_destroy(m);
    return st;
}

void co_model_destroy(co_model *model)
{
    if (!model) return;
    for (size_t l = 0; l < model->n_nodes; l++) {
        co_vertex *v = &model->node[l];
        if (v->layer && v->layer->destroy) v->layer->destroy(v->self);
        co_free(v->tensor);
        co_free(v->is_frozen);
        co_free(v->name);
        co_free(v->after);
    }
    for (size_t role = 0; role < 3; role++) {
        co_free(model->span[role]);
        co_free(model->layout.span[role]);
    }
    co_free(model->layout.part);
    co_criterion_fini(&model->criterion);
    co_lora_close(model);
    co_free(model->node);
    co_free(model->tensor);
    co_free(model);
}

co_status co_model_set_role(co_model *model, const char *tensor, co_role role)
{
    co_tensor *found = find_tensor(model, tensor);
    if (!found) return CO_FAIL(CO_EUSAGE, "no tensor is called %s", tensor);
    found->role = role;
    return find_spans(model);
}

const co_span *co_model_spans(const co_model *model, co_role role, size_t *n_spans)
{
    *n_spans = model->n_spans[role];
    return model->span[role];
}

const co_layout *co_model_layout(const co_model *model)
{
    return &model->layout;
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

bool co_model_has_chain(const co_model *model)
{
    return model->criterion.chain;
}

bool co_model_has_head(const co_model *model)
{
    return model->has_head;
}

const co_shape *co_model_input(const co_model *model)
{
    return &model->node[0].out;
}

const co_task *co_model_task(const co_model *model)
{
    return model->task;
}

void co_model_measure(const co_model *model, const co_pass *pass, const float *out, double *sums)
{
    model->task->measure(pass, model->labels, &model->criterion, out, NULL, sums);
}

size_t co_model_n_classes(const co_model *model)
{
    return model->labels->n;
}

/* Tensor t of a layer, which is number k of the model. */
static void init_tensor(const co_vertex *v, const co_tensor *tensor, uint64_t seed, size_t t,
                        uint64_t k, float *out)
{
    co_tensor_shape shape[CO_MAX_TENSORS];
    v->layer->tensors(v->self, shape);
    const bool weight = strcmp(shape[t].name, "weight") == 0 && tensor->ndim == 2;
    if (tensor->spread > 0.0 && weight) {
        const co_stream stream = co_stream_open(seed, CO_DRAW_MODEL_INIT, 0, 0, k);
        co_fill_normal(&stream, 0, tensor->size, out);
        for (size_t i = 0; i < tensor->size; i++) out[i] *= (float)tensor->spread;
    } else if (tensor->spread > 0.0 && strcmp(shape[t].name, "bias") == 0) {
        memset(out, 0, tensor->size * sizeof *out);
    } else {
        v->layer->init(v->self, seed, t, k, out);
    }
}

void co_model_init(const co_model *model, uint64_t seed, float *params)
{
    for (size_t l = 1; l < model->n_nodes; l++) {
        const co_vertex *v = &model->node[l];
        for (size_t t = 0; t < v->n_tensors; t++)
            if (v->owns[t])
                init_tensor(v, &model->tensor[v->tensor[t]], seed, t, v->tensor[t],
                            params + v->at[t]);
    }
}

size_t co_model_longest(const co_model *model, bool target)
{
    size_t most = 0;
    for (const co_vertex *v = model->node + 1; v < model->node + model->n_nodes; v++) {
        const bool counts = v->layer->longest && model->node[v->input[0]].out.target == target;
        const size_t own = counts ? v->layer->longest(v->self) : 0;
        if (own > 0 && (most == 0 || own < most)) most = own;
    }
    return most;
}

double co_model_flops(const co_model *model, double n_rows, double n_target_rows)
{
    double sum = 0.0;
    for (size_t l = 1; l < model->n_nodes; l++) {
        const co_vertex *v = &model->node[l];
        const co_shape *in = &model->node[v->input[0]].out,
                       *last = &model->node[v->input[v->n_inputs - 1]].out;
        const double rows = !in->sequence ? 1.0 : in->target ? n_target_rows : n_rows;
        const double others = last->target ? n_target_rows : n_rows;
        if (v->layer->flops) sum += v->layer->flops(v->self) * rows;
        if (v->layer->pair_flops) sum += v->layer->pair_flops(v->self) * rows * others;
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
    enum { LINE = CO_NAME + 192 }; /* four dimensions of at most 20 digits, the words around them */
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
