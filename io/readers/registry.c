/* io/readers/registry.c - finds readers by name. */
#include "io/readers/reader.h"

#define X(name) extern const co_reader co_reader_##name;
#include "io/readers/list.h"
#undef X

static const co_plugin *const members[] = {
#define X(name) (const co_plugin *)&co_reader_##name,
#include "io/readers/list.h"
#undef X
    NULL};

const co_kind co_kind_reader = {"reader", "raw data formats that `cohort import` reads", members};

const co_reader *co_reader_find(const char *name)
{
    return (const co_reader *)co_plugin_find(&co_kind_reader, name);
}
