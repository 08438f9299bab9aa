/* models/optimizers/optimizer.h - kind local optimiser: one step on a device's parameters.
 *
 * Adding one: a file models/optimizers/<name>.c with the table co_optimizer_<name>, and a line in
 * list.h. */
#pragma once
#include "core/config.h"

typedef struct {
    CO_PLUGIN_FIELDS;
    size_t n_slots; /* vectors of the model's size it keeps per device while that trains; zeroed at
                       the start */
    /* Local. Reads the checked options once; *self may stay NULL. */
    co_status (*create)(const co_config *opt, void **self);
    void (*destroy)(void *self);
    /* True when slots are needed with these options (momentum 0 needs none). NULL: as n_slots says.
     */
    bool (*needs_slots)(const void *self);
    /* True when a step with these options is params -= lr grad and nothing else, so that models may
     * fuse it into the gradient. NULL: never. */
    bool (*is_plain)(const void *self);
    bool linear; /* the step is a sum of gradients with coefficients that data do not change */
    /* params -= step from grad; t counts from 1 on each device. slot[n_slots][n]. */
    void (*step)(const void *self, float *params, const float *grad, float *const *slot, size_t n,
                 double lr, int64_t t);
} co_optimizer;

extern const co_kind co_kind_optimizer;
const co_optimizer *co_optimizer_find(const char *name);
