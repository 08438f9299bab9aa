/* partition/iid.c - every device draws from the same pool; the sizes follow a law.
 *
 * equal: spans [floor(n k / K), floor(n (k + 1) / K)): sizes differ by at most 1, and with K > n
 * the K - n empty devices are spread evenly over the ids. lognormal: weights exp(sigma z), z
 * normal. zipf: weights rank^-exponent, the ranks dealt by key. dirichlet: Dirichlet(beta). linear,
 * square, exponential: weights id + 1, (id + 1)^2, e^id (flwr-datasets). given: the list `given`,
 * or a file, of one size a device; what it leaves over is unassigned. Cost: O(n + K). Source:
 * McMahan et al., AISTATS 2017, arXiv:1602.05629, section 3 (their IID split: equal). */
#include "partition/partitioner.h"
#include "partition/sizes.h"

enum { DRAW_SIZES };

static co_status plan_sizes(const co_config *opt, const co_partition_input *in,
                            co_partition_plan *plan)
{
    CO_TRY(co_partition_agree(in, co_partition_plan_counts(in, plan)));
    return co_sizes_by_option(opt, in, DRAW_SIZES, plan->count);
}

static const co_param params[] = {CO_SIZES_PARAMS, {0}};
const co_partitioner co_partitioner_iid = {
    .name = "iid",
    .summary = "random shares of all examples, of equal or skewed sizes",
    .source = "McMahan et al. 2017, arXiv:1602.05629",
    .params = params,
    .needs = CO_PART_REDRAW | CO_PART_MAY_DEVICES,
    .devices = co_sizes_devices,
    .plan = plan_sizes};
