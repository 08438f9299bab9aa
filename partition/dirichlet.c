/* partition/dirichlet.c - every class is shared out in Dirichlet proportions.
 *
 * For each class c with n_c examples: p ~ Dir(alpha, .., alpha) over the K devices, P_k = p_0 + ..
 * + p_k, and u uniform in [0, 1). Device k gets floor(n_c P_k + u) - floor(n_c P_{k-1} + u)
 * examples of the class, drawn by key. No example is lost, and each device expects exactly n_c p_k
 * examples. A list alpha has one concentration a device: E p_k = alpha_k / sum of all. Mean over
 * draws of sum_k p_k^2: (alpha + 1) / (K alpha + 1). balanced: a device that already has n / K
 * examples takes no part in the classes that follow. Cost: O(n + K C) time, one gamma draw for each
 * device and class. Source: Yurochkin et al., ICML 2019, arXiv:1905.12022, section 4 (proportions
 * per class); balanced as Li et al., ICDE 2022, arXiv:2102.02079, do in their code. Where we
 * differ: the usual cut is at floor(n_c P_k), which gives the last device an example of every class
 * whatever its proportion; the keyed offset u removes that. The usual endless redraw until every
 * device has 10 examples is the option min_size, off by default and bounded. */
#include "core/memory.h"
#include "partition/pools.h"
#include "partition/proportions.h"
#include <math.h>

enum { DRAW_PROPORTIONS };

/* Devices that hold n / K examples or more are closed. */
static void close_full(const co_partition_input *in, const int64_t *size, double *weight)
{
    for (int64_t i = 0; i < in->last - in->first; i++)
        if (size[i] * in->n_devices >= in->n_examples) weight[i] = -INFINITY;
}

static void add_class(const co_partition_input *in, const int32_t *count, size_t stride,
                      int64_t *size)
{
    for (int64_t i = 0; i < in->last - in->first; i++) size[i] += count[(size_t)i * stride];
}

co_status co_dirichlet_plan(co_concentration alpha, bool balanced, const co_partition_input *in,
                            co_partition_plan *plan)
{
    const size_t m = (size_t)(in->last - in->first);
    double *weight = co_malloc(m, sizeof *weight);
    int64_t *size = co_calloc(balanced ? m : 0, sizeof *size);
    co_status st = weight && size ? co_partition_plan_counts(in, plan)
                                  : CO_FAIL(CO_ENOMEM, "proportions of %zu devices", m);
    st = co_partition_agree(in, st);
    for (size_t c = 0; st == CO_OK && c < plan->n_groups; c++) {
        if (plan->group_size[c] == 0) continue;
        if (alpha.each)
            co_proportions_draw_each(in, DRAW_PROPORTIONS, c, alpha.each + in->first, in->first,
                                     (int64_t)m, weight);
        else
            co_proportions_draw(in, DRAW_PROPORTIONS, c, alpha.one, in->first, (int64_t)m, weight);
        if (balanced) close_full(in, size, weight);
        co_proportions_cut(in, DRAW_PROPORTIONS, c, weight, plan->group_size[c], plan->count + c,
                           plan->n_groups);
        if (balanced) add_class(in, plan->count + c, plan->n_groups, size);
    }
    co_free(weight);
    co_free(size);
    return st;
}

static co_status plan_proportions(const co_config *opt, const co_partition_input *in,
                                  co_partition_plan *plan)
{
    co_concentration alpha;
    co_status st = co_partition_agree(
        in, co_concentration_read(opt, "alpha", (size_t)in->n_devices, "devices", &alpha));
    if (st == CO_OK) st = co_dirichlet_plan(alpha, co_config_bool(opt, "balanced"), in, plan);
    co_free(alpha.each);
    return st;
}

static const co_param params[] = {
    {.key = "alpha",
     .type = CO_REAL,
     .lo = 1e-6,
     .hi = 1e6,
     .flags = CO_REQUIRED | CO_OR_LIST,
     .doc = "concentration: small = few classes a device, large = all alike; a list has one a "
            "device, which expects its part of their sum"},
    {.key = "balanced",
     .type = CO_BOOL,
     .doc = "a device that has n / devices examples gets no more classes"},
    {0}};
const co_partitioner co_partitioner_dirichlet = {
    .name = "dirichlet",
    .summary = "each class shared out in Dirichlet(alpha) proportions",
    .source = "Yurochkin et al. 2019, arXiv:1905.12022",
    .params = params,
    .needs = CO_PART_NEEDS_LABELS | CO_PART_REDRAW,
    .plan = plan_proportions};
