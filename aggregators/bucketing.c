/* aggregators/bucketing.c - mixes devices before a rule of the form `all`.
 * The devices that reported are put in an order drawn by (seed, round) and cut into buckets of s,
 * the last maybe smaller; the rule gets the means of the buckets, plain or, for a rule that heeds
 * weights, weighted, with the sum of their weights. Cost: one pass over the rows, buckets x
 * coordinates floats. Source: Karimireddy, He, Jaggi, ICLR 2022, arXiv:2006.09365, Algorithm 1. */
#include "aggregators/updates.h"
#include "core/random.h"
#include <string.h>

static size_t count_buckets(size_t n_rows, size_t s)
{
    return (n_rows + s - 1) / s;
}

static size_t whole_lines(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

static size_t rule_scratch(const co_aggregation *a, size_t m, size_t n)
{
    return a->rule->scratch ? whole_lines(a->rule->scratch(a->self, m, n)) : 0;
}

co_status co_aggregate_check(const co_aggregator *rule, const co_config *opt, size_t n_rows)
{
    const size_t s = (size_t)co_config_int(opt, "bucketing");
    if (s > 1 && !rule->combine)
        return co_config_fail(
            opt, co_config_node(opt, "bucketing"),
            "the rule %s only sees sums; bucketing stands before a rule that sees every "
            "update (median, krum ..)",
            rule->name);
    return rule->check ? rule->check(opt, count_buckets(n_rows, s)) : CO_OK;
}

co_status co_aggregation_create(const co_aggregator *rule, const co_config *opt, co_aggregation *a)
{
    *a = (co_aggregation){.rule = rule, .bucket = (size_t)co_config_int(opt, "bucketing")};
    return rule->create ? rule->create(opt, &a->self) : CO_OK;
}

void co_aggregation_destroy(co_aggregation *a)
{
    if (a->rule && a->rule->destroy) a->rule->destroy(a->self);
    *a = (co_aggregation){0};
}

size_t co_aggregation_scratch(const co_aggregation *a, size_t n_rows, size_t n)
{
    const size_t s = a->bucket, m = count_buckets(n_rows, s);
    if (s <= 1) return rule_scratch(a, n_rows, n);
    return rule_scratch(a, m, n) + whole_lines(n_rows * sizeof(int64_t)) +
           whole_lines(n_rows * (sizeof(double) + sizeof(float *))) +
           whole_lines(m * (sizeof(double) + sizeof(float *))) + whole_lines(n * sizeof(double)) +
           m * whole_lines(n * sizeof(float));
}

typedef struct {
    char *next;
} arena;

static void *take(arena *from, size_t bytes)
{
    void *at = from->next;
    from->next += whole_lines(bytes);
    return at;
}

/* Mean of the members into mean[n]; their weight together. */
static double fill_bucket(const co_updates *members, double *coefficient, bool weighted,
                          double *sum, float *mean)
{
    double total = 0.0;
    for (size_t i = 0; i < members->n_rows; i++) total += members->weight[i];
    for (size_t i = 0; i < members->n_rows; i++)
        coefficient[i] = weighted ? members->weight[i] / total : 1.0 / (double)members->n_rows;
    co_rows_sum(members, coefficient, NULL, sum);
    for (size_t j = 0; j < members->n; j++) mean[j] = (float)sum[j];
    return total;
}

void co_aggregate_all(const co_aggregation *a, const co_updates *in, uint64_t seed, int64_t round,
                      double *update)
{
    const co_aggregator *rule = a->rule;
    const size_t s = a->bucket, m = in->n_rows, n_buckets = count_buckets(m, s);
    if (s <= 1) {
        rule->combine(a->self, in, update);
        return;
    }
    arena from = {in->scratch};
    void *own = take(&from, rule_scratch(a, n_buckets, in->n));
    int64_t *order = take(&from, m * sizeof *order);
    const float **row = take(&from, m * (sizeof(double) + sizeof *row));
    double *weight = (double *)(row + m);
    const float **mean = take(&from, n_buckets * (sizeof(double) + sizeof *mean));
    double *total = (double *)(mean + n_buckets), *sum = take(&from, in->n * sizeof *sum);
    co_stream stream = co_stream_open(seed, CO_DRAW_BUCKETS, (uint64_t)round, 0, 0);
    for (size_t i = 0; i < m; i++) order[i] = (int64_t)i;
    co_draw_shuffle(&stream, order, m);
    for (size_t i = 0; i < m; i++) {
        row[i] = in->row[order[i]];
        weight[i] = in->weight[order[i]];
    }
    for (size_t b = 0; b < n_buckets; b++) {
        double coefficient[64];
        float *to = take(&from, in->n * sizeof *to);
        const co_updates members = {.n_rows = m - b * s < s ? m - b * s : s,
                                    .n = in->n,
                                    .row = row + b * s,
                                    .weight = weight + b * s};
        total[b] = fill_bucket(&members, coefficient, rule->weighted, sum, to);
        mean[b] = to;
    }
    const co_updates buckets = {.n_rows = n_buckets,
                                .n = in->n,
                                .row = mean,
                                .weight = total,
                                .comm = in->comm,
                                .slot = in->slot,
                                .scratch = own};
    rule->combine(a->self, &buckets, update);
}
