/* sim/rounds.c - the walk of a step, and the loop over steps: plan, place, work, stages, wire,
 * combine, observe.
 *
 * A step costs one barrier, one reduce-scatter of 8 bytes a parameter and one all-gather of the
 * new version. An error on one rank rides in the reduction as a count; only then do the ranks agree
 * on its message. */
#include "core/log.h"
#include "sim/step.h"
#include "sim/survey.h"
#include "sim/watch.h"
#include <stdio.h>

/* Which devices, from which version, on which rank: the same on all ranks, without a message but
 * for those of a measuring pass. Collective(comm). */
static co_status plan(co_run *r, int64_t step)
{
    co_clock now = {.step = step, .time = r->time};
    if (co_population_move(&r->population, step)) co_plan_look(&r->plan);
    co_status_set_round(step);
    CO_TRY(co_run_survey(r, step, &now.time));
    if (r->ending != CO_GOES_ON) return CO_OK;
    co_status st = co_keeps_hold(&r->keeps);
    if (st == CO_OK) st = co_planner_make(r->experiment->planner, r->planner, &now, &r->plan);
    if (r->keeps.n == 0 && !co_planner_is_stale(r->experiment->planner) && !r->plan.secure)
        return st; /* there is nothing that could fail */
    CO_TRY(co_agree(st, r->comm));
    return co_versions_plan(&r->versions, r->experiment->planner, &r->plan);
}

/* One step; without a new version when it was given up half way. Collective(comm). */
static co_status play(co_run *r)
{
    const co_experiment *e = r->experiment;
    CO_TRY(plan(r, r->round + 1));
    if (r->ending != CO_GOES_ON) return CO_OK; /* nothing of this step has touched the model */
    co_step_open(r);
    co_gathered met;
    co_status st = co_secagg_begin(&r->secagg);
    if (st == CO_OK) st = co_step_work(r, co_schedule_rate(&e->local_rate, r->plan.round));
    const co_status opened = co_step_meet(r, st, &met);
    if (co_exchange_counted(&r->exchange, CO_COUNT_FAILED) > 0)
        return co_agree(st == CO_ESTOPPED ? CO_OK : st, r->comm); /* the error is what to tell */
    if (co_exchange_counted(&r->exchange, CO_COUNT_ABANDONED) > 0) {
        r->ending = CO_STOPPED; /* nothing of this step has touched the model */
        co_keeps_back(&r->keeps);
        return CO_OK;
    }
    CO_TRY(opened);
    r->moment = (co_moment){r->plan.round, 1e-9 * (double)r->time, 1e-9 * (double)r->plan.time};
    r->time = r->plan.time;
    co_versions_step(&r->versions);
    co_run_combine(r, &met, co_schedule_rate(&e->server_rate, r->plan.round));
    co_step_gather(r);
    return co_observers_step(r);
}

/* What the end of a run is to its caller. */
static co_status close(const co_run *r)
{
    if (r->ending == CO_STOPPED)
        return CO_FAIL(CO_ESTOPPED, "stopped on request after round %lld of %lld; --resume goes on",
                       (long long)r->round, (long long)r->experiment->rounds);
    if (r->ending == CO_DIVERGED)
        return CO_FAIL(CO_EDIVERGED,
                       "round %lld: every device gave a non-finite update for 3 rounds; lower "
                       "local.lr, or set local.clip_grad",
                       (long long)r->round);
    return CO_OK;
}

/* An error in the rounds says in which, and what can be done after its cause is gone. */
static co_status place_error(const co_run *r, co_status st)
{
    char cause[900];
    if (st == CO_OK || st == CO_ESTOPPED || st == CO_EDIVERGED)
        return st; /* these say it themselves */
    snprintf(cause, sizeof cause, "%s", co_status_message());
    return CO_FAIL(st, "round %lld: %s; --resume goes on from the newest checkpoint",
                   (long long)r->plan.round, cause);
}

co_status co_run_rounds(co_run *r)
{
    r->ending = CO_GOES_ON;
    if (r->round >= r->experiment->rounds) return CO_OK;
    co_watch_start(r->experiment->stop_keys.walltime_s);
    co_status st = co_observers_begin(r);
    const bool over = st == CO_OK && r->ending != CO_GOES_ON; /* as the rule saw at the last stop */
    while (st == CO_OK && r->ending == CO_GOES_ON) st = play(r);
    if (st != CO_OK) r->ending = CO_FAILED;
    const co_status ended = over ? CO_OK : co_observers_end(r);
    if (st == CO_OK) st = ended;
    if (st == CO_OK) st = close(r);
    co_watch_end();
    co_status_set_round(-1);
    return place_error(r, st);
}
