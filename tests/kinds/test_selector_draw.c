/* Selectors that draw among the devices that may be asked: every subset of those alike where
 * nothing tells them apart, however few they are; steps of one device as far apart as
 * min_separation says; Oort against tests/reference/oort.py, Power-of-Choice against a sort. */
#include "sim/planners/planner.h"
#include "sim/work/work.h"
#include "tests/kinds/drawn_population.h"
#include "tests/kinds/sampler.h"
#include <math.h>
#include <stdlib.h>

#define EACH_DRAWING(m)                                                                            \
    for (const co_plugin *const *m = co_kind_selector.members; *m; m++)                            \
        if (((const co_selector *)*m)->draw)

/* The five devices that may be asked of n: spread over all. */
static bool is_one_of_five(const void *n, int64_t device)
{
    const int64_t fifth = *(const int64_t *)n / 5;
    return device % fifth == fifth - 1 && device / fifth < 5;
}

/* Pairs of the five, by chi-square with 9 degrees of freedom: above 40 once in 10^5. */
static void check_pairs(const co_plugin *member, int64_t n, int64_t n_draws)
{
    sampler s = open_sampler(member, "{}", n, 2.0, NULL);
    double count[5][5] = {0}, square = 0.0;
    const double expected = (double)n_draws / 10.0;
    for (int64_t k = 0; k < n_draws; k++) {
        const co_draw wanted = {
            .round = 1 + k / 3, .ordinal = k % 3, .m = 2, .may = is_one_of_five, .of = &n};
        cr_assert_eq(draw_wanted(&s, &wanted), 2, "%s of %lld", member->name, (long long)n);
        cr_assert(is_one_of_five(&n, s.devices[0]) && is_one_of_five(&n, s.devices[1]) &&
                      s.devices[0] < s.devices[1],
                  "%s", member->name);
        count[s.devices[0] * 5 / n][s.devices[1] * 5 / n]++;
    }
    for (int i = 0; i < 5; i++)
        for (int j = i + 1; j < 5; j++)
            square += (count[i][j] - expected) * (count[i][j] - expected) / expected;
    cr_expect(square < 40.0, "%s: chi-square %.1f over pairs of five of %lld", member->name, square,
              (long long)n);
    close_sampler(&s);
}

Test(selector_draw, every_pair_of_those_that_may_be_asked_is_equally_likely)
{
    EACH_DRAWING(m)
    {
        check_pairs(*m, 10, 20000);  /* by rejection */
        check_pairs(*m, 1500, 4000); /* nearly all are rejected: by a walk */
    }
    cr_expect_eq(co_memory_blocks(), 0);
}

Test(selector_draw, all_that_there_are_when_they_are_too_few_and_another_draw_by_its_number)
{
    EACH_DRAWING(m)
    {
        int64_t n = 1000, first[20];
        sampler s = open_sampler(*m, "{}", n, 20.0, NULL);
        const co_draw few = {.round = 1, .m = 20, .may = is_one_of_five, .of = &n};
        cr_expect_eq(draw_wanted(&s, &few), 5, "%s", (*m)->name);
        for (int64_t ordinal = 0; ordinal < 3; ordinal++) {
            const co_draw wanted = {.round = 1, .ordinal = ordinal, .m = 20};
            cr_assert_eq(draw_wanted(&s, &wanted), 20);
            cr_expect(ordinal == 0 || memcmp(first, s.devices, sizeof first) != 0, "%s",
                      (*m)->name);
            if (ordinal == 0) memcpy(first, s.devices, sizeof first);
        }
        cr_assert_eq(draw(&s, 1), 20);
        cr_expect_arr_eq(first, s.devices, sizeof first, "%s: the same again", (*m)->name);
        close_sampler(&s);
    }
}

