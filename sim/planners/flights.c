/* sim/planners/flights.c - a binary heap over lists, which lie in checkpoints as they are. */
#include "sim/planners/flights.h"
#include "core/memory.h"
#include "sim/devices/timing.h"
#include <string.h>

enum { N_LISTS = 6 };

static void lists(co_flights *f, int64_t **list[N_LISTS])
{
    int64_t **const all[N_LISTS] = {&f->device, &f->version, &f->start,
                                    &f->end,    &f->outcome, &f->steps};
    memcpy(list, all, sizeof all);
}

co_status co_flights_init(co_flights *f, size_t room, int64_t n_devices)
{
    int64_t **list[N_LISTS];
    *f = (co_flights){.room = (int64_t)room};
    f->busy = co_calloc(((size_t)n_devices + 7) / 8, 1);
    bool ok = f->busy != NULL;
    lists(f, list);
    for (int k = 0; k < N_LISTS; k++) ok &= (*list[k] = co_calloc(room, sizeof **list[k])) != NULL;
    return ok ? CO_OK : CO_FAIL(CO_ENOMEM, "a list of %zu devices under way", room);
}

void co_flights_fini(co_flights *f)
{
    int64_t **list[N_LISTS];
    lists(f, list);
    for (int k = 0; k < N_LISTS; k++) co_free(*list[k]);
    co_free(f->busy);
    *f = (co_flights){0};
}

void co_flights_keeps(co_flights *f, co_keeps *keeps)
{
    static const char *const name[N_LISTS] = {"planner/device", "planner/version", "planner/start",
                                              "planner/end",    "planner/outcome", "planner/steps"};
    int64_t **list[N_LISTS];
    lists(f, list);
    for (int k = 0; k < N_LISTS; k++) co_keep_ints(keeps, name[k], *list[k], &f->n, f->room);
}

static void set_busy(const co_flights *f, int64_t device, bool is_busy)
{
    const unsigned char bit = (unsigned char)(1u << (device % 8));
    if (is_busy)
        f->busy[device / 8] |= bit;
    else
        f->busy[device / 8] &= (unsigned char)~bit;
}

static bool is_free(const void *self, int64_t device)
{
    const co_flights *f = self;
    return !(f->busy[device / 8] >> (device % 8) & 1);
}

void co_flights_begin(co_flights *f)
{
    for (int64_t k = 0; k < f->n; k++) set_busy(f, f->device[k], true);
}

void co_flights_end(co_flights *f, const co_plan *plan)
{
    for (size_t k = 0; k < plan->n; k++) set_busy(f, plan->row[k].device, false);
    for (size_t k = 0; k < plan->n_lost; k++) set_busy(f, plan->lost[k].device, false);
}

static bool before(const co_flights *f, int64_t a, int64_t b)
{
    return f->end[a] != f->end[b] ? f->end[a] < f->end[b] : f->device[a] < f->device[b];
}

/* NULL, or the list of entry k that does not fit. */
static const char *misfit(const co_flights *f, int64_t k, int64_t n_devices, const co_clock *now)
{
    if (f->device[k] < 0 || f->device[k] >= n_devices) return "device";
    if (f->version[k] < 0 || f->version[k] >= now->step - 1) return "version";
    if (f->start[k] < 0 || f->start[k] > now->time) return "start";
    if (f->end[k] < now->time || (k > 0 && before(f, k, (k - 1) / 2))) return "end";
    if (f->outcome[k] < 0 || f->outcome[k] >= CO_N_OUTCOMES) return "outcome";
    return f->steps[k] < 0 ? "steps" : NULL;
}

co_status co_flights_check(const co_flights *f, int64_t n_devices, const co_clock *now)
{
    const char *list = NULL;
    int64_t k = 0;
    while (k < f->n && !(list = misfit(f, k, n_devices, now))) k++;
    if (list)
        return CO_FAIL(CO_EDATA,
                       "planner/%s: value %lld cannot be one of a device under way after round "
                       "%lld: the file is damaged",
                       list, (long long)k + 1, (long long)now->step - 1);
    for (k = 0; k < f->n && is_free(f, f->device[k]); k++) set_busy(f, f->device[k], true);
    const bool is_twice = k < f->n;
    for (int64_t i = 0; i < k; i++) set_busy(f, f->device[i], false);
    if (is_twice)
        return CO_FAIL(CO_EDATA, "planner/device: %lld is under way twice: the file is damaged",
                       (long long)f->device[k]);
    return CO_OK;
}

