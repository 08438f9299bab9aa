/* aggregators/transforms/registry.c - finds members of the kind transform by name. */
#include "aggregators/transforms/transform.h"

#define X(name) extern const co_transform co_transform_##name;
#include "aggregators/transforms/list.h"
#undef X

static const co_plugin *const members[] = {
#define X(name) (const co_plugin *)&co_transform_##name,
#include "aggregators/transforms/list.h"
#undef X
    NULL};

const co_kind co_kind_transform = {"transform", "changes to an update before it is summed", members};

const co_transform *co_transform_find(const char *name)
{
    return (const co_transform *)co_plugin_find(&co_kind_transform, name);
}
