/* sim/stages/chain.h - the stages of a run in their order: an update goes forward through them on
 * its device, and the step's sum back.
 *
 * Order: the experiment's transforms, what attackers do, the central bound of section `privacy`. */
#pragma once
#include "aggregators/stages/stage.h"
#include "sim/experiment/experiment.h"

enum { CO_MAX_STAGES = CO_MAX_TRANSFORMS + 2 };

typedef struct {
    const co_stage *stage;
    void *self;
    size_t first_slot, first_count, first_server_slot;
} co_link;

typedef struct {
    uint64_t seed;
    const co_noise_source *noise; /* of stages whose draws are secret; NULL: there is none */
    size_t cohort;                /* most devices of a step */
    const co_layout *layout;      /* of the updates; NULL: everything travels */
    size_t n, n_slots, n_counts, n_server_slots;
    size_t n_transforms; /* of the links: those that the experiment lists, first */
    co_link link[CO_MAX_STAGES];
    int64_t *counts;   /* [n_counts] of one device */
    co_ring ring;      /* of the integers that reach the wire; bits 0: floats do */
    uint64_t *residue; /* [layout->n] of one device, with a ring */
} co_chain;

/* Makes the experiment's transforms; co_chain_add puts what else there is behind them, then
 * co_chain_ready. Local. */
co_status co_chain_create(co_chain *chain, const co_experiment *experiment);
/* self goes over to the chain where the stage has a destroy. */
void co_chain_add(co_chain *chain, const co_stage *stage, void *self);
/* CO_EUSAGE: a stage does not take what the one before it gives, cannot work there, or the sum of a
 * step's integers could pass its modulus. Local. */
co_status co_chain_ready(co_chain *chain, const co_stage_site *site);
void co_chain_destroy(co_chain *chain);

/* Whether any stage has something to do on such a device. */
bool co_chain_touches(const co_chain *chain, bool attacker);
bool co_chain_needs_rows(const co_chain *chain);
bool co_chain_releases(const co_chain *chain);
/* Names of the vectors that stages keep per device, at most `room`; their number returned. */
size_t co_chain_slots(const co_chain *chain, const char **name, size_t room);
/* The same of the vectors that the server keeps for stages. */
size_t co_chain_server_slots(const co_chain *chain, const char **name, size_t room);
/* Through all stages that bind the device; state[n_slots][n] its vectors. chain->counts then has
 * what it counted. False when the update is not finite behind one of them. Local. */
bool co_chain_forward(co_chain *chain, int64_t step, int64_t device, co_contribution *contribution,
                      float *const *state);
/* Bytes of a contribution of so many values behind all stages that bind the device. */
int64_t co_chain_bytes(const co_chain *chain, bool attacker, int64_t n_values);
void co_chain_rows(const co_chain *chain, const co_stage_rows *rows);
/* The last stage first, until one says that the step has failed. slot: [n_server_slots][sum->n]. */
void co_chain_backward(const co_chain *chain, int64_t step, float *const *slot, co_round_sum *sum);
/* end->counts[n_counts]: of all stages. The first error of a stage. Local; Same on all ranks. */
co_status co_chain_end(co_chain *chain, int64_t step, const co_stage_end *end);
