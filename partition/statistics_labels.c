/* partition/statistics_labels.c - how unlike the labels of devices are.
 *
 * With p the shares of the labels on a device, and q those on another or over all devices' training
 * examples together:
 *
 * - js: Jensen-Shannon distance JS(p, q) = sqrt((KL(p | m) + KL(q | m)) / 2) where m = (p + q) / 2,
 * natural logarithms: 0 .. sqrt(log 2) = 0.8326.
 *
 * - emd: earth mover's distance as Zhao et al. have it for labels, sum_c |p_c - q_c|: 0 .. 2.
 *
 * - js_global_, emd_global_: q over all devices, one value a non-empty device; js_pair_, emd_pair_:
 * over n_pairs pairs of different non-empty devices: all pairs when there are at most 10,000, else
 * 10,000 different ones by keyed draws. Each as _mean, _p10, _p50, _p90 (nearest rank); 0 without
 * any.
 *
 * - classes_effective_mean: mean of exp(-sum_c p_c log p_c) over the non-empty devices.
 *
 * The functions are those of core/elementary.h: the statistics enter the file's digest.
 *
 * Cost: O(N + K) time, three logarithms for each label seen on a device, by the threads
 * of the rank, that take equal parts of the devices; 36 K + 32 C bytes, the label counts of at most
 * 20,000 devices and those that the file keeps.
 *
 * Source: Lin, IEEE Trans. Inf. Theory 37 (1991), section IV, with weights 1/2; the root is a
 * metric: Endres & Schindelin, same journal 49 (2003). Zhao et al. 2018, arXiv:1806.00582,
 * section 3. */
#include "core/elementary.h"
#include "core/memory.h"
#include "core/thread.h"
#include "partition/statistics.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_PAIRS 10000
enum { AHEAD = 64 }; /* asked of memory ahead */

static int by_int32(const void *a, const void *b)
{
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

static int64_t size_of(const co_partition *p, int64_t device)
{
    return p->train_offsets[device + 1] - p->train_offsets[device];
}

/* ---- summaries ---- */

/* The value that has rank r from 0 in x[n]; reorders x (Hoare's selection, middle pivot). */
static double select_rank(double *x, int64_t n, int64_t r)
{
    int64_t low = 0, high = n - 1;
    while (low < high) {
        const double pivot = x[low + (high - low) / 2];
        int64_t i = low, j = high;
        while (i <= j) {
            while (x[i] < pivot) i++;
            while (x[j] > pivot) j--;
            if (i > j) break;
            const double kept = x[i];
            x[i++] = x[j];
            x[j--] = kept;
        }
        if (r <= j)
            high = j;
        else if (r >= i)
            low = i;
        else
            break;
    }
    return x[r];
}

/* NAME_mean, NAME_p10, NAME_p50, NAME_p90 of x[n], which is reordered. */
static co_status add_summary(co_partition *p, const char *name, double *x, int64_t n)
{
    char full[32];
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++) sum += x[i];
    snprintf(full, sizeof full, "%s_mean", name);
    CO_TRY(co_statistic_add(p, full, n > 0 ? sum / (double)n : 0.0));
    for (int64_t percent = 10; percent <= 90; percent += 40) {
        const int64_t rank = (percent * n + 99) / 100 - 1;
        snprintf(full, sizeof full, "%s_p%d", name, (int)percent);
        CO_TRY(co_statistic_add(p, full, n > 0 ? select_rank(x, n, rank) : 0.0));
    }
    return CO_OK;
}

/* ---- labels ---- */

/* How often a label occurs, on one device or on all. */
typedef struct {
    int32_t label;
    int64_t n;
} label_count;

typedef struct {
    co_partition *p;
    const int32_t *y;
    const uint8_t *split;
    int64_t n; /* examples of the data set */
    size_t n_classes;
    int64_t *total;     /* [n_classes] over all devices */
    int64_t *count;     /* [n_classes] of the device at hand, a thread; all 0 between two devices */
    int32_t *seen;      /* [n_classes + 1] its labels in the order of appearance, a thread */
    int n_threads;      /* blocks of count and seen */
    int32_t *non_empty; /* [n_non_empty] devices */
    int64_t n_non_empty;
    int64_t *pair; /* [n_pairs] pair (i, j), i < j, of non-empty devices as j (j - 1) / 2 + i */
    int64_t n_pairs;
    int32_t *profile_of; /* [n_non_empty] number of the kept profile, -1: not needed by a pair */
    int64_t *profile;    /* [n_profiles + 1] offsets into counts */
    int64_t n_profiles;
    label_count *counts; /* by ascending label within a profile */
    size_t capacity;
    double *js, *emd;  /* [n_non_empty or n_pairs, what is more] */
    double *effective; /* [n_non_empty] */
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
    const int64_t *train = l->p->train, last = l->p->train_offsets[l->p->n_devices] - 1;
    size_t n_seen = 0;
    for (int64_t i = l->p->train_offsets[device]; i < l->p->train_offsets[device + 1]; i++) {
        const int32_t c = l->y[train[i]];
        __builtin_prefetch(&l->y[train[i + AHEAD < last ? i + AHEAD : last]]);
        CO_ASSERT(c >= 0 && (size_t)c < l->n_classes);
        l->seen[n_seen] = c;
        n_seen += l->count[c]++ == 0;
    }
    return n_seen;
}

