/* sim/outlook.c - the schedule without training. A step costs what its plan does. */
#include "sim/outlook.h"
#include "core/log.h"
#include "core/memory.h"
#include "sim/devices/groups.h"
#include "sim/devices/timing.h"
#include "sim/observers/evaluation.h"
#include "sim/planners/secure.h"
#include "sim/versions.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

bool co_outlook_can(const co_experiment *e)
{
    return !e->selector->hear;
}

/* What plays: like what the run has, but its own. */
typedef struct {
    co_plan plan;
    void *planner;
    int32_t *parts; /* [n_devices] steps that it trains for */
} stage;

static void close_stage(stage *s, const co_experiment *e)
{
    if (e->planner->destroy) e->planner->destroy(s->planner);
    co_timing_destroy(s->plan.timing);
    co_groups_destroy(s->plan.groups);
    co_secure_destroy(s->plan.secure);
    co_plan_fini(&s->plan);
    co_free(s->parts);
}

/* Collective(comm). */
static co_status open_stage(stage *s, const co_plan *like, const co_population *population,
                            double flops, const co_comm *comm)
{
    const co_experiment *e = like->experiment;
    *s = (stage){0};
    co_status st = co_plan_init(&s->plan, e, population, like->size, like->train);
    s->parts = co_calloc((size_t)population->n_devices, sizeof *s->parts);
    if (st == CO_OK && !s->parts) st = CO_FAIL(CO_ENOMEM, "the schedule's devices");
    st = co_agree(st, comm);
    if (st == CO_OK) st = co_timing_create(e, population, flops, comm, &s->plan.timing);
    if (st != CO_OK) return st;
    s->plan.bytes_down = like->bytes_down;
    memcpy(s->plan.bytes_up, like->bytes_up, sizeof s->plan.bytes_up);
    if (like->has_version)
        CO_TRY(co_agree(co_plan_send_versions(&s->plan, like->bytes_model, like->bytes_version),
                        comm));
    co_plan_look(&s->plan);
    if (like->groups)
        st = co_groups_create(e, population, s->plan.timing, like->groups->bytes, &s->plan.groups);
    if (st == CO_OK && like->secure)
        st = co_secure_create(e, like->secure->n_values, like->secure->bits, s->plan.n_asked,
                              s->plan.input.per_round, &s->plan.secure);
    if (st == CO_OK && e->planner->create)
        st = e->planner->create(&e->devices, &s->plan, &s->planner);
    return co_agree(st, comm);
}

static void count(co_outlook *o, const stage *s)
{
    const co_plan *plan = &s->plan;
    const co_times times = co_plan_times(plan);
    o->n_steps = plan->round;
    o->time = plan->time;
    o->device_s += times.device_s;
    o->lost_s += times.lost_s;
    o->n_rows += (int64_t)plan->n;
    for (size_t i = 0; i < plan->n; i++) {
        const co_plan_row *row = &plan->row[i];
        const int64_t stale = plan->round - 1 - row->version;
        o->staleness += (double)stale;
        if (stale > o->most_stale) o->most_stale = stale;
        if (co_row_works(row) && ++s->parts[row->device] > o->most_parts)
            o->most_parts = s->parts[row->device];
    }
    for (size_t i = 0; i < plan->n_lost; i++) {
        const co_plan_row *row = &plan->lost[i];
        o->n_lost[row->outcome]++;
        if (plan->experiment->private_stage && co_row_sends_late(plan, row) &&
            ++s->parts[row->device] > o->most_parts)
            o->most_parts = s->parts[row->device];
    }
    if (plan->n_versions > o->most_versions) o->most_versions = plan->n_versions;
    if (plan->n_flying > o->most_flying) o->most_flying = plan->n_flying;
}

/* Whether the run ends with the step that was played last. */
static bool ends(const co_experiment *e, const co_outlook *o, bool heeds_stop)
{
    const double now_s = 1e-9 * (double)o->time;
    const co_moment at = {.round = o->n_steps, .now_s = now_s};
    return heeds_stop ? co_is_last_step(e, &at) : o->n_steps >= e->rounds;
}

