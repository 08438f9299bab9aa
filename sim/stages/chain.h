/* sim/stages/chain.h - the stages of a run in their order: an update goes forward through them on
 * its device, and the step's sum back.
 *
 * Order: the experiment's transforms, what attackers do, the central bound of section `privacy`.
 * Where transforms make integers, attackers stand in front of those. What may stand behind what
 * follows from what stages say of themselves: floats or integers (takes, gives), whether they leave
 * few coordinates, few bits or mixed ones, whether they close. */
#pragma once
#include "aggregators/stages/stage.h"
#include "sim/experiment/experiment.h"

enum { CO_MAX_STAGES = CO_MAX_TRANSFORMS + 3 };

typedef struct {
    const co_stage *stage;
    void *self;
    size_t first_slot, first_count, first_server_slot;
    bool serves;            /* it has a half on the server */
    const co_config *where; /* in the experiment's list; NULL: it is not of that */
} co_link;

typedef struct {
    const char *section; /* that lists its stages */
    uint64_t seed;
    const co_noise_source *noise; /* of stages whose draws are secret; NULL: there is none */
    size_t cohort;                /* most devices of a step */
    const co_layout *layout;      /* of the updates; NULL: everything travels */
    size_t n, n_slots, n_counts, n_server_slots;
    size_t close_at; /* link before which those before it close: behind the experiment's list */
    co_link link[CO_MAX_STAGES];
    int64_t *counts;   /* [n_counts] of one device */
    co_ring ring;      /* of the integers that reach the wire; bits 0: floats do */
    uint64_t *residue; /* [layout->n] of one device, with a ring */
    float
        *decoded; /* [layout->n] for what closes, where a stage behind it is undone on the server */
    double *number; /* [layout->n] beside it */
} co_chain;

/* Makes the experiment's transforms; co_chain_attack and co_chain_add put what else there is, then
 * co_chain_ready. Local. */
co_status co_chain_create(co_chain *chain, const co_experiment *experiment);
/* The same of what the section `downlink` lists, for the server's own messages. */
co_status co_chain_create_downlink(co_chain *chain, const co_experiment *experiment);
/* self goes over to the chain where the stage has a destroy. */
void co_chain_add(co_chain *chain, const co_stage *stage, void *self);
/* What attackers do, behind all that is there but stages of integers: those bind them as well. */
void co_chain_attack(co_chain *chain, const co_stage *stage, void *self);
/* CO_EUSAGE: a stage does not take what the one before it gives, would undo what that has made,
 * cannot work there, or the sum of a step's integers could pass its modulus. Local. */
co_status co_chain_ready(co_chain *chain, const co_stage_site *site);
/* Part of co_chain_ready (sim/stages/order.c): sets the chain's ring. CO_EUSAGE. Local. */
co_status co_chain_check_order(co_chain *chain);
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
/* Of a step, numbers that the integers of stages could not hold, of all that counts[n_counts] tell.
 */
int64_t co_chain_cut(const co_chain *chain, const int64_t *counts);
/* What a contribution of so many values is on the wire, behind all stages that bind the device. */
co_message co_chain_message(const co_chain *chain, bool attacker, int64_t n_values);
int64_t co_chain_bytes(const co_chain *chain, bool attacker, int64_t n_values);
void co_chain_rows(const co_chain *chain, const co_stage_rows *rows);
/* The last stage first, until one says that the step has failed. slot: [n_server_slots][sum->n]. */
void co_chain_backward(const co_chain *chain, int64_t step, float *const *slot, co_round_sum *sum);
/* end->counts[n_counts]: of all stages. The first error of a stage. Local; Same on all ranks. */
co_status co_chain_end(co_chain *chain, int64_t step, const co_stage_end *end);
