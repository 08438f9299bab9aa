/* models/presets/preset.h - kind model: models with a name. A preset is the list of layers that an
 * experiment file could spell out, made from a few options.
 *
 * Adding one: a table co_preset_<name> in a file of this folder, and a line in list.h. plain.c is
 * the simplest. Architectures that other programs keep in folders name the table of their
 * config.json (io/weights/architecture.h). */
#pragma once
#include "core/config.h"
#include "io/weights/architecture.h"
#include "models/tasks/task.h"

typedef struct {
    CO_PLUGIN_FIELDS;
    /* A new list node (co_node_destroy) as the experiment file's `layers` would be; NULL: out of
     * memory. opt is checked; CO_EUSAGE: options that do not go together, or not with the task. */
    co_status (*layers)(const co_config *opt, const co_task *task, co_node **list);
    /* Standard deviation of the normal initial values of a layer's matrix `weight`, whose bias
     * then begins at zero; everything else begins as its layer says. NULL: all does. */
    double (*spread)(const co_config *opt, const char *tensor);
    const co_architecture *architecture; /* NULL: no other program keeps such models */
} co_model_preset;

extern const co_kind co_kind_model;
const co_model_preset *co_preset_find(const char *name); /* as co_plugin_find */
