/* report/comparison.h - runs side by side: what each reached, means with intervals, paired tests
 * against a baseline. Local. */
#pragma once
#include "core/status.h"
#include <stddef.h>
#include <stdint.h>

/* A run that is done, from its run file. */
typedef struct {
    char *label, *path;
    int64_t seed, rounds;
    double score, loss;   /* of the last evaluation: the comparison's metric, and the loss */
    double target_round;  /* first evaluated round that reached the target, NaN when none did */
    double target_bytes;  /* sent and received by all devices up to it */
    double bytes, wall_s; /* of the whole run */
} co_outcome;

typedef struct {
    co_outcome *run;
    size_t n_runs, capacity;
    char metric[64]; /* column of eval that is compared; "" until the first run is read: then the
                        one that its curves show */
    char unit[24];   /* of the metric; "": unsaid */
    bool higher;     /* is better, as the run files say */
    double target;   /* NaN: none */
} co_comparison;

void co_comparison_fini(co_comparison *comparison);
/* The metric that is compared. CO_EUSAGE for a name that is no column of eval shows when runs are
 * read. */
void co_comparison_set_metric(co_comparison *comparison, const char *metric);
/* Reads a run's rows: the central test split if it was evaluated, else over devices, else the
 * validation split. label NULL: LABEL of ../LABEL/seed-S/run.h5, else the name of the folder.
 * CO_EDATA when nothing was evaluated. */
co_status co_comparison_add(co_comparison *comparison, const char *path, const char *label);
/* The last value of the metric on the validation split of a run file: what learning rates are
 * chosen by. */
co_status co_comparison_validate(co_comparison *comparison, const char *path, double *score);
/* The task of a data file into name[size]. */
co_status co_comparison_task(const char *path, char *name, size_t size);
/* CO_EUSAGE when a data file has no example for validation. */
co_status co_comparison_check_data(const char *path);
/* Prints the summary, a row a label in the order of their first runs, and writes PATH with the
 * tables runs and summary. Interval: mean -+ t(0.975, n - 1) s / sqrt(n) over seeds. Test: paired t
 * over the seeds that label and baseline share, two-sided. baseline NULL: the first label;
 * CO_EUSAGE when there is none of that name. */
co_status co_comparison_finish(const co_comparison *comparison, const char *path,
                               const char *baseline, const char *config, uint64_t seed);
