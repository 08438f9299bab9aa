/* sim/stages/private.h - central differential privacy of a run: bounds contributions, adds noise to
 * the released sum.
 *
 * Central privacy over devices: after the exact sum the owner of each coordinate adds noise once;
 * the denominator is the public number of devices asked or expected, never how many came. A round
 * without any contribution releases noise all the same, and an update that is not finite counts as
 * zero. Neighbours: one device added or removed (poisson), or replaced (all others: twice the
 * sensitivity), by one with as many examples where public counts choose (weighted, mixture, top_m:
 * no amplification by sampling). With correlated noise (privacy/mechanisms/correlated.h) the noise
 * of a step depends on that of others. What that costs: sim/stages/charge.h. */
#pragma once
#include "privacy/mechanisms/bound.h"
#include "aggregators/stages/stage.h"
#include "sim/stages/charge.h"
#include "sim/stages/noise_rows.h"

typedef struct {
    const co_experiment *experiment;
    const co_mechanism *mechanism;
    co_charge *charge; /* borrowed; NULL: mechanism none or one in shares, and nothing below */
    bool is_adaptive;
    double population, per_round;
    double noise_factor;      /* per_round / noise_cohort; 1 without a simulated cohort */
    double vector_multiplier; /* of the sum; above state.multiplier when a noisy count takes its
                                 part */
    double count_std, quantile, clip_rate; /* adaptive clip: of the noise on the count; .. */
    co_noise_source source;
    co_grid grid, count_grid; /* of the round */
    co_noise_rows rows;       /* of correlated noise */
} co_private;

/* charge: what it costs; stays off for mechanism none and those in shares. Local. */
co_status co_private_init(co_private *p, const co_experiment *experiment, const co_plan *plan,
                          int64_t population, bool is_first_rank, co_charge *charge);
/* Finds the noise for a target epsilon. last: releases that a device is charged for in all rounds:
 * their number, or by arrival the most steps that a device can take part in. Collective(comm). */
co_status co_private_start(co_private *p, int64_t last, const co_comm *comm);
/* Room for correlated noise on n coordinates, those that this rank owns. CO_ENOMEM. Local. */
co_status co_private_open(co_private *p, size_t n);
void co_private_fini(co_private *p);
/* The stage, with a co_private that is on as its self (borrowed): bounds the updates, noises the
 * sum, keeps the ledger and the row. */
extern const co_stage co_stage_private;
/* What rank 0 holds of the state to all others, and the next round's grid. Collective(comm). */
co_status co_private_broadcast(co_private *p, const co_comm *comm);
/* Lines about the guarantee for the dry run, on stdout. Rank 0. */
co_status co_private_print(const co_private *p, int64_t rounds);
