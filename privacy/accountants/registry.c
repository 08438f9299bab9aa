/* privacy/accountants/registry.c - finds members of the kind accountant by name. */
#include "privacy/accountants/accountant.h"

#define X(name) extern const co_accountant co_accountant_##name;
#include "privacy/accountants/list.h"
#undef X

static const co_plugin *const members[] = {
#define X(name) (const co_plugin *)&co_accountant_##name,
#include "privacy/accountants/list.h"
#undef X
    NULL};

const co_kind co_kind_accountant = {"accountant",
                                    "what a run's releases add up to as (epsilon, delta)", members};

const co_accountant *co_accountant_find(const char *name)
{
    return (const co_accountant *)co_plugin_find(&co_kind_accountant, name);
}
