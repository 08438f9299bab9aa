/* models/losses/squared.c - mean squared error: (1/n) sum_j (o_j - t_j)^2 over the n outputs of a
 * row.
 *
 * d_j = 2 (o_j - t_j) / (n n_rows). Differences and sum in double, in order. As PyTorch's MSELoss.
 * Cost: one pass. */
#include "models/losses/loss.h"

static void of_values(const void *self, size_t rows, size_t n, const float *o, const float *t,
                      size_t n_rows, float *d, double *loss)
{
    const double factor = 2.0 / ((double)n * (double)n_rows);
    (void)self;
    for (size_t r = 0; r < rows; r++) {
        double sum = 0.0;
        for (size_t j = r * n; j < (r + 1) * n; j++) {
            const double error = (double)o[j] - (double)t[j];
            sum += error * error;
            if (d) d[j] = (float)(factor * error);
        }
        loss[r] = sum / (double)n;
    }
}

const co_loss co_loss_squared = {
    .name = "squared", .summary = "mean squared error of the outputs", .of_values = of_values};
