/* sim/experiment/clock.c - how long devices take on the virtual clock, and when they are there:
 * section clock. */
#include "sim/experiment/sections.h"
#include <stdio.h>
#include <string.h>

const co_param co_clock_params[] = {
    {"speed", CO_TREE, .flags = CO_OPTIONAL,
     .doc = "how many times slower than the median a device trains: a number, a law (cohort list "
            "speed_law), or {name: lognormal, sigma: 1} (default: 1)"},
    {"seconds_per_unit", CO_REAL, .lo = 0.0, .hi = 1e9, .flags = CO_OPTIONAL | CO_LO_OPEN,
     .doc = "of local training at speed 1: an example, or a token of texts (default: three times "
            "the model's multiply-adds, at `flops` a second)"},
    {"flops", CO_REAL, .def = 1e9, .lo = 1.0, .hi = 1e18,
     .doc = "multiply-adds a second of a device of speed 1"},
    {"down", CO_TREE, .flags = CO_OPTIONAL,
     .doc = "bytes a second to a device: a number, or a law of how much slower than `median` it "
            "is: {name: pareto, median: 1e6} (default: no time passes)"},
    {"up", CO_TREE, .flags = CO_OPTIONAL,
     .doc = "bytes a second from a device, as down (default: no time passes)"},
    {"availability", CO_TREE, .flags = CO_OPTIONAL,
     .doc = "when devices are there: a name (cohort list availability), or {name: markov, on_s: "
            "3600, off_s: 7200} (default: always)"},
    {"dropout", CO_REAL, .def = 0.0, .lo = 0.0, .hi = 1.0,
     .doc = "probability that a device which was asked goes away before it has sent its update, at "
            "any moment of its way alike"},
    {"outage", CO_TREE, .flags = CO_OPTIONAL,
     .doc = "groups of devices that go away and come back together: {groups, up_s, down_s}"},
    {"trace", CO_STRINGS, .flags = CO_OPTIONAL,
     .doc = "file, or list of files, that `file` as a law or as availability, and outage without "
            "groups, read: CSV device,seconds_per_example,up,down,group (some of them) and "
            "device,start_s,end_s or group,start_s,end_s; or HDF5 with datasets of these names "
            "(io/data/trace.h)"},
    {0}};

static const co_param availability_params[] = {
    {"name", CO_STRING, .flags = CO_REQUIRED, .doc = "cohort list availability"}, {0}};

static const co_param outage_params[] = {
    {"groups", CO_INT, .lo = 1, .hi = 2147483647, .flags = CO_OPTIONAL,
     .doc = "that devices are dealt to by the seed (default: the column group of the trace)"},
    {"up_s", CO_REAL, .lo = 1e-6, .hi = 1e9, .flags = CO_REQUIRED,
     .doc = "mean time between two outages of a group"},
    {"down_s", CO_REAL, .lo = 1e-6, .hi = 1e9, .flags = CO_REQUIRED,
     .doc = "mean length of an outage"},
    {0}};

static co_status read_availability(const co_config *clock, co_clock_keys *k)
{
    co_node *node = co_node_find(clock->map, "availability");
    const co_plugin *member;
    k->availability = co_availability_find("always");
    if (!node) return CO_OK;
    CO_TRY(co_config_named_map(clock, node));
    k->availability_options =
        (co_config){.file = clock->file, .section = "clock.availability", .map = node};
    CO_TRY(co_section_member(&k->availability_options, "name", "always", &co_kind_availability,
                             &member));
    const co_param *const tables[] = {availability_params, member->params};
    k->availability = (const co_availability *)member;
    return co_config_check(&k->availability_options, tables, 2);
}

static co_status read_outage(const co_config *clock, co_clock_keys *k)
{
    co_node *node = co_node_find(clock->map, "outage");
    const co_config opt = {.file = clock->file, .section = "clock.outage", .map = node};
    const co_param *const tables[] = {outage_params};
    if (!node) return CO_OK;
    if (node->kind != CO_NODE_MAP)
        return co_config_fail(clock, node,
                              "must be a map such as {groups: 20, up_s: 86400, down_s: 600}");
    CO_TRY(co_config_check(&opt, tables, 1));
    k->n_groups = co_config_has(&opt, "groups") ? co_config_int(&opt, "groups") : 0;
    k->group_up_s = co_config_real(&opt, "up_s");
    k->group_down_s = co_config_real(&opt, "down_s");
    return CO_OK;
}

static bool is_traced(const co_law_use *use)
{
    return use->law && use->law->is_traced;
}

/* Whether edge servers are those of the trace's groups. */
static bool edges_read(const co_experiment *e)
{
    const co_node *groups = co_node_find(e->aggregate.map, "groups"),
                  *by = groups && groups->kind == CO_NODE_MAP ? co_node_find(groups, "by") : NULL;
    return by && by->kind == CO_NODE_SCALAR && strcmp(by->text, "trace") == 0;
}

/* A trace stands there when something reads it, and only then. */
static co_status check_trace(const co_experiment *e, const co_clock_keys *k)
{
    const co_config *clock = &e->clock;
    const char *reads = is_traced(&k->speed)                      ? "speed"
                        : is_traced(&k->down)                     ? "down"
                        : is_traced(&k->up)                       ? "up"
                        : k->availability->is_traced              ? "availability"
                        : k->group_up_s > 0.0 && k->n_groups == 0 ? "outage"
                                                                  : NULL;
    const bool has = k->trace && k->trace->first;
    if (reads && !has)
        return co_config_fail(clock, co_config_node(clock, reads),
                              "%s needs the key `trace`: a file, or a list of files",
                              reads[0] == 'o' ? "without groups it" : "file");
    if (has && !reads && !edges_read(e))
        return co_config_fail(clock, co_config_node(clock, "trace"),
                              "nothing reads it: say speed: file, down: file, up: file or "
                              "availability: file, or aggregate.groups: {by: trace}");
    if (is_traced(&k->speed) && k->seconds_per_unit > 0.0)
        return co_config_fail(clock, co_config_node(clock, "seconds_per_unit"),
                              "does not go with speed: file: the trace says the seconds of an "
                              "example");
    return CO_OK;
}

co_status co_check_clock(co_experiment *e)
{
    co_clock_keys *k = &e->clock_keys;
    *k = (co_clock_keys){0};
    if (!co_node_find(e->root, "clock")) return CO_OK;
    CO_TRY(co_section_open(e, "clock", &e->clock));
    CO_TRY(co_section_check(&e->clock, co_clock_params, NULL, NULL, NULL));
    k->is_on = true;
    if (co_config_has(&e->clock, "seconds_per_unit"))
        k->seconds_per_unit = co_config_real(&e->clock, "seconds_per_unit");
    k->flops = co_config_real(&e->clock, "flops");
    k->dropout = co_config_real(&e->clock, "dropout");
    k->trace = co_config_node(&e->clock, "trace");
    CO_TRY(co_law_read(&e->clock, "speed", false, &k->speed));
    CO_TRY(co_law_read(&e->clock, "down", true, &k->down));
    CO_TRY(co_law_read(&e->clock, "up", true, &k->up));
    CO_TRY(read_availability(&e->clock, k));
    CO_TRY(read_outage(&e->clock, k));
    return check_trace(e, k);
}
