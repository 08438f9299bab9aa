/* sim/experiment/experiment.c - sections and their keys, presets, the checks that need more than
 * one key. */
#include "sim/experiment/experiment.h"
#include "aggregators/algorithm.h"
#include "core/memory.h"
#include "io/files/digest.h"
#include "io/data/synthetic.h"
#include "io/yaml.h"
#include "models/model.h"
#include "partition/partitioner.h"
#include "partition/peers.h"
#include "privacy/mechanisms/mechanism.h"
#include "sim/planners/planner.h"
#include "sim/stages/private.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define SECTION(name, text)                                                                        \
    {                                                                                              \
        name, CO_TREE, .flags = CO_OPTIONAL, .doc = text                                           \
    }

static const co_param top_params[] = {
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
    SECTION("aggregate", "one update out of many"),
    SECTION("server", "the step of the global model"),
    SECTION("privacy", "bound and noise"),
    SECTION("eval", "evaluation"),
    SECTION("stop", "when to end early"),
    SECTION("output", "files"),
    {0}};
static const co_param data_params[] = {
    {"file", CO_STRING, .flags = CO_OPTIONAL, .doc = "data set (cohort import)"},
    {"generator", CO_CHOICE, .words = "synthetic", .flags = CO_OPTIONAL,
     .doc = "drawn on the fly, already per device"},
    {0}};
static const co_param generator_params[] = {
    {"test_fraction", CO_REAL, .def = 0.1, .lo = 0.0, .hi = 1.0, .flags = CO_HI_OPEN,
     .doc = "share of each device's examples that is kept for testing"},
    {0}};
static const co_param devices_params[] = {
    {"mode", CO_STRING, .words = "synchronous", .doc = "planner (cohort list planner)"},
    {"select", CO_STRING, .words = "uniform", .doc = "selector (cohort list selector)"},
    {"per_round", CO_REAL, .lo = 0, .hi = 2147483647, .flags = CO_REQUIRED | CO_LO_OPEN,
     .doc = "devices asked in a round; select: poisson: their expected number"},
    {"counts", CO_CHOICE, .words = "private|public",
     .doc = "may everybody know how many examples each device has? with a mechanism, selectors "
            "that look at that need public"},
    {"period_rounds", CO_INT, .lo = 1, .hi = 1e9, .flags = CO_OPTIONAL,
     .doc = "rounds of a period, where examples arrive in periods (partition method temporal)"},
    {"memory", CO_CHOICE, .words = "all|window|fifo",
     .doc = "of what has arrived a device keeps: all, the latest periods, the latest examples"},
    {"window", CO_INT, .lo = 1, .hi = 1e6, .flags = CO_OPTIONAL,
     .doc = "memory: window: periods kept, the current one included"},
    {"capacity", CO_INT, .lo = 1, .hi = 1e12, .flags = CO_OPTIONAL,
     .doc = "memory: fifo: examples kept"},
    {"attack", CO_STRING, .words = "none", .doc = "what attackers send (cohort list attack)"},
    {"attackers", CO_REAL, .lo = 0.0, .hi = 2147483647, .flags = CO_OPTIONAL | CO_LO_OPEN,
     .doc = "how many devices attack, drawn by the seed; below 1: a share of all"},
    {"attacker_ids", CO_INTS, .lo = 0, .hi = 9e15, .flags = CO_OPTIONAL,
     .doc = "which devices attack, instead"},
    {0}};
static const co_param local_params[] = {
    {"rule", CO_STRING, .words = "sgd", .doc = "local rule (cohort list local_rule)"},
    {"optimizer", CO_STRING, .words = "sgd", .doc = "local optimiser (cohort list optimizer)"},
    {"epochs", CO_INT, .lo = 1, .hi = 1e6, .flags = CO_OPTIONAL,
     .doc = "passes over the device's examples (default 1)"},
    {"steps", CO_INT, .lo = 1, .hi = 1e9, .flags = CO_OPTIONAL, .doc = "batches instead of epochs"},
    {"batch", CO_INT, .def = 10, .lo = 0, .hi = 1e6,
     .doc = "examples of a step; 0: all that the device has"},
    {"lr", CO_REAL, .def = 0.1, .lo = 0.0, .hi = 1e6, .doc = "learning rate"},
    {"max_examples", CO_INT, .lo = 1, .hi = 1e12, .flags = CO_OPTIONAL,
     .doc = "a keyed subset of that size each round"},
    {"clip_grad", CO_REAL, .lo = 0.0, .hi = 1e30, .flags = CO_OPTIONAL | CO_LO_OPEN,
     .doc = "largest L2 norm of a batch's gradient"},
    {"schedule", CO_TREE, .flags = CO_OPTIONAL,
     .doc = "learning rate over rounds: {name, every, factor, floor, horizon, warmup}"},
    {0}};
