/* partition/table.c - reads tables of numbers. Cost: O(entries), 8 bytes each. */
#include "partition/table.h"
#include "core/memory.h"
#include "io/readers/raw.h"
#include <stdlib.h>
#include <string.h>

static co_status add_row(const char *path, int64_t line, char *text, size_t *capacity,
                         co_given_table *t)
{
    size_t n = 0, used = (size_t)t->n_rows * t->n_columns;
    for (char *at = text, *end; *at; n++) {
        const double x = strtod(at, &end);
        if (end == at || !(x >= 0.0 && x <= 1e15))
            return CO_FAIL(CO_EDATA, "%s: line %lld, entry %zu: '%.20s' is no number of 0 to 1e15",
                           path, (long long)line, n + 1, at);
        if (co_reserve((void **)&t->value, capacity, used + 1, sizeof *t->value))
            return CO_FAIL(CO_ENOMEM, "%s: %zu numbers", path, used + 1);
        t->value[used++] = x;
        at = end + strspn(end, " \t\r");
        if (*at == ',') at++;
    }
    if (t->n_rows == 0) t->n_columns = n;
    if (n != t->n_columns)
        return CO_FAIL(CO_EDATA, "%s: line %lld has %zu numbers, the lines before have %zu", path,
                       (long long)line, n, t->n_columns);
    t->n_rows++;
    return CO_OK;
}

co_status co_given_table_read(const char *path, co_given_table *table)
{
    co_raw raw;
    *table = (co_given_table){0};
    CO_TRY(co_raw_text(path, &raw));
    co_status st = CO_OK;
    size_t capacity = 0;
    int64_t line = 0;
    for (char *at = raw.bytes, *next; st == CO_OK && at && *at; at = next) {
        next = strchr(at, '\n');
        if (next) *next++ = '\0';
        line++;
        at += strspn(at, " \t\r");
        if (*at && *at != '#') st = add_row(path, line, at, &capacity, table);
    }
    co_raw_fini(&raw);
    if (st == CO_OK && table->n_rows == 0)
        st = CO_FAIL(CO_EDATA, "%s: has no row of numbers", path);
    if (st != CO_OK) co_given_table_fini(table);
    return st;
}

void co_given_table_fini(co_given_table *table)
{
    co_free(table->value);
    *table = (co_given_table){0};
}
