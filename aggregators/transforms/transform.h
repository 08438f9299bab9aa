/* aggregators/transforms/transform.h - kind transform: changes a device's update before it is summed.
 *
 * Floats to floats. Applied in the order of the experiment's list, on the rank that trained the device. Carries no privacy
 * guarantee: section `privacy` has its own bound. The update is finite.
 * Adding one: a file aggregators/transforms/<name>.c with the table co_transform_<name>, and a line in list.h. */
#pragma once
#include "core/config.h"

typedef struct {
    CO_PLUGIN_FIELDS;
    co_status (*create)(const co_config *opt, void **self); /* Local. NULL: no options */
    void (*destroy)(void *self);
    /* In place. state[slots][n]: the device's own, zero before it first takes part. Local. */
    void (*apply)(const void *self, float *update, size_t n, float *const *state);
    const char *const *slots; /* names of the vectors kept per device; ends with NULL. NULL: none */
} co_transform;

extern const co_kind co_kind_transform;
const co_transform *co_transform_find(const char *name);