static const co_param server_params[] = {
    {"optimizer", CO_STRING, .words = "sgd",
     .doc = "server optimiser (cohort list server_optimizer)"},
    {"lr", CO_REAL, .def = 1.0, .lo = 0.0, .hi = 1e6, .doc = "learning rate"},
    {"schedule", CO_TREE, .flags = CO_OPTIONAL, .doc = "as local.schedule"},
    {0}};
static const co_param privacy_params[] = {
    {"mechanism", CO_STRING, .words = "none", .doc = "bound and noise (cohort list mechanism)"},
    {0}};
static const co_param eval_params[] = {
    {"every", CO_INT, .def = 10, .lo = 0, .hi = 1e9,
     .doc = "rounds between two evaluations; 0: never"},
    {"central", CO_BOOL, .flags = CO_OPTIONAL,
     .doc = "on the data set's test split (default: when there is one)"},
    {"devices", CO_BOOL, .def = 0,
     .doc = "on each device's own test part: means, quantiles, the worst tenth"},
    {"sample", CO_INT, .lo = 1, .hi = 2147483647, .flags = CO_OPTIONAL,
     .doc = "devices to evaluate on, the same ones each time (default: all)"},
    {0}};
static const co_param stop_params[] = {
    {"metric", CO_STRING, .words = "none",
     .doc = "column of eval (central, test split) that ends the run; none"},
    {"target", CO_REAL, .lo = -1e300, .hi = 1e300, .flags = CO_OPTIONAL,
     .doc = "stop when the metric has reached it"},
    {"patience", CO_INT, .lo = 1, .hi = 1e9, .flags = CO_OPTIONAL,
     .doc = "stop after that many evaluations without a better value"},
    {"walltime", CO_REAL, .lo = 0.0, .hi = 1e9, .flags = CO_OPTIONAL | CO_LO_OPEN,
     .doc = "seconds after which the run writes a checkpoint and leaves with exit code 75"},
    {0}};
static const co_param output_params[] = {
    {"dir", CO_STRING, .flags = CO_OPTIONAL,
     .doc = "folder of the run's files (default runs/<name>)"},
    {"checkpoint_every", CO_INT, .def = 20, .lo = 0, .hi = 1e9,
     .doc = "rounds between checkpoints; 0: only the last"},
    {"keep", CO_INT, .def = 2, .lo = 1, .hi = 1e6, .doc = "checkpoints kept"},
    {"best", CO_BOOL, .flags = CO_OPTIONAL,
     .doc = "also keep best.h5, the model of the best evaluation so far (at multiples of "
            "eval.every): by stop.metric, else the task's "
            "first; on the validation split, else test"},
    {"devices", CO_BOOL, .flags = CO_OPTIONAL,
     .doc = "a row per device and round (default: up to 1e6 rows)"},
    {0}};
static const co_param transforms_params[] = {
    {"name", CO_STRING, .flags = CO_REQUIRED,
     .doc = "transform (cohort list transform); its options beside it"},
    {0}};

const co_section co_experiment_sections[] = {{"", top_params},
                                             {"data", data_params},
                                             {"partition", co_partition_params},
                                             {"model", co_model_params},
                                             {"devices", devices_params},
                                             {"local", local_params},
                                             {"transforms", transforms_params},
                                             {"aggregate", co_aggregate_params},
                                             {"server", server_params},
                                             {"privacy", privacy_params},
                                             {"eval", eval_params},
                                             {"stop", stop_params},
                                             {"output", output_params},
                                             {NULL, NULL}};

static const co_param *section_params(const char *name)
{
    for (const co_section *s = co_experiment_sections; s->name; s++)
        if (strcmp(s->name, name) == 0) return s->params;
    CO_ASSERT(false && "a section without a table");
    return NULL;
}

