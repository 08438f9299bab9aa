/* tests/models/test_classification.c - cross-entropy against double, its gradient, accuracy,
 * extreme values. */
#include "tests/harness.h"
#include "models/tasks/task.h"
#include "tests/models/build.h"
#include <math.h>

static double loss_sum(const float *out, const int32_t *y, size_t n, size_t classes, float *d_out,
                       double *right)
{
    double sums[4096] = {0};
    const co_labels labels = {.n = classes, .unknown = -1};
    const co_batch batch = {.n = n, .rows = n, .y = y};
    const co_pass pass = {.batch = &batch, .train = true};
    const co_task *task = co_task_find("classification");
    cr_assert_eq(task->n_sums(classes), 3 + 3 * classes);
    cr_assert_eq(task->outputs(classes), classes);
    const co_criterion criterion = {.loss = co_loss_find(task->losses[0])};
    task->measure(&pass, &labels, &criterion, out, d_out, sums);
    cr_expect_eq(sums[0], (double)n);
    if (right) *right = task->metrics[0].finish(sums, classes);
    return sums[1];
}

static void compare(size_t n, size_t classes, float factor)
{
    float *out = calloc(n * classes, sizeof *out), *d = calloc(n * classes, sizeof *d),
          *plain = calloc(n * classes, sizeof *d);
    int32_t *y = calloc(n, sizeof *y);
    double loss = 0.0;
    test_fill(5, n * classes, factor, out);
    for (size_t i = 0; i < n; i++) {
        double sum = 0.0;
        y[i] = (int32_t)(test_bits(6, i) % classes);
        for (size_t j = 0; j < classes; j++) sum += exp((double)out[i * classes + j]);
        loss += log(sum) - (double)out[i * classes + (size_t)y[i]];
        for (size_t j = 0; j < classes; j++)
            plain[i * classes + j] = (float)((exp((double)out[i * classes + j]) / sum -
                                              (j == (size_t)y[i] ? 1.0 : 0.0)) /
                                             (double)n);
    }
    cr_expect_float_eq(loss_sum(out, y, n, classes, d, NULL), loss, 1e-6 * loss, "%zu classes",
                       classes);
    cr_expect_eq(loss_sum(out, y, n, classes, NULL, NULL), loss_sum(out, y, n, classes, d, NULL));
    cr_expect_lt(relative_distance(d, plain, n * classes), 1e-6, "%zu classes", classes);
    free(out);
    free(d);
    free(plain);
    free(y);
}

Test(classification, loss_and_gradient_equal_double)
{
    compare(10, 10, 3.0f);
    compare(7, 2, 1.0f);
    compare(5, 62, 8.0f);
    compare(3, 1000, 20.0f);
    compare(3, 129, 40.0f);
    compare(101, 7, 3.0f); /* more rows than are taken at a time */
}

Test(classification, huge_outputs_do_not_overflow)
{
    const float out[] = {1e30f, -1e30f, 0.0f, 3e38f, 3e38f, -3e38f};
    const int32_t y[] = {0, 1};
    float d[6];
    cr_expect_float_eq(loss_sum(out, y, 2, 3, d, NULL), log(2.0), 1e-6);
    cr_expect_float_eq((double)d[4], -0.25, 1e-6);
    for (size_t i = 0; i < 6; i++) cr_expect(isfinite(d[i]));
}

Test(classification, a_wrong_answer_with_certainty_costs_its_distance)
{
    const float out[] = {0.0f, 500.0f};
    const int32_t y[] = {0};
    cr_expect_float_eq(loss_sum(out, y, 1, 2, NULL, NULL), 500.0, 1e-4);
}

Test(classification, accuracy_counts_the_largest_and_ties_go_to_the_lower_class)
{
    const float out[] = {1, 2, 3, 3, 2, 1, 2, 2, 1, 1, 2, 2};
    double accuracy;
    loss_sum(out, (int32_t[]){2, 0, 0, 1}, 4, 3, NULL, &accuracy);
    cr_expect_eq(accuracy, 1.0);
    loss_sum(out, (int32_t[]){2, 1, 1, 2}, 4, 3, NULL, &accuracy);
    cr_expect_eq(accuracy, 0.25);
}

Test(classification, a_nan_is_never_right_and_shows_in_loss_and_gradient)
{
    const float out[] = {NAN, NAN, NAN, NAN, 1.0f, 2.0f, INFINITY, 0.0f, 0.0f};
    const int32_t y[] = {0, 1, 0};
    for (size_t i = 0; i < 3; i++) {
        double accuracy;
        float d[3];
        cr_expect(isnan(loss_sum(out + 3 * i, y + i, 1, 3, d, &accuracy)));
        cr_expect(isnan(d[0]));
        if (i < 2) cr_expect_eq(accuracy, 0.0);
    }
}

Test(classification, nothing_measured_is_not_a_number)
{
    const double sums[33] = {0};
    cr_expect(isnan(co_task_find("classification")->metrics[0].finish(sums, 10)));
    cr_expect(isnan(co_task_find("classification")->metrics[1].finish(sums, 10)));
}
