/* sim/stages/shares.h - distributed differential privacy of a run: every device adds its share of
 * the noise before its integers leave it, and the server has nothing but their sum modulo 2^b.
 *
 * On the device: clip to C, rotate (aggregators/hadamard.h), divide by the step, round under the
 * norm bound, add a share of noise, reduce modulo 2^b (what is beyond half of it is counted). On a
 * rank's slice: the sum read as the numbers nearest to zero, back through the rotation, over the
 * public number of devices asked or expected. A step with fewer reports than privacy.min_reporting
 * has no result and costs nothing. A device whose update is not finite sends nothing, like one that
 * drops out. Who takes part is no secret from the server: a device pays for the steps that it takes
 * part in (sim/stages/charge.h, by arrival). Source: privacy/mechanisms/distributed.h. */
#pragma once
#include "aggregators/stages/stage.h"
#include "privacy/mechanisms/distributed.h"
#include "sim/stages/charge.h"

typedef struct {
    const co_experiment *experiment;
    co_charge *charge; /* borrowed; NULL: another mechanism, and nothing below */
    const co_layout *layout;
    const co_plan *plan; /* borrowed */
    double per_round;
    double n_reports; /* min_reporting */
    double n_corrupt; /* of them at most, whose noise hides nothing: setup.n_least are left */
    co_distributed_setup setup;
    co_distributed what; /* of the run */
    co_noise_table table;
    co_noise_source source;
} co_shares;

/* Whether the experiment's noise is in shares. Local. */
bool co_has_shares(const co_experiment *experiment);
/* charge: what it costs; stays off for another mechanism. Local. */
co_status co_shares_init(co_shares *s, const co_experiment *experiment, const co_plan *plan,
                         int64_t population, bool is_first_rank, co_charge *charge);
/* The stage, with a co_shares that has a charge as its self (borrowed). */
extern const co_stage co_stage_shares;
/* Finds the noise for a target epsilon; as co_private_start. Collective(comm). */
co_status co_shares_start(co_shares *s, int64_t last, const co_comm *comm);
/* What follows from a checkpoint's multiplier, before co_charge_resume. Rank 0. */
co_status co_shares_resume(co_shares *s, double multiplier);
/* What rank 0 holds of the state to all others. Collective(comm). */
co_status co_shares_broadcast(co_shares *s, const co_comm *comm);
/* Lines about the guarantee for the dry run, on stdout. Rank 0. */
void co_shares_print(const co_shares *s, int64_t rounds);
void co_shares_fini(co_shares *s);
