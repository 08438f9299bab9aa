/* sim/experiment/experiment.c - an experiment from its text: the preset, the checks of all
 * sections, and the keys that are asked for while devices train, parsed once. */
#include "aggregators/algorithm.h"
#include "core/memory.h"
#include "io/yaml.h"
#include "partition/partitioner.h"
#include "models/model.h"
#include "sim/experiment/sections.h"
#include "sim/work/public_data.h"
#include <stdio.h>
#include <string.h>

#define SECTION(name, text)                                                                        \
    {                                                                                              \
        name, CO_TREE, .flags = CO_OPTIONAL, .doc = text                                           \
    }

const co_param co_top_params[] = {
    {"name", CO_STRING, .words = "experiment", .doc = "what pictures and tables call the run"},
    {"seed", CO_INT, .def = 1, .lo = 0, .hi = 9e15, .doc = "key of every random draw"},
    {"rounds", CO_INT, .lo = 1, .hi = 1e9, .flags = CO_REQUIRED, .doc = "rounds of training"},
    {"algorithm", CO_STRING, .words = "fedavg",
     .doc = "preset (cohort list algorithm); keys given here win"},
    SECTION("data", "the data set"),
    SECTION("partition", "which examples each device holds"),
    SECTION("model", "the model"),
    SECTION("devices", "which devices a round asks"),
    SECTION("local", "training on a device"),
    SECTION("transforms", "list of {name: .., options}"),
    SECTION("downlink", "list of {name: .., options}: what the server sends"),
    SECTION("aggregate", "one update out of many"),
    SECTION("server", "the step of the global model"),
    SECTION("privacy", "bound and noise"),
    SECTION("secagg", "the sum of a round by secure aggregation"),
    SECTION("clock", "how long devices take on a virtual clock"),
    SECTION("eval", "evaluation"),
    SECTION("stop", "when to end early"),
    SECTION("output", "files"),
    {0}};

const co_section co_experiment_sections[] = {{"", co_top_params},
                                             {"data", co_data_params},
                                             {"partition", co_partition_params},
                                             {"model", co_model_params},
                                             {"devices", co_devices_params},
                                             {"local", co_local_params},
                                             {"local.dp", co_example_params},
                                             {"local.dp.public", co_public_params},
                                             {"local.label_dp", co_label_params},
                                             {"transforms", co_transforms_params},
                                             {"downlink", co_downlink_params},
                                             {"aggregate", co_aggregate_params},
                                             {"aggregate.groups", co_groups_params},
                                             {"server", co_server_params},
                                             {"privacy", co_privacy_params},
                                             {"secagg", co_secagg_params},
                                             {"clock", co_clock_params},
                                             {"eval", co_eval_params},
                                             {"stop", co_stop_params},
                                             {"output", co_output_params},
                                             {NULL, NULL}};

co_node *co_experiment_find(const co_experiment *e, const char *word)
{
    co_node *node = e->root;
    for (const char *end = strchr(word, '='); node && word < end;) {
        char key[128];
        const size_t n = strcspn(word, ".=");
        snprintf(key, sizeof key, "%.*s", (int)n, word);
        node = node->kind == CO_NODE_MAP ? co_node_find(node, key) : NULL;
        word += n + 1;
    }
    return node;
}

static co_status apply_preset(co_experiment *e)
{
    const char *name;
    const co_plugin *found;
    CO_TRY(co_section_name(&e->top, "algorithm", "fedavg", &name));
    CO_TRY(co_section_member(&e->top, "algorithm", "fedavg", &co_kind_algorithm, &found));
    const co_algorithm *algorithm = (const co_algorithm *)found;
    for (const char *const *s = algorithm->settings; *s; s++) {
        char section[64], key[64], value[64];
        CO_ASSERT(sscanf(*s, "%63[^.].%63[^=]=%63s", section, key, value) == 3);
        const co_node *map = co_node_find(e->root, section);
        if (map && map->kind == CO_NODE_MAP && co_node_find(map, key)) continue;
        CO_TRY(co_yaml_override(e->root, *s));
        co_experiment_find(e, *s)->column = 0; /* not a word of the command line */
    }
    return CO_OK;
}

static co_status open_sections(co_experiment *e)
{
    struct {
        const char *name;
        co_config *section;
    } sections[] = {{"data", &e->data},           {"model", &e->model},
                    {"devices", &e->devices},     {"local", &e->local},
                    {"aggregate", &e->aggregate}, {"server", &e->server},
                    {"privacy", &e->privacy},     {"eval", &e->eval},
                    {"stop", &e->stop},           {"output", &e->output}};
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
        CO_TRY(co_section_open(e, sections[i].name, sections[i].section));
    return CO_OK;
}

static int64_t count_or_none(const co_config *section, const char *key)
{
    return co_config_has(section, key) ? co_config_int(section, key) : 0;
}

static double number_or_none(const co_config *section, const char *key)
{
    return co_config_has(section, key) ? co_config_real(section, key) : 0.0;
}

