/* sim/selectors/activity.c - reading the activity, and the largest values by a heap of the best so
 * far. */
#include "sim/selectors/activity.h"
#include <stdlib.h>

int64_t co_activity_most(const co_config *opt)
{
    return co_config_has(opt, "n_max") ? co_config_int(opt, "n_max") : INT64_MAX;
}

void co_activity_read(const co_selector_input *in, int64_t n_max, int64_t *activity)
{
    for (int64_t k = 0; k < in->n_devices; k++) {
        const int64_t n = in->examples(in->population, k);
        activity[k] = n < n_max ? n : n_max;
    }
}

/* Puts x where heap[0] was: no parent above a smaller child. */
static void sink(int64_t *heap, size_t m, int64_t x)
{
    size_t i = 0;
    for (size_t child = 1; child < m; child = 2 * i + 1) {
        if (child + 1 < m && heap[child + 1] < heap[child]) child++;
        if (heap[child] >= x) break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = x;
}

static int rising(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int falling(const void *a, const void *b)
{
    return rising(b, a);
}

void co_activity_largest(const int64_t *value, int64_t n, size_t m, int64_t *largest)
{
    if (m == 0) return;
    for (size_t i = 0; i < m; i++) largest[i] = value[i];
    qsort(largest, m, sizeof *largest, rising); /* a sorted array is a heap */
    for (int64_t k = (int64_t)m; k < n; k++)
        if (value[k] > largest[0]) sink(largest, m, value[k]);
    qsort(largest, m, sizeof *largest, falling);
}
