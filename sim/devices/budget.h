/* sim/devices/budget.h - what training has cost the examples of each device, and what is left.
 *
 * Section local.dp: a device's examples are protected by the noise on its own gradients
 * (sim/work/noisy_gradient.h). Its epsilon follows from what it really did: its number of examples,
 * declared public, and its events so far (privacy/accountants/example.h). Which devices work in a
 * round is known to all ranks from the plan, so that every rank keeps the same counts, without a
 * message; a step that was given up is not counted, and when it is made again it releases the same.
 *
 * Devices of about as many examples form a class, whose rate is that of the smallest of them: an
 * upper bound for the others, exact while there are no more than 64 numbers of examples. So a
 * million devices need 64 accounts, not a million. Memory: 8 bytes a device on each rank. */
#pragma once
#include "privacy/accountants/example.h"
#include "privacy/statements/statement.h"
#include "sim/planners/plan.h"

/* Devices of a class that have spent as much. */
typedef struct {
    int64_t events, n_devices;
    double epsilon; /* NAN: not asked yet */
} co_spent;

typedef struct {
    co_example_schedule schedule; /* n: examples of the smallest of its devices */
    int64_t n_devices, largest;   /* devices; examples of the largest of them */
    int64_t each;                 /* most events of a device's round */
    int64_t most;                 /* events within the budget; INT64_MAX: no budget */
    double planned;               /* epsilon after the rounds that are planned */
    size_t n_spent, capacity;
    co_spent *spent; /* rank 0: ascending by events */
} co_budget_class;

typedef struct co_budget {
    const co_experiment *experiment; /* NULL: no section local.dp, and nothing below */
    const co_population *population;
    bool is_first_rank;
    int64_t rounds;   /* of a device that are planned for: all but 1 % take part in no more */
    double beyond;    /* share of the devices that are expected to */
    size_t n_classes; /* ascending by examples */
    co_budget_class *class;
    int64_t *events; /* [n_devices] so far */
} co_budget;

/* A row of the run file's table privacy_examples. */
typedef struct {
    int64_t round, n_exhausted;
    double epsilon_max, epsilon_p10, epsilon_p50, epsilon_p90, delta;
} co_example_row;

/* Finds the noise of each class where an epsilon is asked for. CO_EUSAGE: what local.dp asks cannot
 * be had of these devices. Collective(comm). */
co_status co_budget_init(co_budget *budget, const co_experiment *experiment,
                         const co_population *population, const co_comm *comm);
void co_budget_fini(co_budget *budget);
/* Of a device with so many examples, more than 0. Local. */
const co_budget_class *co_budget_class_of(const co_budget *budget, int64_t n_examples);
/* Whether a device has enough left for a round. Local; Same on all ranks. */
bool co_budget_allows(const co_budget *budget, int64_t device);
/* The round of a plan is done: those that worked have spent, also who came too late. CO_ENOMEM.
 * Local; the same everywhere.
 */
co_status co_budget_commit(co_budget *budget, const co_plan *plan);
/* What the devices that hold examples have spent after a round. Rank 0. */
co_status co_budget_tell(co_budget *budget, int64_t round, co_example_row *row);
/* What is released, for the statement: noise and rate of the devices that have least of it. */
co_release co_budget_release(const co_budget *budget);
/* Whether some device has no budget for another round. Local; Same on all ranks. */
bool co_budget_is_exhausted(const co_budget *budget);
/* After rank 0 has read noise, limits and events from a checkpoint. CO_ENOMEM. Collective(comm). */
co_status co_budget_broadcast(co_budget *budget, const co_comm *comm);
/* Lines for the dry run, on stdout. Rank 0. */
void co_budget_print(const co_budget *budget);