/* From here on no key is looked up while devices train. */
static void parse_keys(co_experiment *e)
{
    const char *metric = co_config_string(&e->stop, "metric");
    e->local_keys = (co_local_keys){.epochs = count_or_none(&e->local, "epochs"),
                                    .steps = count_or_none(&e->local, "steps"),
                                    .batch = co_config_int(&e->local, "batch"),
                                    .accumulate = co_config_has(&e->local, "accumulate")
                                                      ? co_config_int(&e->local, "accumulate")
                                                      : 1,
                                    .max_examples = count_or_none(&e->local, "max_examples"),
                                    .clip_grad = number_or_none(&e->local, "clip_grad")};
    e->weighting = co_weighting_from(&e->aggregate);
    e->eval_keys = (co_eval_keys){.generate = e->eval_keys.generate,
                                  .every = co_config_int(&e->eval, "every"),
                                  .every_s = number_or_none(&e->eval, "every_s"),
                                  .sample = count_or_none(&e->eval, "sample"),
                                  .max_examples = count_or_none(&e->eval, "max_examples"),
                                  .devices = co_config_bool(&e->eval, "devices"),
                                  .central_asked = co_config_has(&e->eval, "central"),
                                  .central = co_config_has(&e->eval, "central") &&
                                             co_config_bool(&e->eval, "central")};
    e->stop_keys = (co_stop_keys){.metric = strcmp(metric, "none") == 0 ? NULL : metric,
                                  .has_target = co_config_has(&e->stop, "target"),
                                  .target = number_or_none(&e->stop, "target"),
                                  .walltime_s = number_or_none(&e->stop, "walltime"),
                                  .virtual_s = number_or_none(&e->stop, "virtual_s"),
                                  .patience = count_or_none(&e->stop, "patience")};
    e->output_keys = (co_output_keys){
        .dir = co_config_string(&e->output, "dir"),
        .checkpoint_every = co_config_int(&e->output, "checkpoint_every"),
        .keep = co_config_int(&e->output, "keep"),
        .best = co_config_has(&e->output, "best") && co_config_bool(&e->output, "best"),
        .refers = co_config_has(&e->output, "frozen") &&
                  strcmp(co_config_string(&e->output, "frozen"), "refer") == 0};
}

static co_status check_rates(co_experiment *e)
{
    CO_TRY(co_schedule_create(&e->local, co_node_find(e->local.map, "schedule"),
                              co_config_real(&e->local, "lr"), e->rounds, &e->local_rate));
    CO_TRY(co_step_schedule_create(&e->local, co_node_find(e->local.map, "step_schedule"),
                                   &e->step_rate));
    return co_schedule_create(&e->server, co_node_find(e->server.map, "schedule"),
                              co_config_real(&e->server, "lr"), e->rounds, &e->server_rate);
}

static co_status resolve(co_experiment *e)
{
    e->top = (co_config){e->file, NULL, e->root};
    if (e->root->kind != CO_NODE_MAP)
        return CO_FAIL(CO_EUSAGE, "%s: an experiment is a map of sections", e->file);
    CO_TRY(apply_preset(e));
    const co_param *tables[] = {co_top_params};
    CO_TRY(co_config_check(&e->top, tables, 1));
    CO_TRY(open_sections(e));
    CO_TRY(co_check_data(e));
    CO_TRY(co_check_devices(e));
    CO_TRY(co_check_training(e));
    CO_TRY(co_check_clock(e));
    CO_TRY(co_check_privacy(e));
    CO_TRY(co_check_example(e));
    CO_TRY(co_check_secagg(e));
    CO_TRY(co_check_local_privacy(e));
    CO_TRY(co_check_mode(e));
    CO_TRY(co_check_unbiased(e));
    CO_TRY(co_check_groups(e));
    CO_TRY(co_check_control(e));
    e->seed = co_config_int(&e->top, "seed");
    e->rounds = co_config_int(&e->top, "rounds");
    parse_keys(e);
    return check_rates(e);
}

/* The default name: the experiment file's own, without folder and suffix. */
static co_status default_name(co_experiment *e)
{
    if (e->root->kind != CO_NODE_MAP || co_node_find(e->root, "name")) return CO_OK;
    const char *slash = strrchr(e->file, '/');
    char *stem = co_strdup(slash ? slash + 1 : e->file);
    if (!stem) return CO_FAIL(CO_ENOMEM, "name");
    char *dot = strrchr(stem, '.');
    if (dot && dot != stem) *dot = 0;
    const co_status st = co_node_set(e->root, "name", stem);
    co_free(stem);
    return st;
}

co_status co_experiment_load(const char *path, char **overrides, size_t n_overrides,
                             size_t n_optional, co_experiment *e)
{
    *e = (co_experiment){0};
    co_status st = CO_OK;
    e->file = co_strdup(path);
    if (!e->file) return CO_FAIL(CO_ENOMEM, "experiment");
    CO_TRY_OUT(co_yaml_read_file(path, &e->root));
    for (size_t i = 0; i < n_overrides; i++) {
        CO_TRY_OUT(co_yaml_override(e->root, overrides[i]));
        if (i < n_optional) co_experiment_find(e, overrides[i])->is_optional = true;
    }
    CO_TRY_OUT(default_name(e));
    CO_TRY_OUT(resolve(e));
out:
    if (st != CO_OK) co_experiment_fini(e);
    return st;
}

co_status co_experiment_parse(const char *text, const char *name, co_experiment *e)
{
    *e = (co_experiment){0};
    co_status st = CO_OK;
    e->file = co_strdup(name);
    if (!e->file) return CO_FAIL(CO_ENOMEM, "experiment");
    CO_TRY_OUT(co_yaml_read_text(text, name, &e->root));
    CO_TRY_OUT(default_name(e));
    CO_TRY_OUT(resolve(e));
out:
    if (st != CO_OK) co_experiment_fini(e);
    return st;
}

void co_experiment_fini(co_experiment *e)
{
    co_node_destroy(e->root);
    co_free(e->file);
    *e = (co_experiment){0};
}

co_status co_experiment_text(const co_experiment *e, char **text)
{
    return co_yaml_write(e->root, text);
}
