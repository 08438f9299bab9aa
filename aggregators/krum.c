/* aggregators/krum.c - Krum and multi-Krum: the update that lies closest to its neighbours.
 * s(i) = sum of |u_i - u_k|^2 over the `neighbours` devices k != i nearest to i; krum is the update
 * of the lowest score, multi_krum the plain mean of the `m` lowest. Ties go to the lower device id.
 * neighbours defaults to n - f - 2, m to n - f, for f devices that lie among n; both at least 1 and
 * no more than there are. Every device counts the same. Fewer than 2 f + 3 devices are refused
 * unless few_devices says so: then the theorem of the paper says nothing. Cost: n^2 / 2 passes over
 * the slice, n^2 doubles, one exact sum of n^2 / 2 scalars over the ranks. Source: Blanchard et
 * al., NeurIPS 2017, sections 3 and 4. */
#include "aggregators/updates.h"
#include "core/memory.h"
#include <stdlib.h>
#include <string.h>

/* -1: as the formula says. */
typedef struct {
    int64_t f, neighbours, m;
} krum;

typedef struct {
    co_scalar *sums;                   /* [CO_PAIRS] */
    double *square, *near, *score, *a; /* [n][n], [n] .. */
} workplace;

static size_t scratch(const void *self, size_t m, size_t n)
{
    (void)self;
    (void)n;
    return CO_PAIRS * sizeof(co_scalar) + (m + 3) * m * sizeof(double);
}

static workplace lay_out(const co_updates *in)
{
    workplace w = {.sums = in->scratch};
    w.square = (double *)(w.sums + CO_PAIRS);
    w.near = w.square + in->n_rows * in->n_rows;
    w.score = w.near + in->n_rows;
    w.a = w.score + in->n_rows;
    return w;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int64_t within(int64_t value, int64_t lo, int64_t hi)
{
    return value < lo ? lo < hi ? lo : hi : value > hi ? hi : value;
}

static int64_t option(const co_config *opt, const char *key, int64_t otherwise)
{
    return co_config_has(opt, key) ? co_config_int(opt, key) : otherwise;
}

/* The neighbours' squares are added in ascending order: the same bits whatever the order of the
 * devices. */
static void score_rows(const co_updates *in, int64_t n_near, const workplace *w)
{
    const size_t m = in->n_rows;
    co_rows_pair_squares(in, w->sums, w->square);
    for (size_t i = 0; i < m; i++) {
        size_t n = 0;
        for (size_t k = 0; k < m; k++)
            if (k != i) w->near[n++] = w->square[i * m + k];
        qsort(w->near, n, sizeof *w->near, by_value);
        w->score[i] = 0.0;
        for (int64_t k = 0; k < n_near; k++) w->score[i] += w->near[k];
    }
}

static co_status create_krum(const co_config *opt, void **self)
{
    krum *k = co_malloc(1, sizeof *k);
    if (!k) return CO_FAIL(CO_ENOMEM, "krum");
    *k = (krum){.f = co_config_int(opt, "f"), .neighbours = option(opt, "neighbours", -1), .m = -1};
    *self = k;
    return CO_OK;
}

static co_status create_multi(const co_config *opt, void **self)
{
    CO_TRY(create_krum(opt, self));
    ((krum *)*self)->m = option(opt, "m", -1);
    return CO_OK;
}

static void take_lowest(const krum *k, const co_updates *in, int64_t n_taken, double *update)
{
    const int64_t m = (int64_t)in->n_rows,
                  n_near = k->neighbours < 0 ? m - k->f - 2 : k->neighbours;
    const workplace w = lay_out(in);
    score_rows(in, within(n_near, 1, m - 1), &w);
    memset(w.a, 0, in->n_rows * sizeof *w.a);
    for (int64_t t = 0; t < n_taken; t++) {
        size_t best = in->n_rows;
        for (size_t i = 0; i < in->n_rows; i++)
            if (w.a[i] == 0.0 && (best == in->n_rows || w.score[i] < w.score[best])) best = i;
        w.a[best] = 1.0;
    }
    co_rows_sum(in, w.a, NULL, update);
    for (size_t j = 0; j < in->n; j++) update[j] /= (double)n_taken;
}

static void combine_krum(const void *self, const co_updates *in, double *update)
{
    take_lowest(self, in, 1, update);
}

static void combine_multi(const void *self, const co_updates *in, double *update)
{
    const krum *k = self;
    const int64_t n = (int64_t)in->n_rows;
    take_lowest(k, in, within(k->m < 0 ? n - k->f : k->m, 1, n), update);
}

static co_status check_krum(const co_config *opt, size_t n_rows)
{
    const int64_t n = (int64_t)n_rows, f = co_config_int(opt, "f");
    if (n < 2 * f + 3 && !co_config_bool(opt, "few_devices"))
        return co_config_fail(
            opt, co_config_node(opt, "f"),
            "%lld liars need at least 2 f + 3 = %lld updates a round, there are %lld; raise "
            "devices.per_round, lower f, or set few_devices: true",
            (long long)f, 2 * (long long)f + 3, (long long)n);
    if (option(opt, "neighbours", 1) > n - 1 && n > 1)
        return co_config_fail(opt, co_config_node(opt, "neighbours"),
                              "an update has %lld neighbours, not %lld", (long long)(n - 1),
                              (long long)co_config_int(opt, "neighbours"));
    return CO_OK;
}

static co_status check_multi(const co_config *opt, size_t n_rows)
{
    CO_TRY(check_krum(opt, n_rows));
    if (option(opt, "m", 1) <= (int64_t)n_rows) return CO_OK;
    return co_config_fail(opt, co_config_node(opt, "m"), "%lld of %zu updates cannot be taken",
                          (long long)co_config_int(opt, "m"), n_rows);
}

#define OPTIONS                                                                                    \
    {"f", CO_INT, .def = 0, .lo = 0, .hi = 1e9, .doc = "devices that may lie"},                    \
        {"neighbours",                                                                             \
         CO_INT,                                                                                   \
         .lo = 1,                                                                                  \
         .hi = 1e9,                                                                                \
         .flags = CO_OPTIONAL,                                                                     \
         .doc = "nearest updates in a score (default: devices - f - 2)"},                          \
    {                                                                                              \
        "few_devices", CO_BOOL, .doc = "allow fewer than 2 f + 3 updates a round"                  \
    }

static const co_param params_krum[] = {OPTIONS, {0}};
static const co_param params_multi[] = {OPTIONS,
                                        {"m", CO_INT, .lo = 1, .hi = 1e9, .flags = CO_OPTIONAL,
                                         .doc = "updates that are averaged (default: devices - f)"},
                                        {0}};

const co_aggregator co_aggregator_krum = {.name = "krum",
                                          .summary = "the one update closest to its neighbours",
                                          .source = "Blanchard et al., NeurIPS 2017",
                                          .params = params_krum,
                                          .create = create_krum,
                                          .destroy = co_free,
                                          .combine = combine_krum,
                                          .scratch = scratch,
                                          .check = check_krum};
const co_aggregator co_aggregator_multi_krum = {
    .name = "multi_krum",
    .summary = "mean of the m updates closest to their neighbours",
    .source = "Blanchard et al., NeurIPS 2017",
    .params = params_multi,
    .create = create_multi,
    .destroy = co_free,
    .combine = combine_multi,
    .scratch = scratch,
    .check = check_multi};
