/* io/writers/registry.c - finds writers by name. */
#include "io/writers/writer.h"

#define X(name) extern const co_writer co_writer_##name;
#include "io/writers/list.h"
#undef X

static const co_plugin *const members[] = {
#define X(name) (const co_plugin *)&co_writer_##name,
#include "io/writers/list.h"
#undef X
    NULL};

const co_kind co_kind_writer = {"writer", "formats that `cohort export` writes", members};

const co_writer *co_writer_find(const char *name)
{
    return (const co_writer *)co_plugin_find(&co_kind_writer, name);
}
