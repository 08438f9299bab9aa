/* partition/quantity.c - devices differ in how much they have, not in what.
 *
 * Sizes n q with q ~ Dirichlet(beta, .., beta) over the K devices, or by a power law q_k in
 * proportion to rank^-exponent, the ranks dealt by key; the examples are a random deal. The
 * coefficient of variation of the Dirichlet sizes has root mean square sqrt((K - 1) / (K beta +
 * 1)). Cost: O(n + K). Source: Li et al., ICDE 2022, arXiv:2102.02079, section 4.3 (quantity skew q
 * ~ Dir(beta)). */
#include "partition/sizes.h"
#include <string.h>

enum { DRAW_SIZES };

static co_status plan_sizes(const co_config *opt, const co_partition_input *in,
                            co_partition_plan *plan)
{
    const bool power = strcmp(co_config_string(opt, "law"), "power") == 0;
    CO_TRY(co_partition_agree(in, co_partition_plan_counts(in, plan)));
    return co_sizes(in, DRAW_SIZES, power ? CO_SIZES_ZIPF : CO_SIZES_DIRICHLET,
                    co_config_real(opt, power ? "exponent" : "beta"), in->n_examples, plan->count,
                    1);
}

static const co_param params[] = {
    {.key = "law",
     .type = CO_CHOICE,
     .words = "dirichlet|power",
     .doc = "law of the sizes: Dirichlet(beta), or rank^-exponent"},
    {.key = "beta",
     .type = CO_REAL,
     .def = 1.0,
     .lo = 1e-6,
     .hi = 1e6,
     .doc = "concentration of Dirichlet sizes: small = few large devices"},
    {.key = "exponent",
     .type = CO_REAL,
     .def = 1.0,
     .lo = 0.0,
     .hi = 10.0,
     .doc = "Zipf and power law: size in proportion to rank^-exponent"},
    {0}};
const co_partitioner co_partitioner_quantity = {
    .name = "quantity",
    .summary = "sizes by Dirichlet(beta) or a power law, contents alike",
    .source = "Li et al. 2022, arXiv:2102.02079",
    .params = params,
    .needs = CO_PART_REDRAW,
    .plan = plan_sizes};
