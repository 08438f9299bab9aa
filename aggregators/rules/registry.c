/* aggregators/rules/registry.c - finds members of the kind local_rule by name. */
#include "aggregators/rules/rule.h"

#define X(name) extern const co_rule co_rule_##name;
#include "aggregators/rules/list.h"
#undef X

static const co_plugin *const members[] = {
#define X(name) (const co_plugin *)&co_rule_##name,
#include "aggregators/rules/list.h"
#undef X
    NULL};

const co_kind co_kind_local_rule = {"local_rule", "what a device adds to plain local training",
                                    members};

const co_rule *co_rule_find(const char *name)
{
    return (const co_rule *)co_plugin_find(&co_kind_local_rule, name);
}
