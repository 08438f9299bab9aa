/* io/lists/list.c - lists of examples as they are read: one entry after the other. */
#include "core/memory.h"
#include "io/lists/lists.h"

co_status co_lists_device(co_lists *lists, const char *name, int32_t *device)
{
    return co_members_number(&lists->devices, name, device);
}

co_status co_lists_add(co_lists *lists, int32_t device, bool test, int64_t example)
{
    co_list_part *part = &lists->part[test];
    if (co_reserve((void **)&part->device, &part->device_room, part->n + 1, sizeof *part->device) ||
        co_reserve((void **)&part->example, &part->example_room, part->n + 1,
                   sizeof *part->example))
        return CO_FAIL(CO_ENOMEM, "%s: out of memory after %zu examples", lists->path, part->n);
    part->device[part->n] = device;
    part->example[part->n++] = example;
    return CO_OK;
}

void co_lists_fini(co_lists *lists)
{
    co_members_fini(&lists->devices);
    for (int k = 0; k < 2; k++) {
        co_free(lists->part[k].device);
        co_free(lists->part[k].example);
    }
}
