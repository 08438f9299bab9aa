/* sim/versions.c - a pool of copies, in segments each a quarter of all before it: few windows,
 * little room that is not used. A step costs one copy of the model a node, where one is needed. */
#include "sim/versions.h"
#include "core/log.h"
#include "core/memory.h"
#include <stdio.h>
#include <stdlib.h>

void co_versions_init(co_versions *v, const co_exchange *x)
{
    *v = (co_versions){.exchange = x};
}

void co_versions_fini(co_versions *v)
{
    for (size_t k = 0; k < v->n_segments; k++) co_segment_fini(&v->segment[k]);
    co_free(v->old);
    *v = (co_versions){0};
}

size_t co_versions_bytes(const co_exchange *x)
{
    return x->n_params * sizeof(float);
}

size_t co_versions_room(size_t n)
{
    size_t room = 0;
    while (room < n) room += room / 4 + 1;
    return room;
}

size_t co_versions_node_bytes(const co_versions *v)
{
    return v->room > 0 ? v->room * co_versions_bytes(v->exchange) : 0;
}

static co_old_version *find(const co_versions *v, int64_t version)
{
    for (size_t k = 0; k < v->room; k++)
        if (v->old[k].version == version) return &v->old[k];
    return NULL;
}

const float *co_versions_read(const co_versions *v, int64_t version)
{
    if (version == v->newest) return v->exchange->model;
    const co_old_version *old = find(v, version);
    CO_ASSERT(old);
    return old->value;
}

const co_old_version *co_versions_before(const co_versions *v, int64_t version)
{
    const co_old_version *found = NULL;
    for (const co_old_version *old = v->old; old < v->old + v->room; old++)
        if (old->version >= 0 && old->version < version &&
            (!found || old->version > found->version))
            found = old;
    return found;
}

/* Collective(comm). */
static co_status add_segment(co_versions *v, size_t n)
{
    const size_t bytes = co_versions_bytes(v->exchange);
    const co_comm *comm = v->exchange->comm;
    co_segment *segment = &v->segment[v->n_segments];
    CO_ASSERT(v->n_segments < CO_MAX_VERSION_SEGMENTS);
    co_old_version *old = co_realloc(v->old, v->room + n, sizeof *old);
    if (old) v->old = old;
    CO_TRY(co_agree(old ? CO_OK : CO_FAIL(CO_ENOMEM, "list of versions"), comm));
    CO_TRY(co_segment_create(segment, n * bytes, comm));
    v->n_segments++;
    for (size_t k = 0; k < n; k++)
        v->old[v->room++] = (co_old_version){.version = -1,
                                             .segment = v->n_segments - 1,
                                             .value = (float *)((char *)segment->data + k * bytes)};
    return CO_OK;
}

/* Room for n copies. Collective(comm) where there is less. */
static co_status make_room(co_versions *v, size_t n)
{
    if (n <= v->room) return CO_OK;
    const co_status st = add_segment(v, co_versions_room(n) - v->room);
    if (st != CO_ENOMEM) return st;
    char cause[600];
    snprintf(cause, sizeof cause, "%s", co_status_message());
    return CO_FAIL(CO_ENOMEM,
                   "%zu older versions of the model that devices still hold: %s; a smaller "
                   "devices.max_staleness or devices.concurrency bounds them",
                   n, cause);
}

static bool is_wanted(const co_planner *planner, const int64_t *held, size_t n, int64_t version,
                      int64_t next)
{
    if (version < 0) return false;
    if (version > next - (int64_t)planner->n_versions) return true;
    for (size_t k = 0; k < n; k++)
        if (held[k] == version) return true;
    return false;
}

static int by_version(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Whether the version stays behind the step that is planned. */
static bool stays(const co_versions *v, const co_planner *planner, const co_plan *plan,
                  int64_t version)
{
    if (version < 0) return false;
    if (version > v->newest + 1 - (int64_t)planner->n_versions) return true;
    return plan->n_flying > 0 && bsearch(&version, plan->held, (size_t)plan->n_flying,
                                         sizeof version, by_version) != NULL;
}

co_status co_versions_plan(co_versions *v, const co_planner *planner, const co_plan *plan)
{
    size_t n_held = 0;
    for (size_t k = 0; k < v->room; k++) {
        v->old[k].is_held = stays(v, planner, plan, v->old[k].version);
        n_held += v->old[k].is_held;
    }
    v->keeps_newest = stays(v, planner, plan, v->newest);
    return make_room(v, n_held + v->keeps_newest);
}

static void release(co_versions *v)
{
    v->n_used = 0;
    for (size_t k = 0; k < v->room; k++) {
        if (!v->old[k].is_held) v->old[k].version = -1;
        v->n_used += v->old[k].is_held;
    }
}

/* A rank copies its own slice, which it alone may be stepping already; slices of other nodes change
 * in the gather. */
static void copy_newest(co_versions *v)
{
    const co_exchange *x = v->exchange;
    const co_comm *comm = x->comm;
    co_old_version *to = find(v, -1);
    CO_ASSERT(to);
    for (int r = 0; r < comm->size; r++) {
        const bool here = comm->node_of_rank[r] == comm->node_of_rank[comm->rank];
        if (here ? r != comm->rank : comm->node_rank != 0) continue;
        co_exchange_copy(x, r, to->value);
    }
    to->version = v->newest;
    v->n_used++;
    co_segment_sync(&v->segment[to->segment], comm);
}

void co_versions_step(co_versions *v)
{
    release(v);
    if (v->keeps_newest) copy_newest(v);
    if (v->n_used > v->most) v->most = v->n_used;
    v->keeps_newest = false;
    v->newest++;
}

co_status co_versions_open(co_versions *v, int64_t newest, const co_planner *planner,
                           const void *self)
{
    const int64_t *held = NULL;
    const size_t n = planner->holds ? planner->holds(self, &held) : 0;
    int64_t first = newest - (int64_t)planner->n_versions + 1;
    size_t n_held = 0;
    v->newest = newest;
    for (size_t k = 0; k < n; k++)
        if (held[k] < first) first = held[k];
    if (first < 0) first = 0;
    for (int64_t version = first; version < newest; version++)
        n_held += is_wanted(planner, held, n, version, newest);
    CO_TRY(make_room(v, n_held));
    for (int64_t version = first; version < newest; version++)
        if (is_wanted(planner, held, n, version, newest)) find(v, -1)->version = version;
    v->n_used = v->most = n_held;
    return CO_OK;
}

co_status co_versions_broadcast(co_versions *v)
{
    co_status st = CO_OK;
    for (size_t k = 0; st == CO_OK && k < v->n_segments; k++)
        st = co_segment_broadcast(&v->segment[k], v->exchange->comm);
    return st;
}
