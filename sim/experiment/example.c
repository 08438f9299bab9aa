/* sim/experiment/example.c - section local.dp: noise on every gradient of a device, for each of its
 * examples. What would tell of an example outside of that noise is refused before anything starts.
 *
 * The preset edp_sgd puts together what Dupuy et al. (ICASSP 2022, arXiv:2107.14586) train language
 * understanding with: micro-batches, bounds for each layer, decaying noise; the values are ours. */
#include "sim/experiment/sections.h"
#include "sim/work/public_data.h"
#include <string.h>

const co_param co_example_params[] = {
    {"preset", CO_CHOICE, .words = "none|edp_sgd",
     .doc = "edp_sgd: norms: microbatch, microbatch: 4, bounds: layerwise, decay: 0.95; keys given "
            "here win"},
    {"clip", CO_REAL, .lo = 0.0, .hi = 1e12, .flags = CO_REQUIRED | CO_LO_OPEN,
     .doc = "most that one example's gradient may be, L2 norm"},
    {"noise_multiplier", CO_REAL, .lo = 0.0, .hi = 1e6, .flags = CO_OPTIONAL,
     .doc = "standard deviation of the noise on a batch's sum / clip (microbatch: / 2 clip), the "
            "same for all devices"},
    {"epsilon", CO_REAL, .lo = 0.0, .hi = 1e4, .flags = CO_OPTIONAL | CO_LO_OPEN,
     .doc = "most that a device may spend; without noise_multiplier each device's noise is found "
            "for it"},
    {"delta", CO_REAL, .lo = 0.0, .hi = 1.0, .flags = CO_REQUIRED | CO_LO_OPEN | CO_HI_OPEN,
     .doc = "of the guarantee; at most 1 / examples of the largest device"},
    {"accountant", CO_CHOICE, .words = "pld|rdp", .doc = "pld: tight, never above rdp; rdp: fast"},
    {"sampling", CO_CHOICE, .words = "poisson|shuffle",
     .doc = "poisson: each example by itself with probability batch / examples; shuffle: each once "
            "an epoch, accounted without amplification"},
    {"norms", CO_CHOICE, .words = "ghost|naive|microbatch",
     .doc = "ghost: clip without forming an example's gradient; naive: form each; microbatch: clip "
            "means of several"},
    {"microbatch", CO_INT, .lo = 1, .hi = 1e6, .flags = CO_OPTIONAL,
     .doc = "norms: microbatch: examples of one, as expected (above 1 an example counts twice)"},
    {"bounds", CO_CHOICE, .words = "flat|layerwise|layerwise_weights|layerwise_public",
     .doc =
         "layerwise: a bound for each layer, their squares adding up to clip's, by its size; "
         "_weights: "
         "half by the norms of the received weights; _public: half by those of public gradients"},
    {"clip_quantile", CO_REAL, .lo = 0.0, .hi = 1.0, .flags = CO_OPTIONAL,
     .doc =
         "adaptive clip: in each round of a device, from `clip` on, towards that quantile of its "
         "norms; a noisy count pays for it"},
    {"clip_rate", CO_REAL, .lo = 0.0, .hi = 10.0, .flags = CO_OPTIONAL,
     .doc = "adaptive clip: geometric step (default 0.2)"},
    {"clip_count_noise", CO_REAL, .lo = 0.0, .hi = 1e15, .flags = CO_OPTIONAL | CO_LO_OPEN,
     .doc = "adaptive clip: standard deviation of the noise on a step's count (microbatch: / 2; "
            "default: batch / 20, at least the noise multiplier)"},
    {"decay", CO_REAL, .def = 1.0, .lo = 0.0, .hi = 1.0, .flags = CO_LO_OPEN,
     .doc = "factor on the noise from epoch to epoch of a device"},
    {"max_batch", CO_INT, .lo = 1, .hi = 1e6, .flags = CO_OPTIONAL,
     .doc = "examples in memory at once (default: batch); a larger batch goes in parts"},
    {"rounds", CO_INT, .lo = 1, .hi = 1e9, .flags = CO_OPTIONAL,
     .doc = "rounds of one device that the noise is found for (default: what all but 1 % of the "
            "devices take part in at most, by the selector's rate; all rounds where it has none)"},
    {"on_exhausted", CO_CHOICE, .words = "skip|stop",
     .doc = "a device without epsilon for another round: is left out, or ends the run"},
    {"public", CO_TREE, .flags = CO_OPTIONAL,
     .doc = "public examples beside the private ones: {file, fraction or lambda, warm_start, "
            "subspace, clip_quantile} (section local.dp.public)"},
    {0}};

