/* sim/planners/secure.h - secure aggregation on the clock of a step: which device answers which
 * stage, when the stages end, what they cost in bytes.
 *
 * All devices that a step asks have a place, by ascending id. The server opens a stage for all that
 * have answered those before it, and ends it when each of them has answered or gone away, at the
 * latest after secagg.stage_s: keys, shares, input (download, training and upload lie in it; the
 * planner says when it ends), confirm, unmask. In each a device needs time of its own: for messages
 * by its rates, for keys, shares and masks by its speed. With clock.dropout it drops out at a
 * moment of that time, over all stages, alike; with courses of presence when it goes away, also
 * while it waits for others. Who has sent its input reports, whatever it does afterwards. A stage
 * that leaves too few (co_secagg_enough) ends the step, which has no result. All this is a function
 * of (seed, step, time, device), as the plan is; only updates that are not finite are known later,
 * and change no time. The server's own work takes none. All calls are Local. */
#pragma once
#include "privacy/secure/secagg.h"
#include "sim/planners/plan.h"

struct co_secure {
    const co_secagg_keys *keys;
    co_noise_source source; /* of the graph, which is public */
    size_t n_values;        /* that are masked, of `bits` bits */
    int bits;
    size_t most;  /* devices of a step */
    size_t least; /* inputs that may be opened: those whose noise suffices (min_reporting) */
    /* Of the step */
    co_secagg_round round; /* shape.k 0: nothing is possible with so few devices */
    co_secagg_graph *graph;
    co_plan_row *row;    /* [n] of the devices asked, by place, as they were when the input began */
    unsigned char *sent; /* [n] stages that each has answered */
    int64_t begin,
        end[CO_SECAGG_STAGES]; /* virtual, in nanoseconds; end: of those that were played */
    int failed;                /* the stage that left too few; CO_SECAGG_STAGES: none */
    co_status status;
    size_t found_for, found_k, found_t; /* the last parameters that were found */
};

/* Columns of the run file call the stages so. */
extern const char *const co_secure_stage_names[CO_SECAGG_STAGES];

/* *secure NULL without section secagg. most: devices that a step asks. expected: how many it does
 * on average. CO_EUSAGE: they cannot. */
co_status co_secure_create(const co_experiment *experiment, size_t n_values, int bits, size_t most,
                           double expected, co_secure **secure);
void co_secure_destroy(co_secure *secure); /* NULL allowed */
size_t co_secure_bytes(const co_secure *secure);

/* What a step of n devices is: neighbours, threshold. CO_EUSAGE: it cannot be. */
co_status co_secure_shape(co_secure *secure, size_t n, co_secagg_shape *shape);

/* P[X < k] of X ~ Binomial(n, rate); relative error below 1e-7 up to n = 10^9. */
double co_binomial_below(double n, double rate, double k);
/* The fewest devices with which a step can have a sum, at most `enough`; 0: not even with those.
 * Thresholds that are a part, or found, move with the number of devices. */
size_t co_secure_least(co_secure *secure, size_t enough);

/* The step's devices (plan->devices, n of them) through the stages before the input and, each by
 * itself, through that; what went wrong is in `status`. */
void co_secure_open(co_plan *plan, int64_t step, size_t n);
/* What came of one of them: as co_plan_job. */
co_plan_row co_secure_job(const co_plan *plan, int64_t device);
/* Behind the planner: the stages after the input, for the rows of the plan. The step ends with the
 * last of them. */
co_status co_secure_close(co_plan *plan);
/* Once inputs are there or not: sent[place] as it turned out. Sets `failed` again. */
void co_secure_turned_out(co_secure *secure);

/* Bytes of messages to or from a device, but for the values of its input, which are its update. */
int64_t co_secure_row_bytes(const co_secure *secure, const co_plan_row *row, co_secagg_way way);
/* Of a stage of the step: how many answered, all bytes both ways (of the input those of the update
 * as well), seconds. */
typedef struct {
    int64_t n_answered, bytes;
    double seconds;
} co_secure_stage;
co_secure_stage co_secure_stage_of(const co_plan *plan, co_secagg_stage stage);
