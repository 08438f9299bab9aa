/* aggregators/rules/rule.h - kind local rule: what a device adds to plain local training.
 *
 * A rule is hooks, not a loop of its own: the trainer calls them around its steps. NULL hooks do nothing; sgd has none.
 * Adding one: a file aggregators/rules/<name>.c with the table co_rule_<name>, and a line in list.h. */
#pragma once
#include "core/config.h"

/* The device that is training. Borrowed during a hook. */
typedef struct {
    int64_t device, n_examples;
    size_t n;            /* parameters */
    const float *global; /* [n] the model the device received */
    const float *local;  /* [n] the model it has now */
    double lr;
} co_rule_view;

typedef struct {
    CO_PLUGIN_FIELDS;
    co_status (*create)(const co_config *opt, void **self); /* Local. NULL: no options */
    void (*destroy)(void *self);
    /* After each backward pass, before clipping and the optimiser: changes grad[n]. NULL: plain gradient. Local. */
    void (*adjust)(const void *self, const co_rule_view *view, float *grad);
} co_rule;

extern const co_kind co_kind_local_rule;
const co_rule *co_rule_find(const char *name);
