/* models/tasks/softmax.c - softmax cross-entropy, some rows at a time.
 *
 * Per row o: loss = log(sum_j exp(o_j - m)) + m - o_y with m = max_j o_j; d = (softmax(o) - e_y) / n_rows. The exponentials
 * are floats, their sum, the logarithm and the loss double. A NaN among the outputs makes the loss NaN. Cost: one exponential
 * a value. Source: Bridle, NeurIPS 1989. */
#include "models/tasks/softmax.h"
#include "core/clones.h"
#include "core/elementary.h"
#include "core/status.h"
#include "models/smooth.h"
#include <math.h>
#include <string.h>

enum { CHUNK = 64 };

/* Sum of exp(o_j - max); the terms go to e[n] when it is not NULL. The reference of kernels/pointwise.inc. */
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

void co_softmax_rows(const co_kernels *fast, size_t rows, size_t n, const float *o, const int32_t *y, size_t n_rows, float *d,
                     co_row_loss *result)
{
    double sum[CO_SOFTMAX_ROWS] = {0}, log_sum[CO_SOFTMAX_ROWS];
    CO_ASSERT(rows <= CO_SOFTMAX_ROWS);
    for (size_t r = 0; r < rows; r++) {
        float max;
        CO_ASSERT(y[r] >= 0 && (size_t)y[r] < n);
        const float *row = o + r * n;
        sum[r] = (fast ? fast->exponentials : sum_of_exponentials)(n, row, d ? d + r * n : NULL, &max);
        result[r].loss = (double)max - (double)row[y[r]];
        result[r].best = isnan(sum[r]) ? n : first_of(n, row, max);
    }
    softmax_logs(rows, sum, log_sum);
    for (size_t r = 0; r < rows; r++) {
        result[r].loss += isfinite(sum[r]) ? log_sum[r] : sum[r];
        if (!d) continue;
        const float factor = (float)(1.0 / (sum[r] * (double)n_rows));
        for (size_t j = 0; j < n; j++) d[r * n + j] *= factor;
        d[r * n + (size_t)y[r]] -= 1.0f / (float)n_rows;
    }
}
