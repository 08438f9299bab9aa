/* partition/statistics.c - how uneven a partition is: sizes and labels of the training parts.
 *
 * With the K sizes x_1 <= .. <= x_K (empty devices included, total N):
 *
 * - size_p10 .. size_p90: nearest rank, x at rank ceil(p K / 100).
 *
 * - size_gini: sum_i (2 i - K - 1) x_i / (K N); 0 all equal, near 1 all on one device; 0 if N = 0.
 *
 * - size_cv: standard deviation (divided by K) / mean; 0 if N = 0.
 *
 * With p the shares of the labels on a device, JS(p, q) = sqrt((KL(p | m) + KL(q | m)) / 2) where
 * m = (p + q) / 2, natural logarithms: 0 .. sqrt(log 2) = 0.8326.
 *
 * - js_global_mean: mean of JS(p, q) over the non-empty devices, q the shares over all devices'
 * training examples together.
 *
 * - js_pair_mean: mean of JS over n_pairs pairs of different non-empty devices: all pairs when
 * there are at most 10,000, else 10,000 different ones by keyed draws; 0 when there is no pair.
 *
 * A data set without labels has no js_global_mean, js_pair_mean, n_pairs. The logarithm is that of
 * core/elementary.h: the statistics enter the file's digest.
 *
 * Cost: O(N + K log K) time, two logarithms for each label seen on a device; 12 K + 32 C bytes and
 * the label counts of at most 20,000 devices.
 *
 * Source: Lin, IEEE Trans. Inf. Theory 37 (1991), section IV, with weights 1/2; the root is a
 * metric: Endres & Schindelin, same journal 49 (2003). */
#include "partition/partitioner.h"
#include "core/elementary.h"
#include "core/memory.h"
#include <math.h>
#include <stdlib.h>

#define MAX_PAIRS 10000
#define MAX_STATS 18

