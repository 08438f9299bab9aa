/* sim/devices/timing.h - how long a device takes on the virtual clock, and when it is there.
 *
 * Virtual time is a whole number of nanoseconds. A participation is a download, local training and
 * an upload: it depends on the device's examples, its speed and rates, and the bytes that are
 * declared, never on what training finds. A device is there when its own course says so (kind
 * availability) and its group has no outage; one that goes away before its update is sent is lost
 * at that moment, and so is one that drops out by itself (clock.dropout), at any moment of its way
 * alike. All this is a pure function of (seed, device, time, step asked): whatever is asked, in
 * whatever order, every rank finds the same, no message. What a device is like is drawn when it is
 * asked for: nothing is kept, for no device. Calls are Local. */
#pragma once
#include "sim/planners/plan.h"

#define CO_NANO 1000000000
enum { CO_NEVER_S = 2000000000 }; /* seconds of virtual time that no run may pass: 63 years */
#define CO_NEVER ((int64_t)CO_NEVER_S * CO_NANO)

/* flops: multiply-adds of an example, forward; training takes three times that. Of texts it is that
 * of the mean length, and a device's time grows with its tokens. *timing NULL without section
 * `clock`. CO_EUSAGE, CO_EDATA: the trace. Collective(comm): it is read once a node. */
co_status co_timing_create(const co_experiment *experiment, const co_population *population,
                           double flops, const co_comm *comm, co_timing **timing);
void co_timing_destroy(co_timing *timing);       /* NULL allowed. Collective(node) */
size_t co_timing_bytes(const co_timing *timing); /* a node; 0 for NULL */
/* The trace's column `group`, [n_devices], and how many groups there may be; NULL without. Local.
 */
const int32_t *co_timing_groups(const co_timing *timing, size_t *n_groups);

/* Sets row->end and row->outcome of a participation that starts at row->start, from the row's
 * device, cost, n_steps and bytes: CO_REPORTED and CO_EMPTY stay when all goes well; CO_UNAVAILABLE
 * when it is not there at the start; CO_DROPPED when it goes away before its update is sent: end is
 * when. step: that it is asked in; with the device it keys what is drawn of the way. */
void co_timing_run(co_timing *timing, int64_t step, co_plan_row *row);
/* Parts of a way that goes by stages (sim/planners/secure.h). Nanoseconds that a device needs for
 * so many bytes, up or down, and for what takes so many seconds at speed 1; a trace of seconds an
 * example does not say that speed: 1 then. */
int64_t co_timing_sends(const co_timing *timing, int64_t device, int64_t bytes, bool up);
int64_t co_timing_works(const co_timing *timing, int64_t device, double seconds);
/* At what part of its way, in [0, 1), a device drops out by itself; 1: it does not. */
double co_timing_drops_at(const co_timing *timing, int64_t step, int64_t device);
/* First time in [from, until) at which it is not there; until: none. */
int64_t co_timing_leaves(const co_timing *timing, int64_t device, int64_t from, int64_t until);
/* Nanoseconds of the whole participation of a row's device, when nothing comes between. */
int64_t co_timing_trip(const co_timing *timing, const co_plan_row *row);
/* Of a participation as it was run: steps of local training whose upload would end by `deadline`, 0
 * to row->n_steps; 0 of a device that has gone away before that. */
int64_t co_timing_steps_by(const co_timing *timing, const co_plan_row *row, int64_t deadline);
/* Whether the device is there at that time. */
bool co_timing_is_there(co_timing *timing, int64_t device, int64_t time);
/* The first time behind `time` at which a device comes; CO_NEVER when none will. O(devices), for
 * when nobody is left to be asked. */
int64_t co_timing_next_arrival(co_timing *timing, int64_t time);