static void copy(co_flights *f, int64_t to, int64_t from)
{
    int64_t **list[N_LISTS];
    lists(f, list);
    for (int k = 0; k < N_LISTS; k++) (*list[k])[to] = (*list[k])[from];
}

static void swap(co_flights *f, int64_t a, int64_t b)
{
    int64_t **list[N_LISTS];
    lists(f, list);
    for (int k = 0; k < N_LISTS; k++) {
        const int64_t t = (*list[k])[a];
        (*list[k])[a] = (*list[k])[b];
        (*list[k])[b] = t;
    }
}

static void sink(co_flights *f, int64_t at)
{
    for (int64_t next; (next = 2 * at + 1) < f->n; at = next) {
        if (next + 1 < f->n && before(f, next + 1, next)) next++;
        if (!before(f, next, at)) return;
        swap(f, at, next);
    }
}

static void push(co_flights *f, const co_plan_row *row)
{
    int64_t at = f->n++;
    CO_ASSERT(f->n <= f->room);
    f->device[at] = row->device;
    f->version[at] = row->version;
    f->start[at] = row->start;
    f->end[at] = row->end;
    f->outcome[at] = row->outcome;
    f->steps[at] = row->n_steps;
    for (; at > 0 && before(f, at, (at - 1) / 2); at = (at - 1) / 2) swap(f, at, (at - 1) / 2);
}

/* As many local steps as end by `deadline`, at least one. */
static void fit(const co_plan *plan, int64_t step, int64_t deadline, co_plan_row *row)
{
    if (!plan->timing || !co_row_comes(row) || row->end <= deadline || row->n_steps <= 1) return;
    const int64_t n = co_timing_steps_by(plan->timing, row, deadline);
    const int outcome = row->outcome;
    co_plan_shorten(row, n > 1 ? n : 1);
    row->outcome = outcome;
    co_timing_run(plan->timing, step, row);
}

co_status co_flights_dispatch(co_flights *f, co_plan *plan, const co_clock *now, int64_t ordinal,
                              int64_t interval, size_t *n_asked)
{
    const size_t n_free = (size_t)(f->room - f->n);
    plan->time = now->time; /* of those that are there now */
    *n_asked = n_free > 0 ? co_plan_draw(plan, now->step, ordinal, n_free, is_free, f) : 0;
    for (size_t i = 0; i < *n_asked; i++) {
        co_plan_row row = co_plan_job(plan, plan->devices[i], now->step - 1, now->time, now->step);
        if (interval > 0) fit(plan, now->step, now->time + interval, &row);
        set_busy(f, row.device, true);
        if (row.outcome == CO_UNAVAILABLE)
            CO_TRY(co_plan_lose(plan, &row));
        else
            push(f, &row);
    }
    return CO_OK;
}

int64_t co_flights_next(const co_flights *f)
{
    return f->n > 0 ? f->end[0] : INT64_MAX;
}

static co_plan_row row_of(const co_flights *f, const co_plan *plan, int64_t at)
{
    co_plan_row row = co_plan_describe(plan, f->device[at], f->version[at], f->start[at]);
    row.end = f->end[at];
    if (f->outcome[at] != CO_REPORTED && f->outcome[at] != CO_EMPTY)
        row.outcome = (int)f->outcome[at];
    if (f->steps[at] >= 1 && f->steps[at] < row.n_steps) co_plan_shorten(&row, f->steps[at]);
    return row;
}

co_plan_row co_flights_take(co_flights *f, const co_plan *plan)
{
    CO_ASSERT(f->n > 0);
    const co_plan_row row = row_of(f, plan, 0);
    copy(f, 0, --f->n);
    sink(f, 0);
    return row;
}

co_status co_flights_give_up(co_flights *f, co_plan *plan, int64_t oldest, int64_t time)
{
    int64_t n = 0;
    for (int64_t k = 0; k < f->n; k++) {
        if (f->version[k] >= oldest) {
            copy(f, n++, k);
            continue;
        }
        co_plan_row row = row_of(f, plan, k);
        row.end = time;
        row.outcome = CO_LATE;
        CO_TRY(co_plan_lose(plan, &row));
    }
    if (n == f->n) return CO_OK;
    f->n = n;
    for (int64_t k = n / 2; k-- > 0;) sink(f, k);
    return CO_OK;
}
