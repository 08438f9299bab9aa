/* sim/experiment/devices.c - whom a round asks, and who attacks: section devices. */
#include "sim/experiment/sections.h"
#include "sim/planners/planner.h"
#include <math.h>
#include <string.h>

const co_param co_devices_params[] = {
    {"mode", CO_STRING, .words = "synchronous", .doc = "planner (cohort list planner)"},
    {"select", CO_STRING, .words = "uniform", .doc = "selector (cohort list selector)"},
    {"per_round", CO_REAL, .lo = 0, .hi = 2147483647, .flags = CO_REQUIRED | CO_LO_OPEN,
     .doc = "devices asked in a round; select: poisson: their expected number"},
    {"min_separation", CO_INT, .lo = 1, .hi = 1e9, .flags = CO_OPTIONAL,
     .doc = "steps in which a device takes part are at least so far apart (default: 1, no bound)"},
    {"counts", CO_CHOICE, .words = "private|public",
     .doc = "may everybody know how many examples each device has? with a mechanism, selectors "
            "that look at that need public"},
    {"period_rounds", CO_INT, .lo = 1, .hi = 1e9, .flags = CO_OPTIONAL,
     .doc = "rounds of a period, where examples arrive in periods (partition method temporal)"},
    {"memory", CO_CHOICE, .words = "all|window|fifo|reservoir|balanced",
     .doc = "of what has arrived a device keeps: all, the latest periods, the latest examples, any "
            "examples alike, any with classes balanced"},
    {"window", CO_INT, .lo = 1, .hi = 1e6, .flags = CO_OPTIONAL,
     .doc = "memory: window: periods kept, the current one included"},
    {"capacity", CO_INT, .lo = 1, .hi = 1e12, .flags = CO_OPTIONAL,
     .doc = "memory: fifo, reservoir, balanced: examples kept"},
    {"replay", CO_REAL, .lo = 0.0, .hi = 1.0, .flags = CO_OPTIONAL | CO_LO_OPEN | CO_HI_OPEN,
     .doc = "memory is of earlier periods, and this share of what a device trains on is drawn from "
            "it, the rest is new (default: it trains on its memory, which has what is new)"},
    {"replay_select", CO_CHOICE, .words = "random|balanced|coordinated",
     .doc = "replay: drawn alike, by class, or by class over all devices, whose classes the server "
            "counts"},
    {"attack", CO_STRING, .words = "none", .doc = "what attackers send (cohort list attack)"},
    {"attackers", CO_REAL, .lo = 0.0, .hi = 2147483647, .flags = CO_OPTIONAL | CO_LO_OPEN,
     .doc = "how many devices attack, drawn by the seed; below 1: a share of all"},
    {"attacker_ids", CO_INTS, .lo = 0, .hi = 9e15, .flags = CO_OPTIONAL,
     .doc = "which devices attack, instead"},
    {0}};

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
    const char *memory = co_config_string(devices, "memory");
    const bool window = strcmp(memory, "window") == 0, all = strcmp(memory, "all") == 0;
    static const char *const key[] = {"window", "capacity"}, *const word[] = {
                                                                 "window",
                                                                 "fifo, reservoir or balanced"};
    for (int k = 0; k < 2; k++) {
        const bool asked = k == 0 ? window : !window && !all;
        if (asked != co_config_has(devices, key[k]))
            return co_config_fail(devices, co_config_node(devices, asked ? "memory" : key[k]),
                                  asked ? "%s needs the key `%s`"
                                        : "goes with memory: %s; leave `%s` out",
                                  asked ? memory : word[k], key[k]);
    }
    const char *select = co_config_string(devices, "replay_select");
    if (strcmp(select, "random") != 0 && !co_config_has(devices, "replay"))
        return co_config_fail(devices, co_config_node(devices, "replay_select"),
                              "%s stands without replay, the share that is drawn", select);
    return CO_OK;
}

/* A bound on how soon a device comes again makes other probabilities of a selector that has no
 * choice among the rest. */
