/* models/graph/roles.c - which tensors are trained: model.lora puts changes of low rank beside
 * dense layers and freezes the rest, model.freeze freezes by name.
 *
 * Names are matched by fnmatch(3) on the whole name; * takes dots in as well. With aggregate mean
 * the means of A and of B travel, though the mean of B A is another; freeze_a keeps A as it began,
 * so that the mean of B gives that of B A (Sun et al., ICLR 2024, arXiv:2403.12313). Cost: patterns
 * times tensors. */
#include "core/memory.h"
#include "core/text.h"
#include "models/graph/graph.h"
#include <fnmatch.h>
#include <string.h>

struct co_lora {
    co_config opt;    /* checked; owned */
    co_node *options; /* of the layers */
    bool *found;      /* [targets] */
    bool fixes_a;
};

const co_param co_lora_params[] = {
    {"rank", CO_INT, .lo = 1, .hi = 65536, .flags = CO_REQUIRED, .doc = "rows of A"},
    {"alpha", CO_REAL, .lo = 0.0, .hi = 1e6, .flags = CO_LO_OPEN | CO_OPTIONAL,
     .doc = "the change is multiplied by alpha / rank; default: rank"},
    {"targets", CO_STRINGS, .flags = CO_REQUIRED,
     .doc = "dense layers: patterns of whole names, or last parts of names"},
    {"dropout", CO_REAL, .lo = 0.0, .hi = 1.0, .flags = CO_HI_OPEN,
     .doc = "probability that a value of a layer's input is dropped on its way to A"},
    {"aggregate", CO_CHOICE, .words = "mean|freeze_a|share_a",
     .doc = "what is averaged: A and B; B alone, A stays as it began; share_a needs personal B"},
    {"trained", CO_STRINGS, .words = "classifier*, pre_classifier*, score*",
     .doc = "tensors that are trained beside them: the head; patterns of names"},
    {0}};

/* ---- model.lora ---- */

static co_status copy_options(co_lora *l)
{
    static const char *const keys[] = {"rank", "alpha", "dropout"};
    l->options = co_node_create(CO_NODE_MAP, NULL, NULL);
    if (!l->options) return CO_FAIL(CO_ENOMEM, "model.lora");
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
        const co_node *value = co_node_find(l->opt.map, keys[k]);
        co_node *copy = value ? co_node_copy(value) : NULL;
        if (value && !copy) return CO_FAIL(CO_ENOMEM, "model.lora");
        if (copy) co_node_append(l->options, copy);
    }
    return CO_OK;
}

static co_status read_section(const co_config *opt, const co_node *node, co_lora *l)
{
    const co_param *const tables[] = {co_lora_params};
    if (node->kind != CO_NODE_MAP)
        return co_config_fail(opt, node,
                              "lora is a map such as {rank: 8, targets: [query, value]}");
    l->opt = (co_config){.file = opt->file, .section = "model.lora", .map = co_node_copy(node)};
    if (!l->opt.map) return CO_FAIL(CO_ENOMEM, "model.lora");
    CO_TRY(co_config_check(&l->opt, tables, 1));
    const co_node *aggregate = co_config_node(&l->opt, "aggregate"),
                  *targets = co_config_node(&l->opt, "targets");
    if (strcmp(aggregate->text, "share_a") == 0)
        return co_config_fail(
            &l->opt, aggregate,
            "share_a wants a B of its own on every device, and tensors of a model "
            "cannot be set personal yet; choose mean or freeze_a");
    if (!targets->first) return co_config_fail(&l->opt, targets, "names no layer");
    l->fixes_a = strcmp(aggregate->text, "freeze_a") == 0;
    l->found = co_calloc(co_node_count(targets), sizeof *l->found);
    return l->found ? copy_options(l) : CO_FAIL(CO_ENOMEM, "model.lora");
}

co_status co_lora_open(co_model *m, const co_config *opt)
{
    const co_node *node = co_config_node(opt, "lora");
    if (!node) return CO_OK;
    m->lora = co_calloc(1, sizeof *m->lora);
    return m->lora ? read_section(opt, node, m->lora) : CO_FAIL(CO_ENOMEM, "model.lora");
}

void co_lora_close(co_model *m)
{
    if (!m->lora) return;
    co_node_destroy(m->lora->opt.map);
    co_node_destroy(m->lora->options);
    co_free(m->lora->found);
    co_free(m->lora);
    m->lora = NULL;
}

static const char *last_part(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot ? dot + 1 : name;
}

static bool matches(const char *pattern, const char *name)
{
    return fnmatch(pattern, name, 0) == 0;
}