/* 10,000 steps of 30 devices, 7 a step, at least 4 apart: 9 are left to choose from. */
static void check_separation(const char *select)
{
    enum { STEPS = 10000, N = 30, M = 7, B = 4, LEFT = N - (B - 1) * M };
    co_experiment e;
    co_population p;
    co_plan plan;
    char more[300];
    int64_t last[N] = {0}, rank[N] = {0};
    snprintf(more, sizeof more,
             "model: {name: softmax}\ndevices: {select: %s, per_round: %d, min_separation: %d}\n",
             select, M, B);
    drawn_open(more, &e, &p);
    cr_assert_eq(co_plan_init(&plan, &e, &p, 1, co_work_index("train")), CO_OK, "%s",
                 co_status_message());
    co_plan_look(&plan);
    for (int64_t step = 1; step <= STEPS; step++) {
        int64_t place = 0;
        size_t next = 0;
        cr_assert_eq(co_planner_make(e.planner, NULL, &(co_clock){.step = step}, &plan), CO_OK);
        for (int64_t k = 0; k < N; k++) {
            const bool is_free = last[k] == 0 || step - last[k] >= B;
            const bool is_in = next < plan.n && plan.row[next].device == k;
            cr_assert(is_free || !is_in, "%s: device %lld in steps %lld and %lld", select,
                      (long long)k, (long long)last[k], (long long)step);
            if (is_in && step > B) rank[place]++;
            place += is_free && step > B;
            if (is_in) last[k] = step, next++;
        }
        cr_assert(next == plan.n && (plan.n == M || strcmp(select, "poisson") == 0), "%s: %zu",
                  select, plan.n);
        cr_assert(step <= B || place == LEFT || strcmp(select, "poisson") == 0);
        co_plan_close(&plan);
    }
    for (int i = 0; i < LEFT && e.selector->sampling != CO_SAMPLING_POISSON && !e.selector->hear;
         i++) { /* of nine that may be asked each is asked equally often */
        const double want = (double)(STEPS - B) * M / LEFT, q = (double)M / LEFT;
        cr_expect(fabs((double)rank[i] - want) < 5.0 * sqrt(want * (1.0 - q)), "%s: %lld, not %g",
                  select, (long long)rank[i], want);
    }
    co_plan_fini(&plan);
    drawn_close(&e, &p);
}

Test(selector_draw, steps_of_one_device_are_as_far_apart_as_they_have_to_be)
{
    check_separation("uniform");
    check_separation("available");
    check_separation("poisson");
    check_separation("oort");
    check_separation("power_of_choice, last_known: true");
    cr_expect_eq(co_memory_blocks(), 0);
}

/* The formulas of tests/reference/oort.py. */
enum { N = 200, M = 10, STEPS = 200 };
static double loss_of(int64_t k, int64_t step)
{
    return (double)((k * 7919 + step * 104729) % 1000) / 1000.0 * 40.0 / (double)(40 + step) +
           (k % 13 == 0 ? 1.0 : 0.0);
}

static bool may_be_asked(const void *step, int64_t device)
{
    return (device + *(const int64_t *)step) % 5 != 0;
}

Test(selector_draw, oort_asks_whom_the_reference_asks)
{
    int64_t size[N], trip[N];
    char path[500];
    for (int64_t k = 0; k < N; k++) {
        size[k] = 1 + k * 31 % 57;
        trip[k] = (1 + k * 17 % 101) * INT64_C(1000000000);
    }
    sampler s =
        open_sampler(co_plugin_find(&co_kind_selector, "oort"), "{blacklist: 40}", N, M, size);
    s.in.clock = trip;
    s.selector->look(s.self, &s.in);
    snprintf(path, sizeof path, "%s/tests/reference/oort.txt", getenv("SOURCE"));
    FILE *file = fopen(path, "r");
    cr_assert(file, "%s", path);
    for (int64_t step = 1; step <= STEPS; step++) {
        const co_draw wanted = {.round = step, .m = M, .may = may_be_asked, .of = &step};
        co_heard heard[M];
        long long in_file;
        cr_assert(fscanf(file, "%lld", &in_file) == 1 && in_file == step);
        cr_assert_eq(draw_wanted(&s, &wanted), M);
        for (int i = 0; i < M; i++) {
            const int64_t k = s.devices[i];
            cr_assert(fscanf(file, "%lld", &in_file) == 1);
            cr_assert_eq(k, in_file, "step %lld, place %d: %lld, not %lld", (long long)step, i,
                         (long long)k, in_file);
            heard[i] = (co_heard){.device = k,
                                  .n_examples = size[k],
                                  .loss = (k * 3 + step) % 11 != 0 ? loss_of(k, step) : NAN};
        }
        s.selector->hear(s.self, &s.in, step, heard, M);
    }
    fclose(file);
    close_sampler(&s);
}

