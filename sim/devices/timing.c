/* sim/devices/timing.c - time and presence of devices, from the laws, courses and traces of section
 * clock. A participation costs a few keyed draws; a question of presence one search in the device's
 * course (sim/availability). */
#include "sim/devices/timing.h"
#include "core/log.h"
#include "core/memory.h"
#include "io/data/trace.h"
#include "sim/availability/on_off.h"
#include <math.h>
#include <string.h>

_Static_assert((int)CO_NEVER_S == (int)CO_TRACE_MOST_S, "a trace may fill all of virtual time");

/* Constants of a device, by key. */
enum { OF_SPEED, OF_DOWN, OF_UP, OF_GROUP };
enum { OF_DEVICES, OF_GROUPS }; /* courses of presence */

struct co_timing {
    const co_clock_keys *keys;
    uint64_t seed;
    int64_t n_devices;
    double seconds_per_unit; /* of local training at speed 1: an example, or a token of texts */
    double units;            /* of an example */
    co_trace trace;          /* its arrays lie in the segment */
    co_segment segment;
    void *availability;
    co_on_off outage; /* of a group; on: there */
};

/* ---- creating ---- */

/* What is asked of the trace is in it. */
static co_status check_trace(const co_experiment *e, const co_trace *t)
{
    const co_clock_keys *k = &e->clock_keys;
    const struct {
        const char *key, *column;
        bool asked, has;
    } needs[] = {
        {"speed", "seconds_per_example", k->speed.law && k->speed.law->is_traced, t->has_seconds},
        {"down", "down", k->down.law && k->down.law->is_traced, t->has_down},
        {"up", "up", k->up.law && k->up.law->is_traced, t->has_up},
        {"availability", "start_s", k->availability->is_traced, t->n_intervals > 0},
        {"outage", "group", k->group_up_s > 0.0 && k->n_groups == 0, t->n_groups > 0}};
    for (size_t i = 0; i < sizeof needs / sizeof *needs; i++)
        if (needs[i].asked && !needs[i].has)
            return co_config_fail(&e->clock, co_config_node(&e->clock, needs[i].key),
                                  "clock.trace has no column %s", needs[i].column);
    return CO_OK;
}

static co_status read_trace(const co_experiment *e, int64_t n_devices, co_trace *trace)
{
    const co_node *list = e->clock_keys.trace;
    const size_t n = co_node_count(list);
    const char **paths = co_malloc(n, sizeof *paths);
    size_t i = 0;
    if (!paths) return CO_FAIL(CO_ENOMEM, "trace");
    for (const co_node *file = list->first; file; file = file->next) paths[i++] = file->text;
    co_status st = co_trace_read(paths, n, n_devices, trace);
    co_free(paths);
    if (st == CO_OK) st = check_trace(e, trace);
    if (st != CO_OK) co_trace_fini(trace);
    return st;
}

/* Node rank 0 reads; the others see its arrays in the segment. Collective(comm). */
static co_status place_trace(const co_experiment *e, co_timing *t, const co_comm *comm)
{
    co_trace own = {0};
    if (!e->clock_keys.trace || !e->clock_keys.trace->first) return CO_OK;
    co_status st = comm->node_rank == 0 ? read_trace(e, t->n_devices, &own) : CO_OK;
    st = co_agree(st, comm);
    if (st == CO_OK) {
        t->trace = own;
        MPI_Bcast(&t->trace, sizeof t->trace, MPI_BYTE, 0, comm->node);
        st = co_segment_create(&t->segment, t->trace.bytes, comm);
    }
    if (st == CO_OK) {
        if (comm->node_rank == 0) memcpy(t->segment.data, own.block, own.bytes);
        co_segment_sync(&t->segment, comm);
        co_trace_place(&t->trace, t->segment.data);
    }
    co_trace_fini(&own);
    return st;
}

static co_status create_availability(const co_experiment *e, co_timing *t)
{
    const co_availability *of = e->clock_keys.availability;
    const co_availability_input in = {.seed = t->seed, .trace = &t->trace};
    return of->create ? of->create(&e->clock_keys.availability_options, &in, &t->availability)
                      : CO_OK;
}

