/* sim/planners/plan.h - a round's plan: which devices, from which version of the model, with which
 * weight, on which rank; and what became of them.
 *
 * The plan is a pure function of (seed, round) and of what the devices hold: every rank computes
 * the same one, without a message. Placement: longest first, by examples to be processed; any
 * placement gives the same result. */
#pragma once
#include "core/comm.h"
#include "sim/devices/population.h"

/* Vectors that contributions add to: the model, and behind it those of the bank (sim/bank.h). */
enum { CO_INTO_MODEL, CO_INTO_RULE };
/* Values of the run file's devices/status. */
enum { CO_REPORTED, CO_DROPPED, CO_EMPTY, CO_NONFINITE, CO_N_OUTCOMES };
extern const char *const co_outcome_names[CO_N_OUTCOMES];

typedef struct {
    int64_t device, n_examples; /* examples trained on this round */
    int64_t n_steps;            /* local steps */
    int64_t version;            /* of the model that it starts from */
    size_t work, into;  /* what it is asked (position in sim/work/list.h); the vector it adds to */
    int64_t start, end; /* virtual time in nanoseconds */
    int64_t bytes_down, bytes_up; /* of vectors, as work and stages say */
    double weight, coefficient; /* w_i; a_i = w_i / W with W of the plan, or what aggregate.unbiased
                                   makes of it */
    double cost;                /* examples to go through, plus one for the device */
    int rank;                   /* where it trains */
    bool attacker;
    /* filled in by training, then known to rank 0 */
    int outcome;
    bool saturated;
    double loss, update_norm; /* mean local loss; NaN until trained */
    double loss_before; /* of the received model, where the aggregator asks for it, on the rank that
                           trains */
} co_plan_row;

/* Whether the device works in this step: it has examples, and the planner does not say that it
 * drops out. */
static inline bool co_row_works(const co_plan_row *row)
{
    return row->outcome != CO_EMPTY && row->outcome != CO_DROPPED;
}

typedef struct co_budget co_budget; /* sim/devices/budget.h */

typedef struct {
    const co_experiment *experiment;
    const co_population *population;
    const co_budget *budget; /* devices whose budget is spent drop out; NULL: none has one */
    int size;                /* ranks */
    size_t train;            /* the work that rows are asked */
    int64_t round;
    double per_round; /* devices asked: how many, or how many are expected */
    size_t n, capacity;
    co_plan_row *row;         /* [n], ascending device */
    double weight;            /* of all rows */
    double population_weight; /* of all devices, where the algorithm needs it; else 0 */
    int64_t *attackers;       /* [n_attackers] ids, ascending */
    size_t n_attackers;
    int64_t *devices, *scratch;
    size_t *order;
    const co_selector *selector;
    co_selector_input input;
    void *chosen_by; /* what the selector keeps */
    bool unbiased;   /* aggregate.unbiased */
    double
        bound; /* aggregate.unbiased: W, a bound of the sum of w_i / pi_i over any plan; else 0 */
    double fixed_total; /* and what stands for the sum of a_i over the devices that reported: sum of
                           all w_k / W */
    double *load;       /* [ranks] cost placed there */
    bool reversed; /* CO_PLACEMENT=reversed turns the placement around, to test that nothing depends
                      on it */
} co_plan;

/* Experiment and population are borrowed. train: position of the work train. */
co_status co_plan_init(co_plan *plan, const co_experiment *experiment,
                       const co_population *population, int size, size_t train);
void co_plan_fini(co_plan *plan);
/* Local steps of a device that trains on n examples. Local. */
int64_t co_plan_steps(const co_experiment *experiment, int64_t n);
/* w_i of a device, by what it holds now. Local. */
double co_plan_weight(const co_experiment *experiment, const co_population *population,
                      int64_t device);
/* Looks at what the devices hold: before the first plan, and again after it has changed. O(devices)
 * where the selector looks at all or weights are unbiased, else O(1). Local. */
void co_plan_look(co_plan *plan);

/* For planners. Local; Same on all ranks: everything. */
/* Whom the selector names in a step: how many, into plan->devices, ascending. */
size_t co_plan_select(co_plan *plan, int64_t step);
/* A row more: local training from the newest model, by what the device holds now, at that time.
 * Good until the next call. */
co_plan_row *co_plan_ask(co_plan *plan, int64_t time, int64_t device);
/* Ranks of the rows, and the order in which they train. O(cohort log cohort + cohort ranks). */
void co_plan_place(co_plan *plan);
