/* trust/adversaries/registry.c - finds members of the kind attack by name. */
#include "trust/adversaries/attack.h"

#define X(name) extern const co_attack co_attack_##name;
#include "trust/adversaries/list.h"
#undef X

static const co_plugin *const members[] = {
#define X(name) (const co_plugin *)&co_attack_##name,
#include "trust/adversaries/list.h"
#undef X
    NULL};

const co_kind co_kind_attack = {"attack", "what devices that mean harm send", members};

const co_attack *co_attack_find(const char *name)
{
    return (const co_attack *)co_plugin_find(&co_kind_attack, name);
}
