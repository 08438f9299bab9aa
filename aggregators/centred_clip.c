/* aggregators/centred_clip.c - the mean of updates clipped around the last round's aggregate.
 * v = last round's result (0 at first), then `iterations` times
 * v += 1/m sum_i (u_i - v) min(1, tau / |u_i - v|). Every device counts the same. On one device the
 * identity while |u - v| <= tau. State: the centre, one float a coordinate. Cost: three passes over
 * all rows an iteration, one exact sum of n scalars over the ranks. Source: Karimireddy, He, Jaggi,
 * ICML 2021, arXiv:2012.10333, Algorithm 2. */
#include "aggregators/updates.h"
#include "core/memory.h"

typedef struct {
    int64_t n_iterations;
    double tau;
} centred;

static co_status create(const co_config *opt, void **self)
{
    centred *c = co_malloc(1, sizeof *c);
    if (!c) return CO_FAIL(CO_ENOMEM, "centred clipping");
    *c = (centred){.n_iterations = co_config_int(opt, "iterations"),
                   .tau = co_config_real(opt, "tau")};
    *self = c;
    return CO_OK;
}

static size_t scratch(const void *self, size_t m, size_t n)
{
    (void)self;
    return m * (sizeof(co_scalar) + 2 * sizeof(double)) + n * sizeof(double);
}

static void combine(const void *self, const co_updates *in, double *update)
{
    const size_t m = in->n_rows;
    const centred *c = self;
    const double tau = c->tau;
    co_scalar *sums = in->scratch;
    double *a = (double *)(sums + m), *distance = a + m, *step = distance + m;
    for (size_t j = 0; j < in->n; j++) update[j] = (double)in->slot[0][j];
    for (int64_t k = 0; k < c->n_iterations; k++) {
        co_rows_distances(in, update, sums, distance);
        for (size_t i = 0; i < m; i++)
            a[i] = (distance[i] > tau ? tau / distance[i] : 1.0) / (double)m;
        co_rows_sum(in, a, update, step);
        for (size_t j = 0; j < in->n; j++) update[j] += step[j];
    }
    for (size_t j = 0; j < in->n; j++) in->slot[0][j] = (float)update[j];
}

static const co_param params[] = {
    {"tau", CO_REAL, .def = 10.0, .lo = 0.0, .hi = 1e30, .flags = CO_LO_OPEN,
     .doc = "radius around the centre"},
    {"iterations", CO_INT, .def = 1, .lo = 1, .hi = 1e6, .doc = "steps of the centre a round"},
    {0}};
static const char *const slots[] = {"centre", NULL};

const co_aggregator co_aggregator_centred_clip = {
    .name = "centred_clip",
    .summary = "mean of updates clipped around the last aggregate",
    .source = "Karimireddy et al. 2021, arXiv:2012.10333, Algorithm 2",
    .params = params,
    .create = create,
    .destroy = co_free,
    .combine = combine,
    .scratch = scratch,
    .slots = slots};
