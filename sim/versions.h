/* sim/versions.h - versions of the model that devices may start from: the newest, which is the
 * exchange's, and those before it that some device still needs.
 *
 * Version k is the model after k steps. One copy a node of each older version, made when the model
 * is stepped, while a device that is on its way started from it; its room is then used again.
 * No copy, no message and no time where the newest alone is needed. */
#pragma once
#include "sim/planners/planner.h"
#include "sim/wires/exchange.h"

typedef struct {
    int64_t version; /* -1: none */
    bool is_held;    /* behind the step at hand */
    size_t segment;  /* where it lies */
    float *value;    /* [n_params] */
} co_old_version;
enum { CO_MAX_VERSION_SEGMENTS = 64 };

typedef struct {
    const co_exchange *exchange;
    int64_t newest;
    size_t room, n_used, most; /* copies that there is room for; in use; the most in use so far */
    co_old_version *old;       /* [room] */
    bool keeps_newest;         /* the step at hand makes a copy */
    size_t n_segments;
    co_segment segment[CO_MAX_VERSION_SEGMENTS];
} co_versions;

void co_versions_init(co_versions *versions, const co_exchange *exchange); /* Local */
void co_versions_fini(co_versions *versions);                              /* Collective(node) */
size_t co_versions_node_bytes(const co_versions *versions);
size_t co_versions_room(size_t n); /* for how many copies there is room once n were needed; >= n */
size_t co_versions_bytes(const co_exchange *exchange); /* of one copy */
/* [n_params]; of an older one only what is trained. The newest, or one that is kept. Local. */
const float *co_versions_read(const co_versions *versions, int64_t version);
/* The latest of those kept that is older than `version`; NULL: none. Local. */
const co_old_version *co_versions_before(const co_versions *versions, int64_t version);
/* Behind the plan of the next step: which versions its devices under way still hold, and
 * room for them. CO_ENOMEM on all ranks or none. Collective(comm) where room is made, else Local;
 * Same on all ranks: everything. */
co_status co_versions_plan(co_versions *versions, const co_planner *planner, const co_plan *plan);
/* Before the newest is stepped and after everybody has read what the step's devices started from:
 * keeps it where the plan says so; what nobody needs any more goes. Collective(node). */
void co_versions_step(co_versions *versions);
/* Behind a resume, when the planner has its lists: room for what it holds before version `newest`.
 * Collective(comm). CO_ENOMEM. */
co_status co_versions_open(co_versions *versions, int64_t newest, const co_planner *planner,
                           const void *self);
/* What rank 0 has read into old[..].value goes to all nodes. Collective(comm). */
co_status co_versions_broadcast(co_versions *versions);