/* The section's map, made empty when absent; CO_EUSAGE when it is no map. */
static co_status open_section(co_experiment *e, const char *name, co_config *section)
{
    co_node *map = co_node_find(e->root, name);
    *section = (co_config){e->file, name, map};
    if (map && map->kind != CO_NODE_MAP)
        return co_config_fail(&e->top, map, "must be a map of keys");
    if (map) return CO_OK;
    map = co_node_create(CO_NODE_MAP, name, NULL);
    if (!map) return CO_FAIL(CO_ENOMEM, "experiment tree");
    map->is_default = true;
    co_node_append(e->root, map);
    section->map = map;
    return CO_OK;
}

/* The text of a key that names a member, before the section is checked: its own, or the default. */
static co_status member_name(const co_config *section, const char *key, const char *standard,
                             const char **name)
{
    const co_node *node = co_node_find(section->map, key);
    *name = standard;
    if (!node) return CO_OK;
    if (node->kind != CO_NODE_SCALAR || !node->text)
        return co_config_fail(section, node, "must be a name");
    *name = node->text;
    return CO_OK;
}

/* Finds the member that `key` names; the registry's message gets file, line and key before it. */
static co_status find_member(const co_config *section, const char *key, const char *standard,
                             const co_kind *kind, const co_plugin **member)
{
    const char *name;
    CO_TRY(member_name(section, key, standard, &name));
    *member = co_plugin_find(kind, name);
    if (*member) return CO_OK;
    const char *message = co_status_message();
    char text[900];
    snprintf(text, sizeof text, "%s", message);
    return co_config_fail(section, co_node_find(section->map, key), "%s", text);
}

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
    CO_TRY(member_name(&e->top, "algorithm", "fedavg", &name));
    CO_TRY(find_member(&e->top, "algorithm", "fedavg", &co_kind_algorithm, &found));
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

static co_status check(const co_config *section, const co_plugin *a, const co_plugin *b)
{
    const co_param *tables[3] = {section_params(section->section), a ? a->params : NULL,
                                 b ? b->params : NULL};
    return co_config_check(section, tables, 3);
}

static co_status check_data(co_experiment *e)
{
    e->has_generator = co_node_find(e->data.map, "generator") != NULL;
    const co_param *tables[3] = {data_params, e->has_generator ? co_synthetic_params : NULL,
                                 e->has_generator ? generator_params : NULL};
    CO_TRY(co_config_check(&e->data, tables, 3));
    if (co_config_has(&e->data, "file") == e->has_generator)
        return co_config_fail(&e->data, e->data.map,
                              "give either file (made by cohort import) or generator: synthetic");
    return CO_OK;
}

static co_status check_partition(co_experiment *e)
{
    const co_node *map = co_node_find(e->root, "partition");
    e->has_partition = map != NULL;
    if (!map) return CO_OK;
    CO_TRY(open_section(e, "partition", &e->partition));
    if (e->has_generator)
        return co_config_fail(&e->top, map,
                              "the generator's data are already per device: leave `partition` out");
    if (co_node_find(e->partition.map, "file")) {
        const co_param *tables[] = {co_partition_params};
        for (const co_node *n = e->partition.map->first; n; n = n->next)
            if (strcmp(n->key, "file") != 0 && !n->is_default)
                return co_config_fail(&e->partition, n,
                                      "stands beside `file`: the partition file already fixes it");
        /* keys of a generated partition have no meaning here: check `file` alone */
        static const co_param only_file[] = {
            {"file", CO_STRING, .flags = CO_REQUIRED, .doc = "partition (cohort partition)"}, {0}};
        tables[0] = only_file;
        return co_config_check(&e->partition, tables, 1);
    }
    const co_plugin *member;
    CO_TRY(co_partition_advise(&e->partition));
    if (!co_node_find(e->partition.map, "method"))
        return co_config_fail(&e->partition, e->partition.map,
                              "needs method (cohort list partitioner) or file");
    CO_TRY(find_member(&e->partition, "method", "iid", &co_kind_partitioner, &member));
    return check(&e->partition, member, NULL);
}

