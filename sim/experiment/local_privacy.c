/* sim/experiment/local_privacy.c - local privacy: a transform that makes a device's message
 * private, and section local.label_dp. What would leave a device beside such a message is refused
 * before anything starts. */
#include "sim/experiment/sections.h"

const co_param co_label_params[] = {
    {"epsilon", CO_REAL, .lo = 0.0, .hi = 30.0, .flags = CO_REQUIRED | CO_LO_OPEN,
     .doc =
         "of each training label, over all rounds: it is told truly with probability e^epsilon / "
         "(e^epsilon + classes - 1), else as another"},
    {0}};

static co_status check_labels(co_experiment *e)
{
    co_node *map = co_node_find(e->local.map, "label_dp");
    if (!map) return CO_OK;
    e->local_labels = (co_config){e->file, "local.label_dp", map};
    if (map->kind != CO_NODE_MAP)
        return co_config_fail(&e->local, map, "must be a map: {epsilon: 2}");
    CO_TRY(co_config_check(&e->local_labels, (const co_param *const[]){co_label_params}, 1));
    e->label_epsilon = co_config_real(&e->local_labels, "epsilon");
    return CO_OK;
}

/* The transform that makes messages private; two would be two messages of one update. */
static co_status find_stage(co_experiment *e)
{
    for (size_t k = 0; k < e->n_transforms; k++) {
        if (!e->transform[k]->guarantee) continue;
        if (e->private_stage)
            return co_config_fail(&e->transform_options[k], e->transform_options[k].map,
                                  "%s behind %s: one transform of local privacy is enough",
                                  e->transform[k]->name, e->private_stage->name);
        e->private_stage = e->transform[k];
    }
    return CO_OK;
}

/* Values of a device that no noise of the message has passed through. */
static co_status check_beside(const co_experiment *e)
{
    const char *name = e->private_stage->name;
    if (e->rule->common)
        return co_config_fail(&e->local, co_config_node(&e->local, "rule"),
                              "%s sends a second vector beside the update, which the noise of "
                              "transform %s does not cover; use another rule",
                              e->rule->name, name);
    if (e->aggregator->stress || e->aggregator->report)
        return co_config_fail(&e->aggregate, co_config_node(&e->aggregate, "rule"),
                              "%s takes losses or norms of the devices, which the noise of "
                              "transform %s does not cover; use mean",
                              e->aggregator->name, name);
    if (e->selector->hear || e->selector->survey)
        return co_config_fail(&e->devices, co_config_node(&e->devices, "select"),
                              "%s goes by losses of the devices, which the noise of transform %s "
                              "does not cover; use uniform, poisson or available",
                              e->selector->name, name);
    if (co_weighting_from(&e->aggregate).by != CO_WEIGHT_UNIFORM)
        return co_config_fail(&e->aggregate, co_config_node(&e->aggregate, "weight"),
                              "weights tell how much data a device has, which the noise of "
                              "transform %s does not cover; set aggregate.weight: uniform",
                              name);
    return CO_OK;
}

co_status co_check_local_privacy(co_experiment *e)
{
    CO_TRY(check_labels(e));
    CO_TRY(find_stage(e));
    return e->private_stage ? check_beside(e) : CO_OK;
}
