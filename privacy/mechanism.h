/* privacy/mechanism.h - kind mechanism: what bounds a device's contribution and adds noise to the sum.
 *
 * Section `privacy` of an experiment names one. The only member so far is none: the exact sum as it is, and no guarantee.
 * Adding one: a file privacy/<name>.c with the table co_mechanism_<name>, and a line in list.h. */
#pragma once
#include "core/config.h"

typedef struct {
    CO_PLUGIN_FIELDS;
} co_mechanism;

extern const co_kind co_kind_mechanism;
const co_mechanism *co_mechanism_find(const char *name);
