/* sim/planners/planner.h - kind planner: which devices a step asks, for what, from which version of
 * the model, and when.
 *
 * A pure function of (seed, step, virtual time), of what devices hold and declare, and of what was
 * aggregated into the newest version: every rank computes the same plan, without a message.
 * Selectors stand beneath it, placement behind it. Adding one: a file sim/planners/<name>.c with
 * the table co_planner_<name>, and a line in list.h; synchronous.c is the simplest. */
#pragma once
#include "sim/planners/plan.h"

/* Before the step. */
typedef struct {
    int64_t step; /* from 1: the version that it makes; step - 1 is the newest */
    int64_t time; /* virtual, in nanoseconds */
} co_clock;

struct co_planner {
    CO_PLUGIN_FIELDS;
    /* Versions of the model that rows may start from: the newest and the n_versions - 1 before it,
     * each one copy a node. At least 1. */
    size_t n_versions;
    /* What the member keeps. opt: section `devices`, range-checked. NULL: nothing, and no destroy.
     * Local. */
    co_status (*create)(const co_config *opt, const co_plan *plan, void **self);
    void (*destroy)(void *self); /* NULL allowed */
    /* Asks devices (co_plan_ask), by ascending id and each at most once; may change what their rows
     * say (weights downwards alone: a device's part of the whole stays below 1). Local; Same on all
     * ranks: everything. */
    void (*next)(void *self, const co_clock *now, co_plan *plan);
};

/* A step's plan: the planner's rows, their coefficients, their ranks. Local; Same on all ranks:
 * everything. */
void co_planner_make(const co_planner *planner, void *self, const co_clock *now, co_plan *plan);

extern const co_kind co_kind_planner;
const co_planner *co_planner_find(const char *name);
