/* partition/continuous.c - devices differ in a number of their examples: a target, a length, an
 * age.
 *
 * z: the number (key `by`, values.h) less its mean over the n training examples, divided by its
 * standard deviation (of n, not n - 1). e: normal, keyed by the example. The examples are sorted by
 * b = strictness z + (1 - strictness) e, equal ones in keyed order, and cut into K spans whose
 * sizes differ by at most 1. 0: an even random split; 1: device k has the k-th part of all values.
 * Cost: O(n log n) on rank 0; 32 bytes an example. Source: flwr-datasets 0.6.1,
 * ContinuousPartitioner. Where we differ: z in double; equal values are not dealt by their place in
 * the file; the sizes that are one larger are spread over the devices, there they come first. */
#include "core/memory.h"
#include "core/random.h"
#include "partition/partitioner.h"
#include "partition/questions.h"
#include "partition/values.h"
#include <math.h>
#include <stdlib.h>

enum { DRAW_NOISE, DRAW_TIES };

typedef struct {
    double score; /* b */
    uint64_t tie; /* order among equal scores */
    int64_t id;
} place;

static int compare(const void *a, const void *b)
{
    const place *p = a, *q = b;
    if (p->score != q->score) return p->score < q->score ? -1 : 1;
    if (p->tie != q->tie) return p->tie < q->tie ? -1 : 1;
    return (p->id > q->id) - (p->id < q->id);
}

/* Of the training examples; both passes in the order of the ids. */
static void find_moments(const co_partition_input *in, const double *value, double *mean,
                         double *deviation)
{
    const double n = (double)in->n_examples;
    double sum = 0.0, squares = 0.0;
    for (int64_t i = 0; i < in->data->n; i++)
        if (co_partition_is_train(in, i)) sum += value[i] / n;
    for (int64_t i = 0; i < in->data->n; i++)
        if (co_partition_is_train(in, i)) squares += (value[i] - sum) * (value[i] - sum) / n;
    *mean = sum;
    *deviation = sqrt(squares);
}

/* Whether all training examples have one value: rounding may leave them a deviation. */
static bool is_constant(const co_partition_input *in, const double *value)
{
    int64_t first = 0;
    while (first < in->data->n && !co_partition_is_train(in, first)) first++;
    for (int64_t i = first; i < in->data->n; i++)
        if (co_partition_is_train(in, i) && value[i] != value[first]) return false;
    return true;
}

static co_status sort_examples(const co_config *opt, const co_partition_input *in,
                               const double *value, place *order)
{
    const double s = co_config_real(opt, "strictness");
    double mean = 0.0, deviation = 0.0;
    int64_t n = 0;
    find_moments(in, value, &mean, &deviation);
    if (s > 0.0 && (is_constant(in, value) || !(deviation > 0.0) || !isfinite(deviation)))
        return co_config_fail(opt, co_config_node(opt, "strictness"),
                              "the values of the %lld training examples have standard deviation "
                              "%g and cannot be told apart; take another `by`, or strictness 0",
                              (long long)in->n_examples, is_constant(in, value) ? 0.0 : deviation);
    for (int64_t i = 0; i < in->data->n; i++) {
        if (!co_partition_is_train(in, i)) continue;
        co_stream noise = co_partition_stream(in, DRAW_NOISE, (uint64_t)i, 0),
                  tie = co_partition_stream(in, DRAW_TIES, (uint64_t)i, 0);
        const double z = s > 0.0 ? (value[i] - mean) / deviation : 0.0,
                     e = s < 1.0 ? co_draw_normal(&noise) : 0.0;
        order[n++] = (place){s * z + (1.0 - s) * e, (uint64_t)(co_draw_uniform(&tie) * 0x1p53), i};
    }
    qsort(order, (size_t)n, sizeof *order, compare);
    return CO_OK;
}

static co_status assign(const co_config *opt, const co_partition_input *in, co_partition *p)
{
    const int64_t n = in->n_examples;
    double *value = NULL;
    CO_TRY(co_partition_values(opt, in->data, &value));
    place *order = co_malloc((size_t)n, sizeof *order);
    int32_t *owner = co_malloc((size_t)in->data->n, sizeof *owner);
    co_status st = order && owner ? CO_OK : CO_FAIL(CO_ENOMEM, "order of %lld", (long long)n);
    if (st == CO_OK && n > 0) st = sort_examples(opt, in, value, order);
    if (st == CO_OK) {
        for (int64_t i = 0; i < in->data->n; i++) owner[i] = -1;
        for (int64_t k = 0, i = 0; k < p->n_devices; k++)
            for (; i < co_partition_span(n, k + 1, p->n_devices); i++)
                owner[order[i].id] = (int32_t)k;
        st = co_partition_lists(in->data, 0, owner, p->n_devices, &p->train_offsets, &p->train);
    }
    co_free(value);
    co_free(order);
    co_free(owner);
    return st == CO_OK ? co_partition_join_questions(in->data, p) : st;
}

static const co_param params[] = {
    {.key = "strictness",
     .type = CO_REAL,
     .lo = 0.0,
     .hi = 1.0,
     .flags = CO_REQUIRED,
     .doc = "weight of the value against noise: 0 an even random split, 1 sorted by the value"},
    {0}};
const co_partitioner co_partitioner_continuous = {
    .name = "continuous",
    .summary = "even shares of the examples, sorted by a number (`by`) mixed with noise",
    .source = "flwr-datasets 0.6.1, ContinuousPartitioner",
    .params = params,
    .needs = CO_PART_BY_VALUE,
    .assign = assign};
