/* sim/devices/timing.c - devices of one speed that are always there. */
#include "sim/devices/timing.h"
#include "core/log.h"
#include "core/memory.h"
#include <math.h>

struct co_timing {
    const co_clock_keys *keys;
    double seconds_per_unit; /* of local training: an example, or a token of texts */
};

co_status co_timing_create(const co_experiment *e, const co_population *population, double flops,
                           const co_comm *comm, co_timing **timing)
{
    (void)population;
    *timing = NULL;
    if (!e->clock_keys.is_on) return CO_OK;
    co_timing *t = co_calloc(1, sizeof *t);
    if (t)
        *t = (co_timing){.keys = &e->clock_keys,
                         .seconds_per_unit = e->clock_keys.seconds_per_unit > 0.0
                                                 ? e->clock_keys.seconds_per_unit
                                                 : 3.0 * flops / e->clock_keys.flops};
    *timing = t;
    return co_agree(t ? CO_OK : CO_FAIL(CO_ENOMEM, "clock"), comm);
}

void co_timing_destroy(co_timing *t)
{
    co_free(t);
}

size_t co_timing_bytes(const co_timing *t)
{
    return t ? sizeof *t : 0;
}

void co_timing_keeps(co_timing *t, co_keeps *keeps)
{
    (void)t;
    (void)keeps;
}

static int64_t nanoseconds(double seconds)
{
    return seconds < CO_NEVER_S ? (int64_t)llrint(seconds * CO_NANO) : CO_NEVER;
}

static int64_t trained(const co_timing *t, const co_plan_row *row)
{
    const double units = row->cost > 1.0 ? row->cost - 1.0 : 0.0; /* without that of asking it */
    return nanoseconds(units * t->seconds_per_unit);
}

static int64_t sent(int64_t bytes, double rate)
{
    return rate > 0.0 ? nanoseconds((double)bytes / rate) : 0;
}

int64_t co_timing_trip(const co_timing *t, const co_plan_row *row)
{
    return sent(row->bytes_down, t->keys->down) + trained(t, row) +
           sent(row->bytes_up, t->keys->up);
}

void co_timing_run(co_timing *t, int64_t step, co_plan_row *row)
{
    (void)step;
    row->end = row->start + co_timing_trip(t, row);
}

int64_t co_timing_steps_by(const co_timing *t, const co_plan_row *row, int64_t deadline)
{
    if (row->end <= deadline || row->n_steps == 0) return row->n_steps;
    const int64_t work = trained(t, row), over = row->end - deadline;
    if (over >= work) return 0;
    return (int64_t)((double)row->n_steps * (double)(work - over) / (double)work);
}

bool co_timing_is_there(co_timing *t, int64_t device, int64_t time)
{
    (void)t;
    (void)device;
    (void)time;
    return true;
}

int64_t co_timing_next_arrival(co_timing *t, int64_t time)
{
    (void)t;
    (void)time;
    return CO_NEVER;
}
