/* sim/planners/plan.h - a round's plan: which devices, from which version of the model, with which
 * weight, on which rank; and what became of them.
 *
 * The plan is a pure function of (seed, round) and of what the devices hold: every rank computes
 * the same one, without a message. Placement: longest first, by examples to be processed; any
 * placement gives the same result. */
#pragma once
#include "core/comm.h"
#include "sim/devices/population.h"

/* Vectors that contributions add to: the model, and behind it those of the bank (sim/bank.h): a
 * rule's, or the models of edge servers, which take no such rule. */
enum { CO_INTO_MODEL, CO_INTO_RULE, CO_INTO_EDGES = CO_INTO_RULE };
enum { CO_SURVEY_BYTES = 8 }; /* a loss, that a device sends back when it is measured */
/* Values of the run file's devices/status. */
enum {
    CO_REPORTED,
    CO_DROPPED, /* its budget is spent, or it went away before it had sent its update */
    CO_EMPTY,
    CO_NONFINITE,
    CO_LATE,        /* the step did not wait for it, its version is too old, or the step was given
                       up: too few answered a stage of secure aggregation */
    CO_UNAVAILABLE, /* asked, but not reachable */
    CO_N_OUTCOMES
};
extern const char *const co_outcome_names[CO_N_OUTCOMES];

typedef struct {
    int64_t device, n_examples; /* examples trained on this round */
    int64_t n_steps;            /* local steps */
    int64_t version;            /* of the model that it starts from */
    size_t work, into;  /* what it is asked (position in sim/work/list.h); the vector it adds to */
    int64_t start, end; /* virtual time in nanoseconds */
    int64_t ahead;      /* nanoseconds before it is sent the model: stages of secure aggregation */
    size_t place;       /* of secure aggregation: among all that the step has asked; */
    int answers;        /* stages that it answers */
    int64_t bytes_down, bytes_up; /* of vectors, as work and stages say */
    int64_t bytes_coded;          /* of bytes_up, behind an entropy code; on the rank that trains */
    double weight, coefficient;   /* w_i; a_i = factor w_i / W with W of the plan, or what
                                     aggregate.unbiased makes of it; below an edge server W is
                                     that of the edge */
    double factor;                /* in (0, 1]: of an old version (staleness); 1 */
    double share;                 /* what a_i counts for in the sum that the mean divides by */
    double cost;                  /* examples to go through, plus one for the device */
    int rank;                     /* where it trains */
    bool attacker;
    /* filled in by training, then known to rank 0 */
    int outcome;
    bool saturated;
    double loss, update_norm; /* mean local loss; NaN until trained */
    double loss_before; /* of the received model, where the aggregator asks for it, on the rank that
                           trains */
} co_plan_row;

/* Whether the device works in this step: it has examples, and the planner does not say that it
 * drops out. */
static inline bool co_row_works(const co_plan_row *row)
{
    return row->outcome != CO_EMPTY && row->outcome != CO_DROPPED;
}

/* Whether it comes back to the step that it is part of, as far as the clock knows. */
static inline bool co_row_comes(const co_plan_row *row)
{
    return row->outcome == CO_REPORTED || row->outcome == CO_EMPTY;
}

/* Whether it has come back, with an update or without: the same on all ranks. */
static inline bool co_row_is_back(const co_plan_row *row)
{
    return co_row_comes(row) || row->outcome == CO_NONFINITE;
}

/* Bytes of vectors that a device was sent, and that arrived from it. */
static inline int64_t co_row_down(const co_plan_row *row)
{
    return row->outcome == CO_UNAVAILABLE ? 0 : row->bytes_down;
}

static inline int64_t co_row_up(const co_plan_row *row)
{
    return row->outcome == CO_REPORTED ? row->bytes_up : 0;
}

typedef struct co_budget co_budget; /* sim/devices/budget.h */
typedef struct co_timing co_timing; /* sim/devices/timing.h */
typedef struct co_groups co_groups; /* sim/devices/groups.h */
typedef struct co_secure co_secure; /* sim/planners/secure.h */

