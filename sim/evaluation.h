/* sim/evaluation.h - the global model on the examples of a split, shared over the ranks.
 *
 * Batches are cut by position in the split, 256 at a time, never by n / ranks; each block's sums are double partials, added to
 * exact accumulators: the same bits on any number of ranks. */
#pragma once
#include "models/model.h"
#include "sim/population.h"

enum { CO_EVAL_BLOCK = 256 };

typedef struct {
    const co_model *model;
    co_workspace *workspace;
    float *x;
    int32_t *y;
    size_t n_sums;
    double *sums;    /* [n_sums] of one block, later the totals */
    int64_t *digits; /* [n_sums][CO_SCALAR_DIGITS], then one word: ranks that failed, and blocks not finite from bit 32 */
} co_evaluator;

co_status co_evaluator_init(co_evaluator *evaluator, const co_model *model); /* Local */
void co_evaluator_fini(co_evaluator *evaluator);
/* Loss and metrics[..] of the task over split 1 or 2; *n examples. Collective(comm). */
co_status co_evaluate_split(co_evaluator *evaluator, co_population *population, int split, const float *params,
                            const co_comm *comm, int64_t *n, double *loss, double *metrics);
