/* sim/devices/timing.h - how long a device takes on the virtual clock, and when it is there.
 *
 * Virtual time is a whole number of nanoseconds. A participation is a download, local training and
 * an upload: it depends on the device's examples, its speed and rates, and the bytes that are
 * declared, never on what training finds. So it is a pure function: every rank finds the same, no
 * message. What a device is like is drawn by (seed, device) when it is asked for: nothing is kept
 * for devices that are never looked at. Calls are Local. */
#pragma once
#include "sim/kept.h"
#include "sim/planners/plan.h"

#define CO_NANO 1000000000
enum { CO_NEVER_S = 2000000000 }; /* seconds of virtual time that no run may pass: 63 years */
#define CO_NEVER ((int64_t)CO_NEVER_S * CO_NANO)

/* flops: multiply-adds of an example, forward. *timing NULL without section `clock`.
 * Collective(comm): traces are read once a node. */
co_status co_timing_create(const co_experiment *experiment, const co_population *population,
                           double flops, const co_comm *comm, co_timing **timing);
void co_timing_destroy(co_timing *timing);       /* NULL allowed. Collective(node) */
size_t co_timing_bytes(const co_timing *timing); /* a rank */
void co_timing_keeps(co_timing *timing, co_keeps *keeps);

/* Sets row->end and row->outcome of a participation that starts at row->start, from the row's
 * device, cost, n_steps and bytes: CO_REPORTED and CO_EMPTY stay when all goes well; CO_UNAVAILABLE
 * when it is not there at the start; CO_DROPPED when it goes away before its update is sent: end is
 * when. step: that it is asked in; with the device it keys what is drawn of the way. */
void co_timing_run(co_timing *timing, int64_t step, co_plan_row *row);
/* Nanoseconds of the whole participation of a row's device, when nothing comes between. */
int64_t co_timing_trip(const co_timing *timing, const co_plan_row *row);
/* Of a participation as it was run: steps of local training whose upload would end by `deadline`, 0
 * to row->n_steps. */
int64_t co_timing_steps_by(const co_timing *timing, const co_plan_row *row, int64_t deadline);
/* Whether the device is there at that time; times of calls never fall. */
bool co_timing_is_there(co_timing *timing, int64_t device, int64_t time);
/* The first time behind `time` at which it may be worth to ask again when nobody is there; CO_NEVER
 * when nobody will come any more. */
int64_t co_timing_next_arrival(co_timing *timing, int64_t time);
