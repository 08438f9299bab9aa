/* partition/cluster.c - skew by what the examples look like: k-means of the features, then
 * Dirichlet over the clusters.
 *
 * The clusters (kmeans.c) stand in for the classes: `per: device` draws each device's mix of
 * clusters and lets the devices take in the order of their ids, as FedNLP's niid_cluster does: a
 * cluster that has run dry is made up for by the others, so that the last devices get what remains
 * and are further from the law than the first. `per: cluster` shares each cluster out as dirichlet
 * does. Cost: that of kmeans.c and of the two members. Source: Lin et al., NAACL findings 2022,
 * arXiv:2104.08815, section 4 (clusters of sentence embeddings). */
#include "core/memory.h"
#include "io/data/features_file.h"
#include "partition/kmeans.h"
#include "partition/pools.h"
#include <string.h>

enum { DRAW_MIX, DRAW_TAKE };

typedef struct {
    double alpha, *shape; /* [n_groups] scratch */
    const co_partition_plan *plan;
} drawer;

static void draw(const void *self, const co_partition_input *in, int64_t device, double *q)
{
    const drawer *d = self;
    co_mix_draw(in, DRAW_MIX, d->alpha, NULL, d->plan->group_size, d->plan->n_groups, device,
                d->shape, q);
}

static co_status take_by_device(double alpha, const co_partition_input *in, co_partition_plan *plan)
{
    drawer d = {alpha, co_malloc(plan->n_groups, sizeof *d.shape), plan};
    co_status st = co_partition_agree(in, d.shape ? CO_OK : CO_FAIL(CO_ENOMEM, "shape of a mix"));
    if (st == CO_OK) st = co_pool_plan(in, DRAW_TAKE, draw, &d, plan);
    co_free(d.shape);
    return st;
}

/* Of x, or of the rows of the file `features`. */
static co_status find_clusters(const co_config *opt, const co_partition_input *in, size_t k,
                               int32_t **cluster)
{
    const int iterations = (int)co_config_int(opt, "iterations");
    if (!co_config_has(opt, "features")) return co_kmeans(in, k, iterations, cluster);
    co_dataset features;
    co_partition_input of_file = *in;
    of_file.data = &features;
    CO_TRY(co_partition_agree(
        in, co_features_read(co_config_string(opt, "features"), in->data, &features)));
    const co_status st = co_kmeans(&of_file, k, iterations, cluster);
    co_features_fini(&features);
    return st;
}

static co_status plan_clusters(const co_config *opt, const co_partition_input *in,
                               co_partition_plan *plan)
{
    const int64_t k = co_config_int(opt, "clusters");
    const double alpha = co_config_real(opt, "alpha");
    int32_t *cluster = NULL;
    if (k > in->n_examples && in->n_examples > 0)
        return co_config_fail(opt, co_config_node(opt, "clusters"),
                              "%lld clusters of %lld training examples; take fewer", (long long)k,
                              (long long)in->n_examples);
    CO_TRY(find_clusters(opt, in, (size_t)k, &cluster));
    CO_TRY(co_partition_agree(in, co_partition_plan_regroup(in, plan, cluster, (size_t)k)));
    if (strcmp(co_config_string(opt, "per"), "device") == 0) return take_by_device(alpha, in, plan);
    return co_dirichlet_plan((co_concentration){alpha, NULL}, false, in, plan);
}

static const co_param params[] = {
    {.key = "clusters",
     .type = CO_INT,
     .def = 10,
     .lo = 1,
     .hi = 65536,
     .doc = "clusters of the features"},
    {.key = "alpha",
     .type = CO_REAL,
     .lo = 1e-6,
     .hi = 1e6,
     .flags = CO_REQUIRED,
     .doc = "concentration: small = few classes a device, large = all alike"},
    {.key = "per",
     .type = CO_CHOICE,
     .words = "device|cluster",
     .doc = "what draws the proportions: each device its clusters (the last devices get what the "
            "first leave), "
            "or each cluster its devices"},
    {.key = "iterations",
     .type = CO_INT,
     .def = 20,
     .lo = 1,
     .hi = 10000,
     .doc = "most iterations of k-means"},
    {.key = "features",
     .type = CO_STRING,
     .flags = CO_OPTIONAL,
     .doc =
         "file of `cohort predict .. output=hidden` with each training example (of rows that are "
         "tokens the mean), in place of x"},
    {0}};
const co_partitioner co_partitioner_cluster = {
    .name = "cluster",
    .summary = "k-means clusters of the features dealt by Dirichlet(alpha)",
    .source = "Lin et al. 2022, arXiv:2104.08815",
    .params = params,
    .needs = CO_PART_NEEDS_FEATURES | CO_PART_REDRAW,
    .plan = plan_clusters};
