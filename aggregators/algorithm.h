/* aggregators/algorithm.h - kind algorithm: named compositions of local rule, transforms,
 * aggregator and server optimiser.
 *
 * `algorithm: fedprox` fills in keys that the experiment file does not give; a key in the file
 * wins. */
#pragma once
#include "core/config.h"

typedef struct {
    CO_PLUGIN_FIELDS;
    const char *const *settings; /* "local.rule=prox" ..; ends with NULL */
} co_algorithm;

extern const co_kind co_kind_algorithm;
const co_algorithm *co_algorithm_find(const char *name);