/* Rank 0. */
static co_status play(co_outlook *o, stage *s, co_population *population, double seconds)
{
    const co_experiment *e = s->plan.experiment;
    const double start = co_now_s();
    co_status st = CO_OK;
    const bool heeds_stop = seconds < INFINITY;
    while (st == CO_OK && !ends(e, o, heeds_stop) && co_now_s() - start < seconds) {
        const co_clock now = {.step = o->n_steps + 1, .time = o->time};
        if (co_population_move(population, now.step)) co_plan_look(&s->plan);
        st = co_planner_make(e->planner, s->planner, &now, &s->plan);
        if (st == CO_OK) count(o, s);
        if (st == CO_OK) co_plan_close(&s->plan);
        if (st == CO_OK && s->plan.groups) co_groups_step(s->plan.groups, now.step, NULL);
    }
    o->is_whole = st != CO_OK || ends(e, o, heeds_stop);
    if (st == CO_EUSAGE) { /* the run will say so in that step */
        o->end = co_strdup(co_status_message());
        st = o->end ? CO_OK : CO_FAIL(CO_ENOMEM, "the schedule's end");
    }
    return st;
}

co_status co_outlook_play(co_outlook *o, const co_plan *plan, co_population *population,
                          double flops, double seconds, const co_comm *comm)
{
    stage s;
    *o = (co_outlook){0};
    co_status st = open_stage(&s, plan, population, flops, comm);
    if (st == CO_OK)
        st = co_agree(comm->rank == 0 ? play(o, &s, population, seconds) : CO_OK, comm);
    close_stage(&s, plan->experiment);
    co_population_move(population, 0);
    char *end = o->end;
    MPI_Bcast(o, sizeof *o, MPI_BYTE, 0, comm->world);
    o->end = end; /* its text is rank 0's */
    if (st != CO_OK) co_outlook_fini(o);
    return st;
}

void co_outlook_fini(co_outlook *o)
{
    co_free(o->end);
    *o = (co_outlook){0};
}

static void print_lost(const co_outlook *o)
{
    int64_t lost = 0;
    for (int k = 0; k < CO_N_OUTCOMES; k++) lost += o->n_lost[k];
    if (lost == 0) return;
    printf("             %.1f %% of %" PRId64 " participations are lost:",
           100.0 * (double)lost / (double)(lost + o->n_rows), lost + o->n_rows);
    const char *between = " ";
    for (int k = 0; k < CO_N_OUTCOMES; k++) {
        if (o->n_lost[k] == 0) continue;
        printf("%s%" PRId64 " %s", between, o->n_lost[k], co_outcome_names[k]);
        between = ", ";
    }
    putchar('\n');
}

void co_outlook_print(const co_outlook *o, int64_t rounds, double version_bytes)
{
    char whole[32], each[32], devices[32], memory[32];
    if (o->n_steps == 0) {
        printf("schedule     no step can be made%s%s\n", o->end ? ": " : "", o->end ? o->end : "");
        return;
    }
    const double n = (double)o->n_steps, grows = o->is_whole ? 1.0 : (double)rounds / n,
                 time = 1e-9 * (double)o->time;
    co_format_seconds(grows * time, whole, sizeof whole);
    co_format_seconds(time / n, each, sizeof each);
    co_format_seconds(grows * o->device_s, devices, sizeof devices);
    const size_t room = co_versions_room((size_t)o->most_versions - 1);
    co_format_bytes((double)room * version_bytes, memory, sizeof memory);
    printf("virtual time %s for %lld steps, %s a step; %s of devices' time, %.1f %% of it lost\n",
           whole, (long long)(o->is_whole ? o->n_steps : rounds), each, devices,
           o->device_s > 0.0 ? 100.0 * o->lost_s / o->device_s : 0.0);
    if (!o->is_whole)
        printf("             from the first %" PRId64 " steps, on the assumption that all go on "
               "like them\n",
               o->n_steps);
    printf("versions     staleness %.2f on average, %" PRId64 " at most; up to %" PRId64
           " old version%s of the model, room of %s a node; up to %" PRId64
           " devices at work between steps\n",
           o->n_rows ? o->staleness / (double)o->n_rows : 0.0, o->most_stale, o->most_versions - 1,
           o->most_versions == 2 ? "" : "s", memory, o->most_flying);
    print_lost(o);
    if (o->end) printf("             then it ends: %s\n", o->end);
    if (o->n_rows == 0)
        co_warn("no participation of these %" PRId64 " steps reports in time (%" PRId64
                " %s, %" PRId64 " %s, %" PRId64 " %s): the model stays what it is",
                o->n_steps, o->n_lost[CO_DROPPED], co_outcome_names[CO_DROPPED], o->n_lost[CO_LATE],
                co_outcome_names[CO_LATE], o->n_lost[CO_UNAVAILABLE],
                co_outcome_names[CO_UNAVAILABLE]);
}
