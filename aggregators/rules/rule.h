/* aggregators/rules/rule.h - kind local rule: what a device adds to plain local training.
 *
 * A rule is hooks, not a loop of its own: the trainer calls them around its steps. NULL hooks do
 * nothing; sgd has none. A rule may keep vectors of the model's size per device (slots), and have
 * one vector that every device receives beside the model and that every device's change is added to
 * (common). Adding one: a file aggregators/rules/<name>.c with the table co_rule_<name>, and a line
 * in list.h. */
#pragma once
#include "core/config.h"

/* The device that is training. Borrowed during a hook. */
typedef struct {
    int64_t device, n_examples;
    size_t n;            /* parameters */
    const float *global; /* [n] the model the device received */
    const float *local;  /* [n] the model it has now */
    const float *common; /* [n] the rule's vector as the device received it; NULL without */
    const float *anchor; /* [n] end: gradient of the loss over all its examples at global; NULL
                            unless needed */
    float *const *state; /* [slots][n] the device's own; zero before it first takes part. Written by
                            `end` alone */
    double lr;
    double reach; /* end: sum of the coefficients of the gradients in global - local, divided by lr:
                     the number of steps for plain SGD; NaN when the optimiser is not linear */
} co_rule_view;

typedef struct {
    CO_PLUGIN_FIELDS;
    co_status (*create)(const co_config *opt, void **self); /* Local. NULL: no options */
    void (*destroy)(void *self);
    /* After each backward pass, before clipping and the optimiser: changes grad[n]. NULL: plain
     * gradient. Local. */
    void (*adjust)(const void *self, const co_rule_view *view, float *grad);
    /* After the last step: the device's new state, and change[n], which is added to the common
     * vector with the device's weight over that of the whole population (change NULL: no common
     * vector). Dropped when the update is not finite. NULL: nothing. Local. */
    void (*end)(const void *self, const co_rule_view *view, float *change);
    const char *const *slots; /* names of the vectors kept per device; ends with NULL. NULL: none */
    const char *needs_newest; /* why devices must not start from an older version than the newest;
                                 NULL: they may */
    const char *common; /* name of the vector all devices receive, zero at first. NULL: none */
    bool (*needs_anchor)(const void *self); /* NULL: never */
    bool (*needs_linear)(
        const void *self); /* `reach` is used: only with a linear optimiser. NULL: never */
    const char *partner;   /* aggregate.rule that is the server's half, without which this one is no
                              algorithm; NULL: any */
    bool linear; /* the update is a sum of gradients with coefficients that data do not change */
} co_rule;

extern const co_kind co_kind_local_rule;
const co_rule *co_rule_find(const char *name);