static double falling(int64_t device, int64_t round)
{
    (void)round;
    return device == 4 ? NAN : 100.0 - (double)device; /* device 4 does not answer */
}

/* The three of the largest loss among seven candidates are the three lowest ids of those, so that a
 * device is asked when fewer than three candidates lie before it. */
Test(selector_draw, power_of_choice_asks_the_candidates_of_the_largest_loss)
{
    int64_t size[20], first[20] = {0};
    for (int64_t k = 0; k < 20; k++) size[k] = 1 + k;
    const co_plugin *member = co_plugin_find(&co_kind_selector, "power_of_choice");
    sampler s = open_sampler(member, "{candidates: 7}", 20, 3.0, size);
    s.loss = falling;
    for (int64_t round = 1; round <= 4000; round++) {
        const co_draw wanted = {.round = round, .m = 3};
        const int64_t *candidate;
        double *loss;
        int64_t best[7];
        size_t n = 0;
        cr_assert_eq(draw_wanted(&s, &wanted), 3);
        const size_t n_candidates = s.selector->survey(s.self, &s.in, &wanted, &candidate, &loss);
        cr_assert_eq(n_candidates, 7);
        first[candidate[0]]++;
        for (int64_t k = 0; k < 20; k++)
            for (size_t i = 0; i < 7; i++)
                if (candidate[i] == k && k != 4) best[n++] = k;
        cr_assert(memcmp(best, s.devices, 3 * sizeof *best) == 0, "round %lld", (long long)round);
    }
    for (int k = 0; k < 20; k++) { /* the first candidate in proportion to the examples */
        const double q = (double)size[k] / 210.0;
        cr_expect(fabs((double)first[k] - 4000.0 * q) < 5.0 * sqrt(4000.0 * q), "device %d: %lld",
                  k, (long long)first[k]);
    }
    close_sampler(&s);
}

Test(selector_draw, power_of_choice_by_last_losses_asks_the_unknown_first)
{
    const co_plugin *member = co_plugin_find(&co_kind_selector, "power_of_choice");
    sampler s = open_sampler(member, "{candidates: 20, last_known: true}", 20, 4.0, NULL);
    co_heard heard[16];
    for (int64_t i = 0; i < 16; i++)
        heard[i] = (co_heard){
            .device = i, .n_examples = 5, .loss = i == 9 ? 7.0 : 1.0 / (1.0 + (double)i)};
    s.selector->hear(s.self, &s.in, 1, heard, 16);
    cr_assert_eq(draw(&s, 2), 4);
    for (int i = 0; i < 4; i++) cr_expect_eq(s.devices[i], 16 + i);
    for (int64_t i = 0; i < 4; i++)
        heard[i] = (co_heard){.device = 16 + i, .n_examples = 5, .loss = 0.01};
    s.selector->hear(s.self, &s.in, 2, heard, 4);
    cr_assert_eq(draw(&s, 3), 4);
    static const int64_t want[] = {0, 1, 2, 9};
    for (int i = 0; i < 4; i++) cr_expect_eq(s.devices[i], want[i]);
    close_sampler(&s);
}
