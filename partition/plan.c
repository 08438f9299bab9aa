/* partition/plan.c - what members share: the table of counts, groups, lists by owner, agreement. */
#include "partition/plan.h"
#include "core/memory.h"
#include <stdio.h>
#include <string.h>

co_status co_partition_agree(const co_partition_input *in, co_status status)
{
    char text[1024];
    int mine = status == CO_OK ? in->size : in->rank, lowest = mine, code = (int)status;
    if (in->size == 1) return status;
    MPI_Allreduce(&mine, &lowest, 1, MPI_INT, MPI_MIN, in->ranks);
    if (lowest == in->size) return CO_OK;
    snprintf(text, sizeof text, "%s", co_status_message());
    MPI_Bcast(&code, 1, MPI_INT, lowest, in->ranks);
    MPI_Bcast(text, sizeof text, MPI_CHAR, lowest, in->ranks);
    co_status_set_message(text);
    return (co_status)code;
}

co_status co_partition_plan_counts(const co_partition_input *in, co_partition_plan *plan)
{
    const size_t n = (size_t)(in->last - in->first);
    if (plan->n_groups && n > SIZE_MAX / plan->n_groups / sizeof *plan->count)
        return CO_FAIL(CO_ENOMEM, "counts of %zu devices and %zu groups", n, plan->n_groups);
    plan->count = co_calloc(n * plan->n_groups, sizeof *plan->count);
    return plan->count
               ? CO_OK
               : CO_FAIL(CO_ENOMEM,
                         "%zu devices x %zu groups need %zu MiB for their counts; take fewer "
                         "devices or more ranks on more memory",
                         n, plan->n_groups, n * plan->n_groups * sizeof *plan->count >> 20);
}

static co_status count_groups(const co_partition_input *in, co_partition_plan *plan)
{
    const int32_t *group = plan->group ? plan->group : plan->n_groups > 1 ? in->data->y : NULL;
    co_free(plan->group_size);
    plan->group_size = co_calloc(plan->n_groups, sizeof *plan->group_size);
    if (!plan->group_size) return CO_FAIL(CO_ENOMEM, "sizes of %zu groups", plan->n_groups);
    if (!group) {
        plan->group_size[0] = in->n_examples;
        return CO_OK;
    }
    for (int64_t i = 0; i < in->data->n; i++) {
        if (!co_partition_is_train(in, i)) continue;
        CO_ASSERT(group[i] >= 0 && (size_t)group[i] < plan->n_groups);
        plan->group_size[group[i]]++;
    }
    return CO_OK;
}

co_status co_partition_plan_init(const co_partition_input *in, bool by_label,
                                 co_partition_plan *plan)
{
    *plan = (co_partition_plan){.n_groups = by_label ? in->data->n_classes : 1};
    return count_groups(in, plan);
}

void co_partition_plan_fini(co_partition_plan *plan)
{
    co_free(plan->group);
    co_free(plan->group_size);
    co_free(plan->count);
    co_free(plan->noise);
    *plan = (co_partition_plan){0};
}

co_status co_partition_plan_regroup(const co_partition_input *in, co_partition_plan *plan,
                                    int32_t *group_take, size_t n_groups)
{
    co_free(plan->group);
    plan->group = group_take;
    plan->n_groups = n_groups;
    return count_groups(in, plan);
}

co_status co_partition_lists(const co_dataset *data, uint8_t split, const int32_t *owner,
                             int64_t n_devices, int64_t **offsets, int64_t **ids)
{
    int64_t *first = *offsets = co_calloc((size_t)n_devices + 1, sizeof *first);
    if (!first) return CO_FAIL(CO_ENOMEM, "offsets of %lld devices", (long long)n_devices);
    for (int64_t i = 0; i < data->n; i++)
        if (data->split[i] == split && owner[i] >= 0) first[owner[i] + 1]++;
    for (int64_t d = 0; d < n_devices; d++) first[d + 1] += first[d];
    int64_t *out = *ids = co_malloc((size_t)first[n_devices], sizeof *out);
    if (!out) return CO_FAIL(CO_ENOMEM, "lists of %lld examples", (long long)first[n_devices]);
    for (int64_t i = 0; i < data->n; i++)
        if (data->split[i] == split && owner[i] >= 0) out[first[owner[i]]++] = i;
    memmove(first + 1, first, (size_t)n_devices * sizeof *first); /* each has reached its end */
    first[0] = 0;
    return CO_OK;
}
