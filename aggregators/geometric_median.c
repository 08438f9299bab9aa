/* aggregators/geometric_median.c - the point with the least weighted sum of distances to the
 * updates. Smoothed Weiszfeld: z = sum_i w_i u_i / sum_i w_i, then `iterations` times b_i = w_i /
 * max(nu, |u_i - z|), z = sum_i b_i u_i / sum_i b_i. Cost: three passes over all rows an iteration,
 * one exact sum of n scalars over the ranks. Source: Pillutla, Kakade, Harchaoui 2019,
 * arXiv:1912.13445, Algorithm 2 (RFA). */
#include "aggregators/updates.h"
#include "core/memory.h"

typedef struct {
    int64_t n_iterations;
    double nu;
} weiszfeld;

static co_status create(const co_config *opt, void **self)
{
    weiszfeld *z = co_malloc(1, sizeof *z);
    if (!z) return CO_FAIL(CO_ENOMEM, "geometric median");
    *z = (weiszfeld){.n_iterations = co_config_int(opt, "iterations"),
                     .nu = co_config_real(opt, "nu")};
    *self = z;
    return CO_OK;
}

static size_t scratch(const void *self, size_t m, size_t n)
{
    (void)self;
    (void)n;
    return m * (sizeof(co_scalar) + 2 * sizeof(double));
}

/* a_i = b_i / sum_k b_k, the sum exact. */
static void normalise(double *a, size_t m)
{
    co_scalar sum = {0};
    for (size_t i = 0; i < m; i++) co_scalar_add(&sum, a[i]);
    const double total = co_scalar_value(&sum);
    for (size_t i = 0; i < m; i++) a[i] /= total;
}

static void combine(const void *self, const co_updates *in, double *update)
{
    const size_t m = in->n_rows;
    const weiszfeld *z = self;
    const double nu = z->nu;
    co_scalar *sums = in->scratch;
    double *a = (double *)(sums + m), *distance = a + m;
    for (size_t i = 0; i < m; i++) a[i] = in->weight[i];
    normalise(a, m);
    co_rows_sum(in, a, NULL, update);
    for (int64_t k = 0; k < z->n_iterations; k++) {
        co_rows_distances(in, update, sums, distance);
        for (size_t i = 0; i < m; i++) a[i] = in->weight[i] / (distance[i] > nu ? distance[i] : nu);
        normalise(a, m);
        co_rows_sum(in, a, NULL, update);
    }
}

static const co_param params[] = {
    {"iterations", CO_INT, .def = 8, .lo = 1, .hi = 1e6, .doc = "steps towards it"},
    {"nu", CO_REAL, .def = 1e-6, .lo = 0.0, .hi = 1e6, .flags = CO_LO_OPEN,
     .doc = "least distance that is divided by"},
    {0}};

const co_aggregator co_aggregator_geometric_median = {
    .name = "geometric_median",
    .summary = "RFA: least sum of distances to the updates, smoothed Weiszfeld",
    .source = "Pillutla et al. 2019, arXiv:1912.13445, Algorithm 2",
    .params = params,
    .create = create,
    .destroy = co_free,
    .combine = combine,
    .scratch = scratch,
    .weighted = true};
