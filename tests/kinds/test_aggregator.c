/* Every aggregator of the list under the same laws; new members join by themselves. Form `sum` is fed
 * the sum that the engine would make of the same rows. */
#include "core/exact.h"
#include "core/vector.h"
#include "sim/experiment.h"
#include "tests/aggregators/rows.h"
#include "tests/harness.h"
#include <stdlib.h>

enum { N = 70 };

/* The round's update of either form, every device counting the same. */
static void aggregate(rule_bench *b, const float *const *row, size_t n_rows, double *update)
{
    if (b->rule->combine) {
        combine_rule(b, row, NULL, n_rows, update);
        return;
    }
    int64_t *sum = co_calloc(b->n, sizeof *sum);
    co_scalar total = {0};
    for (size_t i = 0; i < n_rows; i++) {
        co_exact_add(sum, row[i], b->n, 1.0 / (double)n_rows);
        co_scalar_add(&total, 1.0 / (double)n_rows);
    }
    const co_round_sum in = {.n = b->n, .sum = sum, .total = co_scalar_value(&total),
                             .n_reported = (int64_t)n_rows};
    b->rule->finish(&b->opt, &in, update);
    co_free(sum);
}

#define EACH_MEMBER(member)                                                                        \
    for (const co_plugin *const *at_ = co_kind_aggregator.members; *at_; at_++)                    \
        for (const co_aggregator *member = co_aggregator_find((*at_)->name); member; member = NULL)

static bool clips(const co_aggregator *member)
{
    return strcmp(member->name, "centred_clip") == 0;
}

Test(aggregator, one_device_is_handed_through)
{
    co_stream s = co_stream_open(1, CO_DRAW_TEST, 0, 0, 0);
    EACH_MEMBER(member)
    {
        rule_bench b;
        open_rule(&b, member->name, clips(member) ? "{tau: 1e9}" : "{}", N);
        for (int turn = 0; turn < 200; turn++) {
            static float x[N];
            const float *row[1];
            double update[N];
            draw_rows(&s, 1, N, x, row);
            memset(b.slots, 0, 4 * N * sizeof *b.slots);
            aggregate(&b, row, 1, update);
            for (size_t j = 0; j < N; j++)
                cr_expect(fabs(update[j] - (double)x[j]) <= 0x1p-44, "%s: %g, %g", member->name,
                          update[j], (double)x[j]);
        }
        close_rule(&b);
    }
    cr_expect_eq(co_memory_blocks(), 0);
}

Test(aggregator, the_order_of_the_devices_changes_no_bit)
{
    co_stream s = co_stream_open(2, CO_DRAW_TEST, 0, 0, 0);
    EACH_MEMBER(member)
    {
        rule_bench b;
        open_rule(&b, member->name, clips(member) ? "{iterations: 3}" : "{}", N);
        for (int turn = 0; turn < 200; turn++) {
            static float x[MOST_ROWS * N];
            const float *row[MOST_ROWS], *mixed[MOST_ROWS];
            double first[N], second[N];
            int64_t order[MOST_ROWS];
            size_t m = 1 + co_draw_below(&s, 30);
            if (strstr(member->name, "krum") && m < 4) m += 3; /* of 2 and 3, two tie for first */
            draw_rows(&s, m, N, x, row);
            for (size_t i = 0; i < m; i++) order[i] = (int64_t)i;
            co_draw_shuffle(&s, order, m);
            for (size_t i = 0; i < m; i++) mixed[i] = row[order[i]];
            if (turn % 3 == 0) x[0] = -0.0f, x[N] = 0.0f;
            memset(b.slots, 0, 4 * N * sizeof *b.slots);
            aggregate(&b, row, m, first);
            memset(b.slots, 0, 4 * N * sizeof *b.slots);
            aggregate(&b, mixed, m, second);
            cr_expect_arr_eq(first, second, sizeof first, "%s of %zu", member->name, m);
        }
        close_rule(&b);
    }
}

/* All devices alike: so is the result. */
Test(aggregator, agreement_is_kept)
{
    EACH_MEMBER(member)
    {
        rule_bench b;
        float x[N];
        const float *row[9];
        double update[N];
        open_rule(&b, member->name, clips(member) ? "{tau: 1e9}" : "{}", N);
        test_fill(700, N, 3.0f, x);
        for (size_t i = 0; i < 9; i++) row[i] = x;
        aggregate(&b, row, 9, update);
        for (size_t j = 0; j < N; j++) cr_expect_float_eq(update[j], (double)x[j], 1e-11);
        close_rule(&b);
    }
}

/* One bucket that holds all devices hands their mean to the rule. */
Test(aggregator, one_bucket_of_all_devices_is_their_mean)
{
    co_stream s = co_stream_open(3, CO_DRAW_TEST, 0, 0, 0);
    EACH_MEMBER(member)
    {
        rule_bench b;
        static float x[12 * N];
        const float *row[12];
        double update[N];
        if (!member->combine) continue;
        open_rule(&b, member->name, clips(member) ? "{bucketing: 12, tau: 1e9}" : "{bucketing: 12}",
                  N);
        draw_rows(&s, 12, N, x, row);
        combine_rule(&b, row, NULL, 12, update);
        for (size_t j = 0; j < N; j++) {
            double mean = 0.0, size = 0.0;
            for (size_t i = 0; i < 12; i++) mean += (double)row[i][j] / 12.0;
            for (size_t i = 0; i < 12; i++) size = fmax(size, fabs((double)row[i][j]));
            cr_expect_float_eq(update[j], mean, 1e-6 * size, "%s", member->name);
        }
        close_rule(&b);
    }
}

Test(aggregator, options_have_texts_and_keep_clear_of_the_section)
{
    EACH_MEMBER(member)
    {
        cr_expect((member->finish != NULL) != (member->combine != NULL), "%s", member->name);
        test_option_texts((const co_plugin *)member, co_aggregate_params);
    }
}

Test(aggregator, what_makes_no_sense_for_a_cohort_is_refused)
{
    static const struct {
        const char *rule, *yaml;
        size_t n_rows;
        bool good;
    } cases[] = {{"krum", "{f: 2}", 7, true},
                 {"krum", "{f: 2}", 6, false},
                 {"krum", "{f: 2, few_devices: true}", 6, true},
                 {"krum", "{f: 2, bucketing: 2}", 13, true},
                 {"krum", "{f: 2, bucketing: 2}", 12, false},
                 {"krum", "{neighbours: 7}", 7, false},
                 {"multi_krum", "{f: 1, m: 6}", 5, false},
                 {"multi_krum", "{f: 1, m: 5}", 5, true},
                 {"multi_krum", "{f: 3}", 8, false},
                 {"trimmed_mean", "{trim: 3}", 7, true},
                 {"trimmed_mean", "{trim: 3}", 6, false},
                 {"mean", "{bucketing: 2}", 10, false},
                 {"median", "{bucketing: 2}", 1, true}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        rule_bench b;
        open_rule(&b, cases[k].rule, cases[k].yaml, 4);
        const co_status st = co_aggregate_check(b.rule, &b.opt, cases[k].n_rows);
        cr_expect((st == CO_OK) == cases[k].good, "%s %s of %zu: %s", cases[k].rule, cases[k].yaml,
                  cases[k].n_rows, co_status_message());
        close_rule(&b);
    }
}
