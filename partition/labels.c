/* partition/labels.c - the examples grouped by class: one counting sort, then a keyed shuffle
 * within each class. Cost: O(n + C) time, n + C + 1 int64. */
#include "partition/partitioner.h"
#include "core/memory.h"
#include <string.h>

static void shuffle_classes(const co_partition_input *in, int64_t *order, const int64_t *first)
{
    for (size_t c = 0; c < in->data->n_classes; c++) {
        co_stream stream = co_partition_stream(in, CO_PART_STAGE_LABELS, 0, c);
        co_draw_shuffle(&stream, order + first[c], (size_t)(first[c + 1] - first[c]));
    }
}

co_status co_partition_by_label(const co_partition_input *in, int64_t **order, int64_t **first)
{
    const int64_t n = in->n_examples;
    const size_t n_classes = in->data->n_classes;
    const int32_t *y = in->data->y;
    int64_t *o = *order = co_malloc((size_t)n, sizeof *o);
    int64_t *f = *first = co_calloc(n_classes + 1, sizeof *f);
    if (!o || !f) {
        co_free(o);
        co_free(f);
        *order = *first = NULL;
        return CO_FAIL(CO_ENOMEM, "grouping %lld examples by class", (long long)n);
    }
    for (int64_t i = 0; i < n; i++) {
        const int32_t c = y[in->examples[i]];
        CO_ASSERT(c >= 0 && (size_t)c < n_classes);
        f[c + 1]++;
    }
    for (size_t c = 0; c < n_classes; c++) f[c + 1] += f[c];
    for (int64_t i = 0; i < n; i++) o[f[y[in->examples[i]]]++] = i;
    memmove(f + 1, f, n_classes * sizeof *f); /* each f[c] has reached the end of its class */
    f[0] = 0;
    shuffle_classes(in, o, f);
    return CO_OK;
}
