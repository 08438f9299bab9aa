/* models/tasks/classification.c - one of n classes an example, labels int32 in [0, n_classes).
 *
 * An example is right when its label's output is the largest and no lower class ties with it; one
 * with a NaN is wrong and its loss NaN. Macro F1: the mean of 2 right / (predicted + labelled) over
 * the classes that occur as one of the two, as scikit-learn counts it. Sums: examples, loss; right
 * ones; then right, predicted, labelled of every class. */
#include "models/tasks/task.h"
#include <math.h>

enum { EXAMPLES, LOSS, RIGHT, CLASSES, PER_CLASS = 3 };

static void measure(const co_pass *pass, const co_labels *labels, const co_criterion *criterion,
                    const float *out, float *d_out, double *sums)
{
    const co_batch *batch = pass->batch;
    const int32_t *y = batch->y;
    const size_t n = labels->n;
    co_row_loss rows[CO_LOSS_ROWS];
    for (size_t i = 0; i < batch->n; i++) {
        const size_t k = i % CO_LOSS_ROWS, left = batch->n - i;
        if (k == 0)
            criterion->loss->of_classes(criterion->self, left < CO_LOSS_ROWS ? left : CO_LOSS_ROWS,
                                        n, out + i * n, y + i, batch->n,
                                        d_out ? d_out + i * n : NULL, rows);
        const co_row_loss row = rows[k];
        const double right = row.best == (size_t)y[i] ? 1.0 : 0.0;
        sums[EXAMPLES] += 1.0;
        sums[LOSS] += row.loss;
        sums[RIGHT] += right;
        sums[CLASSES + PER_CLASS * (size_t)y[i]] += right;
        if (row.best < n) sums[CLASSES + PER_CLASS * row.best + 1] += 1.0;
        sums[CLASSES + PER_CLASS * (size_t)y[i] + 2] += 1.0;
    }
}

static double accuracy(const double *sums, size_t n_classes)
{
    (void)n_classes;
    return sums[EXAMPLES] > 0.0 ? sums[RIGHT] / sums[EXAMPLES] : (double)NAN;
}

static double macro_f1(const double *sums, size_t n_classes)
{
    double sum = 0.0, n = 0.0;
    for (const double *c = sums + CLASSES; c < sums + CLASSES + PER_CLASS * n_classes;
         c += PER_CLASS) {
        if (c[1] + c[2] == 0.0) continue;
        sum += 2.0 * c[0] / (c[1] + c[2]);
        n += 1.0;
    }
    return n > 0.0 ? sum / n : (double)NAN;
}

static size_t n_reals(size_t n_classes)
{
    (void)n_classes;
    return 2;
}

static size_t n_sums(size_t n_classes)
{
    return CLASSES + PER_CLASS * n_classes;
}

static size_t outputs(size_t n_classes)
{
    return n_classes;
}

static const char *const losses[] = {"cross_entropy", NULL};
static const co_metric metrics[] = {
    {"accuracy", "share of examples whose largest output is the label's", true, accuracy,
     .unit = "share"},
    {"macro_f1", "mean F1 of the classes that occur as label or prediction", true, macro_f1,
     .unit = "share"},
    {0}};
const co_task co_task_classification = {.name = "classification",
                                        .summary =
                                            "one of n classes an example: softmax cross-entropy",
                                        .source = "Bridle, NeurIPS 1989",
                                        .metrics = metrics,
                                        .loss_unit = "nats",
                                        .losses = losses,
                                        .n_reals = n_reals,
                                        .n_sums = n_sums,
                                        .outputs = outputs,
                                        .measure = measure};
