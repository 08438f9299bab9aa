/* models/tasks/multilabel.c - any number of n labels an example, labels float [n], 0 or 1; outputs
 * are logits.
 *
 * A label is predicted where its output is above 0 (probability above 1/2). F1 = 2 right /
 * (predicted + labelled): micro over the counts of all labels together, macro the mean over the
 * labels that occur as one of the two (scikit-learn with zero_division=nan). Mean average
 * precision: models/tasks/ranking.h, the mean over the labels that occur. All are 0 where no label
 * occurs. F1 and mean average precision are exact: functions of whole counts, and of the order of
 * all outputs of the evaluated set. Sums: examples, loss; right, predicted, labelled of every
 * label. */
#include "models/tasks/ranking.h"
#include "models/tasks/task.h"
#include <math.h>

enum { EXAMPLES, LOSS, LABELS, RIGHT = 0, PREDICTED, LABELLED, PER_LABEL };

static void measure(const co_pass *pass, const co_labels *labels, const co_criterion *criterion,
                    const float *out, float *d_out, double *sums)
{
    const co_batch *batch = pass->batch;
    const float *y = batch->y;
    const size_t n = labels->n;
    double row[CO_LOSS_ROWS];
    for (size_t first = 0; first < batch->n; first += CO_LOSS_ROWS) {
        const size_t left = batch->n - first, m = left < CO_LOSS_ROWS ? left : CO_LOSS_ROWS,
                     at = first * n;
        criterion->loss->of_values(criterion->self, m, n, out + at, y + at, batch->n,
                                   d_out ? d_out + at : NULL, row);
        for (size_t i = 0; i < m; i++) {
            double *s = sums + LABELS;
            sums[EXAMPLES] += 1.0;
            sums[LOSS] += row[i];
            for (size_t k = at + i * n; k < at + (i + 1) * n; k++, s += PER_LABEL) {
                const bool predicted = out[k] > 0.0f, labelled = y[k] > 0.5f;
                s[RIGHT] += predicted && labelled ? 1.0 : 0.0;
                s[PREDICTED] += predicted ? 1.0 : 0.0;
                s[LABELLED] += labelled ? 1.0 : 0.0;
            }
        }
    }
}

static double f1(double right, double counted)
{
    return counted > 0.0 ? 2.0 * right / counted : 0.0;
}

static double micro_f1(const double *sums, size_t n_labels)
{
    double right = 0.0, counted = 0.0;
    for (const double *s = sums + LABELS; s < sums + LABELS + PER_LABEL * n_labels;
         s += PER_LABEL) {
        right += s[RIGHT];
        counted += s[PREDICTED] + s[LABELLED];
    }
    return sums[EXAMPLES] > 0.0 ? f1(right, counted) : (double)NAN;
}

static double macro_f1(const double *sums, size_t n_labels)
{
    double sum = 0.0, n = 0.0;
    for (const double *s = sums + LABELS; s < sums + LABELS + PER_LABEL * n_labels;
         s += PER_LABEL) {
        const double counted = s[PREDICTED] + s[LABELLED];
        sum += f1(s[RIGHT], counted);
        n += counted > 0.0 ? 1.0 : 0.0;
    }
    if (sums[EXAMPLES] == 0.0) return (double)NAN;
    return n > 0.0 ? sum / n : 0.0;
}

static size_t n_reals(size_t n_labels)
{
    (void)n_labels;
    return LABELS;
}

static size_t n_sums(size_t n_labels)
{
    return LABELS + PER_LABEL * n_labels;
}

static size_t outputs(size_t n_labels)
{
    return n_labels;
}

static const char *const losses[] = {"binary", NULL};
static const co_metric metrics[] = {
    {"micro_f1", "F1 over all labels together", true, micro_f1, .unit = "share"},
    {"macro_f1", "mean F1 of the labels that occur as label or prediction", true, macro_f1,
     .unit = "share"},
    {"map", "mean average precision of the labels that occur; in evaluations alone", true, NULL,
     co_average_precision, .unit = "share"},
    {0}};
const co_task co_task_multilabel = {.name = "multilabel",
                                    .summary =
                                        "any of n labels an example: binary cross-entropy a label",
                                    .metrics = metrics,
                                    .loss_unit = "nats",
                                    .losses = losses,
                                    .n_reals = n_reals,
                                    .n_sums = n_sums,
                                    .outputs = outputs,
                                    .label_words = outputs,
                                    .measure = measure};
