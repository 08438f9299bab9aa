/* privacy/statements/registry.c - finds the statement that fits what is released. */
#include "privacy/statements/statement.h"

#define X(name) extern const co_statement co_statement_##name;
#include "privacy/statements/list.h"
#undef X

static const co_plugin *const members[] = {
#define X(name) (const co_plugin *)&co_statement_##name,
#include "privacy/statements/list.h"
#undef X
    NULL};

const co_kind co_kind_statement = {
    "statement", "what a private run guarantees to whom; follows from sampler and mechanism",
    members};

const co_statement *co_statement_for(const co_release *release)
{
    for (const co_plugin *const *at = members; *at; at++) {
        const co_statement *member = (const co_statement *)*at;
        if (member->unit == release->unit && member->fits(release)) return member;
    }
    return NULL;
}
