/* aggregators/registry.c - finds members of the kind aggregator by name. */
#include "aggregators/aggregator.h"

#define X(name) extern const co_aggregator co_aggregator_##name;
#include "aggregators/list.h"
#undef X

static const co_plugin *const members[] = {
#define X(name) (const co_plugin *)&co_aggregator_##name,
#include "aggregators/list.h"
#undef X
    NULL};

const co_kind co_kind_aggregator = {"aggregator", "one update out of those of a round", members};

const co_aggregator *co_aggregator_find(const char *name)
{
    return (const co_aggregator *)co_plugin_find(&co_kind_aggregator, name);
}
