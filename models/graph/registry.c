/* models/graph/registry.c - finds blocks by name. */
#include "models/graph/block.h"
#include <string.h>

#define X(name) extern const co_block co_block_##name;
#include "models/graph/list.h"
#undef X

static const co_plugin *const members[] = {
#define X(name) (const co_plugin *)&co_block_##name,
#include "models/graph/list.h"
#undef X
    NULL};

const co_kind co_kind_block = {"block", "layers that stand as one item of a list", members};

const co_block *co_block_find(const char *name)
{
    for (const co_plugin *const *m = members; *m; m++)
        if (strcmp((*m)->name, name) == 0) return (const co_block *)*m;
    return NULL;
}
