/* sim/plan.c - select, weigh, place. Placement is the LPT rule: devices by falling cost, each to the rank with least to do; its
 * longest rank is at most 4/3 of the best (Graham 1969, SIAM J. Appl. Math. 17, theorem 2). */
#include "sim/plan.h"
#include "core/memory.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const co_outcome_names[CO_N_OUTCOMES] = {"reported", "dropped", "empty", "nonfinite"};

co_status co_plan_init(co_plan *plan, const co_experiment *e, const co_population *population, int size)
{
    const double per_round = co_config_real(&e->devices, "per_round");
    const char *placement = getenv("CO_PLACEMENT");
    *plan = (co_plan){.reversed = placement && strcmp(placement, "reversed") == 0};
    if (per_round > (double)population->n_devices)
        return co_config_fail(&e->devices, co_config_node(&e->devices, "per_round"),
                              "%g is more than the population of %lld devices", per_round,
                              (long long)population->n_devices);
    if (strcmp(co_config_string(&e->aggregate, "weight"), "tokens") == 0 && !population->shape.tokens)
        return co_config_fail(&e->aggregate, co_config_node(&e->aggregate, "weight"),
                              "tokens needs texts, these data are %s; choose examples or uniform",
                              population->has_data ? "rows of numbers" : "generated");
    plan->per_round = per_round;
    plan->capacity = co_selector_most(e->selector, population->n_devices, per_round);
    plan->row = co_calloc(plan->capacity, sizeof *plan->row);
    plan->devices = co_malloc(plan->capacity, sizeof *plan->devices);
    plan->scratch = co_malloc(co_draw_subset_scratch(plan->capacity), sizeof *plan->scratch);
    plan->order = co_malloc(plan->capacity, sizeof *plan->order);
    plan->load = co_calloc((size_t)size, sizeof *plan->load);
    if (plan->row && plan->devices && plan->scratch && plan->order && plan->load) return CO_OK;
    const co_status st = CO_FAIL(CO_ENOMEM, "a round's plan of %zu devices", plan->capacity);
    co_plan_fini(plan);
    return st;
}

void co_plan_fini(co_plan *plan)
{
    co_free(plan->row);
    co_free(plan->devices);
    co_free(plan->scratch);
    co_free(plan->order);
    co_free(plan->load);
    *plan = (co_plan){0};
}

static int64_t count_steps(const co_experiment *e, int64_t n)
{
    if (n == 0) return 0;
    if (co_config_has(&e->local, "steps")) return co_config_int(&e->local, "steps");
    int64_t batch = co_config_int(&e->local, "batch");
    if (batch == 0 || batch > n) batch = n;
    return co_config_int(&e->local, "epochs") * ((n + batch - 1) / batch);
}

/* Rows (examples, or tokens of texts) that local training goes through: what it costs. n_rows: of all examples that the device
 * holds. */
static double work(const co_experiment *e, const co_plan_row *row, int64_t n_held, int64_t n_rows)
{
    int64_t batch = co_config_int(&e->local, "batch");
    if (batch == 0 || batch > row->n_examples) batch = row->n_examples;
    const double whole = co_config_has(&e->local, "steps")
                             ? (double)row->n_steps * (double)batch
                             : (double)row->n_examples * (double)co_config_int(&e->local, "epochs");
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
static int64_t count_examples(const co_experiment *e, const co_population *population, int64_t device)
{
    if (co_population_rows(population, device) == 0) return 0; /* texts without a token are nothing to train on */
    const int64_t n = co_population_examples(population, device);
    if (!co_config_has(&e->local, "max_examples")) return n;
    const int64_t most = co_config_int(&e->local, "max_examples");
    return n < most ? n : most;
}

double co_plan_weight(const co_experiment *e, const co_population *population, int64_t device)
{
    const int64_t n = count_examples(e, population, device), n_held = co_population_examples(population, device);
    const double n_rows = (double)co_population_rows(population, device);
    return co_aggregate_weight(&e->aggregate, n, n_held > 0 ? n_rows * (double)n / (double)n_held : 0.0);
}

void co_plan_make(co_plan *plan, const co_experiment *e, const co_population *population, int64_t round, int size)
{
    plan->round = round;
    plan->n = e->selector->select((uint64_t)e->seed, round, population->n_devices, plan->per_round, plan->devices,
                                  plan->scratch);
    double total = 0.0;
    for (size_t i = 0; i < plan->n; i++) {
        co_plan_row *row = &plan->row[i];
        const int64_t n_held = co_population_examples(population, plan->devices[i]);
        const int64_t n_rows = co_population_rows(population, plan->devices[i]);
        const int64_t n = count_examples(e, population, plan->devices[i]);
        *row = (co_plan_row){.device = plan->devices[i], .n_examples = n, .n_steps = count_steps(e, n),
                             .weight = co_plan_weight(e, population, plan->devices[i]),
                             .outcome = n > 0 ? CO_REPORTED : CO_EMPTY, .loss = NAN, .update_norm = NAN,
                             .loss_before = NAN};
        row->cost = n > 0 ? work(e, row, n_held, n_rows) : 0.0;
        total += row->weight;
        plan->order[i] = i;
    }
    plan->weight = total;
    for (size_t i = 0; i < plan->n; i++) plan->row[i].share = total > 0.0 ? plan->row[i].weight / total : 0.0;
    qsort_r(plan->order, plan->n, sizeof *plan->order, by_cost, plan->row);
    place(plan, size);
}
