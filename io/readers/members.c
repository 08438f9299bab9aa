/* io/readers/members.c - an open hash table of names, at most half full. Cost: O(1) a name. */
#include "io/readers/members.h"
#include "core/memory.h"
#include "io/files/file.h"
#include <string.h>

static size_t probe(const co_members *m, const char *name)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (const char *c = name; *c; c++) hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;
    size_t s = (hash ^ hash >> 29) & (m->n_slots - 1);
    while (m->slot[s] && strcmp(m->name[m->slot[s] - 1], name) != 0) s = (s + 1) & (m->n_slots - 1);
    return s;
}

static co_status grow(co_members *m)
{
    const size_t n_slots = m->n_slots ? 2 * m->n_slots : 256;
    uint32_t *slot = co_calloc(n_slots, sizeof *slot);
    if (!slot) return CO_FAIL(CO_ENOMEM, "out of memory for %zu names", m->n);
    co_free(m->slot);
    m->slot = slot;
    m->n_slots = n_slots;
    for (size_t i = 0; i < m->n; i++) m->slot[probe(m, m->name[i])] = (uint32_t)i + 1;
    return CO_OK;
}

co_status co_members_number(co_members *m, const char *name, int32_t *number)
{
    if (2 * (m->n + 1) > m->n_slots) CO_TRY(grow(m));
    const size_t s = probe(m, name);
    if (!m->slot[s]) {
        if (m->n >= INT32_MAX) return CO_FAIL(CO_EDATA, "more than %d names", INT32_MAX);
        if (co_reserve((void **)&m->name, &m->room, m->n + 1, sizeof *m->name) ||
            !(m->name[m->n] = co_strdup(name)))
            return CO_FAIL(CO_ENOMEM, "out of memory for %zu names", m->n);
        m->slot[s] = (uint32_t)++m->n;
    }
    *number = (int32_t)m->slot[s] - 1;
    return CO_OK;
}

void co_members_fini(co_members *m)
{
    co_strings_free(m->name, m->n);
    co_free(m->slot);
    *m = (co_members){0};
}
