/* models/losses/binary.c - binary cross-entropy of every output with its own target in [0, 1];
 * outputs are logits.
 *
 * Per output: max(o, 0) - o t + log(1 + exp(-|o|)), which never overflows; the row's loss is the
 * mean over its n outputs. d_j = (logistic(o_j) - t_j) / (n n_rows). Exponentials are floats,
 * logarithm and sum double, in order. As PyTorch's BCEWithLogitsLoss. Cost: one exponential and one
 * logarithm a value. */
#include "core/clones.h"
#include "core/elementary.h"
#include "models/losses/loss.h"
#include "models/smooth.h"
#include <math.h>

enum { CHUNK = 64 };

/* Side by side: one logarithm waits for itself at every step. */
CO_CLONES static void binary_terms(size_t n, const float *restrict o, const float *restrict t,
                                   double *restrict term)
{
    for (size_t j = 0; j < n; j++) {
        const float e = co_exp_negative(o[j] < 0.0f ? o[j] : -o[j]);
        term[j] = (o[j] > 0.0f ? (double)o[j] : 0.0) - (double)o[j] * (double)t[j] +
                  co_plain_log(1.0 + (double)e);
    }
}

static double row_loss(size_t n, const float *o, const float *t)
{
    double term[CHUNK], sum = 0.0;
    for (size_t first = 0; first < n; first += CHUNK) {
        const size_t m = n - first < CHUNK ? n - first : CHUNK;
        binary_terms(m, o + first, t + first, term);
        for (size_t j = 0; j < m; j++) sum += term[j];
    }
    return sum / (double)n;
}

static void of_values(const void *self, size_t rows, size_t n, const float *o, const float *t,
                      size_t n_rows, float *d, double *loss)
{
    const float factor = (float)(1.0 / ((double)n * (double)n_rows));
    (void)self;
    for (size_t r = 0; r < rows; r++) {
        loss[r] = row_loss(n, o + r * n, t + r * n);
        for (size_t j = r * n; d && j < (r + 1) * n; j++)
            d[j] = (co_logistic(o[j]) - t[j]) * factor;
    }
}

const co_loss co_loss_binary = {.name = "binary",
                                .summary = "binary cross-entropy of every output, which are logits",
                                .of_values = of_values,
                                .probabilities = true};
