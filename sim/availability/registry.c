/* sim/availability/registry.c - finds members of the kind availability by name. */
#include "sim/availability/availability.h"

#define X(name) extern const co_availability co_availability_##name;
#include "sim/availability/list.h"
#undef X

static const co_plugin *const members[] = {
#define X(name) (const co_plugin *)&co_availability_##name,
#include "sim/availability/list.h"
#undef X
    NULL};

const co_kind co_kind_availability = {"availability", "when devices are there", members};

const co_availability *co_availability_find(const char *name)
{
    return (const co_availability *)co_plugin_find(&co_kind_availability, name);
}
