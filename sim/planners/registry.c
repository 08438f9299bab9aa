/* sim/planners/registry.c - finds members of the kind planner by name. */
#include "sim/planners/planner.h"

#define X(name) extern const co_planner co_planner_##name;
#include "sim/planners/list.h"
#undef X

static const co_plugin *const members[] = {
#define X(name) (const co_plugin *)&co_planner_##name,
#include "sim/planners/list.h"
#undef X
    NULL};

const co_kind co_kind_planner = {
    "planner", "when a step asks which devices, and from which version of the model", members};

const co_planner *co_planner_find(const char *name)
{
    return (const co_planner *)co_plugin_find(&co_kind_planner, name);
}
