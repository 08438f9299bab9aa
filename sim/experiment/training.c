/* sim/experiment/training.c - what devices do and what becomes of it: sections local, transforms,
 * aggregate, server. */
#include "models/presets/preset.h"
#include "sim/experiment/sections.h"
#include <stdio.h>
#include <string.h>

const co_param co_local_params[] = {
    {"rule", CO_STRING, .words = "sgd", .doc = "local rule (cohort list local_rule)"},
    {"optimizer", CO_STRING, .words = "sgd", .doc = "local optimiser (cohort list optimizer)"},
    {"epochs", CO_INT, .lo = 1, .hi = 1e6, .flags = CO_OPTIONAL,
     .doc = "passes over the device's examples (default 1)"},
    {"steps", CO_INT, .lo = 1, .hi = 1e9, .flags = CO_OPTIONAL, .doc = "steps instead of epochs"},
    {"batch", CO_INT, .def = 10, .lo = 0, .hi = 1e6,
     .doc = "examples of a step; 0: all that the device has"},
    {"accumulate", CO_INT, .lo = 1, .hi = 1e6, .flags = CO_OPTIONAL,
     .doc = "batches whose gradients make one step: that of one large batch (default 1)"},
    {"lr", CO_REAL, .def = 0.1, .lo = 0.0, .hi = 1e6, .doc = "learning rate"},
    {"max_examples", CO_INT, .lo = 1, .hi = 1e12, .flags = CO_OPTIONAL,
     .doc = "a keyed subset of that size each round"},
    {"clip_grad", CO_REAL, .lo = 0.0, .hi = 1e30, .flags = CO_OPTIONAL | CO_LO_OPEN,
     .doc = "largest L2 norm of a batch's gradient"},
    {"schedule", CO_TREE, .flags = CO_OPTIONAL,
     .doc = "learning rate over rounds: {name, every, factor, floor, horizon, warmup}"},
    {"step_schedule", CO_TREE, .flags = CO_OPTIONAL,
     .doc = "times that, over a device's steps in a round: {name: linear | cosine | constant, "
            "warmup}"},
    {"dp", CO_TREE, .flags = CO_OPTIONAL,
     .doc = "differential privacy for each example: {clip, noise_multiplier or epsilon, delta, ..} "
            "(section local.dp)"},
    {"label_dp", CO_TREE, .flags = CO_OPTIONAL,
     .doc = "randomised response on each training label, once for all rounds: {epsilon} (section "
            "local.label_dp)"},
    {"no_decay", CO_STRINGS, .flags = CO_OPTIONAL,
     .doc = "tensors without weight decay, by patterns of names (*.bias); default: norms and "
            "biases of transformers, else none"},
    {0}};
const co_param co_server_params[] = {
    {"optimizer", CO_STRING, .words = "sgd",
     .doc = "server optimiser (cohort list server_optimizer)"},
    {"lr", CO_REAL, .def = 1.0, .lo = 0.0, .hi = 1e6, .doc = "learning rate"},
    {"schedule", CO_TREE, .flags = CO_OPTIONAL, .doc = "as local.schedule"},
    {0}};
const co_param co_transforms_params[] = {
    {"name", CO_STRING, .flags = CO_REQUIRED,
     .doc = "transform (cohort list transform); its options beside it"},
    {0}};
const co_param co_downlink_params[] = {
    {"name", CO_STRING, .flags = CO_REQUIRED,
     .doc = "transform that works block by block, on what the server sends; its options beside it"},
    {0}};

const char *const co_no_decay_patterns[] = {"*bias", "*[nN]orm.weight", "*ln_?.weight", NULL};

/* Transformers are fine-tuned without decay of norms and biases; other models keep to what they
 * did. */
static co_status fill_no_decay(co_experiment *e)
{
    const co_node *name = co_node_find(e->model.map, "name"); /* model.from has set it */
    const co_plugin *preset =
        name && name->kind == CO_NODE_SCALAR ? co_plugin_find(&co_kind_model, name->text) : NULL;
    if (!preset || !((const co_model_preset *)preset)->architecture ||
        co_config_node(&e->local, "no_decay"))
        return CO_OK;
    co_node *list = co_node_create(CO_NODE_LIST, "no_decay", NULL);
    if (!list) return CO_FAIL(CO_ENOMEM, "local.no_decay");
    list->is_default = true;
    co_node_append(e->local.map, list);
    for (const char *const *p = co_no_decay_patterns; *p; p++) {
        co_node *pattern = co_node_create(CO_NODE_SCALAR, NULL, *p);
        if (!pattern) return CO_FAIL(CO_ENOMEM, "local.no_decay");
        co_node_append(list, pattern);
    }
    return CO_OK;
}