typedef struct {
    const co_experiment *experiment;
    const co_population *population;
    co_timing *timing; /* how long devices take, and when they are there; NULL: no time passes */
    co_groups *groups; /* edge servers below the model, each with a time of its own; NULL: none */
    co_secure *secure; /* who answers which stage of secure aggregation; NULL: there is none */
    int64_t bytes_down, bytes_up[2]; /* of a device's participation; up: honest, attacker; down: of
                                        one that has no version of the model */
    int64_t bytes_model, bytes_version; /* with has_version: of the model as a whole, and of the
                                           message that makes the next version of one */
    int64_t *has_version;    /* [devices] 1 + the version that each came back with last, 0: never;
                                NULL: models are sent whole */
    const co_budget *budget; /* devices whose budget is spent drop out; NULL: none has one */
    int size;                /* ranks */
    size_t train;            /* the work that rows are asked */
    int64_t round;
    int64_t time;     /* virtual, in nanoseconds: while it is planned, of the event at hand (who is
                         there is asked at that time); in the end when the step is made */
    double per_round; /* devices asked: how many, or how many are expected */
    size_t n, capacity;
    co_plan_row *row; /* [n], ascending device: those that the step waited for */
    size_t n_lost, lost_room;
    co_plan_row *lost; /* [n_lost] asked, but late, unavailable, or gone on their way: behind
                          co_planner_make by ascending device */
    /* Behind co_planner_make: devices still under way, and the versions, the one that the step
     * makes included, that have to be there for them. */
    int64_t n_flying, n_versions;
    int64_t *held; /* [held_room] their versions, ascending */
    size_t held_room;
    bool is_fixed_divisor; /* the mean divides by the weights before their factors */
    bool is_to_newest;     /* an update is what leads from the newest version to the device's model,
                              not from the version that the device has started from */
    double weight;         /* of all rows */
    double population_weight; /* of all devices, where the algorithm needs it; else 0 */
    bool weighs_population;   /* a stage needs it */
    int64_t *attackers;       /* [n_attackers] ids, ascending */
    size_t n_attackers;
    size_t n_asked; /* room of devices: the most that are asked at once */
    int64_t *devices, *scratch;
    size_t *order;
    const co_selector *selector;
    co_selector_input input;
    void *chosen_by;    /* what the selector keeps */
    int64_t separation; /* devices.min_separation: steps of one device are as far apart at least */
    int64_t *last_step; /* [devices] in which each took part last; 0: never; NULL: no bound */
    co_heard *heard;    /* [capacity] for the selector, if it hears */
    size_t n_surveyed;  /* devices that were sent the version in a pass before the step */
    bool unbiased;      /* aggregate.unbiased */
    double
        bound; /* aggregate.unbiased: W, a bound of the sum of w_i / pi_i over any plan; else 0 */
    double fixed_total; /* and what stands for the sum of a_i over the devices that reported: sum of
                           all w_k / W */
    double *load;       /* [ranks] cost placed there */
    bool reversed; /* CO_PLACEMENT=reversed turns the placement around, to test that nothing depends
                      on it */
} co_plan;

/* Whether one that the step has lost for being late sends all the same: what left it has to be paid
 * for, used or not. Not behind secure aggregation, where nobody can read it. */
static inline bool co_row_sends_late(const co_plan *plan, const co_plan_row *row)
{
    return row->outcome == CO_LATE && row->n_examples > 0 && !plan->secure;
}

/* Parts of co_plan_init. CO_EUSAGE: min_separation leaves too few devices. (sim/planners/ask.c)
 * asked: at once; rows: most of a step, 0: as many. */
co_status co_plan_check_separation(co_plan *plan, double asked, size_t rows);
co_status co_plan_open_memory(co_plan *plan);
/* CO_EUSAGE: more than there are, or unknown ids. CO_ENOMEM. (sim/planners/attackers.c) */
co_status co_plan_choose_attackers(co_plan *plan);
bool co_plan_attacks(const co_plan *plan, int64_t device);
/* Experiment and population are borrowed. train: position of the work train. */
co_status co_plan_init(co_plan *plan, const co_experiment *experiment,
                       const co_population *population, int size, size_t train);
void co_plan_fini(co_plan *plan);
/* From now on a device is sent the messages of all versions that it lacks, at most the whole model.
 * Local. CO_ENOMEM. */
co_status co_plan_send_versions(co_plan *plan, int64_t bytes_model, int64_t bytes_version);
/* w_i of a device, by what it holds now. Local. */
double co_plan_weight(const co_experiment *experiment, const co_population *population,
                      int64_t device);
