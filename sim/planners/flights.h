/* sim/planners/flights.h - devices that are under way, and the order in which they come back.
 *
 * Events have one total order: time, then kind (a device comes back or is lost < a step is made <
 * devices are asked), then device. The first kind alone lies in the heap: a device is in it at most
 * once, so that the order in which devices leave it depends on nothing but their times and ids.
 * Cost: O(log devices under way) an event. Local; Same on all ranks. */
#pragma once
#include "sim/planners/planner.h"

typedef struct {
    int64_t n, room;
    int64_t *device, *version, *start, *end; /* [room] a heap by (end, device) */
    int64_t *outcome, *steps; /* as the clock says when it leaves; local steps that it was given */
    unsigned char *busy;      /* a bit a device: under way, or part of the step at hand */
} co_flights;

co_status co_flights_init(co_flights *f, size_t room, int64_t n_devices); /* CO_ENOMEM */
void co_flights_fini(co_flights *f);
/* planner/device, planner/version .. */
void co_flights_keeps(co_flights *f, co_keeps *keeps);

/* Behind a resume, before the step `now`: CO_EDATA when these devices cannot be under way. */
co_status co_flights_check(const co_flights *f, int64_t n_devices, const co_clock *now);

/* At the begin of a step: who is under way is busy, nobody else. */
void co_flights_begin(co_flights *f);
/* And at its end: rows and lost of the plan are free again. */
void co_flights_end(co_flights *f, const co_plan *plan);
/* Asks devices that are not busy for the free places, from the newest version at that time: draw
 * `ordinal` of the step. interval above 0: each gets as many local steps as fit into that time, at
 * least one, at most its own. Those that cannot be reached are lost, and their places stay empty.
 * *n_asked: how many were drawn. CO_ENOMEM. */
co_status co_flights_dispatch(co_flights *f, co_plan *plan, const co_clock *now, int64_t ordinal,
                              int64_t interval, size_t *n_asked);
/* Time of the next event; INT64_MAX when nobody is under way. */
int64_t co_flights_next(const co_flights *f);
/* Takes it: the device as a row of the step, by what it holds now. */
co_plan_row co_flights_take(co_flights *f, const co_plan *plan);
/* Those from a version before `oldest` are given up at that time: lost, CO_LATE. CO_ENOMEM. */
co_status co_flights_give_up(co_flights *f, co_plan *plan, int64_t oldest, int64_t time);