static co_status check_local(co_experiment *e)
{
    const co_plugin *rule, *optimizer;
    CO_TRY(co_section_member(&e->local, "rule", "sgd", &co_kind_local_rule, &rule));
    CO_TRY(co_section_member(&e->local, "optimizer", "sgd", &co_kind_optimizer, &optimizer));
    e->rule = (const co_rule *)rule;
    e->optimizer = (const co_optimizer *)optimizer;
    CO_TRY(co_section_check(&e->local, co_local_params, rule, optimizer, NULL));
    if (co_config_has(&e->local, "epochs") && co_config_has(&e->local, "steps"))
        return co_config_fail(&e->local, co_config_node(&e->local, "steps"),
                              "give epochs or steps, not both");
    if (!co_config_has(&e->local, "epochs") && !co_config_has(&e->local, "steps"))
        CO_TRY(co_node_set(e->local.map, "epochs", "1"));
    return fill_no_decay(e);
}

/* One item of a list of stages. Those before it are in stage[n]. */
static co_status read_stage(const co_experiment *e, const char *section, co_node *item, size_t n,
                            const co_stage **stage, co_config *options)
{
    if (item->kind == CO_NODE_SCALAR)
        return co_config_fail(&e->top, item, "%s: an item is a map: {name: %s}", section,
                              item->text);
    if (item->kind != CO_NODE_MAP || n == CO_MAX_TRANSFORMS)
        return co_config_fail(&e->top, item, "%s: at most %d items of the form {name: .., options}",
                              section, CO_MAX_TRANSFORMS);
    options[n] = (co_config){e->file, section, item};
    const co_plugin *member;
    CO_TRY(co_section_member(&options[n], "name", "", &co_kind_stage, &member));
    CO_TRY(co_section_check(&options[n], co_transforms_params, member, NULL,
                            NULL)); /* downlink: the same keys */
    stage[n] = (const co_stage *)member;
    for (size_t k = 0; k < n; k++)
        if (stage[k]->slots && stage[k] == stage[n])
            return co_config_fail(&options[n], item,
                                  "%s keeps state on the devices and can stand here only once",
                                  member->name);
    return CO_OK;
}

static co_status read_stages(const co_experiment *e, const char *section, size_t *n,
                             const co_stage **stage, co_config *options)
{
    const co_node *list = co_node_find(e->root, section);
    if (!list) return CO_OK;
    if (list->kind != CO_NODE_LIST)
        return co_config_fail(&e->top, list, "must be a list of {name: .., options}");
    for (co_node *item = list->first; item; item = item->next) {
        CO_TRY(read_stage(e, section, item, *n, stage, options));
        ++*n;
    }
    return CO_OK;
}

/* The names of what downlink takes, into text[size]. */
static void list_blockwise(char *text, size_t size)
{
    size_t n = 0;
    text[0] = 0;
    for (const co_plugin *const *m = co_kind_stage.members; *m && n < size; m++)
        if (((const co_stage *)*m)->blockwise)
            n += (size_t)snprintf(text + n, size - n, "%s%s", n ? ", " : "", (*m)->name);
}

/* What the server sends is compressed by the owners of its blocks, each by itself, and made up for
 * on the server. */
static co_status check_downlink(co_experiment *e)
{
    char known[300];
    CO_TRY(read_stages(e, "downlink", &e->n_downlink, e->downlink, e->downlink_options));
    for (size_t k = 0; k < e->n_downlink; k++) {
        const co_config *options = &e->downlink_options[k];
        const co_stage *s = e->downlink[k];
        if (s->slots && s->close)
            return co_config_fail(options, co_config_node(options, "name"),
                                  "%s: leave it out, the server makes up for what is lost on its "
                                  "way down in any case",
                                  s->name);
        list_blockwise(known, sizeof known);
        if (!s->blockwise)
            return co_config_fail(options, co_config_node(options, "name"),
                                  "%s looks at an update as a whole, the model is sent block by "
                                  "block; known here: %s",
                                  s->name, known);
    }
    return CO_OK;
}

