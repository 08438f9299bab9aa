/* partition/statistics.c - how uneven the sizes of a partition's training parts are.
 *
 * With the K sizes x_1 <= .. <= x_K (empty devices included, total N):
 *
 * - size_p10 .. size_p90: nearest rank, x at rank ceil(p K / 100).
 *
 * - size_gini: sum_i (2 i - K - 1) x_i / (K N); 0 all equal, near 1 all on one device; 0 if N = 0.
 *
 * - size_cv: standard deviation (divided by K) / mean; 0 if N = 0.
 *
 * - size_top1: part of the N examples on the ceil(K / 100) largest devices; 0 if N = 0.
 *
 * n_empty and n_unassigned are counts. statistics_labels.c has what labels tell. Cost: O(K) time,
 * 16 bytes a device (radix sort, 11 bits a pass). */
#include "partition/labels.h"
#include "partition/statistics.h"
#include "core/memory.h"
#include <math.h>
#include <string.h>

enum { DIGIT = 11 };

/* Sorts x[k] >= 0 into one of the two blocks; returns which. */
static int64_t *sort_sizes(int64_t *x, int64_t *spare, int64_t k)
{
    int64_t most = 0;
    for (int64_t i = 0; i < k; i++) most = x[i] > most ? x[i] : most;
    for (int shift = 0; shift < 63 && most >> shift; shift += DIGIT) {
        int64_t at[1 << DIGIT] = {0}, sum = 0;
        for (int64_t i = 0; i < k; i++) at[x[i] >> shift & ((1 << DIGIT) - 1)]++;
        for (int v = 0; v < 1 << DIGIT; v++) {
            const int64_t here = at[v];
            at[v] = sum;
            sum += here;
        }
        for (int64_t i = 0; i < k; i++) spare[at[x[i] >> shift & ((1 << DIGIT) - 1)]++] = x[i];
        int64_t *sorted = spare;
        spare = x;
        x = sorted;
    }
    return x;
}

/* x[k] ascending. */
static co_status add_spread(co_partition *p, const int64_t *x, int64_t k)
{
    double ranked = 0.0, square = 0.0, top = 0.0;
    const double total = (double)p->train_offsets[k], mean = total / (double)k;
    for (int64_t i = 0; i < k; i++) {
        const double size = (double)x[i];
        ranked += (double)(2 * i + 1 - k) * size;
        square += (size - mean) * (size - mean);
    }
    for (int64_t i = k - (k + 99) / 100; i < k; i++) top += (double)x[i];
    CO_TRY(co_statistic_add(p, "size_gini", total > 0.0 ? ranked / ((double)k * total) : 0.0));
    CO_TRY(co_statistic_add(p, "size_cv", total > 0.0 ? sqrt(square / (double)k) / mean : 0.0));
    CO_TRY(co_statistic_add(p, "size_top1", total > 0.0 ? top / total : 0.0));
    int64_t n_empty = 0;
    while (n_empty < k && x[n_empty] == 0) n_empty++;
    return co_statistic_add(p, "n_empty", (double)n_empty);
}

static co_status add_sizes(co_partition *p, const int64_t *x, int64_t k)
{
    CO_TRY(co_statistic_add(p, "size_min", (double)x[0]));
    for (int64_t decile = 1; decile <= 9; decile++) {
        char name[16] = "size_p10";
        name[6] = (char)('0' + decile);
        const int64_t rank =
            decile * (k / 10) + (decile * (k % 10) + 9) / 10; /* ceil(decile k / 10) */
        CO_TRY(co_statistic_add(p, name, (double)x[rank - 1]));
    }
    CO_TRY(co_statistic_add(p, "size_max", (double)x[k - 1]));
    return add_spread(p, x, k);
}

static co_status size_statistics(co_partition *p)
{
    const int64_t k = p->n_devices;
    int64_t *x = co_malloc((size_t)k, sizeof *x), *spare = co_malloc((size_t)k, sizeof *spare);
    co_status st = x && spare ? CO_OK : CO_FAIL(CO_ENOMEM, "sizes of %lld devices", (long long)k);
    for (int64_t d = 0; st == CO_OK && d < k; d++)
        x[d] = p->train_offsets[d + 1] - p->train_offsets[d];
    if (st == CO_OK) st = add_sizes(p, sort_sizes(x, spare, k), k);
    co_free(x);
    co_free(spare);
    return st;
}

/* Of the labels that its method goes by. */
static co_status label_statistics(co_partition *p, const co_dataset *data, uint64_t seed)
{
    const co_partitioner *member =
        data->y || !p->method
            ? NULL
            : (const co_partitioner *)co_plugin_find(&co_kind_partitioner, p->method);
    const co_config none = {.file = "partition"};
    co_dataset view;
    if (data->y) return co_statistics_labels(p, data, seed);
    if (!member) return CO_OK;
    co_status st = co_partition_view(&none, member, data, &view);
    if (st == CO_OK && view.y) st = co_statistics_labels(p, &view, seed);
    co_partition_view_fini(data, &view);
    return st;
}

co_status co_partition_statistics(co_partition *p, const co_dataset *data, uint64_t seed)
{
    for (size_t i = 0; i < p->n_stats; i++) co_free(p->stat_name[i]);
    co_free(p->stat_name);
    co_free(p->stat);
    co_free(p->label_counts);
    p->label_counts = NULL;
    p->n_stats = 0;
    p->stat_name = NULL;
    p->stat = NULL;
    if (p->n_devices < 1) return CO_FAIL(CO_EDATA, "a partition without devices has no statistics");
    p->stat = co_calloc(CO_MAX_STATISTICS, sizeof *p->stat);
    p->stat_name = co_calloc(CO_MAX_STATISTICS, sizeof *p->stat_name);
    if (!p->stat || !p->stat_name) return CO_FAIL(CO_ENOMEM, "statistics of a partition");
    CO_TRY(size_statistics(p));
    CO_TRY(co_statistic_add(p, "n_unassigned", (double)p->n_unassigned));
    return label_statistics(p, data, seed);
}
