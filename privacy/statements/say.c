/* privacy/statements/say.c - the lines of a statement, and the word for a unit. */
#include "core/log.h"
#include "privacy/statements/statement.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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
