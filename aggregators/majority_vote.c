/* aggregators/majority_vote.c - each coordinate moves by 1 where most devices want it to.
 *
 * update_j = sgn(sum_i a_i s_ij), s_ij the signs that devices send (transform sign); where both
 * sides weigh the same, 0. With aggregate.weight: uniform and sign's scale: none a device is a
 * vote. Votes have no size: server.lr says how far a step goes (the paper's eta). Half of the
 * devices may be against without turning a clear vote. Cost: one pass over the slice. Source:
 * Bernstein et al., ICLR 2019, arXiv:1810.05165, Algorithm 1. */
#include "aggregators/aggregator.h"

static void finish(const void *self, const co_round_sum *in, double *update)
{
    (void)self;
    co_sum_mean(in, 1.0, update);
    for (size_t j = 0; j < in->n; j++) update[j] = (double)((update[j] > 0.0) - (update[j] < 0.0));
}

const co_aggregator co_aggregator_majority_vote = {
    .name = "majority_vote",
    .summary = "moves each coordinate by 1 where most signs point; server.lr is the step",
    .source = "Bernstein et al. 2019, arXiv:1810.05165",
    .finish = finish,
    .needs_stage = "sign",
    .fixed_total = true};
