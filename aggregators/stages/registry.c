/* aggregators/stages/registry.c - finds members of the kind transform by name. */
#include "aggregators/stages/stage.h"

#define X(name) extern const co_stage co_stage_##name;
#include "aggregators/stages/list.h"
#undef X

static const co_plugin *const members[] = {
#define X(name) (const co_plugin *)&co_stage_##name,
#include "aggregators/stages/list.h"
#undef X
    NULL};

const co_kind co_kind_stage = {"transform", "changes to an update before it is summed", members};

const co_stage *co_stage_find(const char *name)
{
    return (const co_stage *)co_plugin_find(&co_kind_stage, name);
}
