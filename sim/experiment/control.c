/* sim/experiment/control.c - what is measured, when the run ends, where it is written: sections
 * eval, stop, output. */
#include "core/memory.h"
#include "models/decoding/options.h"
#include "sim/experiment/sections.h"
#include <string.h>

const co_param co_eval_params[] = {
    {"every", CO_INT, .def = 10, .lo = 0, .hi = 1e9,
     .doc = "rounds between two evaluations; 0: never, or by every_s alone"},
    {"every_s", CO_REAL, .lo = 0.0, .hi = 2e9, .flags = CO_OPTIONAL | CO_LO_OPEN,
     .doc = "also after the first round behind each multiple of so many virtual seconds (section "
            "clock)"},
    {"central", CO_BOOL, .flags = CO_OPTIONAL,
     .doc = "on the data set's test split (default: when there is one)"},
    {"devices", CO_BOOL, .def = 0,
     .doc = "on each device's own test part: means, quantiles, the worst tenth"},
    {"sample", CO_INT, .lo = 1, .hi = 2147483647, .flags = CO_OPTIONAL,
     .doc = "devices to evaluate on, the same ones each time (default: all)"},
    {"max_examples", CO_INT, .lo = 0, .hi = 9e15, .flags = CO_OPTIONAL,
     .doc =
         "most examples of a split for the central evaluation, a keyed sample, the same one each "
         "time (span: questions, with all their windows); 0: all, as without it. Test parts of "
         "devices are always whole (sample bounds "
         "those)"},
    {"generate", CO_TREE, .flags = CO_OPTIONAL,
     .doc = "task seq2seq: texts that the model writes for the sources of a split, against their "
            "references (bleu, rouge1, rouge2, rougeL): {every, beams, max_length, length_penalty, "
            "early_stopping, forced_first, forced_last, max_examples}"},
    {0}};
const co_param co_generate_params[] = {
    {"every", CO_INT, .lo = 1, .hi = 1e9, .flags = CO_OPTIONAL,
     .doc = "rounds between two, a multiple of eval.every (default: at each evaluation); the last "
            "round too"},
    {"max_examples", CO_INT, .def = 0, .lo = 0, .hi = 9e15,
     .doc = "most examples of a split, a keyed sample, the same one each time; 0: all"},
    CO_DECODING_PARAMS,
    {0}};
const co_param co_stop_params[] = {
    {"metric", CO_STRING, .words = "none",
     .doc = "column of eval (central, test split) that ends the run; none"},
    {"target", CO_REAL, .lo = -1e300, .hi = 1e300, .flags = CO_OPTIONAL,
     .doc = "stop when the metric has reached it"},
    {"patience", CO_INT, .lo = 1, .hi = 1e9, .flags = CO_OPTIONAL,
     .doc = "stop after that many evaluations without a better value"},
    {"walltime", CO_REAL, .lo = 0.0, .hi = 1e9, .flags = CO_OPTIONAL | CO_LO_OPEN,
     .doc = "seconds after which the run writes a checkpoint and leaves with exit code 75"},
    {"virtual_s", CO_REAL, .lo = 0.0, .hi = 2e9, .flags = CO_OPTIONAL | CO_LO_OPEN,
     .doc = "the run is done with the first round whose virtual time (section clock) has reached "
            "it"},
    {0}};
const co_param co_output_params[] = {
    {"dir", CO_STRING, .flags = CO_OPTIONAL,
     .doc = "folder of the run's files (default runs/<name>)"},
    {"checkpoint_every", CO_INT, .def = 20, .lo = 0, .hi = 1e9,
     .doc = "rounds between checkpoints; 0: only the last"},
    {"keep", CO_INT, .def = 2, .lo = 1, .hi = 1e6, .doc = "checkpoints kept"},
    {"frozen", CO_CHOICE, .words = "keep|refer", .flags = CO_OPTIONAL,
     .doc = "frozen tensors in checkpoints: kept (default), or left out and found again where they "
            "came from (model.init, model.from, seed)"},
    {"best", CO_BOOL, .flags = CO_OPTIONAL,
     .doc = "also keep best.h5, the model of the best evaluation so far (at multiples of "
            "eval.every): by stop.metric, else the task's "
            "first; on the validation split, else test"},
    {"devices", CO_BOOL, .flags = CO_OPTIONAL,
     .doc = "a row per device and round (default: up to 1e6 rows)"},
    {0}};

/* eval.generate, checked and with its standard values. */
static co_status check_generate(co_experiment *e)
{
    const co_param *const tables[] = {co_generate_params};
    co_config own = {.file = e->eval.file, .section = "eval.generate"};
    co_generate_keys *keys = &e->eval_keys.generate;
    const int64_t every = co_config_int(&e->eval, "every");
    *keys = (co_generate_keys){.asked = co_config_has(&e->eval, "generate")};
    if (!keys->asked) return CO_OK;
    own.map = co_node_find(e->eval.map, "generate");
    if (own.map->kind != CO_NODE_MAP)
        return co_config_fail(&e->eval, own.map,
                              "generate is a map such as {beams: 4, max_length: 64}");
    CO_TRY(co_config_check(&own, tables, 1));
    keys->every = co_config_has(&own, "every") ? co_config_int(&own, "every") : 0;
    keys->max_examples = co_config_int(&own, "max_examples");
    keys->how = co_decoding_from(&own);
    if (every > 0 && keys->every % every != 0)
        return co_config_fail(&own, co_config_node(&own, "every"),
                              "%lld is no multiple of eval.every: %lld", (long long)keys->every,
                              (long long)every);
    return CO_OK;
}

/* Without a clock no time passes. */
static co_status check_timed(const co_experiment *e, const co_config *section, const char *key)
{
    if (!co_config_has(section, key) || e->clock_keys.is_on) return CO_OK;
    return co_config_fail(section, co_config_node(section, key),
                          "is virtual time, which passes with the section clock alone: add one, or "
                          "leave it out");
}

static co_status check_stop(co_experiment *e)
{
    CO_TRY(co_section_check(&e->stop, co_stop_params, NULL, NULL, NULL));
    const bool none = strcmp(co_config_string(&e->stop, "metric"), "none") == 0;
    const bool goal = co_config_has(&e->stop, "target") || co_config_has(&e->stop, "patience");
    if (none && goal)
        return co_config_fail(&e->stop, e->stop.map,
                              "target and patience need metric (accuracy, loss ..)");
    if (!none && !goal)
        return co_config_fail(&e->stop, e->stop.map, "metric needs target or patience");
    if (!none && co_config_int(&e->eval, "every") == 0 && !co_config_has(&e->eval, "every_s"))
        return co_config_fail(&e->stop, e->stop.map,
                              "metric needs evaluations: set eval.every above 0");
    return check_timed(e, &e->stop, "virtual_s");
}

static co_status check_output(co_experiment *e)
{
    CO_TRY(co_section_check(&e->output, co_output_params, NULL, NULL, NULL));
    if (co_config_has(&e->output, "dir")) return CO_OK;
    char *dir = co_format("runs/%s", co_config_string(&e->top, "name"));
    if (!dir) return CO_FAIL(CO_ENOMEM, "output.dir");
    const co_status st = co_node_set(e->output.map, "dir", dir);
    co_free(dir);
    return st;
}

co_status co_check_control(co_experiment *e)
{
    CO_TRY(co_section_check(&e->eval, co_eval_params, NULL, NULL, NULL));
    CO_TRY(check_timed(e, &e->eval, "every_s"));
    CO_TRY(check_generate(e));
    CO_TRY(check_stop(e));
    return check_output(e);
}