/* *js and *emd of the device to all. The labels that it lacks share their part: each adds q log 2
 * to 2 JS^2, together (1 - their q's on the device) log 2. Returns the effective number of classes.
 */
static double compare_device(const labels *l, int64_t device, size_t n_seen, double *js,
                             double *emd)
{
    const int64_t n_all = l->p->train_offsets[l->p->n_devices];
    const double size = (double)size_of(l->p, device), all = (double)n_all;
    double sum = 0.0, moved = 0.0, entropy = 0.0;
    int64_t n_elsewhere = n_all;
    for (size_t i = 0; i < n_seen; i++) {
        const int32_t c = l->seen[i];
        const double p = (double)l->count[c] / size, q = (double)l->total[c] / all;
        sum += divergence(p, q);
        moved += fabs(p - q);
        entropy -= p * co_plain_log(p);
        n_elsewhere -= l->total[c];
    }
    const double elsewhere = (double)n_elsewhere / all;
    *js = distance(sum + elsewhere * co_plain_log(2.0));
    *emd = moved + elsewhere;
    return co_plain_exp(entropy);
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

/* A thread's part of the devices. */
typedef struct {
    labels l; /* with its own count and seen */
    int64_t first, last;
} stretch;

/* js, emd, effective and label_counts of the stretch. */
static void *compare_stretch(void *self)
{
    labels *l = &((stretch *)self)->l;
    for (int64_t i = ((stretch *)self)->first; i < ((stretch *)self)->last; i++) {
        const int64_t device = l->non_empty[i];
        const size_t n_seen = count_labels(l, device);
        int32_t *kept =
            l->p->label_counts ? l->p->label_counts + (size_t)device * l->n_classes : NULL;
        l->effective[i] = compare_device(l, device, n_seen, &l->js[i], &l->emd[i]);
        for (size_t c = 0; c < n_seen; c++) {
            if (kept) kept[l->seen[c]] = (int32_t)l->count[l->seen[c]];
            l->count[l->seen[c]] = 0;
        }
    }
    return NULL;
}

/* One pass over the devices; a device's numbers do not depend on who forms them. */
static void compare_all(labels *l)
{
    stretch part[CO_MAX_THREADS];
    for (int t = 0; t < l->n_threads; t++) {
        part[t] = (stretch){*l, co_partition_span(l->n_non_empty, t, l->n_threads),
                            co_partition_span(l->n_non_empty, t + 1, l->n_threads)};
        part[t].l.count += (size_t)t * l->n_classes;
        part[t].l.seen += (size_t)t * (l->n_classes + 1);
    }
    co_threads_run(l->n_threads, compare_stretch, part, sizeof *part);
}

/* The profiles that pairs need, and the mean of *effective. */
static co_status compare_to_all(labels *l, double *effective)
{
    double sum = 0.0;
    compare_all(l);
    for (int64_t i = 0; i < l->n_non_empty; i++) {
        sum += l->effective[i];
        if (l->profile_of[i] < 0) continue;
        const size_t n_seen = count_labels(l, l->non_empty[i]);
        l->profile_of[i] = (int32_t)l->n_profiles;
        CO_TRY(keep_profile(l, n_seen));
        for (size_t c = 0; c < n_seen; c++) l->count[l->seen[c]] = 0;
    }
    *effective = l->n_non_empty > 0 ? sum / (double)l->n_non_empty : 0.0;
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

static void compare_pair(const labels *l, int64_t i, int64_t j, double *js, double *emd)
{
    const label_count *a = l->counts + l->profile[l->profile_of[i]],
                      *b = l->counts + l->profile[l->profile_of[j]];
    const label_count *a_end = l->counts + l->profile[l->profile_of[i] + 1];
    const label_count *b_end = l->counts + l->profile[l->profile_of[j] + 1];
    const double na = (double)size_of(l->p, l->non_empty[i]),
                 nb = (double)size_of(l->p, l->non_empty[j]);
    double sum = 0.0, moved = 0.0;
    while (a < a_end || b < b_end) {
        const bool take_a = b == b_end || (a < a_end && a->label <= b->label);
        const bool take_b = a == a_end || (b < b_end && b->label <= a->label);
        const double p = take_a ? (double)a->n / na : 0.0, q = take_b ? (double)b->n / nb : 0.0;
        sum += divergence(p, q);
        moved += fabs(p - q);
        a += take_a;
        b += take_b;
    }
    *js = distance(sum);
    *emd = moved;
}

static void compare_pairs(labels *l)
{
    for (int64_t t = 0; t < l->n_pairs; t++) {
        int64_t i, j;
        decode_pair(l->pair[t], &i, &j);
        compare_pair(l, i, j, &l->js[t], &l->emd[t]);
    }
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

/* total: of the listed examples one by one, or, where most are listed once, of all but the others.
 */
static void count_total(labels *l)
{
    const co_partition *p = l->p;
    const int64_t n = p->train_offsets[p->n_devices];
    int64_t n_open = 0, n_test = p->test_offsets ? p->test_offsets[p->n_devices] : 0;
    for (int64_t i = 0; i < l->n; i++) n_open += l->split[i] == 0;
    for (int64_t i = 0; i < n_test; i++) n_open -= l->split[p->test[i]] == 0;
    if (p->overlap || n + p->n_unassigned != n_open) {
        for (int64_t i = 0; i < n; i++) l->total[l->y[p->train[i]]]++;
        return;
    }
    for (int64_t i = 0; i < l->n; i++)
        if (l->split[i] == 0) l->total[l->y[i]]++;
    for (int64_t i = 0; i < n_test; i++)
        if (l->split[p->test[i]] == 0) l->total[l->y[p->test[i]]]--;
    for (int64_t i = 0; i < p->n_unassigned; i++) l->total[l->y[p->unassigned[i]]]--;
}

/* Blocks of l, the non-empty devices, the labels over all devices. */
static co_status labels_init(labels *l)
{
    co_partition *p = l->p;
    for (int64_t d = 0; d < p->n_devices; d++) l->n_non_empty += size_of(p, d) > 0;
    l->total = co_calloc(l->n_classes, sizeof *l->total);
    l->n_threads = co_threads_for(1, p->train_offsets[p->n_devices]);
    l->count = co_calloc((size_t)l->n_threads * l->n_classes, sizeof *l->count);
    l->seen = co_malloc((size_t)l->n_threads * (l->n_classes + 1), sizeof *l->seen);
    l->effective = co_malloc((size_t)l->n_non_empty, sizeof *l->effective);
    l->non_empty = co_malloc((size_t)l->n_non_empty, sizeof *l->non_empty);
    l->profile_of = co_malloc((size_t)l->n_non_empty, sizeof *l->profile_of);
    l->profile = co_calloc(2 * MAX_PAIRS + 1, sizeof *l->profile);
    const size_t room = (size_t)(l->n_non_empty > MAX_PAIRS ? l->n_non_empty : MAX_PAIRS);
    l->js = co_malloc(room, sizeof *l->js);
    l->emd = co_malloc(room, sizeof *l->emd);
    if (!l->total || !l->count || !l->seen || !l->non_empty || !l->profile_of || !l->profile ||
        !l->js || !l->emd || !l->effective)
        return CO_FAIL(CO_ENOMEM, "label statistics of %lld devices", (long long)p->n_devices);
    const int64_t n_classes = (int64_t)l->n_classes;
    if (n_classes > 0 && p->n_devices <= CO_MAX_LABEL_COUNTS / n_classes) {
        p->label_counts = co_calloc((size_t)(p->n_devices * n_classes), sizeof *p->label_counts);
        if (!p->label_counts)
            return CO_FAIL(CO_ENOMEM, "label counts of %lld devices", (long long)p->n_devices);
    }
    for (int64_t d = 0, i = 0; d < p->n_devices; d++)
        if (size_of(p, d) > 0) l->non_empty[i++] = (int32_t)d;
    count_total(l);
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
    co_free(l->js);
    co_free(l->emd);
    co_free(l->effective);
}

co_status co_statistics_labels(co_partition *p, const co_dataset *data, uint64_t seed)
{
    labels l = {
        .p = p, .y = data->y, .split = data->split, .n = data->n, .n_classes = data->n_classes};
    double effective = 0.0;
    co_status st;
    CO_TRY_OUT(labels_init(&l));
    CO_TRY_OUT(choose_pairs(&l, seed));
    CO_TRY_OUT(compare_to_all(&l, &effective));
    CO_TRY_OUT(add_summary(p, "js_global", l.js, l.n_non_empty));
    CO_TRY_OUT(add_summary(p, "emd_global", l.emd, l.n_non_empty));
    compare_pairs(&l);
    CO_TRY_OUT(add_summary(p, "js_pair", l.js, l.n_pairs));
    CO_TRY_OUT(add_summary(p, "emd_pair", l.emd, l.n_pairs));
    CO_TRY_OUT(co_statistic_add(p, "n_pairs", (double)l.n_pairs));
    st = co_statistic_add(p, "classes_effective_mean", effective);
out:
    labels_fini(&l);
    return st;
}
