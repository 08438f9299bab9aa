/* sim/experiment/privacy.c - section privacy; experiments whose privacy would not be what it says
 * are refused before anything starts. */
#include "sim/experiment/sections.h"
#include "sim/stages/charge.h"
#include <string.h>

const co_param co_privacy_params[] = {
    {"mechanism", CO_STRING, .words = "none", .doc = "bound and noise (cohort list mechanism)"},
    {0}};

static bool is_written(const co_config *section, const char *key)
{
    const co_node *node = co_node_find(section->map, key);
    return node && !node->is_default;
}

/* Whether a key of the mechanism says something else than its default, which a resolved experiment
 * writes out too. */
static bool is_changed(const co_config *privacy, const co_mechanism *mechanism, const char *key)
{
    char standard[64];
    double is, was;
    const co_node *node = co_node_find(privacy->map, key);
    const co_param *p = mechanism->params;
    while (p->key && strcmp(p->key, key) != 0) p++;
    if (!node || !p->key) return false;
    co_param_default(p, standard, sizeof standard);
    const co_node number = {.kind = CO_NODE_SCALAR, .text = standard};
    if (co_node_real(node, &is) && co_node_real(&number, &was)) return is != was;
    return strcmp(node->text, standard) != 0;
}

/* Noise: exactly one of noise_multiplier and epsilon; delta where the mechanism needs it. */
static co_status check_budget(co_experiment *e, const co_mechanism *mechanism)
{
    const co_config *privacy = &e->privacy;
    const bool is_pure = mechanism->norm == CO_NORM_L1;
    if (co_config_has(privacy, "noise_multiplier") == co_config_has(privacy, "epsilon"))
        return co_config_fail(
            privacy, privacy->map,
            "give either noise_multiplier, or epsilon (the noise is found for it)");
    if (!co_config_has(privacy, "delta")) {
        if (!is_pure)
            return co_config_fail(privacy, privacy->map,
                                  "mechanism %s needs delta: below 1 / population, as 1e-6",
                                  mechanism->name);
        CO_TRY(co_node_set(privacy->map, "delta", "0"));
    }
    if (!is_pure && co_config_real(privacy, "delta") == 0.0)
        return co_config_fail(privacy, co_config_node(privacy, "delta"),
                              "0: mechanism %s has no guarantee without delta; only laplace has",
                              mechanism->name);
    if (strcmp(co_config_string(privacy, "accountant"), "rdp") != 0 &&
        is_changed(privacy, mechanism, "conversion"))
        return co_config_fail(privacy, co_config_node(privacy, "conversion"),
                              "only accountant: rdp converts");
    if (is_pure && co_config_real(privacy, "delta") == 0.0 &&
        strcmp(co_config_string(privacy, "accountant"), "rdp") == 0)
        return co_config_fail(privacy, co_config_node(privacy, "accountant"),
                              "rdp: gives no epsilon at delta 0; set delta, or accountant: pld");
    return CO_OK;
}

static co_status check_simulation(const co_experiment *e)
{
    const co_config *privacy = &e->privacy;
    const bool is_simulated = co_config_has(privacy, "noise_cohort");
    if (is_simulated != co_config_has(privacy, "noise_population"))
        return co_config_fail(privacy, privacy->map,
                              "noise_cohort and noise_population go together: give both or none");
    if (is_simulated &&
        co_config_real(privacy, "noise_cohort") > co_config_real(privacy, "noise_population"))
        return co_config_fail(privacy, co_config_node(privacy, "noise_cohort"),
                              "%g is more than noise_population: %g",
                              co_config_real(privacy, "noise_cohort"),
                              co_config_real(privacy, "noise_population"));
    if (is_simulated && co_config_bool(privacy, "secure"))
        return co_config_fail(privacy, co_config_node(privacy, "secure"),
                              "true beside noise_cohort: less noise than the guarantee needs is a "
                              "simulation, never secure");
    return CO_OK;
}

/* Nothing hides who takes part in a step: then that must be no secret. */
static co_status check_arrivals(const co_experiment *e)
{
    const co_config *devices = &e->devices;
    if (e->selector->hear || e->selector->survey)
        return co_config_fail(devices, co_config_node(devices, "select"),
                              "%s: who is asked follows from losses of the devices, which no noise "
                              "covers; use uniform, poisson or available",
                              e->selector->name);
    if (!co_charge_is_by_arrival(e)) return CO_OK;
    const co_node *secagg = co_node_find(e->root, "secagg");
    const bool follows_times = !co_charge_is_sampled(e) || !e->planner->waits_for_all ||
                               (secagg && co_node_find(secagg, "stage_s"));
    if (e->clock_keys.is_on && follows_times &&
        strcmp(co_config_string(devices, "counts"), "public") != 0)
        return co_config_fail(
            devices, co_config_node(devices, "mode"),
            "%s: who takes part in a step follows from times, which tell how many "
            "examples devices have and which no noise covers; say counts: public "
            "if that is no secret, or leave section clock out",
            e->planner->name);
    if (co_planner_is_stale(e->planner) &&
        strcmp(co_config_string(devices, "divisor"), "buffer") != 0)
        return co_config_fail(devices, co_config_node(devices, "divisor"),
                              "weights: under privacy the divisor is the public number per_round; "
                              "use buffer");
    if (co_config_has(&e->privacy, "noise_cohort"))
        return co_config_fail(&e->privacy, co_config_node(&e->privacy, "noise_cohort"),
                              "a simulated cohort is a sample, but in mode: %s no sampling is "
                              "claimed, and a device pays for its own steps",
                              e->planner->name);
    return CO_OK;
}

