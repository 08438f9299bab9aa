/* sim/planners/asynchronous.h - what planners share whose steps leave devices under way: those
 * devices, their factors by age, and the rows of the step at hand. Local; Same on all ranks. */
#pragma once
#include "sim/planners/flights.h"
#include "sim/planners/staleness.h"

/* The first field of what such a member keeps. */
typedef struct {
    co_staleness staleness;
    co_flights flights;
    size_t n;         /* rows of the step at hand */
    co_plan_row *row; /* [plan->capacity] */
} co_asynchronous;

/* n_places: devices under way at most. CO_ENOMEM: nothing is left to be freed. */
co_status co_asynchronous_init(co_asynchronous *a, const co_config *opt, const co_plan *plan,
                               size_t n_places);
void co_asynchronous_fini(co_asynchronous *a);
/* A step begins: nobody has come back yet. */
void co_asynchronous_begin(co_asynchronous *a);
/* Who comes back up to that time, until there are `most` rows. CO_ENOMEM. */
co_status co_asynchronous_take(co_asynchronous *a, co_plan *plan, int64_t time, size_t most);
/* The step is made at plan->time, of the rows that there are. CO_ENOMEM. */
co_status co_asynchronous_end(co_asynchronous *a, co_plan *plan, const co_clock *now);
/* As they stand in the member's table (co_planner). self: co_asynchronous. */
void co_asynchronous_keeps(void *self, co_keeps *keeps);
co_status co_asynchronous_check(const void *self, const co_plan *plan, const co_clock *now);
size_t co_asynchronous_holds(const void *self, const int64_t **version);
