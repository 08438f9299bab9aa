/* sim/availability/availability.h - kind availability: when a device is there.
 *
 * A pure function of (seed, device, time): whatever is asked, in whatever order, each device has
 * one course of coming and going, which every rank and every start of a run finds alike. Nothing is
 * kept and nothing steps through time: a device that is never asked for costs nothing. Adding one:
 * a file sim/availability/<name>.c with the table co_availability_<name>, and a line in list.h;
 * periodic.c is the simplest that has a course. */
#pragma once
#include "core/config.h"
#include "io/data/trace.h"

/* Borrowed; the same on all ranks. */
typedef struct {
    uint64_t seed;
    const co_trace *trace; /* where the member is traced; else NULL */
} co_availability_input;

typedef struct {
    CO_PLUGIN_FIELDS;
    bool is_traced; /* needs the intervals of a trace */
    /* What the member keeps. NULL: nothing, and no destroy. opt is range-checked. CO_EUSAGE,
     * CO_EDATA, CO_ENOMEM. Local. */
    co_status (*create)(const co_config *opt, const co_availability_input *in, void **self);
    void (*destroy)(void *self); /* NULL allowed */
    /* The first time in [from, until) at which the device is there, or with `there` false is not;
     * until when there is none. Nanoseconds, 0 <= from < until <= CO_NEVER (sim/devices/timing.h).
     * Local. */
    int64_t (*first)(const void *self, int64_t device, bool there, int64_t from, int64_t until);
} co_availability;

extern const co_kind co_kind_availability;
const co_availability *co_availability_find(const char *name);
