/* models/layers/registry.c - finds layers by name. */
#include "models/layers/layer.h"

#define X(name) extern const co_layer co_layer_##name;
#include "models/layers/list.h"
#undef X

static const co_plugin *const members[] = {
#define X(name) (const co_plugin *)&co_layer_##name,
#include "models/layers/list.h"
#undef X
    NULL};

const co_kind co_kind_layer = {"layer", "building blocks of models", members};

const co_layer *co_layer_find(const char *name)
{
    return (const co_layer *)co_plugin_find(&co_kind_layer, name);
}
