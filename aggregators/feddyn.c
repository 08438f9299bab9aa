/* aggregators/feddyn.c - the server's half of FedDyn: the mean, and the drift that is left of past
 * rounds. drift += sum_i w_i u_i / W_all, over the round's devices and the weights of the whole
 * population; update = mean + drift. The drift is the paper's -h / alpha, in which alpha cancels.
 * Cost: that of the mean, and one float a coordinate. Goes with local.rule: feddyn.
 * Source: Acar et al., ICLR 2021, arXiv:2111.04263, Algorithm 1 (all weights equal there: weight:
 * uniform). */
#include "aggregators/aggregator.h"
#include "core/exact.h"

static void finish(const void *self, const co_round_sum *in, double *update)
{
    (void)self;
    float *drift = in->slot[0];
    co_sum_mean(in, in->total, update);
    for (size_t j = 0; j < in->n; j++) {
        const double now = (double)drift[j] + in->total * in->coverage * update[j];
        drift[j] = (float)now;
        update[j] += now;
    }
}

static const char *const slots[] = {"drift", NULL};

const co_aggregator co_aggregator_feddyn = {
    .name = "feddyn",
    .summary = "mean plus the drift of past rounds, for local.rule feddyn",
    .source = "Acar et al. 2021, arXiv:2111.04263, Algorithm 1",
    .finish = finish,
    .partner = "feddyn",
    .needs_newest = "its drift is that of devices which all started from one model",
    .slots = slots};