co_status co_timing_create(const co_experiment *e, const co_population *population, double flops,
                           const co_comm *comm, co_timing **timing)
{
    const co_clock_keys *keys = &e->clock_keys;
    *timing = NULL;
    if (!keys->is_on) return CO_OK;
    co_timing *t = co_calloc(1, sizeof *t);
    co_status st = co_agree(t ? CO_OK : CO_FAIL(CO_ENOMEM, "clock"), comm);
    if (st == CO_OK) {
        *t = (co_timing){.keys = keys,
                         .seed = (uint64_t)e->seed,
                         .n_devices = population->n_devices,
                         .units = population->mean_rows + population->mean_target_rows};
        if (t->units <= 0.0) t->units = 1.0; /* of texts that are all empty */
        t->seconds_per_unit = keys->seconds_per_unit > 0.0 ? keys->seconds_per_unit
                                                           : 3.0 * flops / keys->flops / t->units;
        if (keys->group_up_s > 0.0)
            co_on_off_init(&t->outage, t->seed, OF_GROUPS, keys->group_up_s, keys->group_down_s);
        st = place_trace(e, t, comm);
    }
    if (st == CO_OK) st = co_agree(create_availability(e, t), comm);
    if (st == CO_OK)
        *timing = t;
    else
        co_timing_destroy(t);
    return st;
}

void co_timing_destroy(co_timing *t)
{
    if (!t) return;
    if (t->keys->availability->destroy) t->keys->availability->destroy(t->availability);
    if (t->segment.data) co_segment_fini(&t->segment);
    co_free(t);
}

size_t co_timing_bytes(const co_timing *t)
{
    return t ? t->trace.bytes : 0;
}

/* ---- how long ---- */

static int64_t nanoseconds(double seconds)
{
    return seconds < CO_NEVER_S ? (int64_t)llrint(seconds * CO_NANO) : CO_NEVER;
}

static double factor(const co_timing *t, const co_law_use *use, int64_t device, uint64_t which)
{
    return co_law_factor(use, t->seed, device, which);
}

static int64_t trained(const co_timing *t, const co_plan_row *row)
{
    const co_law_use *speed = &t->keys->speed;
    const double units = row->cost > 1.0 ? row->cost - 1.0 : 0.0; /* without that of asking it */
    double seconds = t->seconds_per_unit;
    if (speed->law && speed->law->is_traced)
        seconds = t->trace.seconds[row->device] / t->units;
    else if (speed->law)
        seconds *= speed->median * factor(t, speed, row->device, OF_SPEED);
    return nanoseconds(units * seconds);
}

static int64_t sent(const co_timing *t, const co_law_use *use, int64_t device, int64_t bytes)
{
    const bool is_up = use == &t->keys->up;
    if (!use->law || bytes == 0) return 0;
    const double rate = use->law->is_traced
                            ? (is_up ? t->trace.up : t->trace.down)[device]
                            : use->median / factor(t, use, device, is_up ? OF_UP : OF_DOWN);
    return nanoseconds((double)bytes / rate);
}

static int64_t trip(const co_timing *t, const co_plan_row *row, int64_t *work)
{
    *work = trained(t, row);
    const int64_t whole = sent(t, &t->keys->down, row->device, row->bytes_down) + *work +
                          sent(t, &t->keys->up, row->device, row->bytes_up);
    return whole < CO_NEVER ? whole : CO_NEVER;
}

int64_t co_timing_sends(const co_timing *t, int64_t device, int64_t bytes, bool up)
{
    return sent(t, up ? &t->keys->up : &t->keys->down, device, bytes);
}

int64_t co_timing_works(const co_timing *t, int64_t device, double seconds)
{
    const co_law_use *speed = &t->keys->speed;
    if (speed->law && !speed->law->is_traced)
        seconds *= speed->median * factor(t, speed, device, OF_SPEED);
    return nanoseconds(seconds);
}

