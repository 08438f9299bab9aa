/* sim/run.h - an experiment as it runs: everything a rank holds, and the loop over rounds.
 *
 * There is no server rank: every rank trains devices of its own and is the server for its
 * slice of the model. */
#pragma once
#include "sim/first_model.h"
#include "sim/observers/run_files.h"
#include "sim/observers/snapshot.h"
#include "sim/observers/evaluation_devices.h"
#include "sim/observers/observer.h"
#include "sim/secagg.h"
#include "sim/wires/wire.h"
#include "sim/stages/downlink.h"
#include "sim/stages/messages.h"
#include "sim/stages/private.h"
#include "sim/stages/shares.h"
#include "trust/adversaries/poisoning.h"
#include "sim/observers/record.h"
#include "sim/devices/budget.h"
#include "sim/devices/state.h"
#include "sim/bank.h"
#include "sim/edges.h"
#include "sim/planners/planner.h"
#include "sim/versions.h"
#include "sim/work/public_data.h"
#include "sim/work/work.h"

/* Exact scalars of a step; those of observers follow. */
enum { CO_SUM_TOTAL, CO_SUM_TERMS, CO_N_SCALARS };
enum { CO_MAX_STATES = CO_MAX_STAGES + 3 }; /* vectors that devices keep */

struct co_run {
    const co_comm *comm;
    co_experiment *experiment;
    const char *dir;
    const co_task *task;
    co_population population;
    co_model *model;
    char *base; /* where its first values come from */
    char config_digest[33];
    int64_t round;    /* steps done */
    int64_t time;     /* virtual, in nanoseconds, at which the newest version was made */
    co_moment moment; /* the newest step */
    co_ending ending;
    bool stop_wanted; /* some rank was asked to stop */
    co_status late;   /* an error of rank 0 that the next reduction carries to all */
    struct {
        double start, worked, wait; /* clock before and after this rank's work; seconds after it */
    } times;                        /* of the step */
    /* plan */
    void *planner;  /* what the experiment's planner keeps */
    co_keeps keeps; /* of planner, selector and clock, for checkpoints */
    co_plan plan;
    /* work */
    co_public public; /* section local.dp.public */
    co_workplace place;
    co_works works;
    size_t measure;   /* position of the work that weighs devices by their losses */
    co_budget budget; /* what their examples have paid, where local.dp is on */
    co_state state;   /* what devices keep: the rule's vectors, what is personal, the stages' */
    size_t n_rule_states;
    const char *state_name[CO_MAX_STATES];
    /* stages */
    co_chain chain;
    co_charge charge;      /* what a private one costs; off: there is none */
    co_private privacy;    /* the last of them, where it has the charge */
    co_shares shares;      /* likewise */
    co_secagg secagg;      /* behind all, where it is on */
    co_messages messages;  /* of devices, under a transform of local privacy */
    size_t first_count;    /* of the stages, in the exchange */
    co_message message[2]; /* of an update behind the stages: honest, attacker */
    co_downlink downlink;
    float *downlink_rest; /* [n_own] one of the slots; NULL: models are sent as they are */
    /* wire */
    co_exchange exchange; /* exchange.model: the newest version, whole on every rank */
    const co_wire *wire;
    void *wire_self;
    co_versions versions; /* of the model, the newest in the exchange */
    co_bank bank;         /* vectors that devices receive beside the model, or edges' models */
    co_edges edges;
    /* combine: slots are the server optimiser's, the aggregator's, the stages', the downlink's, the
       bank's */
    co_aggregation aggregation;
    void *server; /* the server optimiser's own */
    size_t n_slots, n_server_slots, n_rule_slots;
    bool step_failed;       /* a stage has said so of the newest step: it changed nothing */
    const char **slot_name; /* [n_slots] */
    float *slots, **slot;   /* [n_slots][n_own] */
    double *update;         /* [n_own] */
    float **whole_slot;     /* rank 0: [n_slots][whole], while a checkpoint is written or read */
    /* observe */
    co_observers observers;
    co_evaluator evaluator; /* what evaluating observers share */
    co_record record;       /* the run file; rank 0 */
};

/* Data, devices, model at round 0 (drawn, or model.init). Collective(comm). On failure nothing is
 * left. */
co_status co_run_create(co_run *run, co_experiment *experiment, const char *dir,
                        const co_comm *comm);
/* CO_EUSAGE when a text is longer than what the model's positions are learnt, or were trained, for.
 * model: that of section opt. Local. */
co_status co_run_check_lengths(const co_config *opt, const co_model *model,
                               const co_population *population);
/* Parts of co_run_create (sim/run_stages.c). CO_EUSAGE: stages that cannot be in this experiment.
 * Local. */
co_status co_run_create_chain(co_run *run);
/* Collective(comm). */
co_status co_run_create_wire(co_run *run);
void co_run_destroy(co_run *run); /* Collective(comm) */
/* Goes to the state of a checkpoint and the rows of the run file before it. Collective(comm). path
 * on rank 0. */
co_status co_run_resume(co_run *run, const char *path);
/* The server's part of a step on this rank's slice: stages backward, aggregator, server optimiser,
 * records of the blocks; then the vectors of the bank. Collective(comm).
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
/* All rounds that are left. Collective(comm). */
co_status co_run_rounds(co_run *run);
double co_run_flops(const co_run *run);      /* multiply-adds of an example, forward. Local */
size_t co_run_wire_bytes(const co_run *run); /* a rank. Local */
/* The most steps that a device may take part in. Collective(comm). */
co_status co_run_foresee_parts(co_run *run, int64_t *most);
/* What the run will take, on stdout of rank 0. Collective(comm). */
void co_run_describe(co_run *run);