/* A layer that may be a target. */
static bool is_dense(const co_vertex *v)
{
    return v->layer && strcmp(v->layer->name, "dense") == 0;
}

/* The layer that follows node *out, made from node `in`, where that is a target; *out: the new one.
 */
static co_status follow(const co_place *place, size_t in, size_t *out)
{
    co_lora *l = place->model->lora;
    bool wanted = false;
    size_t k = 0;
    if (!l || !is_dense(&place->model->node[*out])) return CO_OK;
    for (const co_node *t = co_config_node(&l->opt, "targets")->first; t; t = t->next, k++) {
        const bool hit =
            matches(t->text, place->name) || strcmp(t->text, last_part(place->name)) == 0;
        l->found[k] = l->found[k] || hit;
        wanted = wanted || hit;
    }
    if (!wanted) return CO_OK;
    const size_t inputs[] = {*out, in};
    co_node *options = co_node_copy(l->options);
    if (!options) return CO_FAIL(CO_ENOMEM, "model.lora");
    const co_status st = co_build_node(place, co_layer_find("lora"), options, NULL, inputs, out);
    co_node_destroy(options);
    return st;
}

co_status co_build_layer(const co_place *place, const co_layer *layer, co_node *options,
                         const co_node *tie, const size_t *in, size_t *out)
{
    CO_TRY(co_build_node(place, layer, options, tie, in, out));
    return follow(place, in[0], out);
}

/* A node of that last part stands before node end. */
static bool is_listed(const co_model *m, size_t end, const char *part)
{
    for (size_t l = 1; l < end; l++)
        if (is_dense(&m->node[l]) && strcmp(last_part(m->node[l].name), part) == 0) return true;
    return false;
}

static co_status fail_target(const co_model *m, const co_node *target)
{
    enum { SHOWN = 16 };
    co_text text = {0};
    size_t n = 0;
    for (size_t l = 1; l < m->n_nodes; l++) {
        const char *part = last_part(m->node[l].name);
        if (!is_dense(&m->node[l]) || is_listed(m, l, part)) continue;
        if (n < SHOWN && n > 0) co_text_add(&text, ", ");
        if (n < SHOWN) co_text_add(&text, part);
        if (n++ == SHOWN) co_text_add(&text, " ..");
    }
    const co_status st = co_config_fail(
        &m->lora->opt, target, "%s matches no dense layer; their last parts are %s", target->text,
        text.failed || n == 0 ? "none: the model has none" : text.data);
    co_text_fini(&text);
    return st;
}

/* ---- roles ---- */

/* Tensors that match get the role; returns how many. */
static size_t set_roles(co_model *m, const char *pattern, co_role role)
{
    size_t n = 0;
    for (size_t t = 0; t < m->n_tensors; t++) {
        if (!matches(pattern, m->tensor[t].name)) continue;
        m->tensor[t].role = role;
        n++;
    }
    return n;
}

static co_status fail_pattern(const co_model *m, const co_config *opt, const co_node *pattern)
{
    return co_config_fail(opt, pattern, "no tensor is called %s; the model has %s .. %s",
                          pattern->text, m->n_tensors ? m->tensor[0].name : "none",
                          m->n_tensors ? m->tensor[m->n_tensors - 1].name : "none");
}

static co_status set_lora_roles(co_model *m)
{
    const co_config *opt = &m->lora->opt;
    const co_node *trained = co_config_node(opt, "trained");
    size_t k = 0;
    for (const co_node *t = co_config_node(opt, "targets")->first; t; t = t->next)
        if (!m->lora->found[k++]) return fail_target(m, t);
    for (size_t t = 0; t < m->n_tensors; t++) m->tensor[t].role = CO_FROZEN;
    for (size_t l = 1; l < m->n_nodes; l++) {
        const co_vertex *v = &m->node[l];
        if (strcmp(v->layer->name, "lora") != 0) continue;
        if (!m->lora->fixes_a) m->tensor[v->tensor[0]].role = CO_SHARED;
        m->tensor[v->tensor[1]].role = CO_SHARED;
    }
    for (const co_node *t = trained->first; t; t = t->next)
        if (set_roles(m, t->text, CO_SHARED) == 0 && !trained->is_default)
            return fail_pattern(m, opt, t);
    return CO_OK;
}

co_status co_set_roles(co_model *m, const co_config *opt)
{
    const co_node *freeze = co_config_node(opt, "freeze");
    if (m->lora) CO_TRY(set_lora_roles(m));
    for (const co_node *t = freeze ? freeze->first : NULL; t; t = t->next)
        if (set_roles(m, t->text, CO_FROZEN) == 0) return fail_pattern(m, opt, t);
    return CO_OK;
}