static int by_int64(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int by_int32(const void *a, const void *b)
{
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

static int64_t size_of(const co_partition *p, int64_t device)
{
    return p->train_offsets[device + 1] - p->train_offsets[device];
}

/* Appends a scalar; the arrays have room for MAX_STATS. */
static co_status add(co_partition *p, const char *name, double value)
{
    CO_ASSERT(p->n_stats < MAX_STATS);
    char *copy = co_strdup(name);
    if (!copy) return CO_FAIL(CO_ENOMEM, "name of a statistic");
    p->stat_name[p->n_stats] = copy;
    p->stat[p->n_stats++] = value;
    return CO_OK;
}

/* x[k] ascending. */
static co_status add_sizes(co_partition *p, const int64_t *x, int64_t k)
{
    double ranked = 0.0, square = 0.0;
    const double total = (double)p->train_offsets[k], mean = total / (double)k;
    for (int64_t i = 0; i < k; i++) {
        const double size = (double)x[i];
        ranked += (double)(2 * i + 1 - k) * size;
        square += (size - mean) * (size - mean);
    }
    CO_TRY(add(p, "size_min", (double)x[0]));
    for (int64_t decile = 1; decile <= 9; decile++) {
        char name[16] = "size_p10";
        name[6] = (char)('0' + decile);
        const int64_t rank =
            decile * (k / 10) + (decile * (k % 10) + 9) / 10; /* ceil(decile k / 10) */
        CO_TRY(add(p, name, (double)x[rank - 1]));
    }
    CO_TRY(add(p, "size_max", (double)x[k - 1]));
    CO_TRY(add(p, "size_gini", total > 0.0 ? ranked / ((double)k * total) : 0.0));
    CO_TRY(add(p, "size_cv", total > 0.0 ? sqrt(square / (double)k) / mean : 0.0));
    int64_t n_empty = 0;
    while (n_empty < k && x[n_empty] == 0) n_empty++;
    return add(p, "n_empty", (double)n_empty);
}

static co_status size_statistics(co_partition *p)
{
    const int64_t k = p->n_devices;
    int64_t *x = co_malloc((size_t)k, sizeof *x);
    if (!x) return CO_FAIL(CO_ENOMEM, "sizes of %lld devices", (long long)k);
    for (int64_t d = 0; d < k; d++) x[d] = size_of(p, d);
    qsort(x, (size_t)k, sizeof *x, by_int64);
    const co_status st = add_sizes(p, x, k);
    co_free(x);
    return st;
}

/* How often a label occurs, on one device or on all. */
typedef struct {
    int32_t label;
    int64_t n;
} label_count;

typedef struct {
    const co_partition *p;
    const int32_t *y;
    size_t n_classes;
    int64_t *total;     /* [n_classes] over all devices */
    int64_t *count;     /* [n_classes] of the device at hand; all 0 between two devices */
    int32_t *seen;      /* [n_classes] its labels in the order of appearance */
    int32_t *non_empty; /* [n_non_empty] devices */
    int64_t n_non_empty;
    int64_t *pair; /* [n_pairs] pair (i, j), i < j, of non-empty devices as j (j - 1) / 2 + i */
    int64_t n_pairs;
    int32_t *profile_of; /* [n_non_empty] number of the kept profile, -1: not needed by a pair */
    int64_t *profile;    /* [n_profiles + 1] offsets into counts */
    int64_t n_profiles;
    label_count *counts; /* by ascending label within a profile */
    size_t capacity;
} labels;

/* One label's part of 2 JS^2: p and q its shares on both sides. */
static double divergence(double p, double q)
{
    double sum = 0.0;
    if (p > 0.0) sum += p * co_plain_log(2.0 * p / (p + q));
    if (q > 0.0) sum += q * co_plain_log(2.0 * q / (p + q));
    return sum;
}

static double distance(double twice_square)
{
    return twice_square > 0.0 ? sqrt(0.5 * twice_square) : 0.0;
}

/* Counts the labels of a device; returns how many different ones. */
static size_t count_labels(labels *l, int64_t device)
{
    size_t n_seen = 0;
    for (int64_t i = l->p->train_offsets[device]; i < l->p->train_offsets[device + 1]; i++) {
        const int32_t c = l->y[l->p->train[i]];
        CO_ASSERT(c >= 0 && (size_t)c < l->n_classes);
        if (l->count[c]++ == 0) l->seen[n_seen++] = c;
    }
    return n_seen;
}

/* The labels that the device lacks share their part: each adds q log 2, together (1 - their q's on
 * the device) log 2. */
static double distance_to_all(const labels *l, int64_t device, size_t n_seen)
{
    const int64_t n_all = l->p->train_offsets[l->p->n_devices];
    const double size = (double)size_of(l->p, device), all = (double)n_all;
    double sum = 0.0;
    int64_t n_elsewhere = n_all;
    for (size_t i = 0; i < n_seen; i++) {
        const int32_t c = l->seen[i];
        sum += divergence((double)l->count[c] / size, (double)l->total[c] / all);
        n_elsewhere -= l->total[c];
    }
    return distance(sum + (double)n_elsewhere / all * co_plain_log(2.0));
}

static co_status keep_profile(labels *l, size_t n_seen)
{
    const int64_t first = l->profile[l->n_profiles];
    if (co_reserve((void **)&l->counts, &l->capacity, (size_t)first + n_seen, sizeof *l->counts))
        return CO_FAIL(CO_ENOMEM, "label counts of sampled devices");
    qsort(l->seen, n_seen, sizeof *l->seen, by_int32);
    for (size_t i = 0; i < n_seen; i++)
        l->counts[(size_t)first + i] = (label_count){l->seen[i], l->count[l->seen[i]]};
    l->profile[++l->n_profiles] = first + (int64_t)n_seen;
    return CO_OK;
}

/* One pass over the devices: *mean of the distances to all, and the profiles that pairs need. */
static co_status compare_to_all(labels *l, double *mean)
{
    double sum = 0.0;
    for (int64_t i = 0; i < l->n_non_empty; i++) {
        const int64_t device = l->non_empty[i];
        const size_t n_seen = count_labels(l, device);
        sum += distance_to_all(l, device, n_seen);
        if (l->profile_of[i] >= 0) {
            l->profile_of[i] = (int32_t)l->n_profiles;
            CO_TRY(keep_profile(l, n_seen));
        }
        for (size_t c = 0; c < n_seen; c++) l->count[l->seen[c]] = 0;
    }
    *mean = l->n_non_empty > 0 ? sum / (double)l->n_non_empty : 0.0;
    return CO_OK;
}

/* The pair with number t: the largest j with j (j - 1) / 2 <= t, and i = t - j (j - 1) / 2. */
static void decode_pair(int64_t t, int64_t *i, int64_t *j)
{
    int64_t guess = (int64_t)((1.0 + sqrt(1.0 + 8.0 * (double)t)) / 2.0);
    while (guess * (guess - 1) / 2 > t) guess--;
    while ((guess + 1) * guess / 2 <= t) guess++;
    *j = guess;
    *i = t - guess * (guess - 1) / 2;
}

static double distance_of_pair(const labels *l, int64_t i, int64_t j)
{
    const label_count *a = l->counts + l->profile[l->profile_of[i]],
                      *b = l->counts + l->profile[l->profile_of[j]];
    const label_count *a_end = l->counts + l->profile[l->profile_of[i] + 1];
    const label_count *b_end = l->counts + l->profile[l->profile_of[j] + 1];
    const double na = (double)size_of(l->p, l->non_empty[i]),
                 nb = (double)size_of(l->p, l->non_empty[j]);
    double sum = 0.0;
    while (a < a_end || b < b_end) {
        const bool take_a = b == b_end || (a < a_end && a->label <= b->label);
        const bool take_b = a == a_end || (b < b_end && b->label <= a->label);
        sum += divergence(take_a ? (double)a->n / na : 0.0, take_b ? (double)b->n / nb : 0.0);
        a += take_a;
        b += take_b;
    }
    return distance(sum);
}

static double compare_pairs(const labels *l)
{
    double sum = 0.0;
    for (int64_t t = 0; t < l->n_pairs; t++) {
        int64_t i, j;
        decode_pair(l->pair[t], &i, &j);
        sum += distance_of_pair(l, i, j);
    }
    return l->n_pairs > 0 ? sum / (double)l->n_pairs : 0.0;
}

/* Chooses the pairs and marks their devices in profile_of. */
static co_status choose_pairs(labels *l, uint64_t seed)
{
    const int64_t m = l->n_non_empty, all = m * (m - 1) / 2;
    l->n_pairs = all < MAX_PAIRS ? all : MAX_PAIRS;
    l->pair = co_malloc((size_t)l->n_pairs, sizeof *l->pair);
    int64_t *scratch = co_malloc(co_draw_subset_scratch((size_t)l->n_pairs), sizeof *scratch);
    if (!l->pair || !scratch) {
        co_free(scratch);
        return CO_FAIL(CO_ENOMEM, "%lld pairs of devices", (long long)l->n_pairs);
    }
    co_stream stream = co_stream_open(seed, CO_DRAW_STATISTICS, 0, 0, 0);
    co_draw_subset(&stream, all, (size_t)l->n_pairs, l->pair, scratch);
    co_free(scratch);
    for (int64_t i = 0; i < m; i++) l->profile_of[i] = -1;
    for (int64_t t = 0; t < l->n_pairs; t++) {
        int64_t i, j;
        decode_pair(l->pair[t], &i, &j);
        l->profile_of[i] = l->profile_of[j] = 0;
    }
    return CO_OK;
}

/* Blocks of l, the non-empty devices, the labels over all devices. */
static co_status labels_init(labels *l)
{
    const co_partition *p = l->p;
    for (int64_t d = 0; d < p->n_devices; d++) l->n_non_empty += size_of(p, d) > 0;
    l->total = co_calloc(l->n_classes, sizeof *l->total);
    l->count = co_calloc(l->n_classes, sizeof *l->count);
    l->seen = co_malloc(l->n_classes, sizeof *l->seen);
    l->non_empty = co_malloc((size_t)l->n_non_empty, sizeof *l->non_empty);
    l->profile_of = co_malloc((size_t)l->n_non_empty, sizeof *l->profile_of);
    l->profile = co_calloc(2 * MAX_PAIRS + 1, sizeof *l->profile);
    if (!l->total || !l->count || !l->seen || !l->non_empty || !l->profile_of || !l->profile)
        return CO_FAIL(CO_ENOMEM, "label statistics of %lld devices", (long long)p->n_devices);
    for (int64_t d = 0, i = 0; d < p->n_devices; d++)
        if (size_of(p, d) > 0) l->non_empty[i++] = (int32_t)d;
    for (int64_t i = 0; i < p->train_offsets[p->n_devices]; i++) {
        const int32_t c = l->y[p->train[i]];
        CO_ASSERT(c >= 0 && (size_t)c < l->n_classes);
        l->total[c]++;
    }
    return CO_OK;
}

static void labels_fini(labels *l)
{
    co_free(l->total);
    co_free(l->count);
    co_free(l->seen);
    co_free(l->non_empty);
    co_free(l->pair);
    co_free(l->profile_of);
    co_free(l->profile);
    co_free(l->counts);
}

static co_status label_statistics(co_partition *p, const co_dataset *data, uint64_t seed)
{
    labels l = {.p = p, .y = data->y, .n_classes = data->n_classes};
    double mean = 0.0;
    co_status st;
    CO_TRY_OUT(labels_init(&l));
    CO_TRY_OUT(choose_pairs(&l, seed));
    CO_TRY_OUT(compare_to_all(&l, &mean));
    CO_TRY_OUT(add(p, "js_global_mean", mean));
    CO_TRY_OUT(add(p, "js_pair_mean", compare_pairs(&l)));
    st = add(p, "n_pairs", (double)l.n_pairs);
out:
    labels_fini(&l);
    return st;
}

co_status co_partition_statistics(co_partition *p, const co_dataset *data, uint64_t seed)
{
    for (size_t i = 0; i < p->n_stats; i++) co_free(p->stat_name[i]);
    co_free(p->stat_name);
    co_free(p->stat);
    p->n_stats = 0;
    p->stat_name = NULL;
    p->stat = NULL;
    if (p->n_devices < 1) return CO_FAIL(CO_EDATA, "a partition without devices has no statistics");
    p->stat = co_calloc(MAX_STATS, sizeof *p->stat);
    p->stat_name = co_calloc(MAX_STATS, sizeof *p->stat_name);
    if (!p->stat || !p->stat_name) return CO_FAIL(CO_ENOMEM, "statistics of a partition");
    CO_TRY(size_statistics(p));
    CO_TRY(add(p, "n_unassigned", (double)p->n_unassigned));
    return data->y ? label_statistics(p, data, seed) : CO_OK;
}