static const char *const edp_sgd[][2] = {
    {"norms", "microbatch"}, {"microbatch", "4"}, {"bounds", "layerwise"}, {"decay", "0.95"}};

static co_status apply_preset(const co_config *dp)
{
    const char *name;
    CO_TRY(co_section_name(dp, "preset", "none", &name));
    if (strcmp(name, "edp_sgd") != 0) return CO_OK;
    CO_TRY(co_section_name(dp, "norms", "microbatch", &name));
    const bool groups = strcmp(name, "microbatch") == 0; /* else its size says nothing */
    for (size_t k = 0; k < sizeof edp_sgd / sizeof *edp_sgd; k++)
        if (!co_node_find(dp->map, edp_sgd[k][0]) &&
            (groups || strcmp(edp_sgd[k][0], "microbatch") != 0))
            CO_TRY(co_node_set(dp->map, edp_sgd[k][0], edp_sgd[k][1]));
    return CO_OK;
}

static bool is_word(const co_config *section, const char *key, const char *word)
{
    return strcmp(co_config_string(section, key), word) == 0;
}

static co_status check_keys(const co_config *dp)
{
    if (!co_config_has(dp, "noise_multiplier") && !co_config_has(dp, "epsilon"))
        return co_config_fail(dp, dp->map,
                              "give noise_multiplier, or epsilon (each device's noise is found for "
                              "it), or both (epsilon is the budget)");
    if (is_word(dp, "norms", "microbatch") != co_config_has(dp, "microbatch"))
        return co_config_fail(dp, co_config_node(dp, "norms"),
                              "norms: microbatch and microbatch: N go together");
    if (co_config_has(dp, "rounds") &&
        (co_config_has(dp, "noise_multiplier") || !co_config_has(dp, "epsilon")))
        return co_config_fail(
            dp, co_config_node(dp, "rounds"),
            "is for noise that is found for an epsilon; noise_multiplier is given");
    const bool is_adaptive = co_config_has(dp, "clip_quantile");
    const char *const rest[] = {"clip_rate", "clip_count_noise"};
    for (int k = 0; k < 2 && !is_adaptive; k++)
        if (co_config_has(dp, rest[k]))
            return co_config_fail(dp, co_config_node(dp, rest[k]), "goes with clip_quantile");
    return CO_OK;
}

/* Whether the rule asks for the gradient of the loss over all examples of a device. */
static co_status needs_anchor(const co_experiment *e, bool *needs)
{
    void *rule = NULL;
    *needs = false;
    if (!e->rule->needs_anchor) return CO_OK;
    if (e->rule->create) CO_TRY(e->rule->create(&e->local, &rule));
    *needs = e->rule->needs_anchor(rule);
    if (e->rule->destroy) e->rule->destroy(rule);
    return CO_OK;
}

/* Values of a device that no noise of local.dp has passed through. */
static co_status check_leaks(const co_experiment *e)
{
    bool anchored;
    CO_TRY(needs_anchor(e, &anchored));
    if (anchored)
        return co_config_fail(&e->local, co_config_node(&e->local, "rule"),
                              "%s takes the exact gradient over all examples of a device, which no "
                              "noise of local.dp covers; use %s",
                              e->rule->name,
                              co_node_find(e->local.map, "option") ? "option: 2" : "another rule");
    if (e->aggregator->stress)
        return co_config_fail(&e->aggregate, co_config_node(&e->aggregate, "rule"),
                              "%s weighs devices by the exact loss of their examples, which no "
                              "noise of local.dp covers; use mean",
                              e->aggregator->name);
    if (e->selector->hear)
        return co_config_fail(&e->devices, co_config_node(&e->devices, "select"),
                              "%s goes by the exact losses of a device's examples, which no noise "
                              "of local.dp covers; use uniform, poisson or available",
                              e->selector->name);
    if (is_word(&e->aggregate, "weight", "tokens"))
        return co_config_fail(&e->aggregate, co_config_node(&e->aggregate, "weight"),
                              "tokens: local.dp takes the number of a device's examples for "
                              "public, not that of its tokens; use examples or uniform");
    return CO_OK;
}

