/* sim/planners/semi_synchronous.c - a step every interval of virtual time, with whoever has come
 * back by then; the others stay under way, and free places go on from the newest version.
 *
 * steps_by_speed: every device gets as many local steps as fit into an interval, at least one and
 * at most those of section `local`, so that fast and slow ones come back together. Like FedCompass
 * (Li et al., arXiv:2309.14675), whose server learns the speeds; here the clock knows them. */
#include "core/memory.h"
#include "sim/devices/timing.h"
#include "sim/planners/flights.h"
#include "sim/planners/staleness.h"
#include <math.h>

typedef struct {
    co_staleness staleness;
    co_flights flights;
    int64_t interval;
    bool by_speed;
    co_plan_row *row; /* [capacity] */
} semi_synchronous;

static void destroy(void *self)
{
    semi_synchronous *s = self;
    if (!s) return;
    co_flights_fini(&s->flights);
    co_free(s->row);
    co_free(s);
}

static void sizes(const co_config *opt, double per_round, double *asked, size_t *rows)
{
    *asked = co_staleness_places(opt, per_round);
    *rows = (size_t)ceil(*asked);
}

static co_status create(const co_config *opt, const co_plan *plan, void **self)
{
    semi_synchronous *s = co_calloc(1, sizeof *s);
    if (!s) return CO_FAIL(CO_ENOMEM, "planner");
    s->staleness = co_staleness_from(opt);
    s->interval = (int64_t)llrint(co_config_real(opt, "interval_s") * CO_NANO);
    s->by_speed = co_config_bool(opt, "steps_by_speed");
    s->row = co_calloc(plan->capacity, sizeof *s->row);
    co_status st = s->row ? CO_OK : CO_FAIL(CO_ENOMEM, "rows of %zu devices", plan->capacity);
    if (st == CO_OK) st = co_flights_init(&s->flights, plan->capacity, plan->population->n_devices);
    if (st != CO_OK) {
        destroy(s);
        s = NULL;
    }
    *self = s;
    return st;
}

static void keeps(void *self, co_keeps *list)
{
    co_flights_keeps(&((semi_synchronous *)self)->flights, list);
}

static size_t holds(const void *self, const int64_t **version)
{
    const co_flights *f = &((const semi_synchronous *)self)->flights;
    *version = f->version;
    return (size_t)f->n;
}

static co_status next(void *self, const co_clock *now, co_plan *plan)
{
    semi_synchronous *s = self;
    size_t n = 0, n_asked;
    int64_t until;
    co_flights_begin(&s->flights);
    CO_TRY(co_flights_dispatch(&s->flights, plan, now, 0, s->by_speed ? s->interval : 0, &n_asked));
    if (s->flights.n == 0) CO_TRY(co_plan_wait(plan, now->time, &until)); /* somebody will come */
    plan->time = now->time + s->interval;
    while (co_flights_next(&s->flights) <= plan->time) {
        const co_plan_row row = co_flights_take(&s->flights, plan);
        if (co_row_comes(&row))
            s->row[n++] = row;
        else
            CO_TRY(co_plan_lose(plan, &row));
    }
    co_staleness_add(&s->staleness, plan, s->row, n);
    if (s->staleness.most >= 0)
        CO_TRY(co_flights_give_up(&s->flights, plan, now->step - s->staleness.most, plan->time));
    co_flights_end(&s->flights, plan);
    return CO_OK;
}

static const co_param params[] = {
    CO_STALENESS_PARAMS,
    {"interval_s", CO_REAL, .lo = 1e-9, .hi = 1e9, .flags = CO_REQUIRED,
     .doc = "virtual seconds from step to step"},
    {"steps_by_speed", CO_BOOL, .def = 0,
     .doc = "every device gets as many local steps as fit into interval_s, at least one and at "
            "most those of section local"},
    {0}};

const co_planner co_planner_semi_synchronous = {
    .name = "semi_synchronous",
    .summary = "a step every interval_s, with whoever has come back",
    .source = "steps_by_speed: like Li et al. 2023, arXiv:2309.14675",
    .params = params,
    .draws = true,
    .n_versions = 1,
    .sizes = sizes,
    .create = create,
    .destroy = destroy,
    .keeps = keeps,
    .holds = holds,
    .next = next};
