/* models/losses/cross_entropy.c - softmax cross-entropy of one of n classes, or of shares that a
 * target gives them.
 *
 * Per row o: loss = log(sum_j exp(o_j - m)) + m - o_y with m = max_j o_j; d = (softmax(o) - e_y) /
 * n_rows. With shares t_j (soft targets: a teacher's, smoothed labels): loss = sum_j t_j (log(sum_i
 * exp(o_i - m)) + m - o_j), d = (s softmax(o) - t) / n_rows with s = sum_j t_j. The exponentials
 * are floats, their sum, the logarithm and the loss double. A NaN among the outputs makes the loss
 * NaN. Cost: one exponential a value. Source: Bridle, NeurIPS 1989. */
#include "core/clones.h"
#include "core/elementary.h"
#include "core/status.h"
#include "models/kernels/kernels.h"
#include "models/losses/loss.h"
#include "models/smooth.h"
#include <math.h>
#include <string.h>

enum { CHUNK = 64 };

/* Sum of exp(o_j - max); the terms go to e[n] when it is not NULL. The reference of
 * kernels/pointwise.inc. */
static double sum_of_exponentials(size_t n, const float *o, float *e, float *most)
{
    float part[CHUNK], max = o[0];
    double sum = 0.0;
    for (size_t j = 1; j < n; j++) max = o[j] > max ? o[j] : max;
    *most = max;
    for (size_t first = 0; first < n; first += CHUNK) {
        const size_t m = n - first < CHUNK ? n - first : CHUNK;
        for (size_t j = 0; j < m; j++) part[j] = co_exp_negative(o[first + j] - max);
        for (size_t j = 0; j < m; j++) sum += (double)part[j];
        if (e) memcpy(e + first, part, m * sizeof *e);
    }
    return sum;
}

static size_t first_of(size_t n, const float *o, float value)
{
    size_t j = 0;
    while (j < n && o[j] != value) j++;
    return j;
}

/* Side by side: one logarithm waits for itself at every step. */
CO_CLONES static void softmax_logs(size_t n, const double *restrict x, double *restrict log_x)
{
    for (size_t i = 0; i < n; i++) log_x[i] = co_plain_log(x[i]);
}

/* A row that is not scored; the logarithm of its sum is 0. */
static void leave_row(size_t n, float *d, double *sum, co_row_loss *result)
{
    if (d) memset(d, 0, n * sizeof *d);
    *sum = 1.0;
    *result = (co_row_loss){.best = n};
}

static void of_classes(const void *self, size_t rows, size_t n, const float *o, const int32_t *y,
                       size_t n_rows, float *d, co_row_loss *result)
{
    const co_kernels *fast = co_kernels_in_use();
    double sum[CO_LOSS_ROWS] = {0}, log_sum[CO_LOSS_ROWS];
    (void)self;
    CO_ASSERT(rows <= CO_LOSS_ROWS);
    for (size_t r = 0; r < rows; r++) {
        float max;
        if (y[r] == -1) {
            leave_row(n, d ? d + r * n : NULL, &sum[r], &result[r]);
            continue;
        }
        CO_ASSERT(y[r] >= 0 && (size_t)y[r] < n);
        const float *row = o + r * n;
        sum[r] =
            (fast ? fast->exponentials : sum_of_exponentials)(n, row, d ? d + r * n : NULL, &max);
        result[r].loss = (double)max - (double)row[y[r]];
        result[r].best = isnan(sum[r]) ? n : first_of(n, row, max);
    }
    softmax_logs(rows, sum, log_sum);
    for (size_t r = 0; r < rows; r++) {
        result[r].loss += isfinite(sum[r]) ? log_sum[r] : sum[r];
        if (!d || y[r] == -1) continue;
        const float factor = (float)(1.0 / (sum[r] * (double)n_rows));
        for (size_t j = 0; j < n; j++) d[r * n + j] *= factor;
        d[r * n + (size_t)y[r]] -= 1.0f / (float)n_rows;
    }
}

static void of_values(const void *self, size_t rows, size_t n, const float *o, const float *t,
                      size_t n_rows, float *d, double *loss)
{
    const co_kernels *fast = co_kernels_in_use();
    (void)self;
    for (size_t r = 0; r < rows; r++, o += n, t += n) {
        float max;
        float *row = d ? d + r * n : NULL;
        const double sum = (fast ? fast->exponentials : sum_of_exponentials)(n, o, row, &max);
        double whole = 0.0, along = 0.0;
        for (size_t j = 0; j < n; j++) {
            whole += (double)t[j];
            along += (double)t[j] * ((double)max - (double)o[j]);
        }
        loss[r] = isfinite(sum) ? along + whole * co_plain_log(sum) : sum;
        for (size_t j = 0; row && j < n; j++)
            row[j] = (float)((whole * (double)row[j] / sum - (double)t[j]) / (double)n_rows);
    }
}

const co_loss co_loss_cross_entropy = {
    .name = "cross_entropy",
    .summary = "softmax cross-entropy of a class, or of shares of the classes",
    .source = "Bridle, NeurIPS 1989",
    .of_classes = of_classes,
    .of_values = of_values,
    .probabilities = true};
