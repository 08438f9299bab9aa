/* sim/selectors/registry.c - finds members of the kind selector by name. */
#include "sim/selectors/selector.h"

#define X(name) extern const co_selector co_selector_##name;
#include "sim/selectors/list.h"
#undef X

static const co_plugin *const members[] = {
#define X(name) (const co_plugin *)&co_selector_##name,
#include "sim/selectors/list.h"
#undef X
    NULL};

const co_kind co_kind_selector = {"selector", "which devices a round asks", members};

size_t co_selector_most(const co_selector *selector, int64_t n_devices, double per_round)
{
    return selector->most ? selector->most(n_devices, per_round) : (size_t)per_round;
}

const co_selector *co_selector_find(const char *name)
{
    return (const co_selector *)co_plugin_find(&co_kind_selector, name);
}
