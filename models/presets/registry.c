/* models/presets/registry.c - finds presets by name. */
#include "models/presets/preset.h"

#define X(name) extern const co_model_preset co_preset_##name;
#include "models/presets/list.h"
#undef X

static const co_plugin *const members[] = {
#define X(name) (const co_plugin *)&co_preset_##name,
#include "models/presets/list.h"
#undef X
    NULL};

const co_kind co_kind_model = {"model", "models with a name", members};

const co_model_preset *co_preset_find(const char *name)
{
    return (const co_model_preset *)co_plugin_find(&co_kind_model, name);
}
