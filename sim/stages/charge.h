/* sim/stages/charge.h - what the private releases of a run cost: the ledger as it happens, epsilon
 * as it is told, the noise for a target.
 *
 * The stage that releases (sim/stages/private.h is one) says what one of its steps is, as a
 * co_release; the statement of that kind says what it is to an accountant. What is accounted for is
 * what was sampled and added: one event a step. Where the selector's draw does not say who takes
 * part (co_charge_is_sampled), each device is charged for its own steps, one event each: the ledger
 * holds as many as the device with the most. Correlated noise: all steps are one release, whose
 * sensitivity follows from the steps so far, the most that any device took part in, and the
 * separation; its square is a whole number, and the ledger holds as many. A run has one such stage
 * at most. */
#pragma once
#include "privacy/statements/statement.h"
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
    bool failed;       /* nothing was released */
    const co_statement *statement;
    co_release release; /* this one, for the statement */
} co_private_row;

typedef struct {
    bool is_on, is_first_rank;
    const co_config *options; /* section privacy */
    /* Of a step, as its stage says; by_arrival: a device pays for the steps that it takes part in.
     * What it has come to: co_charge_release. */
    co_release release;
    const co_statement *statement;
    co_accounting how;
    double delta, population;
    int64_t rounds;            /* of the experiment */
    int64_t last;              /* releases to be charged for at the end of all rounds */
    int64_t last_parts;        /* by arrival: the most steps of a device by then */
    int64_t n_released;        /* by arrival: steps so far; rank 0 after a resume */
    int64_t n_devices, *parts; /* by arrival: [n_devices] steps of each so far */
    int64_t most_parts;        /* of these; rank 0 after a resume */
    void *noise;               /* correlated: what release.mechanism makes of it */
    int64_t matrix;            /* its digest, which a checkpoint keeps; 0: it has none */
    co_private_state state;
    double planned; /* epsilon of all rounds of the experiment, as sharp as can be; rank 0 */
    const char *planned_bound; /* whose bound that is; rank 0 */
    int64_t accounted;         /* rounds that epsilon is of */
    double epsilon;            /* last one computed */
    const char *bound;         /* whose bound it is */
    co_private_row row;        /* rank 0: of the last round */
} co_charge;

/* Whether sampling hides who takes part in a step: the selector's draw alone decides, and what a
 * device's own speed and own chance of dropping out in that step leave of it. Where devices come
 * and go, a step's length depends on who was drawn, and on it who is there in the next: no. Local.
 */
bool co_charge_is_sampled(const co_experiment *experiment);
/* Whether each device is charged for its own steps: not sampled, or not in secret from a server
 * that sums up without seeing, or not accounted for with correlated noise. Local. */
bool co_charge_is_by_arrival(const co_experiment *experiment);
/* On from here. release: what the stage does in a step, at a rate of `rate` if it is sampled; unit,
 * multiplier, sampling, accountant and what else section privacy says are filled in. CO_ENOMEM;
 * CO_EUSAGE, CO_EDATA, CO_EFILE: of correlated noise. Local. */
co_status co_charge_init(co_charge *charge, const co_experiment *experiment,
                         const co_release *release, int64_t n_devices, bool is_first_rank);
/* Finds the noise for a target epsilon, where the stage has not set its multiplier, and epsilon of
 * the whole run. last: releases that a device is charged for in all rounds: their number, or by
 * arrival the most steps that a device can take part in. The work is rank 0's, the status too;
 * co_charge_broadcast follows. Local. */
co_status co_charge_plan(co_charge *charge, int64_t last);
/* What rank 0 holds of the state to all others. Collective(comm); the status is Local. */
co_status co_charge_broadcast(co_charge *charge, const co_comm *comm);
/* Lists that have to be there after a resume. Local. */
void co_charge_keeps(co_charge *charge, co_keeps *keeps);
/* The devices of a step, before its end. Same on all ranks: plan. Local. */
void co_charge_take_part(co_charge *charge, const co_plan *plan);
/* The step into the ledger, and on rank 0 its row. release.clip and noise_std are the step's.
 * Same on all ranks: everything. Local. */
co_status co_charge_step(co_charge *charge, int64_t step, int64_t n_contributions);
/* A step without a result: a row, and no charge. Likewise. */
co_status co_charge_fail(co_charge *charge, int64_t step, int64_t n_contributions);
/* What is released: in the round at hand, and so far. Local. */
co_release co_charge_release(const co_charge *charge);
/* Takes over a checkpoint's state, whose ledger must hold `round` releases: CO_EDATA else. Rank 0;
 * co_charge_broadcast follows. */
co_status co_charge_resume(co_charge *charge, co_private_state *state_take, int64_t round,
                           const char *path);
/* What the row of a round says of epsilon, up to which no device takes part in more than n_parts
 * steps (by arrival): the same whether the run was asked for as it is or grew on a resume. Rank 0.
 */
co_status co_charge_tell(co_charge *charge, int64_t round, int64_t n_parts, double *epsilon);
void co_private_state_fini(co_private_state *state);
void co_charge_fini(co_charge *charge);
