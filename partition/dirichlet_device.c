/* partition/dirichlet_device.c - every device draws its own mix of the classes.
 *
 * Device k draws q_k ~ Dirichlet(alpha p), p the classes' parts of all examples, and takes its n / K
 * examples (sizes differ by at most 1) from the classes in these proportions. A class that has run dry
 * is made up for by the others in proportion to q_k; when q_k is 0 on all that is left, in proportion
 * to what is left. Devices take in the order of their ids, so that the last ones get what remains: no
 * example is lost. E sum_c q_c^2 = (alpha sum_c p_c^2 + 1) / (alpha + 1). Cost: O(n + K C) time.
 * Source: Hsu, Qi & Brown, 2019, arXiv:1909.06335, section 3; refilling as FedNLP's niid_label does
 * (Lin et al., NAACL findings 2022, arXiv:2104.08815, section 4). */
#include "core/memory.h"
#include "partition/pools.h"

enum { STAGE_MIX, STAGE_TAKE };

typedef struct {
    double alpha, *shape; /* [n_groups] scratch */
    const co_partition_plan *plan;
} drawer;

static void draw(const void *self, const co_partition_input *in, int64_t device, double *q)
{
    const drawer *d = self;
    co_mix_draw(in, STAGE_MIX, d->alpha, d->plan->group_size, d->plan->n_groups, device, d->shape, q);
}

co_status co_dirichlet_device_plan(double alpha, const co_partition_input *in, co_partition_plan *plan)
{
    drawer d = {alpha, co_malloc(plan->n_groups, sizeof *d.shape), plan};
    co_status st = co_partition_agree(in, d.shape ? CO_OK : CO_FAIL(CO_ENOMEM, "shape of a mix"));
    if (st == CO_OK) st = co_pool_plan(in, STAGE_TAKE, draw, &d, plan);
    co_free(d.shape);
    return st;
}

static co_status plan_mixes(const co_config *opt, const co_partition_input *in, co_partition_plan *plan)
{
    return co_dirichlet_device_plan(co_config_real(opt, "alpha"), in, plan);
}

static const co_param params[] = {
    {.key = "alpha",
     .type = CO_REAL,
     .lo = 1e-6,
     .hi = 1e6,
     .flags = CO_REQUIRED,
     .doc = "concentration: small = few classes a device, large = all alike"},
    {0}};
const co_partitioner co_partitioner_dirichlet_device = {
    .name = "dirichlet_device",
    .summary = "each device's classes by Dirichlet(alpha x prior), equal sizes",
    .source = "Hsu et al. 2019, arXiv:1909.06335",
    .params = params,
    .needs = CO_PART_NEEDS_LABELS,
    .plan = plan_mixes};
