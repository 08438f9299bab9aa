/* io/data/dataset_letters.c - the letters of the tokens of a batch. Cost: one copy. */
#include "io/data/dataset.h"
#include <string.h>

/* The first letter of an example's tokens, and the end of those that training sees. */
static void find(const co_dataset *data, int64_t id, size_t *first, size_t *end)
{
    const int64_t *bound = data->char_offsets + data->token_offsets[id];
    *first = (size_t)bound[0];
    *end = (size_t)bound[co_dataset_rows(data, id)];
}

size_t co_dataset_letters(const co_dataset *data, int64_t id)
{
    size_t first, end;
    find(data, id, &first, &end);
    return end - first;
}

void co_dataset_gather_letters(const co_dataset *data, const int64_t *ids, size_t n_ids,
                               int64_t *offsets, int32_t *letters)
{
    size_t at = 0;
    offsets[0] = 0;
    for (size_t i = 0; i < n_ids; i++) {
        size_t first, end;
        find(data, ids[i], &first, &end);
        const int64_t *bound = data->char_offsets + data->token_offsets[ids[i]];
        const size_t n = co_dataset_rows(data, ids[i]);
        memcpy(letters + at, data->chars + first, (end - first) * sizeof *letters);
        for (size_t r = 1; r <= n; r++) offsets[r] = (int64_t)at - (int64_t)first + bound[r];
        offsets += n;
        at += end - first;
    }
}
