/* sim/planners/plan.c - select, weigh, place.
 *
 * Unbiased weights (Horvitz and Thompson 1952, JASA 47): the round's update is sum_i (w_i / pi_i)
 * u_i / sum_k w_k, the last sum over all devices, so that its expectation over the selection is the
 * mean over the population. In integers: a_i = w_i / (pi_i m A) with m the room of a plan and A the
 * largest w_k / pi_k, hence sum a_i <= 1. Placement is the LPT rule: devices by falling cost, each
 * to the rank with least to do; its longest rank is at most 4/3 of the best (Graham 1969, SIAM J.
 * Appl. Math. 17, theorem 2). */
#include "sim/planners/plan.h"
#include "core/memory.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const co_outcome_names[CO_N_OUTCOMES] = {"reported", "dropped", "empty", "nonfinite"};

static int by_id(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* attacker_ids into plan->attackers. */
static co_status take_attackers(co_plan *plan, const co_experiment *e, const co_node *list,
                                int64_t n_devices)
{
    size_t k = 0;
    for (const co_node *item = list->first; item; item = item->next, k++)
        if (!co_node_int(item, &plan->attackers[k]) || plan->attackers[k] >= n_devices)
            return co_config_fail(&e->devices, item, "there is no device %s; ids are 0 to %lld",
                                  item->text, (long long)n_devices - 1);
    qsort(plan->attackers, k, sizeof *plan->attackers, by_id);
    return CO_OK;
}

/* Which devices attack: those named, or as many as asked for, drawn by the seed. */
static co_status choose_attackers(co_plan *plan, const co_experiment *e, int64_t n_devices)
{
    const co_node *list = co_config_node(&e->devices, "attacker_ids");
    const double asked =
        co_config_has(&e->devices, "attackers") ? co_config_real(&e->devices, "attackers") : 0.0;
    const double n =
        asked < 1.0 ? floor(asked * (double)n_devices + 1e-9) : asked; /* 0.29 x 100 is 28.99.. */
    if (n > (double)n_devices)
        return co_config_fail(&e->devices, co_config_node(&e->devices, "attackers"),
                              "%g is more than the %lld devices", n, (long long)n_devices);
    plan->n_attackers = list ? co_node_count(list) : (size_t)n;
    plan->attackers = co_malloc(plan->n_attackers, sizeof *plan->attackers);
    int64_t *scratch = co_malloc(co_draw_subset_scratch(plan->n_attackers), sizeof *scratch);
    co_status st =
        plan->attackers && scratch ? CO_OK : CO_FAIL(CO_ENOMEM, "%zu attackers", plan->n_attackers);
    if (st == CO_OK && list) {
        st = take_attackers(plan, e, list, n_devices);
    } else if (st == CO_OK) {
        co_stream s = co_stream_open((uint64_t)e->seed, CO_DRAW_ATTACK, 0, 0, 0);
        co_draw_subset(&s, n_devices, plan->n_attackers, plan->attackers, scratch);
    }
    co_free(scratch);
    return st;
}

static int64_t count_held(const void *population, int64_t device)
{
    return co_population_examples(population, device);
}

co_status co_plan_init(co_plan *plan, const co_experiment *e, const co_population *population,
                       int size)
{
    const double per_round = co_config_real(&e->devices, "per_round");
    const char *placement = getenv("CO_PLACEMENT");
    *plan = (co_plan){.reversed = placement && strcmp(placement, "reversed") == 0};
    if (per_round > (double)population->n_devices)
        return co_config_fail(&e->devices, co_config_node(&e->devices, "per_round"),
                              "%g is more than the population of %lld devices", per_round,
                              (long long)population->n_devices);
    if (strcmp(co_config_string(&e->aggregate, "weight"), "tokens") == 0 &&
        !population->shape.tokens)
        return co_config_fail(&e->aggregate, co_config_node(&e->aggregate, "weight"),
                              "tokens needs texts, these data are %s; choose examples or uniform",
                              population->has_data ? "rows of numbers" : "generated");
    plan->per_round = per_round;
    plan->capacity = co_selector_most(e->selector, population->n_devices, per_round);
    plan->selector = e->selector;
    plan->input = (co_selector_input){.seed = (uint64_t)e->seed,
                                      .n_devices = population->n_devices,
                                      .per_round = per_round,
                                      .examples = count_held,
                                      .population = population};
    plan->row = co_calloc(plan->capacity, sizeof *plan->row);
    plan->devices = co_malloc(plan->capacity, sizeof *plan->devices);
    plan->scratch = co_malloc(co_draw_subset_scratch(plan->capacity), sizeof *plan->scratch);
    plan->order = co_malloc(plan->capacity, sizeof *plan->order);
    plan->load = co_calloc((size_t)size, sizeof *plan->load);
    co_status st = plan->row && plan->devices && plan->scratch && plan->order && plan->load
                       ? choose_attackers(plan, e, population->n_devices)
                       : CO_FAIL(CO_ENOMEM, "a round's plan of %zu devices", plan->capacity);
    if (st == CO_OK && e->selector->create)
        st = e->selector->create(&e->devices, &plan->input, &plan->chosen_by);
    if (st != CO_OK) co_plan_fini(plan);
    return st;
}

void co_plan_fini(co_plan *plan)
{
    if (plan->selector && plan->selector->destroy) plan->selector->destroy(plan->chosen_by);
    co_free(plan->row);
    co_free(plan->devices);
    co_free(plan->scratch);
    co_free(plan->order);
    co_free(plan->load);
    co_free(plan->attackers);
    *plan = (co_plan){0};
}

static int64_t count_steps(const co_experiment *e, int64_t n)
{
    if (n == 0) return 0;
    const co_local_keys *local = &e->local_keys;
    if (local->steps) return local->steps;
    const int64_t batch = local->batch == 0 || local->batch > n ? n : local->batch;
    return local->epochs * ((n + batch - 1) / batch);
}

/* Rows (examples, or tokens of texts) that local training goes through: what it costs. n_rows: of
 * all examples that the device holds. */
static double work(const co_experiment *e, const co_plan_row *row, int64_t n_held, int64_t n_rows)
{
    const co_local_keys *local = &e->local_keys;
    const int64_t batch =
        local->batch == 0 || local->batch > row->n_examples ? row->n_examples : local->batch;
    const double whole = local->steps ? (double)row->n_steps * (double)batch
                                      : (double)row->n_examples * (double)local->epochs;
    return whole * (double)n_rows / (double)n_held + 1.0; /* a device costs something by itself */
}

/* The rank with less to do; ties go to the lower rank. */
static bool before(const double *load, int a, int b)
{
    return load[a] < load[b] || (load[a] == load[b] && a < b);
}

static void place(co_plan *plan, int size)
{
    for (int r = 0; r < size; r++) plan->load[r] = 0.0;
    for (size_t i = 0; i < plan->n; i++) {
        co_plan_row *row = &plan->row[plan->order[i]];
        int best = 0;
        for (int r = 1; r < size; r++)
            if (before(plan->load, r, best)) best = r;
        row->rank = plan->reversed ? size - 1 - best : best;
        plan->load[best] += row->cost;
    }
    for (int r = 0; plan->reversed && r < size / 2; r++) {
        const double t = plan->load[r];
        plan->load[r] = plan->load[size - 1 - r];
        plan->load[size - 1 - r] = t;
    }
}

static int by_cost(const void *a, const void *b, void *rows)
{
    const size_t i = *(const size_t *)a, j = *(const size_t *)b;
    const co_plan_row *row = rows;
    if (row[i].cost != row[j].cost) return row[i].cost > row[j].cost ? -1 : 1;
    return i < j ? -1 : i > j;
}

/* Examples that a device trains on in a round. */
static int64_t count_examples(const co_experiment *e, const co_population *population,
                              int64_t device)
{
    if (co_population_rows(population, device) == 0)
        return 0; /* texts without a token are nothing to train on */
    const int64_t n = co_population_examples(population, device);
    const int64_t most = e->local_keys.max_examples;
    return most == 0 || n < most ? n : most;
}

double co_plan_weight(const co_experiment *e, const co_population *population, int64_t device)
{
    const int64_t n = count_examples(e, population, device),
                  n_held = co_population_examples(population, device);
    const double n_rows = (double)co_population_rows(population, device);
    return co_weighting_of(e->weighting, n, n_held > 0 ? n_rows * (double)n / (double)n_held : 0.0);
}

void co_plan_look(co_plan *plan, const co_experiment *e, const co_population *population)
{
    const co_selector *selector = e->selector;
    double total = 0.0, largest = 0.0;
    if (selector->look) selector->look(plan->chosen_by, &plan->input);
    if (!e->weighting.unbiased) return;
    for (int64_t k = 0; k < population->n_devices; k++) {
        const double w = co_plan_weight(e, population, k);
        if (w == 0.0) continue;
        total += w;
        largest = fmax(largest, w / selector->chance(plan->chosen_by, &plan->input, k));
    }
    plan->bound = (double)plan->capacity * largest;
    plan->fixed_total = plan->bound > 0.0 ? total / plan->bound : 0.0;
}

/* a_i of all rows. */
static void share(co_plan *plan)
{
    for (size_t i = 0; i < plan->n; i++) {
        co_plan_row *row = &plan->row[i];
        if (plan->bound > 0.0)
            row->share = row->weight / plan->bound /
                         plan->selector->chance(plan->chosen_by, &plan->input, row->device);
        else
            row->share = plan->weight > 0.0 ? row->weight / plan->weight : 0.0;
    }
}

void co_plan_make(co_plan *plan, const co_experiment *e, const co_population *population,
                  int64_t round, int size)
{
    plan->round = round;
    plan->n =
        e->selector->select(plan->chosen_by, &plan->input, round, plan->devices, plan->scratch);
    plan->weight = 0.0;
    for (size_t i = 0; i < plan->n; i++) {
        co_plan_row *row = &plan->row[i];
        const int64_t n_held = co_population_examples(population, plan->devices[i]);
        const int64_t n_rows = co_population_rows(population, plan->devices[i]);
        const int64_t n = count_examples(e, population, plan->devices[i]);
        *row =
            (co_plan_row){.device = plan->devices[i],
                          .n_examples = n,
                          .n_steps = count_steps(e, n),
                          .weight = co_plan_weight(e, population, plan->devices[i]),
                          .outcome = n > 0 ? CO_REPORTED : CO_EMPTY,
                          .loss = NAN,
                          .update_norm = NAN,
                          .loss_before = NAN,
                          .attacker = plan->n_attackers > 0 &&
                                      bsearch(&plan->devices[i], plan->attackers, plan->n_attackers,
                                              sizeof *plan->attackers, by_id)};
        row->cost = n > 0 ? work(e, row, n_held, n_rows) : 0.0;
        plan->weight += row->weight;
        plan->order[i] = i;
    }
    share(plan);
    qsort_r(plan->order, plan->n, sizeof *plan->order, by_cost, plan->row);
    place(plan, size);
}
