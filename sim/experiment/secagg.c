/* sim/experiment/secagg.c - the sum of a step by secure aggregation: section secagg. What has to
 * see a single update is refused. */
#include "sim/experiment/sections.h"
#include "sim/planners/planner.h"
#include <math.h>
#include <string.h>

const co_param co_secagg_params[] = {
    {"protocol", CO_CHOICE, .words = "secagg|secagg_plus",
     .doc = "each device shares its secrets with all others (Bonawitz et al. 2017), or with its "
            "neighbours on a graph of few edges (Bell et al. 2020)"},
    {"threshold", CO_REAL, .lo = 0.0, .hi = 65535, .flags = CO_OPTIONAL | CO_LO_OPEN,
     .doc = "shares that open a secret: their number, or below 1 their part of those that there "
            "are; with fewer the round fails (default: more than 2/3; secagg_plus: found)"},
    {"neighbours", CO_INT, .lo = 2, .hi = 65534, .flags = CO_OPTIONAL,
     .doc = "secagg_plus: of each device, an even number, beside threshold (default: the fewest "
            "that do, found from corrupt, dropout, security and correctness)"},
    {"corrupt", CO_REAL, .lo = 0.0, .hi = 1.0, .flags = CO_OPTIONAL | CO_HI_OPEN,
     .doc = "part of the devices that tell the server all they know, and whose noise hides nothing "
            "(default: 0.1 where neighbours are found, else nothing is checked)"},
    {"dropout", CO_REAL, .lo = 0.0, .hi = 1.0, .flags = CO_OPTIONAL | CO_HI_OPEN,
     .doc = "part of the devices that may be lost in a round (default: 0.1 where neighbours are "
            "found)"},
    {"security", CO_REAL, .lo = 1.0, .hi = 256.0, .flags = CO_OPTIONAL,
     .doc = "an update may come out with probability 2^-security (default: 40)"},
    {"correctness", CO_REAL, .lo = 1.0, .hi = 256.0, .flags = CO_OPTIONAL,
     .doc = "a round may fail with probability 2^-correctness though no more are lost (default: "
            "30)"},
    {"lies", CO_BOOL, .flags = CO_OPTIONAL,
     .doc = "the server may tell devices different lists of who is left (default: false)"},
    {"simulate", CO_CHOICE, .words = "protocol|sum",
     .doc = "every message and mask of every device is made, or the plain integers are added and "
            "the same bytes and seconds charged: the same model either way"},
    {"secure", CO_BOOL, .def = 0.0,
     .doc = "keys from the system's generator, new at every start and never written; false: from "
            "the seed"},
    {"agreement_s", CO_REAL, .def = 4.5e-5, .lo = 0.0, .hi = 1e6,
     .doc = "virtual seconds of a key made or agreed on at speed 1; this and the next two: of one "
            "core of a server, measured by tests/bench/secagg.c"},
    {"share_s", CO_REAL, .def = 2.3e-6, .lo = 0.0, .hi = 1e6,
     .doc = "of a share made, sealed or opened"},
    {"value_s", CO_REAL, .def = 1e-9, .lo = 0.0, .hi = 1e6,
     .doc = "of a number masked once, with its packing"},
    {"stage_s", CO_REAL, .lo = 0.0, .hi = 1e9, .flags = CO_OPTIONAL | CO_LO_OPEN,
     .doc = "virtual seconds that the server waits in each stage at most (default: until every "
            "device has answered or gone away)"},
    {0}};

static double real_or(const co_config *opt, const char *key, double standard)
{
    return co_config_has(opt, key) ? co_config_real(opt, key) : standard;
}

/* What a section without `neighbours` is to find them from, and what a threshold has to withstand:
 * the first two of chances alone. */
static const char *const risks[] = {"security", "correctness", "corrupt", "dropout", "lies"};
enum { N_CHANCES = 2, N_RISKS = sizeof risks / sizeof *risks };

static co_status check_keys(const co_experiment *e, const co_secagg_keys *k)
{
    const co_config *s = &e->secagg;
    const bool has_threshold = co_config_has(s, "threshold");
    if (k->neighbours && !k->is_plus)
        return co_config_fail(s, co_config_node(s, "neighbours"),
                              "goes with protocol: secagg_plus; with secagg all are neighbours");
    if (k->is_plus && has_threshold != (k->neighbours > 0))
        return co_config_fail(s, s->map,
                              "threshold and neighbours go together: give both, or none (they are "
                              "found)");
    if (k->neighbours % 2 == 1)
        return co_config_fail(s, co_config_node(s, "neighbours"),
                              "%lld: must be even, as many on either side of a circle",
                              (long long)k->neighbours);
    if (k->threshold >= 1.0 && (k->threshold != floor(k->threshold) || k->threshold < 2.0))
        return co_config_fail(s, co_config_node(s, "threshold"),
                              "%g: a whole number from 2 on, or a part below 1", k->threshold);
    for (size_t i = 0; i < N_CHANCES && !k->is_plus; i++)
        if (co_config_has(s, risks[i]))
            return co_config_fail(s, co_config_node(s, risks[i]),
                                  "with protocol: secagg all hold shares of all, and nothing is "
                                  "left to chance; leave it out, or use secagg_plus");
    return CO_OK;
}