static co_status check_model(co_experiment *e)
{
    const co_plugin *preset = NULL, *loss = NULL;
    if (co_node_find(e->model.map, "name"))
        CO_TRY(find_member(&e->model, "name", "softmax", &co_kind_model, &preset));
    if (co_node_find(e->model.map, "loss"))
        CO_TRY(find_member(&e->model, "loss", "", &co_kind_loss, &loss));
    CO_TRY(check(&e->model, preset, loss));
    if (!preset && !co_config_node(&e->model, "layers"))
        return co_config_fail(&e->model, e->model.map,
                              "needs name (cohort list model) or layers: [..]");
    return CO_OK;
}

static co_status check_transforms(co_experiment *e)
{
    const co_node *list = co_node_find(e->root, "transforms");
    if (!list) return CO_OK;
    if (list->kind != CO_NODE_LIST)
        return co_config_fail(&e->top, list, "must be a list of {name: .., options}");
    for (co_node *item = list->first; item; item = item->next) {
        if (item->kind != CO_NODE_MAP || e->n_transforms == CO_MAX_TRANSFORMS)
            return co_config_fail(&e->top, item,
                                  "transforms: at most %d items of the form {name: .., options}",
                                  CO_MAX_TRANSFORMS);
        co_config options = {e->file, "transforms", item};
        const co_plugin *member;
        CO_TRY(find_member(&options, "name", "", &co_kind_stage, &member));
        CO_TRY(check(&options, member, NULL));
        for (size_t k = 0; k < e->n_transforms; k++)
            if (e->transform[k]->slots && (const co_plugin *)e->transform[k] == member)
                return co_config_fail(&options, item,
                                      "%s keeps state on the devices and can stand here only once",
                                      member->name);
        e->transform[e->n_transforms] = (const co_stage *)member;
        e->transform_options[e->n_transforms++] = options;
    }
    return CO_OK;
}

static co_status check_local(co_experiment *e)
{
    const co_plugin *rule, *optimizer;
    CO_TRY(find_member(&e->local, "rule", "sgd", &co_kind_local_rule, &rule));
    CO_TRY(find_member(&e->local, "optimizer", "sgd", &co_kind_optimizer, &optimizer));
    e->rule = (const co_rule *)rule;
    e->optimizer = (const co_optimizer *)optimizer;
    CO_TRY(check(&e->local, rule, optimizer));
    if (co_config_has(&e->local, "epochs") && co_config_has(&e->local, "steps"))
        return co_config_fail(&e->local, co_config_node(&e->local, "steps"),
                              "give epochs or steps, not both");
    if (!co_config_has(&e->local, "epochs") && !co_config_has(&e->local, "steps"))
        CO_TRY(co_node_set(e->local.map, "epochs", "1"));
    return CO_OK;
}

