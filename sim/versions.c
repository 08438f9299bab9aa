/* sim/versions.c - the ring. A step costs one copy of the model a node, where there is a ring. */
#include "sim/versions.h"
#include <string.h>

co_status co_versions_init(co_versions *v, size_t n, const co_exchange *x)
{
    co_status st = CO_OK;
    CO_ASSERT(n >= 1 && n <= CO_MAX_VERSIONS);
    *v = (co_versions){.exchange = x, .n = 1};
    for (; st == CO_OK && v->n < n; v->n += st == CO_OK)
        st = co_segment_create(&v->old[v->n - 1], x->n_params * sizeof(float), x->comm);
    if (st != CO_OK) co_versions_fini(v);
    return st;
}

void co_versions_fini(co_versions *v)
{
    for (size_t k = 0; k + 1 < v->n; k++) co_segment_fini(&v->old[k]);
    *v = (co_versions){0};
}

size_t co_versions_node_bytes(const co_versions *v)
{
    return v->n > 1 ? (v->n - 1) * v->old[0].bytes : 0;
}

static const co_segment *place_of(const co_versions *v, int64_t version)
{
    return &v->old[version % (int64_t)(v->n - 1)];
}

const float *co_versions_read(const co_versions *v, int64_t version)
{
    CO_ASSERT(version >= 0 && version <= v->newest && version > v->newest - (int64_t)v->n);
    return version == v->newest ? v->exchange->model : place_of(v, version)->data;
}

/* Its owner alone may be stepping a slice already; slices of other nodes change in the gather. */
void co_versions_step(co_versions *v)
{
    const co_exchange *x = v->exchange;
    const co_comm *comm = x->comm;
    if (v->n > 1) {
        float *to = place_of(v, v->newest)->data;
        for (int r = 0; r < comm->size; r++) {
            const bool here = comm->node_of_rank[r] == comm->node_of_rank[comm->rank];
            if (here ? r != comm->rank : comm->node_rank != 0) continue;
            co_exchange_copy(x, r, to);
        }
        co_segment_sync(&v->old[v->newest % (int64_t)(v->n - 1)], comm);
    }
    v->newest++;
}

float *co_versions_place(const co_versions *v, size_t back)
{
    const int64_t version = v->newest - (int64_t)back;
    return back >= 1 && back < v->n && version >= 0 ? place_of(v, version)->data : NULL;
}

co_status co_versions_resume(co_versions *v, int64_t newest)
{
    co_status st = CO_OK;
    v->newest = newest;
    for (size_t k = 0; st == CO_OK && k + 1 < v->n; k++)
        st = co_segment_broadcast(&v->old[k], v->exchange->comm);
    return st;
}
