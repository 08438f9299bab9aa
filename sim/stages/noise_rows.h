/* sim/stages/noise_rows.h - correlated noise on a rank's slice, step by step.
 *
 * What a mechanism keeps of earlier steps is in memory alone: behind a start from a checkpoint, and
 * wherever a step is not the next one, the steps before it are gone through again, with the same
 * bits. All calls are Local. */
#pragma once
#include "aggregators/aggregator.h"
#include "privacy/mechanisms/mechanism.h"

/* Zero-initialised is empty. */
typedef struct {
    const co_correlation *correlation;
    const void *noise; /* what its create made; borrowed */
    size_t n, n_kept;
    double **kept, **at; /* [n_kept][n]; [n_kept] into them */
    double *row;         /* [n] */
    int64_t made;        /* steps that `kept` is behind */
} co_noise_rows;

/* n: coordinates of the slice. CO_ENOMEM. */
co_status co_noise_rows_init(co_noise_rows *rows, const co_correlation *correlation,
                             const void *noise, size_t n);
void co_noise_rows_fini(co_noise_rows *rows);
/* The noise of a step (1 ..) on the sum; scale as in co_grid, the same in all steps. */
void co_noise_rows_add(co_noise_rows *rows, const co_noise_source *source, int64_t step,
                       double scale, co_round_sum *sum);
