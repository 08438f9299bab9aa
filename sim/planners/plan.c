/* sim/planners/plan.c - rows of a plan: what a device of a step has to do, and what it counts for.
 */
#include "sim/planners/planner.h"
#include "core/memory.h"
#include "sim/devices/budget.h"
#include "sim/devices/groups.h"
#include "sim/devices/timing.h"
#include "sim/planners/secure.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const co_outcome_names[CO_N_OUTCOMES] = {"reported",  "dropped", "empty",
                                                     "nonfinite", "late",    "unavailable"};

static int64_t count_held(const void *population, int64_t device)
{
    return co_population_examples(population, device);
}

/* A measuring pass goes before a step: there is none before devices that are asked in between. */
static co_status check_survey(const co_plan *plan)
{
    const co_experiment *e = plan->experiment;
    const co_selector *s = plan->selector;
    if (!e->planner->draws || !s->survey || s->most_surveyed(plan->chosen_by) == 0) return CO_OK;
    return co_config_fail(&e->devices, co_config_node(&e->devices, "select"),
                          "%s measures its candidates before each step, mode: %s asks devices at "
                          "any time: set last_known: true, or mode: synchronous or deadline",
                          s->name, e->planner->name);
}

co_status co_plan_init(co_plan *plan, const co_experiment *e, const co_population *population,
                       int size, size_t train)
{
    const double per_round = co_config_real(&e->devices, "per_round");
    const char *placement = getenv("CO_PLACEMENT");
    *plan = (co_plan){.experiment = e,
                      .population = population,
                      .size = size,
                      .train = train,
                      .unbiased = co_config_bool(&e->aggregate, "unbiased"),
                      .reversed = placement && strcmp(placement, "reversed") == 0};
    if (per_round > (double)population->n_devices)
        return co_config_fail(&e->devices, co_config_node(&e->devices, "per_round"),
                              "%g is more than the population of %lld devices", per_round,
                              (long long)population->n_devices);
    if (strcmp(co_config_string(&e->aggregate, "weight"), "tokens") == 0 &&
        !population->shape.tokens)
        return co_config_fail(&e->aggregate, co_config_node(&e->aggregate, "weight"),
                              "tokens needs texts, these data are %s; choose examples or uniform",
                              population->has_data ? "rows of numbers" : "generated");
    double asked = per_round;
    size_t rows = 0;
    if (e->planner->sizes) e->planner->sizes(&e->devices, per_round, &asked, &rows);
    if (asked > (double)population->n_devices)
        return co_config_fail(&e->devices, NULL,
                              "mode: %s asks %g devices at once, more than the population of %lld",
                              e->planner->name, asked, (long long)population->n_devices);
    CO_TRY(co_plan_check_separation(plan, asked, rows));
    plan->per_round = per_round;
    plan->n_asked = co_selector_most(e->selector, population->n_devices, asked);
    plan->capacity = rows ? rows : plan->n_asked;
    plan->selector = e->selector;
    plan->input = (co_selector_input){.seed = (uint64_t)e->seed,
                                      .n_devices = population->n_devices,
                                      .per_round = asked,
                                      .examples = count_held,
                                      .population = population,
                                      .trip = co_plan_trip,
                                      .clock = plan};
    plan->row = co_calloc(plan->capacity, sizeof *plan->row);
    plan->devices = co_malloc(plan->n_asked, sizeof *plan->devices);
    plan->scratch = co_malloc(co_draw_subset_scratch(plan->n_asked), sizeof *plan->scratch);
    plan->order = co_malloc(plan->capacity, sizeof *plan->order);
    plan->load = co_calloc((size_t)size, sizeof *plan->load);
    co_status st = plan->row && plan->devices && plan->scratch && plan->order && plan->load
                       ? co_plan_choose_attackers(plan)
                       : CO_FAIL(CO_ENOMEM, "a round's plan of %zu devices", plan->capacity);
    if (st == CO_OK) st = co_plan_open_memory(plan);
    if (st == CO_OK && e->selector->create)
        st = e->selector->create(&e->devices, &plan->input, &plan->chosen_by);
    if (st == CO_OK) st = check_survey(plan);
    if (st != CO_OK) co_plan_fini(plan);
    return st;
}

void co_plan_fini(co_plan *plan)
{
    if (plan->selector && plan->selector->destroy) plan->selector->destroy(plan->chosen_by);
    co_free(plan->row);
    co_free(plan->lost);
    co_free(plan->held);
    co_free(plan->devices);
    co_free(plan->scratch);
    co_free(plan->order);
    co_free(plan->load);
    co_free(plan->attackers);
    co_free(plan->last_step);
    co_free(plan->has_version);
    co_free(plan->heard);
    *plan = (co_plan){0};
}

