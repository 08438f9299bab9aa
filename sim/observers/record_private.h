/* sim/observers/record_private.h - the columns of the run file's tables, in the order in which they
 * stand there; of the files record_*.c alone. Their names are in record_tables.c. */
#pragma once
#include "io/json.h"
#include "sim/observers/record.h"

/* Columns of rounds before and after the training metrics. */
enum {
    R_ROUND,
    R_SELECTED,
    R_REPORTED,
    R_DROPPED,
    R_EMPTY,
    R_NONFINITE,
    R_SATURATED,
    R_EXAMPLES,
    R_LOSS,
    R_METRICS
};
enum { T_NORM, T_LR_LOCAL, T_LR_SERVER, T_DOWN, T_UP, T_SIM, T_WALL, T_DIGEST, N_TAIL };
/* Of a timed run, behind those. */
enum {
    V_DEVICE_S,
    V_LOST_S,
    V_IN_FLIGHT,
    V_VERSIONS,
    V_STALENESS_MEAN,
    V_STALENESS_MAX,
    V_LATE,
    V_UNAVAILABLE,
    N_TIMED
};
/* With a transform that makes symbols, behind those. */
enum { C_UP, N_CODED };
/* With integers that may not hold a number, behind those. */
enum { I_CUT, N_CUT };
/* With edge servers, behind all others: bytes of each level. */
enum { G_EDGE_DOWN, G_EDGE_UP, G_CLOUD_DOWN, G_CLOUD_UP, N_LEVELS };
/* With secure aggregation, behind all others: of the step, then of each of its stages. */
enum { S_NEIGHBOURS, S_THRESHOLD, S_FAILED, N_SECAGG_HEAD };
enum { S_ANSWERED, S_BYTES, S_SECONDS, N_SECAGG_OF_STAGE };
enum { N_SECAGG = N_SECAGG_HEAD + N_SECAGG_OF_STAGE * CO_SECAGG_STAGES };
enum { E_ROUND, E_SPLIT, E_SCOPE, E_N, N_EVAL };
enum { D_ROUND, D_DEVICE, D_EXAMPLES, D_WEIGHT, D_LOSS, D_NORM, D_STALENESS, D_STATUS, N_DEVICES };
/* Of a timed run, behind those. */
enum { D_VERSION = N_DEVICES, D_START, D_END, D_DOWN, D_UP, N_TIMED_DEVICES };
enum {
    L_ROUND,
    L_RANK,
    L_DEVICES,
    L_EXAMPLES,
    L_PREDICTED,
    L_TRAIN,
    L_WAIT,
    L_REDUCE,
    L_EVAL,
    L_WRITE,
    N_LOAD
};
enum {
    P_ROUND,
    P_RELEASED,
    P_CONTRIBUTIONS,
    P_RATE,
    P_CLIP,
    P_STD,
    P_EPSILON,
    P_DELTA,
    P_SIMULATED,
    N_PRIVACY,
    P_PARTS = N_PRIVACY, /* by arrival alone */
    N_ARRIVALS
};
enum { X_ROUND, X_MAX, X_P10, X_P50, X_P90, X_DELTA, X_EXHAUSTED, N_EXAMPLES };

/* Names of its columns, and what a round says in them. (record_secagg.c) Local. */
void co_record_secagg_columns(co_record *record, co_column *column, char name[N_SECAGG][32]);
void co_record_secagg(co_table *rounds, const co_plan *plan);
/* A map of texts: who learns what, under which assumptions, what is not covered. Local. */
void co_record_secagg_say(const co_record *record, co_json *json);

/* A new row of eval with its head; all else is NaN until set. CO_ENOMEM. Local. */
co_status co_record_add_eval(co_record *record, int64_t round, int64_t split, int64_t scope,
                             int64_t n);
/* The rounds summed so far become rows of load. Local. */
void co_record_flush_load(co_record *record);
