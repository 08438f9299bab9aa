/* models/tasks/softmax.c - softmax cross-entropy, row by row.
 *
 * Per row o: loss = log(sum_j exp(o_j - m)) + m - o_y with m = max_j o_j; d = (softmax(o) - e_y) / n_rows. The exponentials
 * are floats, their sum, the logarithm and the loss double. A NaN among the outputs makes the loss NaN. Cost: one exponential
 * a value. Source: Bridle, NeurIPS 1989. */
#include "models/tasks/softmax.h"
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

co_row_loss co_softmax_row(const co_kernels *fast, size_t n, const float *o, int32_t y, size_t n_rows, float *d)
{
    float max;
    CO_ASSERT(y >= 0 && (size_t)y < n);
    const double sum = fast ? fast->exponentials(n, o, d, &max) : sum_of_exponentials(n, o, d, &max);
    const co_row_loss result = {
        .loss = (isfinite(sum) ? co_plain_log(sum) : sum) + ((double)max - (double)o[y]),
        .best = isnan(sum) ? n : first_of(n, o, max)};
    if (!d) return result;
    const float factor = (float)(1.0 / (sum * (double)n_rows));
    for (size_t j = 0; j < n; j++) d[j] *= factor;
    d[y] -= 1.0f / (float)n_rows;
    return result;
}
