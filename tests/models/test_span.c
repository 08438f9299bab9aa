/* tests/models/test_span.c - the best pair of tokens against every pair, the loss of windows by
 * hand, and what questions add to the sums. */
#include "models/tasks/span.h"
#include "models/tasks/task.h"
#include "tests/harness.h"
#include "tests/models/build.h"
#include <math.h>

enum { MOST = 60, OUTPUT = 9100, PLACE = 9200, LENGTH = 9300 };

/* The best of a list of all pairs that may answer, the first of equal ones. */
static co_span_guess search(const float *out, const int32_t *place, size_t n, size_t most)
{
    co_span_guess best = {.score = -INFINITY};
    for (size_t pair = 0; pair < n * n; pair++) {
        const size_t a = pair / n, b = pair % n;
        const double score = (double)out[2 * a] + (double)out[2 * b + 1];
        if (a > b || b - a + 1 > most || place[2 * a] == -1 || place[2 * b] == -1) continue;
        if (score > best.score) best = (co_span_guess){.score = score, .first = a, .last = b};
    }
    return best;
}

Test(span, the_best_pair_is_that_of_a_search_through_all)
{
    float out[2 * MOST];
    int32_t place[2 * MOST];
    for (size_t k = 0; k < 300; k++) {
        const size_t n = test_bits(LENGTH, 2 * k) % MOST + 1,
                     most = test_bits(LENGTH, 2 * k + 1) % 12 + 1;
        test_fill(OUTPUT + k, 2 * n, 5.0f, out);
        for (size_t r = 0; k % 3 == 0 && r < 2 * n; r++) out[r] = floorf(out[r]); /* many tie */
        for (size_t r = 0; r < n; r++) {
            const bool context = test_bits(PLACE + k, r) % 4 > 0;
            place[2 * r] = context ? (int32_t)(3 * r) : -1;
            place[2 * r + 1] = context ? (int32_t)(3 * r + 2) : -1;
        }
        const co_span_guess have = co_span_best(out, place, n, most),
                            want = search(out, place, n, most);
        cr_expect(have.score == want.score && have.first == want.first && have.last == want.last,
                  "%zu: %g at %zu to %zu, not %g at %zu to %zu", k, have.score, have.first,
                  have.last, want.score, want.first, want.last);
        cr_expect_eq(have.none, (double)out[0] + (double)out[1]);
    }
}

static double metric(const char *name, const double *sums)
{
    const co_metric *m = co_task_find("span")->metrics;
    while (m->name && strcmp(m->name, name) != 0) m++;
    cr_assert(m->finish, "%s", name);
    return m->finish(sums, 2);
}

Test(span, a_window_without_the_answer_points_at_its_first_token)
{
    static const int64_t offsets[] = {0, 3, 3, 5};
    static const int32_t y[] = {1, 2, 0, 0, -1, -1};
    static const float out[] = {0, 0, 9, 0, 0, 9, 9, 9, 0, 0};
    float d[10];
    double sums[16] = {0};
    const co_batch batch = {.n = 3, .rows = 5, .offsets = offsets, .y = y};
    const co_criterion criterion = {.loss = co_loss_find("cross_entropy")};
    const co_labels labels = {.n = 2};
    co_task_find("span")->measure(&(co_pass){.batch = &batch}, &labels, &criterion, out, d, sums);
    const double three = log1p(2.0 * exp(-9.0)), two = log1p(exp(-9.0));
    cr_expect_float_eq(co_task_mean_loss(sums), (three + two) / 3.0, 1e-9);
    cr_expect_float_eq(metric("accuracy", sums), 2.0 / 3.0, 1e-15); /* the empty one has no token */
    cr_expect(isnan(metric("f1", sums)));
    cr_expect_float_eq((double)d[6], (1.0 / (1.0 + exp(-9.0)) - 1.0) / 6.0, 1e-7);
    cr_expect_float_eq((double)d[8], exp(-9.0) / (1.0 + exp(-9.0)) / 6.0, 1e-9);
}

Test(span, an_output_that_is_no_number_makes_the_loss_none)
{
    static const int64_t offsets[] = {0, 2};
    static const int32_t y[] = {0, 1};
    const float out[] = {NAN, 0, 1, 1};
    double sums[16] = {0};
    const co_batch batch = {.n = 1, .rows = 2, .offsets = offsets, .y = y};
    const co_criterion criterion = {.loss = co_loss_find("cross_entropy")};
    co_task_find("span")->measure(&(co_pass){.batch = &batch}, &(co_labels){.n = 2}, &criterion,
                                  out, NULL, sums);
    cr_expect(isnan(co_task_mean_loss(sums)));
    cr_expect_eq(metric("accuracy", sums), 0.0);
}

Test(span, questions_count_for_all_and_for_those_with_an_answer)
{
    double sums[16] = {0};
    co_span_count(&(co_answer){.exact = 1.0, .f1 = 1.0}, true, sums);
    co_span_count(&(co_answer){.exact = 0.0, .f1 = 0.5}, true, sums);
    co_span_count(&(co_answer){.exact = 1.0, .f1 = 1.0}, false, sums);
    co_span_count(&(co_answer){.exact = 0.0, .f1 = 0.0}, false, sums);
    cr_expect_eq(metric("f1", sums), 2.5 / 4.0);
    cr_expect_eq(metric("exact_match", sums), 0.5);
    cr_expect_eq(metric("f1_answerable", sums), 0.75);
    cr_expect_eq(metric("exact_match_answerable", sums), 0.5);
    cr_expect_eq(metric("accuracy_unanswerable", sums), 0.5);
}
