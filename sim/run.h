/* sim/run.h - an experiment as it runs: everything a rank holds, and the loop over rounds.
 *
 * There is no server rank: every rank trains its share of the devices and is the server for its
 * slice of the model. */
#pragma once
#include "sim/observers/checkpoint.h"
#include "sim/observers/evaluation_devices.h"
#include "sim/wires/wire.h"
#include "sim/stages/private.h"
#include "trust/adversaries/poisoning.h"
#include "sim/observers/record.h"
#include "sim/devices/state.h"
#include "sim/work/trainer.h"

/* Exact scalars of a step; the task's real sums follow. */
enum { CO_SUM_TOTAL, CO_SUM_TERMS, CO_SUM_TASK };
enum { CO_MAX_STATES = CO_MAX_STAGES + 3 }; /* vectors that devices keep */

typedef struct {
    const co_comm *comm;
    co_experiment *experiment;
    const char *dir;
    const co_task *task;
    co_population population;
    co_model *model;
    co_plan plan;
    co_trainer *trainer;
    co_exchange exchange;
    const co_wire *wire;
    void *wire_self;
    co_chain chain;     /* the stages of an update */
    co_private privacy; /* the last of them, where it is on */
    co_aggregation aggregation;
    co_state state; /* what devices keep: the rule's vectors, what is personal, the stages' */
    size_t n_rule_states;
    const char *state_name[CO_MAX_STATES];
    size_t first_count; /* of the stages, in the exchange */
    co_exchange shared; /* the local rule's vector that all devices receive; comm NULL without */
    double population_weight; /* of all devices, where the algorithm needs it */
    co_evaluator evaluator;
    co_device_evaluator device_evaluator;
    co_record record; /* rank 0 */
    void *server;     /* the server optimiser's own */
    size_t n_slots, n_server_slots,
        n_sums; /* slots: the server optimiser's, the aggregator's, the rule's shared vector */
    const char **slot_name; /* [n_slots] */
    float *slots, **slot;   /* [n_slots][n_own] */
    double *update, *sums, *metrics;
    float **whole_slot; /* rank 0: [n_slots][whole], while a checkpoint is written or read */
    int64_t round, start_round, n_shared; /* rounds done; n_shared: parameters that travel */
    int64_t diverged_rounds;              /* in a row in which every device was non-finite */
    bool central, on_devices;             /* which evaluations take place */
    bool finished;                        /* last round done, or the stop rule holds */
    bool stopping;                        /* some rank was asked to stop */
    char config_digest[33];
    double spent_s, spent_cost; /* on this rank, to predict seconds */
    co_rank_record *pending;    /* rank 0: last round's records, waiting for the times after it */
    bool has_pending;
    co_status late;                /* an error of rank 0 that the next reduction carries to all */
    double last_loss, last_metric; /* last central evaluation on split 1, for the progress line */
} co_run;

/* Data, devices, model at round 0 (drawn, or model.init). Collective(comm). On failure nothing is
 * left. */
co_status co_run_create(co_run *run, co_experiment *experiment, const char *dir,
                        const co_comm *comm);
void co_run_destroy(co_run *run); /* Collective(comm) */
/* Goes to the state of a checkpoint and the rows of the run file before it. Collective(comm). path
 * on rank 0. */
co_status co_run_resume(co_run *run, const char *path);
/* The server's part of a step on this rank's slice: stages backward, aggregator, server optimiser,
 * records of the blocks; then the vector that the local rule shares. Collective(comm).
 * (sim/combine.c) */
void co_run_combine(co_run *run, const co_gathered *gathered, double lr);
co_status co_run_combine_create(co_run *run); /* Local */
void co_run_combine_destroy(co_run *run);
/* Whole vectors of the server's state on rank 0, and back from there; co_run_free_slots afterwards.
 * Collective(comm). */
co_status co_run_gather_slots(co_run *run);
void co_run_scatter_slots(co_run *run);
co_status co_run_open_slots(co_run *run); /* rank 0: room for them. Local */
void co_run_free_slots(co_run *run);      /* Local */
/* Takes up what the devices hold now: before the first round, and when a period begins. Local. */
void co_run_look(co_run *run);
/* All rounds that are left. Collective(comm). */
co_status co_run_rounds(co_run *run);
/* What the run will take, on stdout of rank 0. Collective(comm). */
void co_run_describe(co_run *run);
