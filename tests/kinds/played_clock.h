/* tests/kinds/played_clock.h - a clock of tests in the place of sim/devices/timing.c: trips of 1 to
 * 7 whole seconds, so that many end at the same time, drop-outs, devices that are away.
 *
 * A program that includes this file takes these functions in place of the library's. A trip is a
 * function of (salt, device, step asked, local steps); every device is there for four of five
 * periods of 10 s. tests/reference/events.py knows the same rules. */
#pragma once
#include "core/memory.h"
#include "core/random.h"
#include "sim/devices/timing.h"
#include <math.h>

enum { PLAYED_PERIOD_S = 10 };

struct co_timing {
    uint64_t salt;
    bool is_calm;    /* all trips take 3 s, nobody drops out or is away */
    int64_t goes_at; /* above 0: from then on nobody is there any more */
    double mean_s;   /* above 0: the same with times of an exponential law */
    /* Told of every trip that is taken; NULL: nobody. */
    void (*tell)(void *self, int64_t step, const co_plan_row *row);
    void *told;
};

static inline void played_clock_open(co_timing **timing, uint64_t salt)
{
    *timing = co_calloc(1, sizeof **timing);
    if (*timing) (*timing)->salt = salt;
}

static inline void played_clock_close(co_timing *timing)
{
    co_free(timing);
}

static uint64_t played_draw(const co_timing *t, int64_t device, int64_t step, uint64_t below)
{
    co_stream s = co_stream_open(t->salt, CO_DRAW_TEST, (uint64_t)step, (uint64_t)device, 0);
    return co_draw_below(&s, below);
}

bool co_timing_is_there(co_timing *t, int64_t device, int64_t time)
{
    if (t->goes_at > 0 && time >= t->goes_at) return false;
    return t->is_calm || (time / CO_NANO / PLAYED_PERIOD_S + device) % 5 != 0;
}

int64_t co_timing_next_arrival(co_timing *t, int64_t time)
{
    if (t->is_calm || (t->goes_at > 0 && time >= t->goes_at)) return CO_NEVER;
    const int64_t period = (int64_t)PLAYED_PERIOD_S * CO_NANO;
    return (time / period + 1) * period;
}

int64_t co_timing_trip(const co_timing *t, const co_plan_row *row)
{
    return (t->is_calm ? 3 : 1 + row->device % 7) * (int64_t)CO_NANO;
}

void co_timing_run(co_timing *t, int64_t step, co_plan_row *row)
{
    const uint64_t draw = played_draw(t, row->device, step, 70);
    int64_t seconds = t->is_calm ? 3 : 1 + (int64_t)(draw % 7);
    if (row->n_steps == 1) seconds = 1;
    row->end = row->start + seconds * CO_NANO;
    if (t->mean_s > 0.0) {
        const double u = (double)(1 + played_draw(t, row->device, step, UINT32_MAX)) * 0x1p-32;
        row->end = row->start + (int64_t)(-log(u) * t->mean_s * CO_NANO);
    }
    if (!co_timing_is_there(t, row->device, row->start)) {
        row->outcome = CO_UNAVAILABLE;
        row->end = row->start;
    } else if (!t->is_calm && draw / 7 == 0) {
        row->outcome = CO_DROPPED;
    }
    if (t->tell) t->tell(t->told, step, row);
}

int64_t co_timing_steps_by(const co_timing *t, const co_plan_row *row, int64_t deadline)
{
    (void)t;
    if (row->end <= deadline) return row->n_steps;
    const int64_t whole = row->end - row->start, left = deadline - row->start;
    return left <= 0 ? 0 : row->n_steps * left / whole;
}
