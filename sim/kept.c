/* sim/kept.c - what is listed, and its way to all ranks. */
#include "sim/kept.h"
#include "core/log.h"

static void add(co_keeps *k, co_kept item)
{
    CO_ASSERT(k->n < CO_MAX_KEPT);
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

void co_keeps_broadcast(co_keeps *keeps, const co_comm *comm)
{
    for (co_kept *k = keeps->list; k < keeps->list + keeps->n; k++) {
        if (k->n) MPI_Bcast(k->n, 1, MPI_INT64_T, 0, comm->world);
        const int64_t n = k->n ? *k->n : k->most;
        for (int64_t at = 0; at < n; at += INT32_MAX) {
            const int part = (int)(n - at < INT32_MAX ? n - at : INT32_MAX);
            char *value = (char *)k->value + 8 * at;
            MPI_Bcast(value, part, k->is_real ? MPI_DOUBLE : MPI_INT64_T, 0, comm->world);
        }
    }
}
