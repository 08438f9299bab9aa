/* aggregators/aggregator.h - kind aggregator: one update out of those of a round.
 *
 * Form `sum`: the engine forms sum_i a_i u_i exactly, a_i = w_i / W with W over the round's plan; the rule turns the slice of
 * coordinates that this rank owns into the round's update. Local, no messages: the same on any number of ranks.
 * Adding one: a file aggregators/<name>.c with the table co_aggregator_<name>, and a line in list.h. */
#pragma once
#include "core/config.h"

/* What reached the server, for the coordinates this rank owns. Borrowed during finish. */
typedef struct {
    size_t n;           /* coordinates */
    const int64_t *sum; /* [n] sum of rint(a_i u_ij 2^44), core/exact.h */
    double total;       /* sum of a_i over the devices that reported, > 0 */
    int64_t n_reported;
} co_round_sum;

typedef struct {
    CO_PLUGIN_FIELDS;
    void (*finish)(const co_config *opt, const co_round_sum *in, double *update); /* Local. update[n] */
} co_aggregator;

extern const co_kind co_kind_aggregator;
const co_aggregator *co_aggregator_find(const char *name);
/* Keys of section `aggregate` that belong to no member: rule, weight, weight_cap. */
extern const co_param co_aggregate_params[];
/* w_i of a device with that many examples, by the keys weight and weight_cap. 0 for a device without examples. Local. */
double co_aggregate_weight(const co_config *opt, int64_t n_examples);
