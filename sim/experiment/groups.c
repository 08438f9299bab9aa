/* sim/experiment/groups.c - edge servers below the cloud: section aggregate.groups. What has no
 * meaning for several averages at once is refused. */
#include "sim/experiment/sections.h"
#include "core/log.h"
#include "sim/planners/planner.h"
#include <string.h>

const co_param co_groups_params[] = {
    {"servers", CO_INT, .lo = 1, .hi = 4096, .flags = CO_OPTIONAL,
     .doc = "edge servers, to which devices are dealt by their ids: device k to server k mod "
            "servers"},
    {"by", CO_CHOICE, .words = "user|group|trace", .flags = CO_OPTIONAL,
     .doc = "or one for each value of a column, of which a device has one: user or group of the "
            "data set, group of clock.trace (trace)"},
    {"cloud_every", CO_INT, .def = 1, .lo = 1, .hi = 1e9,
     .doc = "rounds, each an average at the edge servers, from one average at the cloud to the "
            "next"},
    {"up", CO_REAL, .lo = 0.0, .hi = 1e15, .flags = CO_OPTIONAL | CO_LO_OPEN,
     .doc = "bytes a second from an edge server to the cloud, with a clock (default: no time "
            "passes)"},
    {"down", CO_REAL, .lo = 0.0, .hi = 1e15, .flags = CO_OPTIONAL | CO_LO_OPEN,
     .doc = "bytes a second from the cloud to an edge server, with a clock (default: no time "
            "passes)"},
    {0}};

static co_status check_keys(const co_experiment *e)
{
    const co_config *g = &e->groups;
    if (co_config_has(g, "servers") == co_config_has(g, "by"))
        return co_config_fail(g, co_config_has(g, "by") ? co_config_node(g, "by") : g->map,
                              "give servers (devices are dealt by their ids) or by (a column of "
                              "the data set), one of them");
    for (int k = 0; k < 2; k++) {
        const char *key = k ? "down" : "up";
        if (co_config_has(g, key) && !e->clock_keys.is_on)
            return co_config_fail(g, co_config_node(g, key),
                                  "without the section clock no time passes; leave it out");
    }
    return CO_OK;
}

/* Halves of algorithms and rules of their own: what an edge would have to keep or see. */
static co_status check_rules(const co_experiment *e)
{
    if (strcmp(e->aggregator->name, "mean") != 0)
        return co_config_fail(&e->aggregate, co_config_node(&e->aggregate, "rule"),
                              "%s: edge servers form weighted means; use mean, or leave groups out",
                              e->aggregator->name);
    if (co_config_bool(&e->aggregate, "unbiased"))
        return co_config_fail(&e->aggregate, co_config_node(&e->aggregate, "unbiased"),
                              "its weights are parts of the whole population's, an edge server "
                              "knows its own devices; leave one of them out");
    if (e->rule->common)
        return co_config_fail(&e->local, co_config_node(&e->local, "rule"),
                              "%s: all devices share the vector '%s', which edge servers do not "
                              "keep; use another rule, or leave aggregate.groups out",
                              e->rule->name, e->rule->common);
    if (!e->planner->waits_for_all)
        return co_config_fail(&e->devices, co_config_node(&e->devices, "mode"),
                              "%s: an edge server waits for the devices that it asked; use "
                              "synchronous, or leave aggregate.groups out",
                              e->planner->name);
    return CO_OK;
}

/* What an update goes through on its way to one sum. */
static co_status check_stages(const co_experiment *e)
{
    for (size_t k = 0; k < e->n_transforms; k++) {
        const co_stage *s = e->transform[k];
        if ((s->backward && !s->serves) || s->rows || s->gives != CO_FLOATS)
            return co_config_fail(&e->transform_options[k],
                                  co_config_node(&e->transform_options[k], "name"),
                                  "%s needs one sum over all devices, edge servers make one each; "
                                  "leave it or aggregate.groups out",
                                  s->name);
    }
    if (e->n_downlink > 0)
        return co_config_fail(&e->downlink_options[0],
                              co_config_node(&e->downlink_options[0], "name"),
                              "edge servers send models of their own; leave downlink or "
                              "aggregate.groups out");
    if (e->attack->collude)
        return co_config_fail(&e->devices, co_config_node(&e->devices, "attack"),
                              "%s reads the updates of all devices, which meet at several edge "
                              "servers; use another attack, or leave aggregate.groups out",
                              e->attack->name);
    if (strcmp(co_config_string(&e->privacy, "mechanism"), "none") != 0)
        return co_config_fail(&e->privacy, co_config_node(&e->privacy, "mechanism"),
                              "its noise and its account are of one sum over all devices, edge "
                              "servers make one each; leave it or aggregate.groups out (local.dp "
                              "may stay)");
    if (e->local_public.map)
        return co_config_fail(&e->local_dp, e->local_public.map,
                              "what it finds is of one model that all devices start from; leave it "
                              "or aggregate.groups out");
    return CO_OK;
}

co_status co_check_groups(co_experiment *e)
{
    co_node *map = co_node_find(e->aggregate.map, "groups");
    if (!map) return CO_OK;
    e->groups = (co_config){e->file, "aggregate.groups", map};
    if (map->kind != CO_NODE_MAP)
        return co_config_fail(&e->aggregate, map,
                              "must be a map such as {servers: 10, cloud_every: 2}");
    CO_TRY(co_config_check(&e->groups, (const co_param *const[]){co_groups_params}, 1));
    CO_TRY(check_keys(e));
    CO_TRY(check_rules(e));
    CO_TRY(check_stages(e));
    const co_config *g = &e->groups;
    e->group_keys =
        (co_group_keys){.is_on = true,
                        .servers = co_config_has(g, "servers") ? co_config_int(g, "servers") : 0,
                        .by = co_config_has(g, "by") ? co_config_string(g, "by") : NULL,
                        .cloud_every = co_config_int(g, "cloud_every"),
                        .up = co_config_has(g, "up") ? co_config_real(g, "up") : 0.0,
                        .down = co_config_has(g, "down") ? co_config_real(g, "down") : 0.0};
    return CO_OK;
}
