/* sim/stages/messages.h - what the messages of devices come to under a transform of local privacy:
 * how many each has sent, and the key of their noise.
 *
 * A device is charged for every step that it takes part in, also when its update is not finite and
 * counts as nothing, or comes too late and is thrown away. */
#pragma once
#include "sim/planners/plan.h"
#include "sim/stages/chain.h"

typedef struct {
    const co_stage *stage; /* NULL: no transform makes messages private */
    co_release once;       /* one message, as the stage says it */
    const co_accountant *accountant;
    int64_t n_devices, *sent; /* [n_devices] */
    co_noise_source source;
    int64_t key[CO_NOISE_KEY_BYTES / 8]; /* secure alone; in checkpoints */
    double reports;                      /* messages of a step, as asked for */
    int64_t told;                        /* messages that epsilon is of; -1: none yet */
    double epsilon;
} co_messages;

/* After co_chain_ready. CO_EUSAGE: delta is above 1 / population. Local. */
co_status co_messages_init(co_messages *m, const co_experiment *experiment, const co_chain *chain,
                           const co_plan *plan, int64_t population);
void co_messages_fini(co_messages *m);
/* Draws the key, where noise is secret. Collective(comm). */
void co_messages_start(co_messages *m, const co_comm *comm);
/* Lists that have to be there after a resume; co_messages_wake once they are. Local. */
void co_messages_keeps(co_messages *m, co_keeps *keeps);
void co_messages_wake(co_messages *m);
/* The devices of a step. Same on all ranks: plan. Local. */
void co_messages_count(co_messages *m, const co_plan *plan);
/* What has been sent so far. Local. */
co_status co_messages_release(co_messages *m, co_release *release);
/* epsilon of n messages of one device. Local. */
co_status co_messages_epsilon(const co_messages *m, int64_t n, double *epsilon);
/* Lines for the dry run, on stdout; most: messages of any one device in all rounds. Local. */
co_status co_messages_print(const co_messages *m, int64_t most);