static co_status check_server(co_experiment *e)
{
    const co_plugin *rule, *optimizer;
    CO_TRY(find_member(&e->aggregate, "rule", "mean", &co_kind_aggregator, &rule));
    CO_TRY(check(&e->aggregate, rule, NULL));
    CO_TRY(find_member(&e->server, "optimizer", "sgd", &co_kind_server_optimizer, &optimizer));
    CO_TRY(check(&e->server, optimizer, NULL));
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

static co_status check_attackers(const co_experiment *e)
{
    const bool some = co_config_has(&e->devices, "attackers"),
               named = co_config_has(&e->devices, "attacker_ids");
    const bool none = strcmp(e->attack->name, "none") == 0;
    const double n = some ? co_config_real(&e->devices, "attackers") : 0.0;
    if (some && named)
        return co_config_fail(&e->devices, co_config_node(&e->devices, "attacker_ids"),
                              "give attackers or attacker_ids, not both");
    if (none && (some || named))
        return co_config_fail(&e->devices,
                              co_config_node(&e->devices, some ? "attackers" : "attacker_ids"),
                              "stands without attack (cohort list attack)");
    if (!none && !some && !named)
        return co_config_fail(
            &e->devices, co_config_node(&e->devices, "attack"),
            "needs attackers: a number of devices, or a share below 1; or attacker_ids: [..]");
    if (n > 1.0 && n != floor(n))
        return co_config_fail(&e->devices, co_config_node(&e->devices, "attackers"),
                              "%g is no whole number of devices, nor a share below 1", n);
    return CO_OK;
}

static co_status check_memory(const co_config *devices)
{
    static const char *const key[] = {"window", "capacity"}, *const word[] = {"window", "fifo"};
    for (int k = 0; k < 2; k++) {
        const bool asked = strcmp(co_config_string(devices, "memory"), word[k]) == 0;
        if (asked != co_config_has(devices, key[k]))
            return co_config_fail(devices, co_config_node(devices, asked ? "memory" : key[k]),
                                  asked ? "%s needs the key `%s`"
                                        : "goes with memory: %s; leave `%s` out",
                                  word[k], key[k]);
    }
    return CO_OK;
}

static co_status check_devices(co_experiment *e)
{
    const co_plugin *planner, *selector, *attack;
    CO_TRY(find_member(&e->devices, "mode", "synchronous", &co_kind_planner, &planner));
    CO_TRY(find_member(&e->devices, "select", "uniform", &co_kind_selector, &selector));
    CO_TRY(find_member(&e->devices, "attack", "none", &co_kind_attack, &attack));
    e->planner = (const co_planner *)planner;
    e->selector = (const co_selector *)selector;
    e->attack = (const co_attack *)attack;
    const co_param *tables[] = {devices_params, planner->params, selector->params, attack->params};
    CO_TRY(co_config_check(&e->devices, tables, 4));
    CO_TRY(check_attackers(e));
    const double per_round = co_config_real(&e->devices, "per_round");
    if (!e->selector->any_real && per_round != floor(per_round))
        return co_config_fail(&e->devices, co_config_node(&e->devices, "per_round"),
                              "%g: select: %s asks a whole number of devices; select: poisson "
                              "takes any expected number",
                              per_round, selector->name);
    return check_memory(&e->devices);
}

/* A section with keys but without a mechanism means noise: gaussian, or discrete_gaussian with
 * secure: true. */
static co_status default_mechanism(const co_config *privacy)
{
    const co_node *secure = co_node_find(privacy->map, "secure");
    bool is_secure = false;
    if (!privacy->map->first || co_node_find(privacy->map, "mechanism")) return CO_OK;
    if (secure) co_node_bool(secure, &is_secure);
    return co_node_set(privacy->map, "mechanism", is_secure ? "discrete_gaussian" : "gaussian");
}

static co_status check_unbiased(const co_experiment *e)
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
    if (strcmp(co_config_string(&e->privacy, "mechanism"), "none") != 0)
        return co_config_fail(
            &e->aggregate, node,
            "a mechanism bounds what one device counts for: leave one of them out");
    return CO_OK;
}

static co_status check_privacy(co_experiment *e)
{
    const co_plugin *mechanism;
    CO_TRY(default_mechanism(&e->privacy));
    CO_TRY(find_member(&e->privacy, "mechanism", "none", &co_kind_mechanism, &mechanism));
    CO_TRY(check(&e->privacy, mechanism, NULL));
    return co_private_check(e);
}

static co_status check_stop(co_experiment *e)
{
    CO_TRY(check(&e->stop, NULL, NULL));
    const bool none = strcmp(co_config_string(&e->stop, "metric"), "none") == 0;
    const bool goal = co_config_has(&e->stop, "target") || co_config_has(&e->stop, "patience");
    if (none && goal)
        return co_config_fail(&e->stop, e->stop.map,
                              "target and patience need metric (accuracy, loss ..)");
    if (!none && !goal)
        return co_config_fail(&e->stop, e->stop.map, "metric needs target or patience");
    if (!none && co_config_int(&e->eval, "every") == 0)
        return co_config_fail(&e->stop, e->stop.map,
                              "metric needs evaluations: set eval.every above 0");
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
        CO_TRY(open_section(e, sections[i].name, sections[i].section));
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
                                    .max_examples = count_or_none(&e->local, "max_examples"),
                                    .clip_grad = number_or_none(&e->local, "clip_grad")};
    e->weighting = co_weighting_from(&e->aggregate);
    e->eval_keys = (co_eval_keys){.every = co_config_int(&e->eval, "every"),
                                  .sample = count_or_none(&e->eval, "sample"),
                                  .devices = co_config_bool(&e->eval, "devices"),
                                  .central_asked = co_config_has(&e->eval, "central"),
                                  .central = co_config_has(&e->eval, "central") &&
                                             co_config_bool(&e->eval, "central")};
    e->stop_keys = (co_stop_keys){.metric = strcmp(metric, "none") == 0 ? NULL : metric,
                                  .has_target = co_config_has(&e->stop, "target"),
                                  .target = number_or_none(&e->stop, "target"),
                                  .walltime_s = number_or_none(&e->stop, "walltime"),
                                  .patience = count_or_none(&e->stop, "patience")};
    e->output_keys = (co_output_keys){
        .dir = co_config_string(&e->output, "dir"),
        .checkpoint_every = co_config_int(&e->output, "checkpoint_every"),
        .keep = co_config_int(&e->output, "keep"),
        .best = co_config_has(&e->output, "best") && co_config_bool(&e->output, "best")};
}

