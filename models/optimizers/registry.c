/* models/optimizers/registry.c - finds local optimisers by name. */
#include "models/optimizers/optimizer.h"

#define X(name) extern const co_optimizer co_optimizer_##name;
#include "models/optimizers/list.h"
#undef X

static const co_plugin *const members[] = {
#define X(name) (const co_plugin *)&co_optimizer_##name,
#include "models/optimizers/list.h"
#undef X
    NULL};

const co_kind co_kind_optimizer = {"optimizer", "local optimisers: one step on a device", members};

const co_optimizer *co_optimizer_find(const char *name)
{
    return (const co_optimizer *)co_plugin_find(&co_kind_optimizer, name);
}