/* Rules of the server that look at updates one by one. */
static co_status check_server(const co_experiment *e)
{
    const co_aggregator *a = e->aggregator;
    const co_config *rule = &e->aggregate;
    if (a->combine)
        return co_config_fail(rule, co_config_node(rule, "rule"),
                              "%s has to see every update, and behind secagg the server has their "
                              "sum alone; use mean, or leave secagg out",
                              a->name);
    if (a->stress || a->report)
        return co_config_fail(rule, co_config_node(rule, "rule"),
                              "%s weighs every update by %s, and behind secagg the server learns "
                              "of no single one; use mean, or leave secagg out",
                              a->name, a->stress ? "its device's loss" : "what its device reports");
    if (co_node_find(e->aggregate.map, "groups"))
        return co_config_fail(rule, co_config_node(rule, "groups"),
                              "the masks of a step cancel in one sum over all its devices, edge "
                              "servers make one each; leave it or secagg out");
    for (size_t k = 0; k < e->n_transforms; k++)
        if (e->transform[k]->rows)
            return co_config_fail(&e->transform_options[k],
                                  co_config_node(&e->transform_options[k], "name"),
                                  "%s has to see every update, and behind secagg the server has "
                                  "their sum alone; leave one of them out",
                                  e->transform[k]->name);
    return CO_OK;
}

static co_status check_devices(const co_experiment *e)
{
    const co_config *devices = &e->devices;
    if (e->selector->hear || e->selector->survey)
        return co_config_fail(devices, co_config_node(devices, "select"),
                              "%s chooses by losses of single devices, which nobody learns behind "
                              "secagg; use uniform, poisson or available",
                              e->selector->name);
    if (e->planner->draws)
        return co_config_fail(devices, co_config_node(devices, "mode"),
                              "%s: devices agree on their masks before they train, and who will be "
                              "part of the same step is not known then; use synchronous or "
                              "deadline, or leave secagg out",
                              e->planner->name);
    if (e->attack->collude)
        return co_config_fail(devices, co_config_node(devices, "attack"),
                              "%s reads the updates of others, which secagg hides; use an attack "
                              "of single devices, or leave secagg out",
                              e->attack->name);
    if (e->rule->common)
        return co_config_fail(&e->local, co_config_node(&e->local, "rule"),
                              "%s: devices also send changes of '%s', which are not integers of a "
                              "ring and have no masks; use another rule, or leave secagg out",
                              e->rule->name, e->rule->common);
    return CO_OK;
}

/* Whether neighbours are found. */
static bool is_found(const co_config *s)
{
    return strcmp(co_config_string(s, "protocol"), "secagg_plus") == 0 &&
           !co_config_has(s, "neighbours");
}

co_status co_check_secagg(co_experiment *e)
{
    co_secagg_keys *k = &e->secagg_keys;
    const co_config *s = &e->secagg;
    *k = (co_secagg_keys){0};
    if (!co_node_find(e->root, "secagg")) return CO_OK;
    CO_TRY(co_section_open(e, "secagg", &e->secagg));
    CO_TRY(co_section_check(s, co_secagg_params, NULL, NULL, NULL));
    *k = (co_secagg_keys){.is_on = true,
                          .is_plus = strcmp(co_config_string(s, "protocol"), "secagg_plus") == 0,
                          .is_played = strcmp(co_config_string(s, "simulate"), "protocol") == 0,
                          .is_secure = co_config_bool(s, "secure"),
                          .threshold = real_or(s, "threshold", 0.0),
                          .neighbours =
                              co_config_has(s, "neighbours") ? co_config_int(s, "neighbours") : 0,
                          .risk = {.corrupt = real_or(s, "corrupt", is_found(s) ? 0.1 : 0.0),
                                   .dropout = real_or(s, "dropout", is_found(s) ? 0.1 : 0.0),
                                   .security = real_or(s, "security", 40.0),
                                   .correctness = real_or(s, "correctness", 30.0),
                                   .lies = co_config_has(s, "lies") && co_config_bool(s, "lies")},
                          .agreement_s = co_config_real(s, "agreement_s"),
                          .share_s = co_config_real(s, "share_s"),
                          .value_s = co_config_real(s, "value_s"),
                          .stage_s = real_or(s, "stage_s", 0.0)};
    k->has_risk = k->is_plus && !k->neighbours;
    for (size_t i = 0; i < N_RISKS; i++) k->has_risk |= co_config_has(s, risks[i]);
    CO_TRY(check_keys(e, k));
    CO_TRY(check_server(e));
    return check_devices(e);
}