static co_status check_server(co_experiment *e)
{
    const co_plugin *rule, *optimizer;
    CO_TRY(co_section_member(&e->aggregate, "rule", "mean", &co_kind_aggregator, &rule));
    CO_TRY(co_section_check(&e->aggregate, co_aggregate_params, rule, NULL, NULL));
    CO_TRY(
        co_section_member(&e->server, "optimizer", "sgd", &co_kind_server_optimizer, &optimizer));
    CO_TRY(co_section_check(&e->server, co_server_params, optimizer, NULL, NULL));
    e->aggregator = (const co_aggregator *)rule;
    e->server_optimizer = (const co_server *)optimizer;
    return CO_OK;
}

/* An algorithm of two halves needs both: one alone trains something that nobody has described. */
static co_status check_halves(const co_experiment *e)
{
    const char *wanted = e->rule->partner, *found = e->aggregator->name;
    if (wanted && strcmp(wanted, found) != 0)
        return co_config_fail(&e->aggregate, co_config_node(&e->aggregate, "rule"),
                              "local.rule: %s is half of an algorithm; set aggregate.rule: %s "
                              "(found %s), or another local.rule",
                              e->rule->name, wanted, found);
    wanted = e->aggregator->partner;
    if (wanted && strcmp(wanted, e->rule->name) != 0)
        return co_config_fail(&e->local, co_config_node(&e->local, "rule"),
                              "aggregate.rule: %s is half of an algorithm; set local.rule: %s "
                              "(found %s), or another aggregate.rule",
                              e->aggregator->name, wanted, e->rule->name);
    return CO_OK;
}

/* A rule that counts what one transform makes needs it; one that sees every update would see it as
 * a transform has turned it, which is only undone on the sum. */
static co_status check_stages(const co_experiment *e)
{
    const co_node *rule = co_config_node(&e->aggregate, "rule");
    const char *wanted = e->aggregator->needs_stage;
    bool found = !wanted;
    for (size_t k = 0; k < e->n_transforms; k++) {
        const co_stage *s = e->transform[k];
        found |= wanted && strcmp(s->name, wanted) == 0;
        if (e->aggregator->combine && s->backward && !s->serves && s->gives == CO_FLOATS)
            return co_config_fail(&e->aggregate, rule,
                                  "%s sees every update by itself, and what transform %s does to "
                                  "them is undone on their sum alone; use mean, or leave %s out",
                                  e->aggregator->name, s->name, s->name);
    }
    if (found) return CO_OK;
    return co_config_fail(&e->aggregate, rule,
                          "%s counts what transform %s makes of updates; add {name: %s} to "
                          "transforms, or use another rule",
                          e->aggregator->name, wanted, wanted);
}

co_status co_check_training(co_experiment *e)
{
    CO_TRY(check_local(e));
    CO_TRY(read_stages(e, "transforms", &e->n_transforms, e->transform, e->transform_options));
    CO_TRY(check_downlink(e));
    CO_TRY(check_server(e));
    CO_TRY(check_halves(e));
    return check_stages(e);
}

co_status co_check_unbiased(const co_experiment *e)
{
    const co_node *node = co_config_node(&e->aggregate, "unbiased");
    if (!co_config_bool(&e->aggregate, "unbiased")) return CO_OK;
    if (!e->aggregator->fixed_total)
        return co_config_fail(&e->aggregate, node, "needs rule: mean; %s has a total of its own",
                              e->aggregator->name);
    if (e->selector->leaves_out)
        return co_config_fail(
            &e->aggregate, node,
            "devices.select: %s never asks some devices, whose share no weight can make up for",
            e->selector->name);
    if (!e->selector->chance)
        return co_config_fail(&e->aggregate, node,
                              "with what probability devices.select: %s asks a device is not known",
                              e->selector->name);
    if (co_min_separation(e) > 1)
        return co_config_fail(&e->aggregate, node,
                              "devices.min_separation changes the probabilities with which devices "
                              "are asked: leave one of them out");
    if (strcmp(co_config_string(&e->privacy, "mechanism"), "none") != 0)
        return co_config_fail(
            &e->aggregate, node,
            "a mechanism bounds what one device counts for: leave one of them out");
    return CO_OK;
}