static co_status check_mechanism(const co_experiment *e, const co_mechanism *mechanism)
{
    const co_config *privacy = &e->privacy;
    if (co_config_bool(privacy, "secure") && !mechanism->is_exact)
        return co_config_fail(privacy, co_config_node(privacy, "mechanism"),
                              "%s: draws with floats, whose low bits leak; secure: true takes "
                              "discrete_gaussian or laplace",
                              mechanism->name);
    const bool is_adaptive = co_config_has(privacy, "clip_quantile");
    if (is_adaptive && mechanism->norm != CO_NORM_L2)
        return co_config_fail(privacy, co_config_node(privacy, "clip_quantile"),
                              "the adaptive clip is of an L2 norm; mechanism %s bounds another",
                              mechanism->name);
    if (!is_adaptive && (is_changed(privacy, mechanism, "clip_rate") ||
                         is_changed(privacy, mechanism, "clip_count_noise")))
        return co_config_fail(privacy, privacy->map,
                              "clip_rate and clip_count_noise go with clip_quantile");
    return CO_OK;
}

/* What else takes part must leave one device's influence at what the clip says. */
static co_status check_parts(co_experiment *e)
{
    if (e->selector->looks_at_all && strcmp(co_config_string(&e->devices, "counts"), "public") != 0)
        return co_config_fail(&e->devices, co_config_node(&e->devices, "select"),
                              "%s: who is asked would tell how many examples devices have, which "
                              "no noise covers; use poisson or "
                              "uniform, or say counts: public if that is no secret",
                              e->selector->name);
    if (strcmp(e->aggregator->name, "mean") != 0)
        return co_config_fail(&e->aggregate, co_config_node(&e->aggregate, "rule"),
                              "%s: how much one device changes its result is not known; under "
                              "privacy the rule is mean",
                              e->aggregator->name);
    if (e->attack->collude)
        return co_config_fail(
            &e->devices, co_config_node(&e->devices, "attack"),
            "%s reads every update before it is noised; a mechanism lets only the sum be seen",
            e->attack->name);
    if (e->rule->common)
        return co_config_fail(
            &e->local, co_config_node(&e->local, "rule"),
            "%s: devices also send changes of '%s', which no clip bounds; use another rule",
            e->rule->name, e->rule->common);
    if (!is_written(&e->aggregate, "weight")) {
        CO_TRY(co_node_set(e->aggregate.map, "weight", "uniform"));
        co_node_find(e->aggregate.map, "weight")->is_default = true;
        return CO_OK;
    }
    if (strcmp(co_config_string(&e->aggregate, "weight"), "uniform") != 0 &&
        !co_config_has(&e->aggregate, "weight_cap"))
        return co_config_fail(&e->aggregate, co_config_node(&e->aggregate, "weight"),
                              "%s: one device could count without bound; under privacy use "
                              "uniform, or give weight_cap",
                              co_config_string(&e->aggregate, "weight"));
    return CO_OK;
}

/* Section secagg, before it is read: masks are made, from keys of the system. */
static bool is_secret(const co_node *secagg)
{
    const co_node *secure = co_node_find(secagg, "secure"),
                  *simulate = co_node_find(secagg, "simulate");
    bool is_secure = false;
    if (secure) co_node_bool(secure, &is_secure);
    return is_secure && !(simulate && simulate->kind == CO_NODE_SCALAR && simulate->text &&
                          strcmp(simulate->text, "sum") == 0);
}

/* Shares of noise hide a device from a server that sees no more than their sum. */
static co_status check_secagg(const co_experiment *e, const co_mechanism *mechanism)
{
    const co_node *secagg = co_node_find(e->root, "secagg");
    if (!mechanism->share) return CO_OK;
    if (secagg && co_config_bool(&e->privacy, "secure") && !is_secret(secagg))
        return co_config_fail(&e->privacy, co_config_node(&e->privacy, "secure"),
                              "true beside masks that are reproducible or not made: whoever knows "
                              "the seed sees single messages; set secagg.secure: true and "
                              "secagg.simulate: protocol");
    if (secagg) return CO_OK;
    return co_config_fail(&e->privacy, co_config_node(&e->privacy, "mechanism"),
                          "%s: a device's own noise is too little for a server that sees its "
                          "message; add section secagg: {protocol: secagg}, or let the server add "
                          "the noise (gaussian, discrete_gaussian)",
                          mechanism->name);
}

static co_status check_guarantee(co_experiment *e)
{
    const co_mechanism *mechanism = co_mechanism_find(co_config_string(&e->privacy, "mechanism"));
    if (mechanism->norm == CO_NORM_NONE) return CO_OK;
    CO_TRY(check_budget(e, mechanism));
    CO_TRY(check_simulation(e));
    CO_TRY(check_mechanism(e, mechanism));
    CO_TRY(check_secagg(e, mechanism));
    CO_TRY(check_arrivals(e));
    return check_parts(e);
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

co_status co_check_privacy(co_experiment *e)
{
    const co_plugin *mechanism;
    CO_TRY(default_mechanism(&e->privacy));
    CO_TRY(co_section_member(&e->privacy, "mechanism", "none", &co_kind_mechanism, &mechanism));
    CO_TRY(co_section_check(&e->privacy, co_privacy_params, mechanism, NULL, NULL));
    return check_guarantee(e);
}
