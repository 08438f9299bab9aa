/* sim/kept.c - what is listed, and its way to all ranks. */
#include "sim/kept.h"
#include "core/log.h"
#include "core/memory.h"
#include <string.h>

static void add(co_keeps *k, co_kept item)
{
    CO_ASSERT(k->n < CO_MAX_KEPT);
    item.lo = 1.0; /* above hi: anything */
    k->list[k->n++] = item;
}

void co_keep_ints(co_keeps *keeps, const char *name, int64_t *value, int64_t *n, int64_t most)
{
    add(keeps, (co_kept){.name = name, .value = value, .n = n, .most = most});
}

void co_keep_reals(co_keeps *keeps, const char *name, double *value, int64_t *n, int64_t most)
{
    add(keeps, (co_kept){.name = name, .is_real = true, .value = value, .n = n, .most = most});
}

void co_keep_within(co_keeps *keeps, double lo, double hi)
{
    CO_ASSERT(keeps->n > 0 && lo <= hi);
    keeps->list[keeps->n - 1].lo = lo;
    keeps->list[keeps->n - 1].hi = hi;
}

static int64_t count(const co_kept *k)
{
    return k->n ? *k->n : k->most;
}

co_status co_keeps_hold(co_keeps *keeps)
{
    size_t bytes = 0, at = 0;
    for (size_t i = 0; i < keeps->n; i++) bytes += 8 * (size_t)count(&keeps->list[i]);
    if (bytes > keeps->room) {
        char *held = co_realloc(keeps->held, 2, bytes);
        if (!held) return CO_FAIL(CO_ENOMEM, "lists of planner and selector");
        keeps->held = held;
        keeps->room = 2 * bytes;
    }
    for (size_t i = 0; i < keeps->n; i++) {
        const co_kept *k = &keeps->list[i];
        const size_t size = 8 * (size_t)count(k);
        keeps->held_n[i] = count(k);
        if (size > 0) memcpy(keeps->held + at, k->value, size);
        at += size;
    }
    return CO_OK;
}

void co_keeps_back(const co_keeps *keeps)
{
    size_t at = 0;
    for (size_t i = 0; i < keeps->n; i++) {
        const co_kept *k = &keeps->list[i];
        const size_t size = 8 * (size_t)keeps->held_n[i];
        if (k->n) *k->n = keeps->held_n[i];
        if (size > 0) memcpy(k->value, keeps->held + at, size);
        at += size;
    }
}

void co_keeps_fini(co_keeps *keeps)
{
    co_free(keeps->held);
    *keeps = (co_keeps){0};
}

void co_keeps_broadcast(co_keeps *keeps, const co_comm *comm)
{
    for (co_kept *k = keeps->list; k < keeps->list + keeps->n; k++) {
        if (k->n) MPI_Bcast(k->n, 1, MPI_INT64_T, 0, comm->world);
        const int64_t n = count(k);
        for (int64_t at = 0; at < n; at += INT32_MAX) {
            const int part = (int)(n - at < INT32_MAX ? n - at : INT32_MAX);
            char *value = (char *)k->value + 8 * at;
            MPI_Bcast(value, part, k->is_real ? MPI_DOUBLE : MPI_INT64_T, 0, comm->world);
        }
    }
}
