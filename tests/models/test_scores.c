/* tests/models/test_scores.c - metrics of regressions and of several labels an example against
 * scikit-learn (tests/reference/scores.py), and where its answer is none. */
#include "models/tasks/ranking.h"
#include "models/tasks/task.h"
#include "tests/harness.h"
#include "tests/models/build.h"
#include <math.h>

enum { TARGET = 8000, OUTPUT = 8100, MOST = 2048 };
static float y[MOST], out[MOST];

static FILE *open_numbers(void)
{
    char path[1024];
    const char *root = getenv("SOURCE");
    snprintf(path, sizeof path, "%s/tests/reference/scores.txt", root ? root : "..");
    FILE *file = fopen(path, "r");
    cr_assert(file, "%s", path);
    return file;
}

/* Sums of n examples, in batches of 13. */
static void add_up(const co_task *task, const co_labels *labels, size_t n, double *sums)
{
    const co_criterion criterion = {.loss = co_loss_find(task->losses[0])};
    memset(sums, 0, task->n_sums(labels->n) * sizeof *sums);
    for (size_t at = 0; at < n; at += 13) {
        const size_t m = n - at < 13 ? n - at : 13;
        const co_batch batch = {.n = m, .rows = m, .y = y + at * labels->n};
        const co_pass pass = {.batch = &batch};
        task->measure(&pass, labels, &criterion, out + at * labels->n, NULL, sums);
    }
}

static double finish(const co_task *task, const char *name, const double *sums, size_t n)
{
    const co_metric *m = task->metrics;
    while (m->name && strcmp(m->name, name) != 0) m++;
    cr_assert(m->finish, "%s", name);
    return m->finish(sums, n);
}

/* With the labels' center (the first example's) as a run has it: numbers far from zero lose
 * nothing. */
Test(scores, numbers_are_those_of_scikit_learn)
{
    const co_task *task = co_task_find("regression");
    size_t k, rows, n, n_checked = 0;
    double shift, rmse, mae, r2;
    char line[256];
    FILE *file = open_numbers();
    while (fgets(line, sizeof line, file)) {
        double center[4], sums[32];
        if (sscanf(line, "numbers %zu %zu %zu %lf %lf %lf %lf", &k, &rows, &n, &shift, &rmse, &mae,
                   &r2) != 7)
            continue;
        cr_assert(rows * n <= MOST && n <= 4);
        for (size_t j = 0; j < rows * n; j++) {
            y[j] = (float)test_bits(TARGET + k, j) * 0x1p-24f + (float)shift;
            out[j] = y[j] + (float)test_bits(OUTPUT + k, j) * 0x1p-24f - 0.5f;
        }
        for (size_t j = 0; j < n; j++) center[j] = (double)y[j];
        const co_labels labels = {.n = n, .center = center};
        add_up(task, &labels, rows, sums);
        cr_expect_float_eq(finish(task, "rmse", sums, n), rmse, 1e-10 * rmse, "%s", line);
        cr_expect_float_eq(finish(task, "mae", sums, n), mae, 1e-10 * mae, "%s", line);
        cr_expect_float_eq(finish(task, "r2", sums, n), r2, 1e-9 * fmax(1.0, fabs(r2)), "%g: %s",
                           finish(task, "r2", sums, n), line);
        n_checked++;
    }
    fclose(file);
    cr_expect_eq(n_checked, 24);
}

