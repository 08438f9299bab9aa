/* sim/versions.h - versions of the model that devices of a step may start from: the newest, which
 * is the exchange's, and a ring of those before it.
 *
 * Version k is the model after k steps. One copy a node of each version before the newest, and no
 * copy, no message and no time where a planner needs the newest alone. */
#pragma once
#include "sim/wires/exchange.h"

enum { CO_MAX_VERSIONS = 64 };

typedef struct {
    const co_exchange *exchange;
    size_t n; /* the newest included */
    int64_t newest;
    co_segment old[CO_MAX_VERSIONS - 1]; /* version k at k mod (n - 1) */
} co_versions;

/* Collective(comm). CO_ENOMEM. */
co_status co_versions_init(co_versions *versions, size_t n, const co_exchange *exchange);
void co_versions_fini(co_versions *versions); /* Collective(node) */
size_t co_versions_node_bytes(const co_versions *versions);
/* [n_params]; of an older one only what is trained. version in (newest - n, newest] and not
 * negative. Local. */
const float *co_versions_read(const co_versions *versions, int64_t version);
/* Before the newest is stepped and after everybody has read it: keeps it, the oldest goes.
 * Collective(node). */
void co_versions_step(co_versions *versions);
/* Of a checkpoint: version newest - back is at that place, for rank 0 to write or read; NULL before
 * the first. Local. */
float *co_versions_place(const co_versions *versions, size_t back);
/* What rank 0 has read there goes to all nodes. Collective(comm). */
co_status co_versions_resume(co_versions *versions, int64_t newest);
