/* aggregators/qfedavg.c - a mean that leans towards devices on which the model is bad.
 * With F_i the loss of the received model on device i's examples and L = 1 / lr:
 *   update = sum_i w_i F_i^q u_i / sum_i w_i F_i^q (1 + q L |u_i|^2 / F_i),
 * that is the paper's Delta_i over h_i, both divided by L. q = 0: the mean. Even one device is
 * damped when q > 0. Cost: a forward pass over the devices' examples before they train, one
 * reduction of a scalar. Source: Li, Sanjabi, Beirami, Smith, ICLR 2020, arXiv:1905.10497,
 * Algorithm 2. They draw devices by p_i and add with equal weights; here w_i is `weight`. F_i is at
 * least 1e-10. */
#include "aggregators/aggregator.h"
#include "core/elementary.h"
#include "core/exact.h"
#include "core/memory.h"

static co_status create(const co_config *opt, void **self)
{
    double *q = co_malloc(1, sizeof *q);
    if (!q) return CO_FAIL(CO_ENOMEM, "qfedavg");
    *q = co_config_real(opt, "q");
    *self = q;
    return CO_OK;
}

static double bounded(double loss)
{
    return loss > 1e-10 ? loss : 1e-10;
}

static double stress(const void *self, double loss)
{
    return co_plain_power(bounded(loss), *(const double *)self);
}

static void report(const void *self, const co_device_report *device, double *factor, double *term)
{
    const double q = *(const double *)self;
    *factor = 1.0;
    *term = device->lr > 0.0
                ? 1.0 + q * device->norm * device->norm / (device->lr * bounded(device->loss))
                : 1.0;
}

static void finish(const void *self, const co_round_sum *in, double *update)
{
    (void)self;
    co_sum_mean(in, in->terms, update);
}

static const co_param params[] = {{"q", CO_REAL, .def = 1.0, .lo = 0.0, .hi = 100.0,
                                   .doc = "0: the mean; larger: fairer to bad devices"},
                                  {0}};

const co_aggregator co_aggregator_qfedavg = {
    .name = "qfedavg",
    .summary = "weights devices by the q-th power of their loss",
    .source = "Li et al. 2020, arXiv:1905.10497, Algorithm 2",
    .params = params,
    .create = create,
    .destroy = co_free,
    .finish = finish,
    .needs_newest = "it compares devices by their losses of one model",
    .stress = stress,
    .report = report};
