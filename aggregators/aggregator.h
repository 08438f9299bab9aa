/* aggregators/aggregator.h - kind aggregator: one update out of those of a round, in one of two
 * forms.
 *
 * Form `sum` (finish): the engine forms sum_i a_i u_i exactly, a_i = w_i / W with W over the
 * round's plan; the rule turns the slice of coordinates that this rank owns into the round's
 * update. Local. Form `all` (combine): the rule sees the updates of all devices for the coordinates
 * that this rank owns; memory cohort x model / ranks. What needs all coordinates (distances) is an
 * exact sum over the ranks, so either form gives the same bits on any number of ranks. Adding one:
 * a file aggregators/<name>.c with the table co_aggregator_<name>, and a line in list.h. */
#pragma once
#include "core/comm.h"
#include "core/config.h"
#include "models/model.h"

/* What reached the server, for the coordinates this rank owns. Borrowed during finish. */
typedef struct {
    size_t n;            /* coordinates, of what is trained (models/model.h) */
    const co_part *part; /* [n_parts] where they stand in the model's vector */
    size_t n_parts;
    int64_t *sum;    /* [n] sum of rint(a_i u_ij 2^44), core/exact.h; of another step where a stage
                        says so */
    int bits;        /* above 0: sum is modulo 2^bits, in [0, 2^bits), step and total are nothing
                        yet: the stage that made integers sets them, and this to 0 */
    double step;     /* what 1 in sum stands for; 0: 2^-44 */
    double *value;   /* [n] room; the sum as numbers once is_value, and then sum is nothing */
    bool is_value;   /* a stage has made numbers of the integers: co_sum_to_values */
    bool failed;     /* a stage says that the step is to have no result: the model stays */
    double weight;   /* W of the plan: a_i W is what the device weighs */
    double total;    /* sum of a_i over the devices that reported, or what is fixed for it; > 0 */
    double terms;    /* sum of a_i term_i over them (report); total without report */
    double coverage; /* W over the weights of the whole population */
    int64_t n_reported;
    float *const *slot; /* [..][n] the rule's state, as `slots` says; to a stage: its own, as its
                           `server_slots` says */
} co_round_sum;
/* The sum as numbers: in->value, and is_value. Nothing when it is that already. Local. */
void co_sum_to_values(co_round_sum *in);
/* out[n] = sum / divisor in double, whatever the sum is of by now. Local. */
void co_sum_mean(const co_round_sum *in, double divisor, double *out);

/* A trained device, as a rule of form `sum` sees it. */
typedef struct {
    double loss;  /* mean loss of the received model on its examples; NaN unless the rule has
                     `stress` */
    double norm;  /* L2, of its update */
    double reach; /* sum of the coefficients of its gradients in the update, divided by lr (steps,
                     for plain SGD); NaN unless the rule needs it */
    double lr;
} co_device_report;

/* The updates of a round for the coordinates this rank owns (whole blocks of the vector; n may be
 * 0). Borrowed during combine. */
typedef struct {
    size_t n_rows, n;        /* devices that reported, at least 1; coordinates */
    const float *const *row; /* [n_rows][n], devices by ascending id; all finite */
    const double *weight;    /* [n_rows] > 0 */
    const co_comm *comm;     /* of the sums over coordinates; NULL: all coordinates are here */
    float *const *slot;      /* [..][n] the rule's state, as `slots` says */
    void *scratch;           /* the bytes that `scratch` asked for */
} co_updates;

typedef struct {
    CO_PLUGIN_FIELDS;
    co_status (*create)(const co_config *opt, void **self); /* Local. NULL: no options */
    void (*destroy)(void *self);                            /* NULL allowed */
    /* Form sum. update[n]. Local. NULL: form all */
    void (*finish)(const void *self, const co_round_sum *in, double *update);
    /* Form sum. Multiplies a device's weight, from the loss of the received model on its examples,
     * which is measured on all devices of the round before they train. >= 0. Local. NULL: 1 */
    double (*stress)(const void *self, double loss);
    /* Form sum. *factor in [0, 1] multiplies the update in the sum, *term >= 0 its part in
     * `terms`. Local. NULL: both 1 */
    void (*report)(const void *self, const co_device_report *device, double *factor, double *term);
    const char *partner;      /* local.rule that is the devices' half, without which this one is no
                                 algorithm; NULL: any */
    const char *needs_stage;  /* transform that the devices must have; NULL: any, or none */
    const char *needs_newest; /* why devices must not start from an older version than the newest;
                                 NULL: they may */
    bool needs_reach; /* report reads `reach`: only with linear local rules and optimisers */
    /* Form all. update[n]. Collective(in->comm). NULL: form sum */
    void (*combine)(const void *self, const co_updates *in, double *update);
    /* Bytes of in->scratch for up to n_rows devices and n coordinates. NULL: none. Local. */
    size_t (*scratch)(const void *self, size_t n_rows, size_t n);
    /* Refuses options that make no sense for a cohort of n_rows (with bucketing: buckets). NULL:
     * takes any. Local. */
    co_status (*check)(const co_config *opt, size_t n_rows);
    /* Names of vectors kept over the rounds, zeroed at first; ends with NULL. NULL: none. */
    const char *const *slots;
    bool fixed_total; /* form sum: `total` may be fixed beforehand, in place of that of the devices
                         that reported */
    bool weighted;    /* form all: the weights count; else every device counts the same */
} co_aggregator;

extern const co_kind co_kind_aggregator;
const co_aggregator *co_aggregator_find(const char *name);
/* Keys of section `aggregate` that belong to no member: rule, weight, unbiased, weight_cap,
 * bucketing. */
extern const co_param co_aggregate_params[];
/* What a device counts for: the keys weight and weight_cap. */
typedef enum { CO_WEIGHT_EXAMPLES, CO_WEIGHT_TOKENS, CO_WEIGHT_UNIFORM } co_weight_by;
typedef struct {
    co_weight_by by;
    double cap; /* INFINITY: none */
} co_weighting;
co_weighting co_weighting_from(const co_config *opt);
/* w_i of a device that trains on so many examples and tokens. 0 for a device without examples.
 * Local. */
double co_weighting_of(co_weighting weighting, int64_t n_examples, double n_tokens);

/* Refuses what the rule cannot do for a cohort of n_rows devices, and bucketing for form sum.
 * Local. */
co_status co_aggregate_check(const co_aggregator *rule, const co_config *opt, size_t n_rows);

/* A rule with its options, of section `aggregate`. */
typedef struct {
    const co_aggregator *rule;
    void *self;
    size_t bucket; /* devices mixed into one before a rule of form all; 1: none */
} co_aggregation;
co_status co_aggregation_create(const co_aggregator *rule, const co_config *opt,
                                co_aggregation *aggregation); /* Local */
void co_aggregation_destroy(co_aggregation *aggregation);     /* zeroed allowed */
/* Bytes that co_aggregate_all needs; 0 for form sum. Local. */
size_t co_aggregation_scratch(const co_aggregation *aggregation, size_t n_rows, size_t n);
/* Form all, with `bucketing` before the rule when it is above 1. in->scratch has
 * co_aggregation_scratch bytes. Buckets are drawn by (seed, round). Collective(in->comm). */
void co_aggregate_all(const co_aggregation *aggregation, const co_updates *in, uint64_t seed,
                      int64_t round, double *update);
