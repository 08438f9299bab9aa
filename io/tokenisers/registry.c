/* io/tokenisers/registry.c - finds tokenisers by name. */
#include "io/tokenisers/tokeniser.h"

#define X(name) extern const co_tokeniser co_tokeniser_##name;
#include "io/tokenisers/list.h"
#undef X

static const co_plugin *const members[] = {
#define X(name) (const co_plugin *)&co_tokeniser_##name,
#include "io/tokenisers/list.h"
#undef X
    NULL};

const co_kind co_kind_tokeniser = {"tokeniser", "how texts become tokens", members};

const co_tokeniser *co_tokeniser_find(const char *name)
{
    return (const co_tokeniser *)co_plugin_find(&co_kind_tokeniser, name);
}
