/* partition/registry.c - finds partitioners by name. */
#include "partition/partitioner.h"

#define X(name) extern const co_partitioner co_partitioner_##name;
#include "partition/list.h"
#undef X

static const co_plugin *const members[] = {
#define X(name) (const co_plugin *)&co_partitioner_##name,
#include "partition/list.h"
#undef X
    NULL};

const co_kind co_kind_partitioner = {"partitioner", "how the examples are dealt to the devices",
                                     members};

const co_partitioner *co_partitioner_find(const char *name)
{
    return (const co_partitioner *)co_plugin_find(&co_kind_partitioner, name);
}
