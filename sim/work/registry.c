/* sim/work/registry.c - finds members of the kind work by name, and makes all for a run. */
#include "sim/work/work.h"
#include <string.h>

#define X(name) extern const co_work co_work_##name;
#include "sim/work/list.h"
#undef X

static const co_plugin *const members[] = {
#define X(name) (const co_plugin *)&co_work_##name,
#include "sim/work/list.h"
#undef X
    NULL};

const co_kind co_kind_work = {"work", "what a device does when the plan asks it", members};

const co_work *co_work_find(const char *name)
{
    return (const co_work *)co_plugin_find(&co_kind_work, name);
}

co_status co_works_create(co_works *w, co_workplace *place)
{
    co_status st = CO_OK;
    *w = (co_works){0};
    for (; st == CO_OK && members[w->n]; w->n++) {
        CO_ASSERT(w->n < CO_MAX_WORKS);
        w->work[w->n] = (const co_work *)members[w->n];
        st = w->work[w->n]->create(place, &w->self[w->n]);
    }
    if (st != CO_OK) co_works_destroy(w);
    return st;
}

void co_works_destroy(co_works *w)
{
    for (size_t k = 0; k < w->n; k++)
        if (w->work[k]->destroy) w->work[k]->destroy(w->self[k]);
    *w = (co_works){0};
}

size_t co_works_bytes(const co_works *w)
{
    size_t sum = 0;
    for (size_t k = 0; k < w->n; k++)
        if (w->work[k]->bytes) sum += w->work[k]->bytes(w->self[k]);
    return sum;
}

size_t co_work_index(const char *name)
{
    size_t k = 0;
    while (members[k] && strcmp(members[k]->name, name) != 0) k++;
    CO_ASSERT(members[k]);
    return k;
}
