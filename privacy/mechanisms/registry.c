/* privacy/mechanisms/registry.c - finds members of the kind mechanism by name. */
#include "privacy/mechanisms/mechanism.h"

#define X(name) extern const co_mechanism co_mechanism_##name;
#include "privacy/mechanisms/list.h"
#undef X

static const co_plugin *const members[] = {
#define X(name) (const co_plugin *)&co_mechanism_##name,
#include "privacy/mechanisms/list.h"
#undef X
    NULL};

const co_kind co_kind_mechanism = {"mechanism", "what bounds a contribution and adds noise",
                                   members};

const co_mechanism *co_mechanism_find(const char *name)
{
    return (const co_mechanism *)co_plugin_find(&co_kind_mechanism, name);
}
