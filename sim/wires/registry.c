/* sim/wires/registry.c - finds members of the kind wire by name. */
#include "sim/wires/wire.h"

#define X(name) extern const co_wire co_wire_##name;
#include "sim/wires/list.h"
#undef X

static const co_plugin *const members[] = {
#define X(name) (const co_plugin *)&co_wire_##name,
#include "sim/wires/list.h"
#undef X
    NULL};

const co_kind co_kind_wire = {
    "wire", "how the updates of a round meet; chosen by what the aggregator and attacks need",
    members};

const co_wire *co_wire_find(const char *name)
{
    return (const co_wire *)co_plugin_find(&co_kind_wire, name);
}
