/* sim/planners/planner.h - kind planner: which devices a step asks, for what, from which version of
 * the model, and when.
 *
 * A pure function of (seed, step, virtual time), of what devices hold and declare, and of what was
 * aggregated into the newest version: every rank computes the same plan, without a message.
 * Selectors stand beneath it, placement behind it. Adding one: a file sim/planners/<name>.c with
 * the table co_planner_<name>, and a line in list.h; synchronous.c is the simplest. */
#pragma once
#include "sim/kept.h"
#include "sim/planners/plan.h"

/* Before the step. */
typedef struct {
    int64_t step; /* from 1: the version that it makes; step - 1 is the newest */
    int64_t time; /* virtual, in nanoseconds */
} co_clock;

struct co_planner {
    CO_PLUGIN_FIELDS;
    /* A step's devices are those whom the selector named for it, all from the newest version: what
     * unbiased weights, and amplification by sampling, rest on. */
    bool waits_for_all;
    bool draws; /* asks at any time (co_plan_draw): only with selectors that can */
    /* Versions of the model that are kept in any case: the newest and the n_versions - 1 before it,
     * each one copy a node. At least 1. */
    size_t n_versions;
    /* Where it does not wait for all: whether those that the selector has named take part but for
     * those that their own speed and their own chance of that step keep out, whoever else is named.
     * Then amplification by sampling holds too. NULL: no. opt: section `devices`. Local. */
    bool (*is_sampled)(const co_config *opt);
    /* Devices asked at once and rows of a step at most, where those are not per_round and as many
     * as the selector names of it. NULL: they are. opt: section `devices`, range-checked. Local. */
    void (*sizes)(const co_config *opt, double per_round, double *asked, size_t *rows);
    /* What the member keeps. opt: section `devices`, range-checked. NULL: nothing, and no destroy.
     * Local. */
    co_status (*create)(const co_config *opt, const co_plan *plan, void **self);
    void (*destroy)(void *self); /* NULL allowed */
    /* Lists that have to be there after a resume. NULL: none. Local. */
    void (*keeps)(void *self, co_keeps *keeps);
    /* Behind a resume, before the step `now`: CO_EDATA where the lists that were read cannot be of
     * it. NULL: they always are. Local. */
    co_status (*check)(const void *self, const co_plan *plan, const co_clock *now);
    /* Behind `next`: the versions that devices under way have started from, with repeats; their
     * number is that of the devices. NULL: none is under way. Borrowed. Local. */
    size_t (*holds)(const void *self, const int64_t **version);
    /* Asks devices (co_plan_ask, or co_plan_add and co_plan_lose), by ascending id and each at most
     * once; may change what their rows say (weights downwards alone: a device's part of the whole
     * stays below 1); sets plan->time, never before now->time. CO_ENOMEM; CO_EUSAGE when no device
     * will ever be there again. Local; Same on all ranks: everything but CO_ENOMEM. */
    co_status (*next)(void *self, const co_clock *now, co_plan *plan);
};

/* A step's plan: the planner's rows, their coefficients, their ranks. As the planner's next. Local;
 * Same on all ranks: everything but CO_ENOMEM. */
co_status co_planner_make(const co_planner *planner, void *self, const co_clock *now,
                          co_plan *plan);

/* Whether devices may start from an older version than the newest. */
static inline bool co_planner_is_stale(const co_planner *planner)
{
    return planner->holds || planner->n_versions > 1;
}

extern const co_kind co_kind_planner;
const co_planner *co_planner_find(const char *name);