int64_t co_timing_trip(const co_timing *t, const co_plan_row *row)
{
    int64_t work;
    return trip(t, row, &work);
}

/* When the update is there if nothing happens. */
static int64_t whole_way(const co_timing *t, const co_plan_row *row, int64_t *work)
{
    const int64_t end = row->start + row->ahead + trip(t, row, work);
    return end < CO_NEVER ? end : CO_NEVER;
}

const int32_t *co_timing_groups(const co_timing *t, size_t *n_groups)
{
    *n_groups = t ? (size_t)t->trace.n_groups : 0;
    return *n_groups > 0 ? t->trace.group : NULL;
}

/* ---- when it is there ---- */

static int64_t group_of(const co_timing *t, int64_t device)
{
    if (t->keys->n_groups == 0) return t->trace.group[device];
    co_stream s = co_stream_open(t->seed, CO_DRAW_CLOCK, 0, (uint64_t)device, OF_GROUP);
    return (int64_t)co_draw_below(&s, (uint64_t)t->keys->n_groups);
}

/* First time in [from, until) at which the device is there, or is not: it is when its own course
 * and its group's agree. */
static int64_t first(const co_timing *t, int64_t device, bool there, int64_t from, int64_t until)
{
    const co_availability *of = t->keys->availability;
    if (from >= until) return until;
    if (t->keys->group_up_s == 0.0) return of->first(t->availability, device, there, from, until);
    const int64_t group = group_of(t, device);
    if (!there) {
        const int64_t own = of->first(t->availability, device, false, from, until);
        return own > from ? co_on_off_first(&t->outage, group, false, from, own) : own;
    }
    while (from < until) {
        const int64_t own = of->first(t->availability, device, true, from, until);
        if (own == until) break;
        from = co_on_off_first(&t->outage, group, true, own, until);
        if (from == own) return own;
    }
    return until;
}

bool co_timing_is_there(co_timing *t, int64_t device, int64_t time)
{
    return time < CO_NEVER && first(t, device, true, time, time + 1) == time;
}

int64_t co_timing_next_arrival(co_timing *t, int64_t time)
{
    int64_t next = CO_NEVER;
    for (int64_t k = 0; k < t->n_devices && time + 1 < next; k++) {
        const int64_t away = first(t, k, false, time, next);
        const int64_t back = first(t, k, true, away, next);
        if (back < next) next = back;
    }
    return next;
}

int64_t co_timing_leaves(const co_timing *t, int64_t device, int64_t from, int64_t until)
{
    return first(t, device, false, from, until);
}

double co_timing_drops_at(const co_timing *t, int64_t step, int64_t device)
{
    co_stream s = co_stream_open(t->seed, CO_DRAW_WAY, (uint64_t)step, (uint64_t)device, 0);
    return t->keys->dropout > 0.0 && co_draw_uniform(&s) < t->keys->dropout ? co_draw_uniform(&s)
                                                                            : 1.0;
}

void co_timing_run(co_timing *t, int64_t step, co_plan_row *row)
{
    int64_t work;
    if (!co_timing_is_there(t, row->device, row->start)) {
        row->end = row->start;
        row->outcome = CO_UNAVAILABLE;
        return;
    }
    const int64_t end = whole_way(t, row, &work);
    const double part = co_timing_drops_at(t, step, row->device);
    const bool drops = part < 1.0;
    const int64_t stop = drops ? row->start + (int64_t)(part * (double)(end - row->start)) : end;
    row->end = first(t, row->device, false, row->start, stop);
    if (drops || row->end < end) row->outcome = CO_DROPPED;
}

int64_t co_timing_steps_by(const co_timing *t, const co_plan_row *row, int64_t deadline)
{
    int64_t work;
    const int64_t over = whole_way(t, row, &work) - deadline;
    if (!co_row_comes(row) && row->end < deadline) return 0;
    if (over <= 0) return row->n_steps;
    if (over >= work) return 0;
    return (int64_t)((__int128)row->n_steps * (work - over) / work);
}
