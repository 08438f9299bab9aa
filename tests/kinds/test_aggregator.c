/* Every aggregator of the list under the same laws; new members join by themselves. Form `sum` is
 * fed the sum that the engine would make of the same rows. */
#include "core/exact.h"
#include "core/vector.h"
#include "sim/experiment/experiment.h"
#include "tests/aggregators/rows.h"
#include "tests/harness.h"
#include <stdlib.h>

enum { N = 70 };

/* The round's update of either form, every device counting the same, out of a population so large
 * that what the round adds to a rule's memory is nothing. */
static void aggregate(rule_bench *b, const float *const *row, size_t n_rows, double *update)
{
    if (b->rule->combine) {
        combine_rule(b, row, NULL, n_rows, update);
        return;
    }
    int64_t *sum = co_calloc(b->n, sizeof *sum);
    co_scalar total = {0}, terms = {0};
    const double coefficient = 1.0 / (double)n_rows;
    for (size_t i = 0; i < n_rows; i++) {
        double factor = 1.0, term = 1.0;
        const co_device_report report = {
            .loss = 0.7, .norm = co_vector_norm(row[i], b->n), .reach = 5.0, .lr = 0.1};
        if (b->rule->report) b->rule->report(b->aggregation.self, &report, &factor, &term);
        co_exact_add(sum, row[i], b->n, coefficient * factor);
        co_scalar_add(&total, coefficient);
        co_scalar_add(&terms, coefficient * term);
    }
    const co_round_sum in = {.n = b->n,
                             .sum = sum,
                             .total = co_scalar_value(&total),
                             .terms = co_scalar_value(&terms),
                             .coverage = 0.0,
                             .n_reported = (int64_t)n_rows,
                             .slot = b->slot};
    b->rule->finish(b->aggregation.self, &in, update);
    co_free(sum);
}

#define EACH_MEMBER(member)                                                                        \
    for (const co_plugin *const *at_ = co_kind_aggregator.members; *at_; at_++)                    \
        for (const co_aggregator *member = co_aggregator_find((*at_)->name); member; member = NULL)

/* Options with which the rule only averages what agrees. */
static const char *mild(const co_aggregator *member)
{
    if (strcmp(member->name, "centred_clip") == 0) return "{tau: 1e9}";
    return strcmp(member->name, "qfedavg") == 0 ? "{q: 0}" : "{}";
}

/* What becomes of updates that agree: themselves, or of votes their signs. */
static double agreed(const co_aggregator *member, float x)
{
    if (!member->needs_stage) return (double)x;
    return (double)((x > 0.0f) - (x < 0.0f));
}

Test(aggregator, one_device_is_handed_through)
{
    co_stream s = co_stream_open(1, CO_DRAW_TEST, 0, 0, 0);
    EACH_MEMBER(member)
    {
        rule_bench b;
        open_rule(&b, member->name, mild(member), N);
        for (int turn = 0; turn < 200; turn++) {
            static float x[N];
            const float *row[1];
            double update[N];
            draw_rows(&s, 1, N, x, row);
            memset(b.slots, 0, 4 * N * sizeof *b.slots);
            aggregate(&b, row, 1, update);
            for (size_t j = 0; j < N; j++)
                cr_expect(fabs(update[j] - agreed(member, x[j])) <= 0x1p-43 * 5, "%s: %g, %g",
                          member->name, update[j], (double)x[j]);
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
        const bool clips = strcmp(member->name, "centred_clip") == 0;
        open_rule(&b, member->name, clips ? "{iterations: 3}" : "{}", N);
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
        open_rule(&b, member->name, mild(member), N);
        test_fill(700, N, 3.0f, x);
        for (size_t i = 0; i < 9; i++) row[i] = x;
        aggregate(&b, row, 9, update);
        for (size_t j = 0; j < N; j++) cr_expect_float_eq(update[j], agreed(member, x[j]), 1e-11);
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
        const bool clips = strcmp(member->name, "centred_clip") == 0;
        open_rule(&b, member->name, clips ? "{bucketing: 12, tau: 1e9}" : "{bucketing: 12}", N);
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

/* Two devices, one of twice the work: each counts per unit of work, and the step is that of the
 * mean work. */
Test(aggregator, fednova_counts_updates_by_the_unit_of_work)
{
    rule_bench b;
    open_rule(&b, "fednova", "{}", 2);
    const float row[2][2] = {{4.0f, 0.0f}, {0.0f, 4.0f}};
    int64_t sum[2] = {0};
    double terms = 0.0, update[2];
    for (int i = 0; i < 2; i++) {
        double factor, term;
        const co_device_report report = {.reach = i ? 8.0 : 4.0, .lr = 0.1};
        b.rule->report(b.aggregation.self, &report, &factor, &term);
        co_exact_add(sum, row[i], 2, 0.5 * factor);
        terms += 0.5 * term;
    }
    b.rule->finish(b.aggregation.self,
                   &(co_round_sum){.n = 2, .sum = sum, .total = 1.0, .terms = terms}, update);
    cr_expect_float_eq(update[0], 6.0 * 0.5, 1e-12);
    cr_expect_float_eq(update[1], 6.0 * 0.25, 1e-12);
    close_rule(&b);
}

Test(aggregator, qfedavg_leans_by_the_power_of_the_loss_and_damps_large_updates)
{
    rule_bench b;
    open_rule(&b, "qfedavg", "{q: 2}", 1);
    cr_expect_float_eq(b.rule->stress(b.aggregation.self, 3.0), 9.0, 1e-12);
    cr_expect(isfinite(b.rule->stress(b.aggregation.self, 0.0)));
    double factor, term;
    b.rule->report(b.aggregation.self, &(co_device_report){.loss = 4.0, .norm = 2.0, .lr = 0.5},
                   &factor, &term);
    cr_expect_float_eq(factor, 1.0, 0.0);
    cr_expect_float_eq(term, 1.0 + 2.0 * 4.0 / (0.5 * 4.0), 1e-12);
    close_rule(&b);
}

/* Rounds whose devices all say u, of a quarter of the population each: drift u/4, u/2, .. */
Test(aggregator, feddyn_adds_the_drift_of_past_rounds)
{
    rule_bench b;
    open_rule(&b, "feddyn", "{}", 1);
    for (int round = 1; round <= 3; round++) {
        const float u = 2.0f;
        int64_t sum = 0;
        double update;
        co_exact_add(&sum, &u, 1, 0.5);
        b.rule->finish(
            b.aggregation.self,
            &(co_round_sum){.n = 1, .sum = &sum, .total = 0.5, .coverage = 0.5, .slot = b.slot},
            &update);
        cr_expect_float_eq(update, 2.0 + 0.5 * round, 1e-6);
    }
    close_rule(&b);
}

/* Votes of three devices of weights 1, 1 and 2, by hand; four of one size may tie. */
Test(aggregator, majority_vote_goes_where_more_weight_points)
{
    static const float row[3][5] = {{1, 1, -1, 1, 1}, {1, -1, -1, -1, 1}, {1, -1, 1, 1, -1}};
    static const double weight[3] = {0.25, 0.25, 0.5}, want[5] = {1, -1, 0, 1, 0};
    rule_bench b;
    int64_t sum[5] = {0};
    double update[5];
    open_rule(&b, "majority_vote", "{}", 5);
    for (int i = 0; i < 3; i++) co_exact_add(sum, row[i], 5, weight[i]);
    b.rule->finish(b.aggregation.self, &(co_round_sum){.n = 5, .sum = sum, .total = 1.0}, update);
    cr_expect_arr_eq(update, want, sizeof want);
    close_rule(&b);
}
