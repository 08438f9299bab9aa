/* models/tasks/regression.c - n numbers an example, labels float [n].
 *
 * RMSE and MAE over all examples and outputs alike: sqrt(sum e^2 / (N n)), sum |e| / (N n). R^2:
 * the mean over the outputs of 1 - sum e^2 / (sum y^2 - (sum y)^2 / N), as scikit-learn's r2_score;
 * an output whose labels are all the same counts 1 where every one is met exactly and 0 elsewhere.
 * The sums are of y less the data set's own mean (labels->center), so that nothing cancels in R^2
 * where numbers are far from zero; errors and their squares are exact or rounded once in double.
 * Sums: examples, loss; then of every output: e^2, |e|, y - center, its square. */
#include "models/tasks/task.h"
#include <math.h>

enum { EXAMPLES, LOSS, OUTPUTS, SQUARE = 0, SIZE, PLACE, PLACE_SQUARE, PER_OUTPUT };

static void add_output(double *sums, double y, double error, double center)
{
    const double place = y - center;
    sums[SQUARE] += error * error;
    sums[SIZE] += fabs(error);
    sums[PLACE] += place;
    sums[PLACE_SQUARE] += place * place;
}

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
            sums[EXAMPLES] += 1.0;
            sums[LOSS] += row[i];
            for (size_t j = 0, k = at + i * n; j < n; j++, k++)
                add_output(sums + OUTPUTS + PER_OUTPUT * j, (double)y[k],
                           (double)out[k] - (double)y[k], labels->center ? labels->center[j] : 0.0);
        }
    }
}

/* Mean over examples and outputs of one of the sums of an output. */
static double mean_of(const double *sums, size_t n_outputs, size_t which)
{
    double sum = 0.0;
    for (size_t j = 0; j < n_outputs; j++) sum += sums[OUTPUTS + PER_OUTPUT * j + which];
    return sums[EXAMPLES] > 0.0 ? sum / (sums[EXAMPLES] * (double)n_outputs) : (double)NAN;
}

static double rmse(const double *sums, size_t n_outputs)
{
    return sqrt(mean_of(sums, n_outputs, SQUARE));
}

static double mae(const double *sums, size_t n_outputs)
{
    return mean_of(sums, n_outputs, SIZE);
}

static double explained(const double *s, double n)
{
    const double spread = s[PLACE_SQUARE] - s[PLACE] * s[PLACE] / n;
    if (spread > 1e-13 * s[PLACE_SQUARE])
        return 1.0 - s[SQUARE] / spread; /* below: rounding alone */
    return s[SQUARE] == 0.0 ? 1.0 : 0.0;
}

static double r2(const double *sums, size_t n_outputs)
{
    double sum = 0.0;
    for (size_t j = 0; j < n_outputs; j++)
        sum += explained(sums + OUTPUTS + PER_OUTPUT * j, sums[EXAMPLES]);
    return sums[EXAMPLES] > 0.0 ? sum / (double)n_outputs : (double)NAN;
}

static size_t n_sums(size_t n_outputs)
{
    return OUTPUTS + PER_OUTPUT * n_outputs;
}

static size_t outputs(size_t n_outputs)
{
    return n_outputs;
}

static const char *const losses[] = {"squared", "huber", NULL};
static const co_metric metrics[] = {
    {"rmse", "root of the mean squared error", false, rmse},
    {"mae", "mean absolute error", false, mae},
    {"r2", "share of the variance that is explained, mean over the outputs", true, r2, .unit = "1"},
    {0}};
const co_task co_task_regression = {.name = "regression",
                                    .summary = "numbers for an example: squared or Huber loss",
                                    .metrics = metrics,
                                    .losses = losses,
                                    .n_reals = n_sums,
                                    .n_sums = n_sums,
                                    .outputs = outputs,
                                    .label_words = outputs,
                                    .measure = measure};
