/* sim/planners/buffered.c - asynchronous: as many devices as there are places are under way at any
 * time; a step is made when `per_round` of them have come back (the buffer is full), and who comes
 * later joins a later step.
 *
 * At a time: who comes back, by id; then the step, when the buffer is full; who else comes at that
 * time belongs to the next step; then free places are filled from the newest version. A place that
 * finds nobody stays empty until the next event; with nobody under way until somebody can be
 * reached, or the step is made with what has come. Sources: Nguyen et al., AISTATS 2022,
 * arXiv:2106.06639, Algorithm 1; with difference: current, per_round 1 and server.lr alpha Xie,
 * Koyejo, Gupta, arXiv:1903.03934, Algorithm 1: x <- (1 - alpha s) x + alpha s x_local. */
#include "core/memory.h"
#include "sim/planners/asynchronous.h"
#include <math.h>

typedef struct {
    co_asynchronous on; /* first: co_asynchronous_keeps .. take it for the whole */
    size_t size;        /* of the buffer */
} buffered;

static void destroy(void *self)
{
    buffered *b = self;
    if (b) co_asynchronous_fini(&b->on);
    co_free(b);
}

static void sizes(const co_config *opt, double per_round, double *asked, size_t *rows)
{
    *asked = co_staleness_places(opt, per_round);
    *rows = (size_t)ceil(per_round);
}

static co_status create(const co_config *opt, const co_plan *plan, void **self)
{
    buffered *b = co_calloc(1, sizeof *b);
    if (!b) return CO_FAIL(CO_ENOMEM, "planner");
    b->size = plan->capacity;
    const co_status st =
        co_asynchronous_init(&b->on, opt, plan, (size_t)co_staleness_places(opt, plan->per_round));
    if (st != CO_OK) {
        co_free(b);
        b = NULL;
    }
    *self = b;
    return st;
}

/* Time goes on to the next event. *is_over: nothing can happen before the step, which is made as it
 * is. n_asked: devices that were asked at that time. Who has to rest (min_separation) or is lost
 * may be asked again in another step alone. */
static co_status go_on(const buffered *b, const co_plan *plan, size_t n_asked, int64_t *time,
                       bool *is_over)
{
    if (b->on.flights.n > 0) {
        *time = co_flights_next(&b->on.flights);
        return CO_OK;
    }
    *is_over = b->on.n > 0;
    if (*is_over) return CO_OK;
    const int64_t now = *time;
    CO_TRY(co_plan_wait(plan, now, time));
    *is_over = *time > now ? plan->n_lost > 0 || plan->last_step != NULL : n_asked == 0;
    return CO_OK;
}

static co_status next(void *self, const co_clock *now, co_plan *plan)
{
    buffered *b = self;
    co_clock at = *now;
    co_asynchronous_begin(&b->on);
    for (int64_t ordinal = 0;; ordinal++) {
        size_t n_asked;
        bool is_over = false;
        CO_TRY(co_asynchronous_take(&b->on, plan, at.time, b->size));
        if (b->on.n == b->size) break;
        CO_TRY(co_flights_dispatch(&b->on.flights, plan, &at, ordinal, 0, &n_asked));
        CO_TRY(go_on(b, plan, n_asked, &at.time, &is_over));
        if (is_over) break;
    }
    plan->time = at.time;
    return co_asynchronous_end(&b->on, plan, now);
}

static const co_param params[] = {CO_STALENESS_PARAMS, {0}};

const co_planner co_planner_buffered = {
    .name = "buffered",
    .summary = "asynchronous: a step whenever per_round devices have come back",
    .source = "Nguyen et al. 2022, arXiv:2106.06639",
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
