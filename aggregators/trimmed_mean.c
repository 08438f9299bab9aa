/* aggregators/trimmed_mean.c - coordinate-wise mean without the extremes.
 * Per coordinate: drop the k smallest and the k largest of the m device values, average the rest; k
 * = trim, or floor(beta m) without it, at most (m - 1) / 2. Weights are ignored: the bound is for
 * equal weights. Cost a coordinate: O(log^2 m) vector steps of m, no messages. Source: Yin et al.,
 * ICML 2018, arXiv:1803.01498, Definition 2. We round beta m down. */
#include "aggregators/updates.h"
#include "core/memory.h"
#include <string.h>

typedef struct {
    double beta;
    int64_t trim; /* -1: beta says */
} trimmed;

static co_status create(const co_config *opt, void **self)
{
    trimmed *t = co_malloc(1, sizeof *t);
    if (!t) return CO_FAIL(CO_ENOMEM, "trimmed mean");
    *t = (trimmed){.beta = co_config_real(opt, "beta"),
                   .trim = co_config_has(opt, "trim") ? co_config_int(opt, "trim") : -1};
    *self = t;
    return CO_OK;
}

static size_t count_dropped(const trimmed *t, size_t m)
{
    size_t k = (size_t)(t->beta * (double)m + 1e-9); /* 0.29 * 100 is 28.99.. */
    if (t->trim >= 0) k = (size_t)t->trim;
    return 2 * k >= m ? (m - 1) / 2 : k;
}

/* The values are added in ascending order: the same bits whatever the order of the devices. */
static void inner_mean(const void *context, const float *values, size_t m, size_t n, double *out)
{
    const size_t k = *(const size_t *)context;
    memset(out, 0, n * sizeof *out);
    for (size_t i = k; i < m - k; i++)
        for (size_t j = 0; j < n; j++) out[j] += (double)values[i * CO_TILE + j];
    for (size_t j = 0; j < n; j++) out[j] /= (double)(m - 2 * k);
}

static void combine(const void *self, const co_updates *in, double *update)
{
    const size_t k = count_dropped(self, in->n_rows);
    co_rows_sorted(in, in->scratch, inner_mean, &k, update);
}

static size_t scratch(const void *self, size_t n_rows, size_t n)
{
    (void)self;
    (void)n;
    return n_rows * CO_TILE * sizeof(float);
}

static co_status check(const co_config *opt, size_t n_rows)
{
    if (!co_config_has(opt, "trim") || 2 * (size_t)co_config_int(opt, "trim") < n_rows)
        return CO_OK;
    return co_config_fail(opt, co_config_node(opt, "trim"),
                          "%lld from each end leaves nothing of %zu; at most %zu",
                          (long long)co_config_int(opt, "trim"), n_rows, (n_rows - 1) / 2);
}

static const co_param params[] = {{"beta", CO_REAL, .def = 0.1, .lo = 0.0, .hi = 0.5,
                                   .flags = CO_HI_OPEN,
                                   .doc = "fraction of the devices dropped at each end"},
                                  {"trim", CO_INT, .lo = 0, .hi = 1e9, .flags = CO_OPTIONAL,
                                   .doc = "devices dropped at each end, instead of beta"},
                                  {0}};

const co_aggregator co_aggregator_trimmed_mean = {.name = "trimmed_mean",
                                                  .summary =
                                                      "coordinate-wise mean without the extremes",
                                                  .source = "Yin et al. 2018, arXiv:1803.01498",
                                                  .params = params,
                                                  .create = create,
                                                  .destroy = co_free,
                                                  .combine = combine,
                                                  .scratch = scratch,
                                                  .check = check};
