/* sim/observers/record.h - the run file: rows of rounds, evaluations, devices and load, kept in
 * memory of rank 0 and published whole.
 *
 * Only rank 0 holds rows; calls are Local to it unless they say otherwise. Rows are room made for
 * ahead, so that the round loop does not allocate. wall_s and sim_s count from the start of the
 * run, over all its starts. */
#pragma once
#include "io/files/table.h"
#include "models/model.h"
#include "sim/observers/evaluation_devices.h"
#include "sim/wires/exchange.h"
#include "sim/devices/budget.h"
#include "sim/stages/charge.h"

enum { CO_MAX_METRICS = 32 }; /* of a task */

typedef struct {
    char *path, *config;
    const co_task *task;
    size_t n_metrics, n_trained; /* columns of eval; of rounds, which lack metrics that rank */
    uint64_t seed;
    char data_digest[33], partition_digest[33], source[256];
    co_table rounds, eval, devices, load, privacy, examples;
    char status_words[128]; /* of the outcomes in devices */
    bool with_privacy;      /* the table privacy */
    const char
        *privacy_bound; /* the accountant whose bound its last epsilon is; NULL: no row yet */
    const co_statement *statement; /* NULL: no row yet */
    co_release release;            /* of the last row */
    bool by_arrival;               /* a column of participations in privacy */
    bool is_timed;                 /* columns of the virtual clock in rounds and devices */
    bool with_examples;            /* the table privacy_examples */
    size_t n_beside; /* statements beside that of the rows: on examples, messages, labels */
    co_release beside[3];
    bool with_groups;               /* rounds has the bytes of each level */
    const co_secagg_keys *secagg;   /* NULL: none; else its stages are the last columns of rounds */
    char secagg_words[64];          /* of how a step can fail */
    bool with_codes;                /* rounds has the bytes up behind an entropy code */
    bool with_cut;                  /* rounds has the numbers that integers could not hold */
    bool with_devices, with_scores; /* the table devices; columns over devices in eval */
    int64_t load_span;       /* rounds summed in a row of load: 1 while ranks x rounds <= 1e6 */
    int64_t span_round;      /* last round in span; 0: empty */
    co_rank_record *span;    /* [ranks] */
    co_rank_record *pending; /* [ranks] of the last round, waiting for the times after it */
    bool has_pending;
    double spent_s, spent_cost; /* of rank 0, to predict seconds */
    char *segments;             /* JSON list of the starts so far */
    int64_t segment_first_round;
    int ranks;
    double wall_before_s, started_s, published_s; /* seconds of earlier starts; clock of this one */
} co_record;

/* What a round's row says beyond the plan. */
typedef struct {
    int64_t n_reported, n_nonfinite, n_saturated, n_examples;
    double train_loss, update_norm, lr_local, lr_server;
    int64_t bytes_down, bytes_up, bytes_coded;
    int64_t values_cut; /* numbers of devices that their integers could not hold */
    int64_t cloud_down,
        cloud_up; /* bytes between edge servers and the cloud, where there are any */
    uint64_t model_digest;
} co_round_row;

/* Columns that observers add to eval. Zero-initialised is empty. */
enum { CO_MAX_COLUMNS = 512 };
typedef struct {
    size_t n;
    co_column column[CO_MAX_COLUMNS];
    char name[CO_MAX_COLUMNS][80];
} co_eval_columns;
/* The name is copied; a column whose name is there already is that one. Type CO_F64. */
void co_eval_columns_add(co_eval_columns *columns, const co_column *column);

co_status co_record_init(co_record *record, const co_experiment *experiment,
                         const co_population *population, const co_model *model,
                         const co_eval_columns *eval, const char *dir, int ranks);
void co_record_fini(co_record *record);
/* Takes over the rows of an earlier start up to `round`, from the run file; rows of eval that a run
 * of `rounds` rounds would not have are dropped. */
co_status co_record_resume(co_record *record, int64_t round, const co_experiment *experiment);
/* The step of a row of rounds; 0: before the first. Rank 0. Local. */
co_moment co_record_moment(const co_record *record, int64_t round);
co_status co_record_reserve(co_record *record, size_t cohort); /* room for one more round */
void co_record_round(co_record *record, const co_plan *plan, const co_round_row *row,
                     const double *train_metrics);
/* After a resume: epsilon in the rows of table privacy as the run with its present number of rounds
 * tells it, and the statement of the last row. */
co_status co_record_retell(co_record *record, co_charge *charge);
void co_record_private(co_record *record, const co_private_row *row); /* of a reserved round */
/* Of a reserved round: what the examples of the devices have paid. */
void co_record_examples(co_record *record, const co_example_row *row);
/* What a statement beside that of the rows tells of, in place of what it told before. */
void co_record_statement(co_record *record, co_release release);
/* rank[ranks]: of that round, whose last times (reduce, eval, write) are those of the round before.
 */
void co_record_load(co_record *record, int64_t round, const co_rank_record *rank);
/* Before a publication that nothing may be missing of: the newest round, with all its times. */
void co_record_complete(co_record *record, int64_t round, const co_rank_record *rank);
/* What a row of eval is over: a whole split, the devices' own test parts, the examples of a split
 * that arrive in the current period, and those of the periods before it. */
typedef enum {
    CO_SCOPE_ALL,
    CO_SCOPE_DEVICES,
    CO_SCOPE_RECENT,
    CO_SCOPE_PAST,
    CO_N_SCOPES
} co_scope;
/* The row of that round, split and scope, a new one if need be; in a new one all columns of
 * observers are NaN. n: examples or devices that it is over (of a split
 * population.n_split[split]); it counts where the row is new. Rank 0. */
co_status co_record_eval(co_record *record, int64_t round, int split, co_scope scope, int64_t n,
                         size_t *row);
/* column: position in eval, of an observer's column. */
void co_record_set(co_record *record, size_t row, int column, double value);
/* Loss and first metric of the newest central evaluation, on the test split where there is one;
 * NaN when there is none. */
void co_record_newest(const co_record *record, double *loss, double *metric);
/* True when the file on disk is old enough: 10 s, or 1 % of the run's time. */
bool co_record_is_due(const co_record *record);
/* state: running, done, stopped. */
co_status co_record_publish(co_record *record, const char *state);
