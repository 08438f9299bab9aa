/* privacy/statements/registry.c - finds the statement that fits what is released; writes lines. */
#include "core/log.h"
#include "privacy/statements/statement.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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

const char *co_unit_text(co_unit unit)
{
    static const char *const text[CO_N_UNITS] = {"device", "example", "message"};
    return text[unit];
}

const char *co_said(const co_statement_text *words, const char *label)
{
    for (size_t i = 0; i < words->n; i++)
        if (strcmp(words->line[i].label, label) == 0) return words->line[i].text;
    return NULL;
}

void co_say(co_statement_text *words, const char *label, const char *format, ...)
{
    va_list args;
    CO_ASSERT(words->n < CO_MOST_SAID && !co_said(words, label));
    va_start(args, format);
    const int n = vsnprintf(words->line[words->n].text, CO_LONGEST_SAID, format, args);
    va_end(args);
    CO_ASSERT(n > 0 && n < CO_LONGEST_SAID);
    words->line[words->n++].label = label;
}