static co_status check_rates(co_experiment *e)
{
    CO_TRY(co_schedule_create(&e->local, co_node_find(e->local.map, "schedule"),
                              co_config_real(&e->local, "lr"), e->rounds, &e->local_rate));
    return co_schedule_create(&e->server, co_node_find(e->server.map, "schedule"),
                              co_config_real(&e->server, "lr"), e->rounds, &e->server_rate);
}

static co_status resolve(co_experiment *e)
{
    e->top = (co_config){e->file, NULL, e->root};
    if (e->root->kind != CO_NODE_MAP)
        return CO_FAIL(CO_EUSAGE, "%s: an experiment is a map of sections", e->file);
    CO_TRY(apply_preset(e));
    const co_param *tables[] = {top_params};
    CO_TRY(co_config_check(&e->top, tables, 1));
    CO_TRY(open_sections(e));
    CO_TRY(check_data(e));
    CO_TRY(check_partition(e));
    CO_TRY(check_model(e));
    CO_TRY(check_devices(e));
    CO_TRY(check_local(e));
    CO_TRY(check_transforms(e));
    CO_TRY(check_server(e));
    CO_TRY(check_halves(e));
    CO_TRY(check_privacy(e));
    CO_TRY(check_unbiased(e));
    CO_TRY(check(&e->eval, NULL, NULL));
    CO_TRY(check_stop(e));
    CO_TRY(check(&e->output, NULL, NULL));
    e->seed = co_config_int(&e->top, "seed");
    e->rounds = co_config_int(&e->top, "rounds");
    if (!co_config_has(&e->output, "dir")) {
        char *dir = co_format("runs/%s", co_config_string(&e->top, "name"));
        if (!dir) return CO_FAIL(CO_ENOMEM, "output.dir");
        const co_status st = co_node_set(e->output.map, "dir", dir);
        co_free(dir);
        CO_TRY(st);
    }
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

/* What a resumed run may change. */
static const char *const free_keys[] = {"name", "rounds", "eval", "stop", "output", NULL};

co_status co_experiment_digest(const co_experiment *e, char hex[33])
{
    co_node *copy = co_node_copy(e->root);
    if (!copy) return CO_FAIL(CO_ENOMEM, "experiment digest");
    for (const char *const *key = free_keys; *key; key++) co_node_remove(copy, *key);
    char *text = NULL;
    const co_status st = co_yaml_write(copy, &text);
    co_node_destroy(copy);
    if (st != CO_OK) return st;
    unsigned char hash[16];
    co_hash16(text, strlen(text), hash);
    co_hex(hash, 16, hex);
    co_free(text);
    return CO_OK;
}

static co_status differ(const co_experiment *e, const char *path, const co_node *was,
                        const co_node *is)
{
    char *texts[2] = {NULL, NULL};
    const co_node *nodes[2] = {was, is};
    for (int i = 0; i < 2; i++) {
        if (!nodes[i])
            texts[i] = co_strdup("absent");
        else if (nodes[i]->kind == CO_NODE_SCALAR)
            texts[i] = co_strdup(nodes[i]->text ? nodes[i]->text : "");
        else if (co_yaml_write(nodes[i], &texts[i]) != CO_OK)
            texts[i] = NULL;
        for (char *c = texts[i]; c && *c; c++)
            if (*c == '\n') *c = c[1] ? ' ' : 0;
    }
    const co_status st = CO_FAIL(
        CO_EUSAGE,
        "%s: %s was %s when the run started and is %s now; a resumed run may change only name, "
        "rounds, "
        "eval, stop and output. Undo it, or start afresh with another output.dir or --overwrite",
        e->file, path, texts[0] ? texts[0] : "?", texts[1] ? texts[1] : "?");
    co_free(texts[0]);
    co_free(texts[1]);
    return st;
}

static bool same_scalar(const co_node *a, const co_node *b)
{
    double x, y;
    if (strcmp(a->text ? a->text : "", b->text ? b->text : "") == 0) return true;
    return co_node_real(a, &x) && co_node_real(b, &y) && x == y;
}

/* A key that is newer than the run may have its default. */
static co_status compare(const co_experiment *e, const char *path, const co_node *was,
                         const co_node *is)
{
    if (!was || !is || was->kind != is->kind) return differ(e, path, was, is);
    if (was->kind == CO_NODE_SCALAR) return same_scalar(was, is) ? CO_OK : differ(e, path, was, is);
    const bool map = was->kind == CO_NODE_MAP;
    const co_node *b = is->first;
    for (const co_node *a = was->first; a; a = a->next) {
        char below[256];
        if (map) {
            snprintf(below, sizeof below, "%s%s%s", path, *path ? "." : "", a->key);
            CO_TRY(compare(e, below, a, co_node_find(is, a->key)));
        } else {
            CO_TRY(compare(e, path, a, b));
            if (b) b = b->next;
        }
    }
    if (!map) return b ? differ(e, path, was, is) : CO_OK;
    for (b = is->first; b; b = b->next) {
        char below[256];
        snprintf(below, sizeof below, "%s%s%s", path, *path ? "." : "", b->key);
        if (!co_node_find(was, b->key) && !b->is_default) return differ(e, below, NULL, b);
    }
    return CO_OK;
}

/* The noise for an epsilon was found for the rounds of the first start. */
static co_status check_budget_rounds(const co_experiment *now, const co_node *old)
{
    int64_t rounds;
    const co_node *was = co_node_find(old, "rounds");
    if (!co_node_find(now->privacy.map, "epsilon") || !was || !co_node_int(was, &rounds) ||
        now->rounds <= rounds)
        return CO_OK;
    return CO_FAIL(CO_EUSAGE,
                   "%s: rounds was %lld when the run started and is %lld now; the noise was found "
                   "for privacy.epsilon "
                   "after %lld rounds, more would exceed it",
                   now->file, (long long)rounds, (long long)now->rounds, (long long)rounds);
}

/* A horizon that was filled in (the rounds of the first start) stays what it was. */
static co_status keep_horizon(co_experiment *e, const co_node *old, const char *section_name,
                              co_schedule *schedule)
{
    const co_node *section = co_node_find(e->root, section_name),
                  *was = co_node_find(old, section_name);
    co_node *map = section ? co_node_find(section, "schedule") : NULL;
    was = was ? co_node_find(was, "schedule") : NULL;
    const co_node *now = map && map->kind == CO_NODE_MAP ? co_node_find(map, "horizon") : NULL;
    was = was && was->kind == CO_NODE_MAP ? co_node_find(was, "horizon") : NULL;
    int64_t horizon;
    if (!now || !was || !now->is_default || !co_node_int(was, &horizon)) return CO_OK;
    CO_TRY(co_node_set(map, "horizon", was->text));
    co_node_find(map, "horizon")->is_default = true;
    schedule->horizon = horizon;
    return CO_OK;
}

co_status co_experiment_continue(co_experiment *now, const char *old_text)
{
    co_node *old = NULL, *is = NULL;
    co_status st = CO_OK;
    CO_TRY(co_yaml_read_text(old_text, "the checkpoint's experiment", &old));
    CO_TRY_OUT(keep_horizon(now, old, "local", &now->local_rate));
    CO_TRY_OUT(keep_horizon(now, old, "server", &now->server_rate));
    CO_TRY_OUT(check_budget_rounds(now, old));
    is = co_node_copy(now->root);
    if (!is) {
        st = CO_FAIL(CO_ENOMEM, "experiment tree");
        goto out;
    }
    for (const char *const *key = free_keys; *key; key++) {
        co_node_remove(old, *key);
        co_node_remove(is, *key);
    }
    CO_TRY_OUT(compare(now, "", old, is));
out:
    co_node_destroy(old);
    co_node_destroy(is);
    return st;
}