Test(scores, labels_are_those_of_scikit_learn)
{
    const co_task *task = co_task_find("multilabel");
    size_t k, rows, n, n_checked = 0;
    double micro, macro, precision;
    char line[256];
    FILE *file = open_numbers();
    while (fgets(line, sizeof line, file)) {
        double sums[64], sum = 0.0, there = 0.0;
        static uint64_t pair[MOST];
        if (sscanf(line, "labels %zu %zu %zu %lf %lf %lf", &k, &rows, &n, &micro, &macro,
                   &precision) != 6)
            continue;
        cr_assert_leq(rows * n, MOST);
        const size_t levels = k % 3 == 0 ? 4 : k % 3 == 1 ? 16 : 1 << 20;
        for (size_t j = 0; j < rows * n; j++) {
            y[j] = test_bits(TARGET + k, j) % (2 + j % n) == 0 && (k % 5 != 4 || j % n % 3 != 2)
                       ? 1.0f
                       : 0.0f;
            out[j] = (float)(test_bits(OUTPUT + k, j) % levels) - (float)(levels / 2) +
                     (y[j] > 0.5f ? (float)(levels / 4) : 0.0f);
        }
        const co_labels labels = {.n = n};
        add_up(task, &labels, rows, sums);
        for (size_t j = 0; j < n; j++) {
            for (size_t i = 0; i < rows; i++)
                pair[i] = co_pair(out[i * n + j], y[i * n + j] > 0.5f);
            co_pairs_sort(pair, rows);
            const double one = co_average_precision(pair, rows);
            sum += isnan(one) ? 0.0 : one;
            there += isnan(one) ? 0.0 : 1.0;
        }
        cr_expect_float_eq(finish(task, "micro_f1", sums, n), micro, 1e-10, "%s", line);
        cr_expect_float_eq(finish(task, "macro_f1", sums, n), macro, 1e-10, "%g: %s",
                           finish(task, "macro_f1", sums, n), line);
        cr_expect_float_eq(there > 0.0 ? sum / there : 0.0, precision, 1e-10, "%s", line);
        n_checked++;
    }
    fclose(file);
    cr_expect_eq(n_checked, 30);
}

Test(scores, labels_that_never_differ_have_nothing_to_explain)
{
    const co_task *task = co_task_find("regression");
    for (size_t n = 3; n < 200;
         n += 7) { /* sums that rounding leaves apart by a little, in either sense */
        double center = 3.1 + 0.07 * (double)n, sums[8];
        const co_labels labels = {.n = 1, .center = &center};
        for (size_t i = 0; i < n; i++) y[i] = out[i] = 0.3f;
        add_up(task, &labels, n, sums);
        cr_expect_eq(finish(task, "r2", sums, 1), 1.0);
        out[n / 2] = 0.4f;
        add_up(task, &labels, n, sums);
        cr_expect_eq(finish(task, "r2", sums, 1), 0.0, "%zu: %g", n, finish(task, "r2", sums, 1));
    }
}

Test(scores, without_any_label_all_scores_are_zero)
{
    const co_task *task = co_task_find("multilabel");
    double sums[16];
    const co_labels labels = {.n = 2};
    for (size_t j = 0; j < 20; j++) {
        y[j] = 0.0f;
        out[j] = -1.0f;
    }
    add_up(task, &labels, 10, sums);
    cr_expect_eq(finish(task, "micro_f1", sums, 2), 0.0);
    cr_expect_eq(finish(task, "macro_f1", sums, 2), 0.0);
    for (size_t i = 0; i < 10; i++)
        y[2 * i] = 1.0f, out[2 * i] = 1.0f; /* one right, the other nowhere: left out */
    add_up(task, &labels, 10, sums);
    cr_expect_eq(finish(task, "macro_f1", sums, 2), 1.0);
    const uint64_t pair[] = {co_pair(1.0f, false), co_pair(0.0f, false)};
    cr_expect(isnan(co_average_precision(pair, 2)));
}

Test(scores, pairs_descend_with_outputs_and_ties_are_one_step)
{
    static const float falling[] = {INFINITY, 3e38f,   2.0f,  1.0000001f, 1.0f,     1e-45f,
                                    0.0f,     -1e-45f, -1.0f, -3e38f,     -INFINITY};
    for (size_t k = 1; k < sizeof falling / sizeof *falling; k++)
        cr_expect_lt(co_pair(falling[k - 1], true), co_pair(falling[k], false), "%g",
                     (double)falling[k]);
    cr_expect_eq(co_pair(0.0f, true), co_pair(-0.0f, true));
    uint64_t pair[] = {co_pair(1.0f, false), co_pair(1.0f, true), co_pair(1.0f, false),
                       co_pair(2.0f, true)};
    co_pairs_sort(pair, 4);
    cr_expect_float_eq(co_average_precision(pair, 4), 0.5 * 1.0 + 0.5 * 0.5, 1e-15);
}
