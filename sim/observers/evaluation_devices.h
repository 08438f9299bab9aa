/* sim/observers/evaluation_devices.h - the global model on the devices' own test parts: how well it
 * serves each of them.
 *
 * Every device with test examples counts once; quantiles are exact (nearest rank). The devices are
 * cut into spans by rank, their scores meet on rank 0 in the order of the devices: the same bits on
 * any number of ranks. Memory: a double per device and score on rank 0, and its part on the
 * others. */
#pragma once
#include "sim/observers/evaluation.h"

/* What is told of each metric over the devices. */
enum {
    CO_SCORE_MEAN,
    CO_SCORE_WEIGHTED,
    CO_SCORE_P10,
    CO_SCORE_P90 = CO_SCORE_P10 + 8,
    CO_SCORE_WORST10,
    CO_N_SCORES
};
/* "", "_weighted", "_p10", "_p20" .. "_p90", "_worst10": what a column's name ends in. */
extern const char *const co_score_suffix[CO_N_SCORES];

typedef struct {
    co_evaluator *central;   /* its batch and workspace serve here too; borrowed */
    int64_t *device;         /* [n] devices of the sample, ascending; NULL: all */
    int64_t n, first, n_own; /* devices in all; this rank's span */
    size_t n_values;         /* 2 + metrics: test examples, loss, metrics */
    double *own;             /* [n_own][n_values] */
    double *all;             /* rank 0: [n][n_values] */
    double *column;          /* rank 0: [n] */
    int *counts, *at;        /* rank 0: [size] for the gather */
} co_device_evaluator;

/* sample 0: all devices. Local. */
co_status co_device_evaluator_init(co_device_evaluator *evaluator, co_evaluator *central,
                                   const co_population *population, int64_t sample, uint64_t seed,
                                   const co_comm *comm);
void co_device_evaluator_fini(co_device_evaluator *evaluator);
/* On rank 0: *n_devices that have test examples, scores[1 + n_metrics][CO_N_SCORES], loss first.
 * The worst tenth is that with the highest loss, and by each metric's own direction.
 * Collective(comm). */
co_status co_evaluate_devices(co_device_evaluator *evaluator, co_population *population,
                              const float *params, const co_comm *comm, int64_t *n_devices,
                              double (*scores)[CO_N_SCORES]);