/* What would sample otherwise than the accountant is told. */
static co_status check_sampling(const co_experiment *e)
{
    if (co_config_has(&e->local, "max_examples"))
        return co_config_fail(&e->local, co_config_node(&e->local, "max_examples"),
                              "a subset of its own each round is another sampling than local.dp "
                              "accounts for; leave it out");
    if (co_config_has(&e->local, "accumulate") && co_config_int(&e->local, "accumulate") > 1)
        return co_config_fail(&e->local, co_config_node(&e->local, "accumulate"),
                              "under local.dp a batch is one release; make `batch` larger, and "
                              "local.dp.max_batch as large as memory allows");
    return CO_OK;
}

static co_status check_public(co_experiment *e)
{
    co_node *map = co_node_find(e->local_dp.map, "public");
    if (!map && is_word(&e->local_dp, "bounds", "layerwise_public"))
        return co_config_fail(&e->local_dp, co_config_node(&e->local_dp, "bounds"),
                              "layerwise_public: needs section public with a file");
    if (!map) return CO_OK;
    e->local_public = (co_config){e->file, "local.dp.public", map};
    if (map->kind != CO_NODE_MAP)
        return co_config_fail(&e->local_dp, map,
                              "must be a map such as {file: public.h5, "
                              "fraction: 0.5}");
    CO_TRY(co_config_check(&e->local_public, (const co_param *const[]){co_public_params}, 1));
    if (co_config_has(&e->local_dp, "clip_quantile") &&
        co_config_has(&e->local_public, "clip_quantile"))
        return co_config_fail(&e->local_dp, co_config_node(&e->local_dp, "clip_quantile"),
                              "the clip follows private norms or public ones, not both");
    return CO_OK;
}

static co_bounds read_bounds(const co_config *dp)
{
    if (is_word(dp, "bounds", "layerwise")) return CO_BOUND_SIZES;
    if (is_word(dp, "bounds", "layerwise_weights")) return CO_BOUND_WEIGHTS;
    return is_word(dp, "bounds", "layerwise_public") ? CO_BOUND_PUBLIC : CO_BOUND_FLAT;
}

static void read_keys(const co_config *dp, co_example_keys *keys)
{
    *keys = (co_example_keys){
        .is_on = true,
        .clip = co_config_real(dp, "clip"),
        .multiplier =
            co_config_has(dp, "noise_multiplier") ? co_config_real(dp, "noise_multiplier") : -1.0,
        .epsilon = co_config_has(dp, "epsilon") ? co_config_real(dp, "epsilon") : 0.0,
        .delta = co_config_real(dp, "delta"),
        .decay = co_config_real(dp, "decay"),
        .is_shuffled = is_word(dp, "sampling", "shuffle"),
        .is_naive = is_word(dp, "norms", "naive"),
        .bounds = read_bounds(dp),
        .quantile = co_config_has(dp, "clip_quantile") ? co_config_real(dp, "clip_quantile") : -1.0,
        .clip_rate = co_config_has(dp, "clip_rate") ? co_config_real(dp, "clip_rate") : 0.2,
        .count_noise =
            co_config_has(dp, "clip_count_noise") ? co_config_real(dp, "clip_count_noise") : 0.0,
        .stops = is_word(dp, "on_exhausted", "stop"),
        .group = co_config_has(dp, "microbatch") ? co_config_int(dp, "microbatch") : 1,
        .max_batch = co_config_has(dp, "max_batch") ? co_config_int(dp, "max_batch") : 0,
        .rounds = co_config_has(dp, "rounds") ? co_config_int(dp, "rounds") : 0,
        .accountant = co_accountant_find(co_config_string(dp, "accountant"))};
}

co_status co_check_example(co_experiment *e)
{
    co_node *map = co_node_find(e->local.map, "dp");
    if (!map) return CO_OK;
    e->local_dp = (co_config){e->file, "local.dp", map};
    if (map->kind != CO_NODE_MAP)
        return co_config_fail(&e->local, map,
                              "must be a map such as {clip: 1, noise_multiplier: "
                              "1, delta: 1e-5}");
    CO_TRY(apply_preset(&e->local_dp));
    CO_TRY(co_config_check(&e->local_dp, (const co_param *const[]){co_example_params}, 1));
    CO_TRY(check_keys(&e->local_dp));
    CO_TRY(check_leaks(e));
    CO_TRY(check_sampling(e));
    CO_TRY(check_public(e));
    read_keys(&e->local_dp, &e->example_keys);
    return CO_OK;
}
