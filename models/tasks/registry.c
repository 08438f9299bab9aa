/* models/tasks/registry.c - finds tasks by name. */
#include "models/tasks/task.h"

#define X(name) extern const co_task co_task_##name;
#include "models/tasks/list.h"
#undef X

static const co_plugin *const members[] = {
#define X(name) (const co_plugin *)&co_task_##name,
#include "models/tasks/list.h"
#undef X
    NULL};

const co_kind co_kind_task = {"task", "what a model is trained for: loss and metrics", members};

const co_task *co_task_find(const char *name)
{
    return (const co_task *)co_plugin_find(&co_kind_task, name);
}
