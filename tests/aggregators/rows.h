/* tests/aggregators/rows.h - rounds of updates for tests of rules that see them all. */
#pragma once
#include "aggregators/aggregator.h"
#include "core/random.h"
#include "tests/kinds/options.h"
#include <math.h>

enum { MOST_ROWS = 40 };

/* A rule with its options, state and scratch for rounds of up to MOST_ROWS devices of n
 * coordinates. */
typedef struct {
    const co_aggregator *rule;
    co_aggregation aggregation;
    co_node *root;
    co_config opt;
    size_t n;
    void *scratch;
    float *slots, *slot[4];
} rule_bench;

static inline void open_rule(rule_bench *b, const char *name, const char *yaml, size_t n)
{
    *b = (rule_bench){.rule = co_aggregator_find(name), .n = n};
    cr_assert(b->rule, "%s", co_status_message());
    const co_param *const tables[] = {co_aggregate_params, b->rule->params};
    b->opt = test_options(yaml, "aggregate", tables, 2, &b->root);
    cr_assert_eq(co_aggregation_create(b->rule, &b->opt, &b->aggregation), CO_OK);
    b->scratch = co_malloc(co_aggregation_scratch(&b->aggregation, MOST_ROWS, n), 1);
    b->slots = co_calloc(4 * n, sizeof *b->slots);
    for (size_t k = 0; k < 4; k++) b->slot[k] = b->slots + k * n;
}

static inline void close_rule(rule_bench *b)
{
    co_aggregation_destroy(&b->aggregation);
    co_free(b->scratch);
    co_free(b->slots);
    co_node_destroy(b->root);
}

static inline void combine_rule(rule_bench *b, const float *const *row, const double *weight,
                                size_t n_rows, double *update)
{
    static const double ones[MOST_ROWS] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                           1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                           1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    const co_updates in = {.n_rows = n_rows,
                           .n = b->n,
                           .row = row,
                           .weight = weight ? weight : ones,
                           .slot = b->slot,
                           .scratch = b->scratch};
    cr_assert_leq(n_rows, MOST_ROWS);
    co_aggregate_all(&b->aggregation, &in, 1, 1, update);
}

/* Normal numbers around a point of their own, at a scale drawn over six powers of ten. */
static inline void draw_rows(co_stream *s, size_t n_rows, size_t n, float *x, const float **row)
{
    const double scale = pow(10.0, 6.0 * co_draw_uniform(s) - 4.0), away = 3.0 * co_draw_normal(s);
    for (size_t i = 0; i < n_rows; i++) {
        row[i] = x + i * n;
        for (size_t j = 0; j < n; j++) x[i * n + j] = (float)(scale * (away + co_draw_normal(s)));
    }
}
