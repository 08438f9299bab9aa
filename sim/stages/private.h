/* sim/stages/private.h - differential privacy of a run: bounds contributions, adds noise to the
 * released sum, keeps the ledger.
 *
 * Central privacy over devices: after the exact sum the owner of each coordinate adds noise once;
 * the denominator is the public number of devices asked or expected, never how many came. A round
 * without any contribution releases noise all the same, and an update that is not finite counts as
 * zero. What is accounted for is what was sampled and added: one event a round. Neighbours: one
 * device added or removed (poisson), or replaced (all others: twice the sensitivity), by one with
 * as many examples where public counts choose (weighted, mixture, top_m: no amplification by
 * sampling). Where the selector's draw does not say who takes part (co_private_is_sampled), each
 * device is charged for its own steps, one event each: the ledger holds as many as the device with
 * the most. */
#pragma once
#include "privacy/mechanisms/bound.h"
#include "privacy/statements/statement.h"
#include "aggregators/stages/stage.h"
#include "sim/planners/planner.h"

/* What a checkpoint keeps. */
typedef struct {
    double multiplier; /* scale of the noise / clip */
    double clip;       /* of the next round */
    co_ledger ledger;
    bool is_secure;
    unsigned char key[CO_NOISE_KEY_BYTES]; /* secure alone */
} co_private_state;

/* A row of the run file's table privacy. */
typedef struct {
    int64_t round, n_contributions;
    double sampling_rate, clip, noise_std, epsilon, delta;
    const char *bound; /* the accountant whose bound epsilon is */
    int64_t n_parts;   /* by arrival: the most steps of a device so far */
    const co_statement *statement;
    co_release release; /* this one, for the statement */
} co_private_row;

typedef struct {
    const co_experiment *experiment;
    const co_mechanism *mechanism;
    const co_accountant *accountant;
    const co_statement *statement;
    co_accounting how;
    bool is_on, is_adaptive, is_first_rank;
    bool by_arrival;           /* a device pays for the steps that it takes part in */
    co_sampling sampling;      /* as accounted for */
    int64_t last;              /* releases to be charged for at the end of all rounds */
    int64_t n_released;        /* by arrival: steps so far; rank 0 after a resume */
    int64_t n_devices, *parts; /* by arrival: [n_devices] steps of each so far */
    double delta, rate;        /* rate: of the sampling as accounted for */
    double population, per_round;
    double noise_cohort, noise_population; /* of a simulated cohort; 0: none is simulated */
    double noise_factor;                   /* per_round / noise_cohort; 1 without simulation */
    double vector_multiplier; /* of the sum; above state.multiplier when a noisy count takes its
                                 part */
    double count_std, quantile, clip_rate; /* adaptive clip: of the noise on the count; .. */
    co_private_state state;
    co_noise_source source;
    co_grid grid, count_grid; /* of the round */
    double planned; /* epsilon of all rounds of the experiment, as sharp as can be; rank 0 */
    const char *planned_bound; /* whose bound that is; rank 0 */
    int64_t accounted;         /* rounds that epsilon is of */
    double epsilon;            /* last one computed */
    const char *bound;         /* whose bound it is */
    co_private_row row;        /* rank 0: of the last round */
} co_private;

/* Whether sampling hides who takes part in a step: the selector's draw alone decides, and what a
 * device's own speed and own chance of dropping out in that step leave of it. Where devices come
 * and go, a step's length depends on who was drawn, and on it who is there in the next: no. Local.
 */
bool co_private_is_sampled(const co_experiment *experiment);
/* Not on for mechanism none. Local. */
co_status co_private_init(co_private *p, const co_experiment *experiment, const co_plan *plan,
                          int64_t population, bool is_first_rank);
/* Finds the noise for a target epsilon. last: releases that a device is charged for in all rounds:
 * their number, or by arrival the most steps that a device can take part in. Collective(comm). */
co_status co_private_start(co_private *p, int64_t last, const co_comm *comm);
/* Lists that have to be there after a resume. Local. */
void co_private_keeps(co_private *p, co_keeps *keeps);
/* The devices of a step, before its end. Same on all ranks: plan. Local. */
void co_private_take_part(co_private *p, const co_plan *plan);
void co_private_fini(co_private *p);
/* The stage, with a co_private that is on as its self (borrowed): bounds the updates, noises the
 * sum, keeps the ledger and the row. */
extern const co_stage co_stage_private;
/* Takes over a checkpoint's state, whose ledger must hold `round` releases: CO_EDATA else. Rank 0;
 * co_private_broadcast follows. */
co_status co_private_resume(co_private *p, co_private_state *state_take, int64_t round,
                            const char *path);
/* What rank 0 holds of the state to all others, and the next round's grid. Collective(comm). */
co_status co_private_broadcast(co_private *p, const co_comm *comm);
void co_private_state_fini(co_private_state *state);
/* What is released: in the round at hand, and so far. Local. */
co_release co_private_release(const co_private *p);
/* What the row of a round, up to which a device is charged for so many releases, says of epsilon:
 * the same whether the run was asked for as it is or grew on a resume. Rank 0. */
co_status co_private_tell(co_private *p, int64_t charged, double *epsilon);
/* Lines about the guarantee for the dry run, on stdout. Rank 0. */
co_status co_private_print(co_private *p, int64_t rounds);
