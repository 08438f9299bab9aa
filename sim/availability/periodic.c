/* sim/availability/periodic.c - every device for the same share of each period, from a moment of
 * its own that its key draws: chargers at night, over the time zones. Device k is there while (t +
 * phase_k) mod period < share period. */
#include "core/memory.h"
#include "core/random.h"
#include "sim/availability/availability.h"
#include <math.h>

typedef struct {
    uint64_t seed;
    int64_t period, on; /* nanoseconds, 1 <= on <= period */
} periodic;

static co_status create(const co_config *opt, const co_availability_input *in, void **self)
{
    periodic *p = co_calloc(1, sizeof *p);
    if (!p) return CO_FAIL(CO_ENOMEM, "availability");
    p->seed = in->seed;
    p->period = (int64_t)llrint(1e9 * co_config_real(opt, "period_s"));
    p->on = (int64_t)llrint((double)p->period * co_config_real(opt, "share"));
    if (p->on < 1) p->on = 1;
    *self = p;
    return CO_OK;
}

static int64_t first(const void *self, int64_t device, bool there, int64_t from, int64_t until)
{
    const periodic *p = self;
    co_stream s = co_stream_open(p->seed, CO_DRAW_PRESENCE, 0, (uint64_t)device, 0);
    const int64_t phase = (int64_t)co_draw_below(&s, (uint64_t)p->period);
    const int64_t at = (from % p->period + phase) % p->period;
    if (!there && p->on == p->period) return until;
    if (there == (at < p->on)) return from;
    const int64_t wait = there ? p->period - at : p->on - at;
    return wait < until - from ? from + wait : until;
}

static const co_param params[] = {
    {"period_s", CO_REAL, .def = 86400.0, .lo = 1e-6, .hi = 1e9, .doc = "length of a period"},
    {"share", CO_REAL, .def = 0.5, .lo = 0.0, .hi = 1.0, .flags = CO_LO_OPEN,
     .doc = "of it that a device is there"},
    {0}};
const co_availability co_availability_periodic = {
    .name = "periodic",
    .summary = "a share of each period, from a moment of the device's own",
    .params = params,
    .create = create,
    .destroy = co_free,
    .first = first};
