/* models/losses/huber.c - squared near the target, linear far from it, so that outliers do not
 * rule.
 *
 * Per output, e = o_j - t_j: e^2 / 2 where |e| <= delta, else delta (|e| - delta / 2); the row's
 * loss is the mean over its n outputs. d_j = e cut to [-delta, delta], over n n_rows. In double, in
 * order. As PyTorch's HuberLoss. Cost: one pass. Source: Huber, Annals of Mathematical Statistics
 * 35 (1964), section 4. */
#include "core/memory.h"
#include "models/losses/loss.h"
#include <math.h>

static co_status create(const co_config *opt, void **self)
{
    double *delta = co_malloc(1, sizeof *delta);
    if (!delta) return CO_FAIL(CO_ENOMEM, "huber loss");
    *delta = co_config_real(opt, "delta");
    *self = delta;
    return CO_OK;
}

static void of_values(const void *self, size_t rows, size_t n, const float *o, const float *t,
                      size_t n_rows, float *d, double *loss)
{
    const double delta = *(const double *)self, factor = 1.0 / ((double)n * (double)n_rows);
    for (size_t r = 0; r < rows; r++) {
        double sum = 0.0;
        for (size_t j = r * n; j < (r + 1) * n; j++) {
            const double error = (double)o[j] - (double)t[j], size = fabs(error);
            sum += size <= delta ? 0.5 * error * error : delta * (size - 0.5 * delta);
            if (d) d[j] = (float)(factor * (size <= delta ? error : copysign(delta, error)));
        }
        loss[r] = sum / (double)n;
    }
}

static const co_param params[] = {{"delta", CO_REAL, .def = 1.0, .lo = 0.0, .hi = 1e30,
                                   .flags = CO_LO_OPEN,
                                   .doc = "huber: distance at which the loss becomes linear"},
                                  {0}};
const co_loss co_loss_huber = {.name = "huber",
                               .summary = "squared up to a distance delta, linear beyond",
                               .source = "Huber, Annals of Mathematical Statistics 35, 1964",
                               .params = params,
                               .create = create,
                               .destroy = co_free,
                               .of_values = of_values};
