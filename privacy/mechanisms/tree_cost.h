/* privacy/mechanisms/tree_cost.h - how much one device can change the nodes of a forest of binary
 * trees. All calls are Local. */
#pragma once
#include "core/status.h"
#include <stdint.h>

/* Leaves are the steps, in trees of `restart` leaves (0: one tree that grows); a node is there once
 * all its leaves are, and where another tree follows also above the leaves that are missing to a
 * power of two (completion). */
typedef struct co_tree_cost co_tree_cost;

/* separation: least difference of two steps of one device, >= 1. NULL: out of memory. */
co_tree_cost *co_tree_cost_create(int64_t separation, int64_t restart);
void co_tree_cost_destroy(co_tree_cost *cost);
/* The largest sum over nodes of (participations below it)^2, over all ways to take part in at most
 * `most` of n_steps steps; exact while the work is below some 10^9, above it most x the sum over
 * levels of the most in one node: a bound. CO_ENOMEM. */
co_status co_tree_cost_squared(co_tree_cost *cost, int64_t n_steps, int64_t most, int64_t *squared);