static co_status check_separation(const co_experiment *e)
{
    const co_selector *s = e->selector;
    if (co_min_separation(e) == 1 || s->draw || s->sampling == CO_SAMPLING_POISSON) return CO_OK;
    return co_config_fail(
        &e->devices, co_config_node(&e->devices, "min_separation"),
        "select: %s asks by probabilities over all devices, which would be others "
        "without those that took part lately; use uniform or poisson",
        s->name);
}

co_status co_check_devices(co_experiment *e)
{
    const co_plugin *planner, *selector, *attack;
    CO_TRY(co_section_member(&e->devices, "mode", "synchronous", &co_kind_planner, &planner));
    CO_TRY(co_section_member(&e->devices, "select", "uniform", &co_kind_selector, &selector));
    CO_TRY(co_section_member(&e->devices, "attack", "none", &co_kind_attack, &attack));
    e->planner = (const co_planner *)planner;
    e->selector = (const co_selector *)selector;
    e->attack = (const co_attack *)attack;
    CO_TRY(co_section_check(&e->devices, co_devices_params, planner, selector, attack));
    CO_TRY(check_attackers(e));
    CO_TRY(check_separation(e));
    const double per_round = co_config_real(&e->devices, "per_round");
    if (!e->selector->any_real && per_round != floor(per_round))
        return co_config_fail(&e->devices, co_config_node(&e->devices, "per_round"),
                              "%g: select: %s asks a whole number of devices; select: poisson "
                              "takes any expected number",
                              per_round, selector->name);
    if (e->planner->draws && !e->selector->draw)
        return co_config_fail(&e->devices, co_config_node(&e->devices, "select"),
                              "%s names devices once a step alone; mode: %s asks some at any time",
                              selector->name, planner->name);
    return check_memory(&e->devices);
}

static co_status refuse_mode(const co_experiment *e, const char *what, const char *name,
                             const char *why)
{
    return co_config_fail(&e->devices, co_config_node(&e->devices, "mode"),
                          "%s: %s: %s does not go with devices that start from older versions: %s",
                          e->planner->name, what, name, why);
}

/* Rules that rest on all devices having started from the newest version. */
static co_status check_stale(const co_experiment *e)
{
    if (!co_planner_is_stale(e->planner)) return CO_OK;
    if (e->rule->needs_newest)
        return refuse_mode(e, "local.rule", e->rule->name, e->rule->needs_newest);
    if (e->aggregator->needs_newest)
        return refuse_mode(e, "aggregate.rule", e->aggregator->name, e->aggregator->needs_newest);
    const co_node *law = co_node_find(e->devices.map, "staleness");
    if (law && e->aggregator->combine && !e->aggregator->weighted &&
        strcmp(law->text, "constant") != 0)
        return co_config_fail(&e->devices, law,
                              "%s has no effect on aggregate.rule: %s, which counts every device "
                              "the same; set constant",
                              law->text, e->aggregator->name);
    return CO_OK;
}

/* Classes that the server counts over all memories are no part of what a mechanism releases. */
static co_status check_replay(const co_experiment *e)
{
    const char *mechanism = co_config_string(&e->privacy, "mechanism");
    if (strcmp(co_config_string(&e->devices, "replay_select"), "coordinated") != 0 ||
        strcmp(mechanism, "none") == 0)
        return CO_OK;
    return co_config_fail(&e->devices, co_config_node(&e->devices, "replay_select"),
                          "coordinated tells the server the classes in all memories, for which "
                          "privacy.mechanism: %s does not account; use balanced or random",
                          mechanism);
}

co_status co_check_mode(const co_experiment *e)
{
    CO_TRY(check_replay(e));
    const co_node *unbiased = co_config_node(&e->aggregate, "unbiased");
    if (co_config_bool(&e->aggregate, "unbiased") && !e->planner->waits_for_all)
        return co_config_fail(&e->aggregate, unbiased,
                              "devices.mode: %s does not wait for all that it has asked, so that "
                              "nobody knows how likely a device is to be part of a step",
                              e->planner->name);
    return check_stale(e);
}
