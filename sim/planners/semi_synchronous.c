/* sim/planners/semi_synchronous.c - a step every interval of virtual time, with whoever has come
 * back by then; the others stay under way, and free places go on from the newest version.
 *
 * steps_by_speed: every device gets as many local steps as fit into an interval, at least one and
 * at most those of section `local`, so that fast and slow ones come back together. Like FedCompass
 * (Li et al., arXiv:2309.14675), whose server learns the speeds; here the clock knows them. */
#include "core/memory.h"
#include "sim/devices/timing.h"
#include "sim/planners/asynchronous.h"
#include <math.h>

typedef struct {
    co_asynchronous on; /* first: co_asynchronous_keeps .. take it for the whole */
    int64_t interval;
    bool by_speed;
} semi_synchronous;

static void destroy(void *self)
{
    semi_synchronous *s = self;
    if (s) co_asynchronous_fini(&s->on);
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
    s->interval = (int64_t)llrint(co_config_real(opt, "interval_s") * CO_NANO);
    s->by_speed = co_config_bool(opt, "steps_by_speed");
    const co_status st = co_asynchronous_init(&s->on, opt, plan, plan->capacity);
    if (st != CO_OK) {
        co_free(s);
        s = NULL;
    }
    *self = s;
    return st;
}

static co_status next(void *self, const co_clock *now, co_plan *plan)
{
    semi_synchronous *s = self;
    size_t n_asked;
    int64_t until;
    co_asynchronous_begin(&s->on);
    CO_TRY(
        co_flights_dispatch(&s->on.flights, plan, now, 0, s->by_speed ? s->interval : 0, &n_asked));
    if (s->on.flights.n == 0)
        CO_TRY(co_plan_wait(plan, now->time, &until)); /* somebody will come */
    plan->time = now->time + s->interval;
    CO_TRY(co_asynchronous_take(&s->on, plan, plan->time, plan->capacity));
    return co_asynchronous_end(&s->on, plan, now);
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
    .keeps = co_asynchronous_keeps,
    .check = co_asynchronous_check,
    .holds = co_asynchronous_holds,
    .next = next};
