/* aggregators/mean.c - the weighted mean of the updates that arrived.
 * update_j = sum_i a_i u_ij / sum_i a_i, both sums exact. Cost: one pass over the slice.
 * Source: McMahan et al., AISTATS 2017, arXiv:1602.05629, Algorithm 1. The denominator is that of
 * the devices that reported, so that a drop-out does not shrink the step; with aggregate.unbiased
 * it is that of the whole population. */
#include "aggregators/aggregator.h"
#include "core/exact.h"
#include <math.h>
#include <string.h>

void co_sum_to_values(co_round_sum *in)
{
    if (in->is_value) return;
    co_sum_mean(in, 1.0, in->value);
    in->is_value = true;
}

void co_sum_mean(const co_round_sum *in, double divisor, double *out)
{
    if (in->is_value)
        for (size_t j = 0; j < in->n; j++) out[j] = in->value[j] / divisor;
    else if (in->step > 0.0)
        for (size_t j = 0; j < in->n; j++) out[j] = (double)in->sum[j] * in->step / divisor;
    else
        co_exact_mean(in->sum, in->n, divisor, out);
}

static void finish(const void *self, const co_round_sum *in, double *update)
{
    (void)self;
    co_sum_mean(in, in->total, update);
}

const co_aggregator co_aggregator_mean = {.name = "mean",
                                          .summary = "weighted mean of the updates",
                                          .source =
                                              "McMahan et al. 2017, arXiv:1602.05629, Algorithm 1",
                                          .finish = finish,
                                          .fixed_total = true};

const co_param co_aggregate_params[] = {
    {"rule", CO_STRING, .words = "mean", .doc = "aggregator (cohort list aggregator)"},
    {"weight", CO_CHOICE, .words = "examples|tokens|uniform", .doc = "what a device counts for"},
    {"unbiased", CO_BOOL, .def = 0,
     .doc = "weights over the probability of being asked, in parts of the whole population's "
            "(Horvitz-Thompson)"},
    {"bucketing", CO_INT, .def = 1, .lo = 1, .hi = 64,
     .doc = "devices mixed into one before a rule that sees every update; 1: none"},
    {"weight_cap", CO_REAL, .lo = 0.0, .hi = 1e15, .flags = CO_LO_OPEN | CO_OPTIONAL,
     .doc = "largest weight of one device"},
    {"groups", CO_TREE, .flags = CO_OPTIONAL,
     .doc = "edge servers that average devices of their own below the model: {servers or by, "
            "cloud_every, up, down} (section aggregate.groups)"},
    {0}};

co_weighting co_weighting_from(const co_config *opt)
{
    const char *by = co_config_string(opt, "weight");
    return (co_weighting){.by = strcmp(by, "uniform") == 0  ? CO_WEIGHT_UNIFORM
                                : strcmp(by, "tokens") == 0 ? CO_WEIGHT_TOKENS
                                                            : CO_WEIGHT_EXAMPLES,
                          .cap = co_config_has(opt, "weight_cap")
                                     ? co_config_real(opt, "weight_cap")
                                     : (double)INFINITY};
}

double co_weighting_of(co_weighting w, int64_t n_examples, double n_tokens)
{
    if (n_examples <= 0) return 0.0;
    const double weight = w.by == CO_WEIGHT_UNIFORM  ? 1.0
                          : w.by == CO_WEIGHT_TOKENS ? n_tokens
                                                     : (double)n_examples;
    return weight < w.cap ? weight : w.cap;
}
