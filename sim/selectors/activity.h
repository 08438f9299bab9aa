/* sim/selectors/activity.h - what selectors share that look at every device. All calls are Local.
 */
#pragma once
#include "sim/selectors/selector.h"

/* Options: gamma, n_max. */
#define CO_PARAM_GAMMA                                                                             \
    {                                                                                              \
        "gamma", CO_REAL,                                                                          \
            .def = 1.0, .lo = 0.0, .hi = 10.0,                                                     \
            .doc = "a device's weight is its number of training examples to this power"            \
    }
#define CO_PARAM_N_MAX                                                                             \
    {                                                                                              \
        "n_max", CO_INT, .lo = 1, .hi = 1e12, .flags = CO_OPTIONAL,                                \
                         .doc = "examples of a device that count at most (default: all)"           \
    }

/* n_max of the options; INT64_MAX without. */
int64_t co_activity_most(const co_config *opt);
/* activity[n_devices] = min(examples, n_max). */
void co_activity_read(const co_selector_input *in, int64_t n_max, int64_t *activity);
/* The m largest of value[n], falling, into largest[m]. m <= n. O(n + m log m log(n / m)) in any
 * order but a rising one, O(n log m) at worst. */
void co_activity_largest(const int64_t *value, int64_t n, size_t m, int64_t *largest);
