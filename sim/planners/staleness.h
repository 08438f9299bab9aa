/* sim/planners/staleness.h - what planners share whose devices start from older versions: how much
 * an old update counts for, what it is the difference to, when it is too old.
 *
 * tau = versions made since the device started; s(tau) in (0, 1] multiplies its weight: constant 1,
 * polynomial (1 + tau)^-a, hinge 1 up to b and 1 / (a (tau - b) + 1) behind it. Source: Xie,
 * Koyejo, Gupta, arXiv:1903.03934, section 5.2. Local; Same on all ranks. */
#pragma once
#include "sim/planners/planner.h"

enum { CO_STALE_CONSTANT, CO_STALE_POLYNOMIAL, CO_STALE_HINGE };
typedef struct {
    int law;
    double a, b;
    int64_t most; /* -1: any age */
    bool is_to_newest, is_fixed_divisor;
} co_staleness;

/* Options in section `devices`, for the members' tables. */
#define CO_STALENESS_PARAMS                                                                        \
    {"concurrency",                                                                                \
     CO_INT,                                                                                       \
     .lo = 1,                                                                                      \
     .hi = 2147483647,                                                                             \
     .flags = CO_OPTIONAL,                                                                         \
     .doc = "devices under way at once (default: per_round)"},                                     \
        {"staleness", CO_CHOICE, .words = "constant|polynomial|hinge",                             \
         .doc =                                                                                    \
             "what an update counts for whose version is tau versions old: 1, (1 + tau)^-a, or "   \
             "1 up to tau = b and 1 / (a (tau - b) + 1) behind it"},                               \
        {"staleness_a",                                                                            \
         CO_REAL,                                                                                  \
         .lo = 0.0,                                                                                \
         .hi = 100,                                                                                \
         .flags = CO_OPTIONAL,                                                                     \
         .doc = "a of staleness (default: polynomial 0.5, hinge 10)"},                             \
        {"staleness_b",                                                                            \
         CO_REAL,                                                                                  \
         .lo = 0.0,                                                                                \
         .hi = 1e9,                                                                                \
         .flags = CO_OPTIONAL,                                                                     \
         .doc = "b of staleness: hinge (default 4)"},                                              \
        {"max_staleness",                                                                          \
         CO_INT,                                                                                   \
         .lo = 0,                                                                                  \
         .hi = 1e9,                                                                                \
         .flags = CO_OPTIONAL,                                                                     \
         .doc = "devices whose version is older are given up: late (default: no bound)"},          \
        {"difference", CO_CHOICE, .words = "version|current",                                      \
         .doc = "an update leads to the device's model from the version that it started from, or " \
                "from the current one, so that models are mixed"},                                 \
    {                                                                                              \
        "divisor", CO_CHOICE,                                                                      \
            .words = "buffer|weights",                                                             \
            .doc = "the mean divides by the weights without their factors of staleness, or with "  \
                   "them"                                                                          \
    }

co_staleness co_staleness_from(const co_config *opt);
/* Devices under way at once. */
double co_staleness_places(const co_config *opt, double per_round);
/* s(tau). */
double co_staleness_factor(const co_staleness *staleness, int64_t tau);
/* Makes the rows of a step, given in any order, rows of the plan. */
void co_staleness_add(const co_staleness *staleness, co_plan *plan, co_plan_row *row, size_t n);