/* Looks at what the devices hold: before the first plan, and again after it has changed. O(devices)
 * where the selector looks at all or weights are unbiased, else O(1). Local. */
void co_plan_look(co_plan *plan);

/* For planners. Local; Same on all ranks: everything. */
/* Whom the selector names in a step: how many, into plan->devices, ascending. None of them has
 * taken part in one of the last min_separation - 1 steps. */
size_t co_plan_select(co_plan *plan, int64_t step);
/* The same for planners that ask at any time: m devices, at most n_asked, for which may(self, k) is
 * true as well; fewer when there are no more of them. Draw `ordinal` of the step: with 0 and every
 * device allowed, those that co_plan_select names. Only with a selector that has `draw`. Where the
 * selector asks those alone that are there, they are so at plan->time. */
size_t co_plan_draw(co_plan *plan, int64_t step, int64_t ordinal, size_t m,
                    bool (*may)(const void *self, int64_t device), const void *self);
/* Whom the selector wants measured before a step, from `time` on, and room for their losses, both
 * lists its own; 0: no pass. */
size_t co_plan_survey(co_plan *plan, int64_t step, int64_t time, const int64_t **devices,
                      double **loss);
/* Such a pass on a device: all its examples once, forward; its loss is sent back. */
co_plan_row co_plan_survey_job(const co_plan *plan, int64_t device);
/* What it is to train on a device, by what it holds now, from that version and begun at that time:
 * work, bytes, when it ends and how as far as the clock knows (CO_REPORTED, CO_EMPTY, CO_DROPPED,
 * CO_UNAVAILABLE). step: that it is asked in, which with the device keys what the clock draws. */
co_plan_row co_plan_job(const co_plan *plan, int64_t device, int64_t version, int64_t start,
                        int64_t step);
/* Bytes that a device was sent, and that arrived from it, those of secure aggregation included.
 * Once outcomes are known. */
int64_t co_plan_down(const co_plan *plan, const co_plan_row *row);
int64_t co_plan_up(const co_plan *plan, const co_plan_row *row);
/* The same without the clock: it ends when it begins. */
co_plan_row co_plan_describe(const co_plan *plan, int64_t device, int64_t version, int64_t start);
/* Local steps of a row become fewer, and its cost with them. n_steps in [1, row->n_steps]. */
void co_plan_shorten(co_plan_row *row, int64_t n_steps);
/* Virtual nanoseconds of a device's participation, when nothing comes between; 0 without a clock.
 */
int64_t co_plan_trip(void *plan, int64_t device);
/* A row more of the step, by ascending id and each at most once. A device whose budget is spent
 * becomes CO_DROPPED. Good until the next call. */
co_plan_row *co_plan_add(co_plan *plan, const co_plan_row *row);
/* One that the step does not wait for, with its outcome. CO_ENOMEM. */
co_status co_plan_lose(co_plan *plan, const co_plan_row *row);
/* When it is worth to ask again, where nobody whom a step asked could be reached at `time`: that
 * very time while any device is there, whom another draw may name; else when the next one comes.
 * CO_EUSAGE: nobody is there, and nobody will come any more. */
co_status co_plan_wait(const co_plan *plan, int64_t time, int64_t *until);
/* At the end of a step that has no row and took no time, since `begin`: time goes on to the first
 * at which it is worth to ask again. As co_plan_wait. */
co_status co_plan_time_goes_on(co_plan *plan, int64_t begin);
/* A row more from the newest model: co_plan_job and co_plan_add. */
co_plan_row *co_plan_ask(co_plan *plan, int64_t time, int64_t device);
/* What is kept of earlier steps (min_separation, versions that devices have, the selector) goes on
 * by this one, once it is done: outcomes and losses of the rows are known, where the selector
 * hears. Local; Same on all ranks. */
void co_plan_close(co_plan *plan);
void co_plan_keeps(co_plan *plan, co_keeps *keeps);
/* Seconds that the devices of a step, arrived or lost, were at work, up to the step at most;
 * lost_s: of those that did not report. Staleness is of those that arrived. Local. */
typedef struct {
    double device_s, lost_s, staleness_mean; /* NaN: nobody arrived */
    int64_t staleness_max;
} co_times;
co_times co_plan_times(const co_plan *plan);
/* Ranks of the rows, and the order in which they train. O(cohort log cohort + cohort ranks). */
void co_plan_place(co_plan *plan);
