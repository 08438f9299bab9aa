/* aggregators/fednova.c - the mean of updates that are normalised by the work behind them.
 * update = (sum_i p_i t_i) (sum_i p_i u_i / t_i), p_i = a_i / sum a; t_i is the 1-norm of the
 * coefficients with which device i's gradients enter its update: its steps for plain SGD, closed
 * sums with momentum or a proximal term. Devices that make many steps no longer pull the model
 * towards their own optimum. Cost: that of the mean, and one exact scalar. Source: Wang et al.,
 * NeurIPS 2020, arXiv:2007.07481, equation 6 and section 4 (tau_eff = sum p_i |a_i|_1). */
#include "aggregators/aggregator.h"
#include "core/exact.h"

static void report(const void *self, const co_device_report *device, double *factor, double *term)
{
    (void)self;
    const double t = device->reach > 1.0 ? device->reach : 1.0;
    *factor = 1.0 / t;
    *term = t;
}

static void finish(const void *self, const co_round_sum *in, double *update)
{
    (void)self;
    co_sum_mean(in, in->total / (in->terms / in->total), update);
}

const co_aggregator co_aggregator_fednova = {
    .name = "fednova",
    .summary = "mean of updates normalised by the devices' local work",
    .source = "Wang et al. 2020, arXiv:2007.07481, equation 6",
    .finish = finish,
    .report = report,
    .needs_reach = true};
