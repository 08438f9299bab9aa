/* sim/experiment/data.c - what is trained on, and what is trained: sections data, partition, model.
 */
#include "io/data/synthetic.h"
#include "models/model.h"
#include "models/presets/folder.h"
#include "partition/partitioner.h"
#include "partition/peers.h"
#include "sim/experiment/sections.h"
#include <string.h>

const co_param co_data_params[] = {
    {"file", CO_STRING, .flags = CO_OPTIONAL, .doc = "data set (cohort import)"},
    {"task", CO_CHOICE, .words = "lm|mlm|span", .flags = CO_OPTIONAL,
     .doc = "what texts are trained for (default: the data set's task): lm and mlm whatever labels "
            "they have, span to set its options"},
    {"generator", CO_CHOICE, .words = "synthetic", .flags = CO_OPTIONAL,
     .doc = "drawn on the fly, already per device"},
    {0}};
static const co_param generator_params[] = {
    {"test_fraction", CO_REAL, .def = 0.1, .lo = 0.0, .hi = 1.0, .flags = CO_HI_OPEN,
     .doc = "share of each device's examples that is kept for testing"},
    {0}};

static co_status check_source(co_experiment *e)
{
    e->has_generator = co_node_find(e->data.map, "generator") != NULL;
    const co_plugin *task = NULL;
    if (co_node_find(e->data.map, "task"))
        CO_TRY(co_section_member(&e->data, "task", "lm", &co_kind_task, &task));
    const co_param *tables[4] = {co_data_params, e->has_generator ? co_synthetic_params : NULL,
                                 e->has_generator ? generator_params : NULL,
                                 task ? task->params : NULL};
    CO_TRY(co_config_check(&e->data, tables, 4));
    if (co_config_has(&e->data, "file") == e->has_generator)
        return co_config_fail(&e->data, e->data.map,
                              "give either file (made by cohort import) or generator: synthetic");
    if (task && e->has_generator)
        return co_config_fail(&e->data, co_config_node(&e->data, "task"),
                              "is for texts; the generator draws none");
    return CO_OK;
}

static co_status check_partition(co_experiment *e)
{
    const co_node *map = co_node_find(e->root, "partition");
    e->has_partition = map != NULL;
    if (!map) return CO_OK;
    CO_TRY(co_section_open(e, "partition", &e->partition));
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
    CO_TRY(co_section_member(&e->partition, "method", "iid", &co_kind_partitioner, &member));
    return co_section_check(&e->partition, co_partition_params, member, NULL, NULL);
}

static co_status check_model(co_experiment *e)
{
    const co_plugin *preset = NULL, *loss = NULL;
    const co_model_preset *kept;
    if (co_node_find(e->model.map, "from")) CO_TRY(co_folder_options(&e->model, &kept));
    if (co_node_find(e->model.map, "name"))
        CO_TRY(co_section_member(&e->model, "name", "softmax", &co_kind_model, &preset));
    if (co_node_find(e->model.map, "loss"))
        CO_TRY(co_section_member(&e->model, "loss", "", &co_kind_loss, &loss));
    CO_TRY(co_section_check(&e->model, co_model_params, preset, loss, NULL));
    if (!preset && !co_config_node(&e->model, "layers") && !co_config_node(&e->model, "encoder") &&
        !co_config_node(&e->model, "decoder"))
        return co_config_fail(&e->model, e->model.map,
                              "needs name (cohort list model) or layers: [..]");
    return CO_OK;
}

co_status co_check_data(co_experiment *e)
{
    CO_TRY(check_source(e));
    CO_TRY(check_partition(e));
    return check_model(e);
}
