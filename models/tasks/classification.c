/* models/tasks/classification.c - softmax cross-entropy and accuracy, labels int32 in [0,
 * n_classes).
 *
 * Per row o: loss = log(sum_j exp(o_j - m)) + m - o_y with m = max_j o_j; d_out = (softmax(o) -
 * e_y) / n. The exponentials are floats, their sum, the logarithm and the losses double. A row is
 * right when o_y is the largest and no lower class ties with it; a NaN makes a row wrong and its
 * loss NaN. Sums: examples, loss, right ones. Cost: one exponential a value. Source: Bridle,
 * NeurIPS 1989 (softmax). */
#include "models/tasks/task.h"
#include "core/elementary.h"
#include "core/status.h"
#include "models/kernels/kernels.h"
#include <math.h>
#include <string.h>

enum { CHUNK = 64, N_SUMS = 3 };

/* exp(x) for x <= 0 or NaN, within 2 units in the last place; below exp(-87) it stays there. x = k
 * log 2 + r, |r| <= log(2)/2, Taylor series in r. Only +, - and *: the same bits on every
 * instruction set, and the compiler can vectorise the caller's loop. */
static inline float exp_negative(float x)
{
    const float magic = 12582912.0f; /* 1.5 2^23: adding it rounds to an integer in the low bits */
    const float z = x < -87.0f ? -87.0f : x;
    const float shifted = z * 1.44269504f + magic, k = shifted - magic;
    const float r = (z - k * 0.693359375f) + k * 2.12194440e-4f;
    float series = 1.0f / 5040.0f, power;
    uint32_t bits, base;
    series = series * r + 1.0f / 720.0f;
    series = series * r + 1.0f / 120.0f;
    series = series * r + 1.0f / 24.0f;
    series = series * r + 1.0f / 6.0f;
    series = series * r + 0.5f;
    series = series * r + 1.0f;
    series = series * r + 1.0f;
    memcpy(&bits, &shifted, sizeof bits);
    memcpy(&base, &magic, sizeof base);
    bits = (bits - base + 127u) << 23;
    memcpy(&power, &bits, sizeof power);
    return series * power;
}

/* Sum of exp(o_j - max); the terms go to e[n] when it is not NULL. The reference of kernels/pointwise.inc. */
static double sum_of_exponentials(size_t n, const float *o, float *e, float *most)
{
    float part[CHUNK], max = o[0];
    double sum = 0.0;
    for (size_t j = 1; j < n; j++) max = o[j] > max ? o[j] : max;
    *most = max;
    for (size_t first = 0; first < n; first += CHUNK) {
        const size_t m = n - first < CHUNK ? n - first : CHUNK;
        for (size_t j = 0; j < m; j++) part[j] = exp_negative(o[first + j] - max);
        for (size_t j = 0; j < m; j++) sum += (double)part[j];
        if (e) memcpy(e + first, part, m * sizeof *e);
    }
    return sum;
}

static bool is_right(const float *o, size_t n, size_t y)
{
    bool right = true;
    for (size_t j = 0; j < y; j++) right &= o[j] < o[y];
    for (size_t j = y; j < n; j++) right &= o[j] <= o[y];
    return right;
}

static void loss(const co_pass *pass, size_t n_classes, const float *out, float *d_out,
                 double *sums)
{
    const co_batch *batch = pass->batch;
    const int32_t *labels = batch->y;
    const co_kernels *fast = co_kernels_in_use();
    for (size_t i = 0; i < batch->n; i++, out += n_classes) {
        CO_ASSERT(labels[i] >= 0 && (size_t)labels[i] < n_classes);
        const size_t y = (size_t)labels[i];
        float max;
        const double sum = fast ? fast->exponentials(n_classes, out, d_out, &max)
                                : sum_of_exponentials(n_classes, out, d_out, &max);
        sums[0] += 1.0;
        sums[1] += (isfinite(sum) ? co_plain_log(sum) : sum) + ((double)max - (double)out[y]);
        sums[2] += is_right(out, n_classes, y) ? 1.0 : 0.0;
        if (!d_out) continue;
        const float factor = (float)(1.0 / (sum * (double)batch->n));
        for (size_t j = 0; j < n_classes; j++) d_out[j] *= factor;
        d_out[y] -= 1.0f / (float)batch->n;
        d_out += n_classes;
    }
}

static double accuracy(const double *sums, size_t n_classes)
{
    (void)n_classes;
    return sums[0] > 0.0 ? sums[2] / sums[0] : (double)NAN;
}

static size_t n_sums(size_t n_classes)
{
    (void)n_classes;
    return N_SUMS;
}

static size_t outputs(size_t n_classes)
{
    return n_classes;
}

static const co_metric metrics[] = {
    {"accuracy", "share of examples whose largest output is the label's", true, accuracy}, {0}};
const co_task co_task_classification = {.name = "classification",
                                        .summary =
                                            "one of n classes an example: softmax cross-entropy",
                                        .source = "Bridle, NeurIPS 1989",
                                        .metrics = metrics,
                                        .n_sums = n_sums,
                                        .outputs = outputs,
                                        .loss = loss};
