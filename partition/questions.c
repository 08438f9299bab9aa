/* partition/questions.c - windows follow the first of their question. Cost: O(n) with questions. */
#include "partition/questions.h"
#include "core/memory.h"

int64_t co_partition_units(const co_dataset *data, const int64_t *ids, int64_t n)
{
    int64_t units = 0;
    for (int64_t i = 0; i < n; i++) units += !co_partition_goes_on(data, ids, i);
    return data->question ? units : n;
}

co_status co_partition_join_questions(const co_dataset *data, co_partition *p)
{
    if (!data->question) return CO_OK;
    int32_t *owner = co_malloc((size_t)data->n, sizeof *owner);
    if (!owner) return CO_FAIL(CO_ENOMEM, "owners of %lld windows", (long long)data->n);
    for (int64_t i = 0; i < data->n; i++) owner[i] = -1;
    for (int64_t d = 0; d < p->n_devices; d++)
        for (int64_t k = p->train_offsets[d]; k < p->train_offsets[d + 1]; k++)
            owner[p->train[k]] = (int32_t)d;
    for (int64_t i = 1; i < data->n; i++)
        if (data->question[i] == data->question[i - 1]) owner[i] = owner[i - 1];
    co_free(p->train_offsets);
    co_free(p->train);
    p->train_offsets = p->train = NULL;
    const co_status st =
        co_partition_lists(data, 0, owner, p->n_devices, &p->train_offsets, &p->train);
    co_free(owner);
    return st;
}