void co_plan_look(co_plan *plan)
{
    const co_experiment *e = plan->experiment;
    const co_population *population = plan->population;
    double total = 0.0, largest = 0.0;
    if (plan->selector->look) plan->selector->look(plan->chosen_by, &plan->input);
    plan->population_weight = 0.0;
    if (e->rule->common || e->aggregator->slots || plan->weighs_population)
        for (int64_t k = 0; k < population->n_devices; k++)
            plan->population_weight += co_plan_weight(e, population, k);
    if (!plan->unbiased) return;
    for (int64_t k = 0; k < population->n_devices; k++) {
        const double w = co_plan_weight(e, population, k);
        if (w == 0.0) continue;
        total += w;
        largest = fmax(largest, w / plan->selector->chance(plan->chosen_by, &plan->input, k));
    }
    plan->bound = (double)plan->capacity * largest;
    plan->fixed_total = plan->bound > 0.0 ? total / plan->bound : 0.0;
}

co_plan_row co_plan_job(const co_plan *plan, int64_t device, int64_t version, int64_t start,
                        int64_t step)
{
    if (plan->secure) return co_secure_job(plan, device);
    if (plan->groups) start = co_groups_start(plan->groups, device, step);
    co_plan_row row = co_plan_describe(plan, device, version, start);
    if (plan->timing) co_timing_run(plan->timing, step, &row);
    return row;
}

int64_t co_plan_down(const co_plan *plan, const co_plan_row *row)
{
    return co_row_down(row) +
           (plan->secure ? co_secure_row_bytes(plan->secure, row, CO_SECAGG_DOWN) : 0);
}

int64_t co_plan_up(const co_plan *plan, const co_plan_row *row)
{
    return co_row_up(row) +
           (plan->secure ? co_secure_row_bytes(plan->secure, row, CO_SECAGG_UP) : 0);
}

co_plan_row *co_plan_add(co_plan *plan, const co_plan_row *from)
{
    CO_ASSERT(plan->n < plan->capacity &&
              (plan->n == 0 || plan->row[plan->n - 1].device < from->device));
    co_plan_row *row = &plan->row[plan->n++];
    *row = *from;
    if (row->n_examples > 0 && plan->budget && !co_budget_allows(plan->budget, row->device)) {
        row->outcome = CO_DROPPED;
        row->cost = 0.0;
    }
    return row;
}

co_status co_plan_lose(co_plan *plan, const co_plan_row *from)
{
    CO_ASSERT(!co_row_comes(from));
    if (plan->n_lost == plan->lost_room) {
        const size_t room = 2 * plan->lost_room + 64;
        co_plan_row *lost = co_realloc(plan->lost, room, sizeof *lost);
        if (!lost) return CO_FAIL(CO_ENOMEM, "rows of %zu devices that a step has lost", room);
        plan->lost = lost;
        plan->lost_room = room;
    }
    plan->lost[plan->n_lost++] = *from;
    return CO_OK;
}

co_status co_plan_wait(const co_plan *plan, int64_t time, int64_t *until)
{
    const co_experiment *e = plan->experiment;
    *until = time;
    if (!plan->timing) return CO_OK;
    for (int64_t k = 0; k < plan->population->n_devices; k++)
        if (co_timing_is_there(plan->timing, k, time)) return CO_OK;
    const int64_t next = co_timing_next_arrival(plan->timing, time);
    if (next < CO_NEVER) {
        *until = next;
        return CO_OK;
    }
    return co_config_fail(&e->top, co_node_find(e->root, "clock"),
                          "none of the %lld devices can be reached at %.6g s of virtual time, and "
                          "none will come any more",
                          (long long)plan->population->n_devices, 1e-9 * (double)time);
}

co_status co_plan_time_goes_on(co_plan *plan, int64_t begin)
{
    if (plan->n > 0 || plan->time > begin) return CO_OK;
    return co_plan_wait(plan, begin, &plan->time);
}

co_plan_row *co_plan_ask(co_plan *plan, int64_t time, int64_t device)
{
    const co_plan_row row = co_plan_job(plan, device, plan->round - 1, time, plan->round);
    return co_plan_add(plan, &row);
}

co_times co_plan_times(const co_plan *plan)
{
    co_times t = {0};
    double sum = 0.0;
    for (size_t i = 0; i < plan->n + plan->n_lost; i++) {
        const bool is_row = i < plan->n;
        const co_plan_row *row = is_row ? &plan->row[i] : &plan->lost[i - plan->n];
        const int64_t end = row->end < plan->time ? row->end : plan->time,
                      staleness = plan->round - 1 - row->version;
        const double seconds = end > row->start ? 1e-9 * (double)(end - row->start) : 0.0;
        t.device_s += seconds;
        if (!is_row || row->outcome != CO_REPORTED) t.lost_s += seconds;
        if (is_row) sum += (double)staleness;
        if (is_row && staleness > t.staleness_max) t.staleness_max = staleness;
    }
    t.staleness_mean = plan->n ? sum / (double)plan->n : NAN;
    return t;
}
