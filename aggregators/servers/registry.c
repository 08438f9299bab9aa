/* aggregators/servers/registry.c - finds members of the kind server_optimizer by name. */
#include "aggregators/servers/server.h"

#define X(name) extern const co_server co_server_##name;
#include "aggregators/servers/list.h"
#undef X

static const co_plugin *const members[] = {
#define X(name) (const co_plugin *)&co_server_##name,
#include "aggregators/servers/list.h"
#undef X
    NULL};

const co_kind co_kind_server_optimizer = {
    "server_optimizer", "one step of the global model along the round's update", members};

const co_server *co_server_find(const char *name)
{
    return (const co_server *)co_plugin_find(&co_kind_server_optimizer, name);
}
