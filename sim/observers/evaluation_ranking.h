/* sim/observers/evaluation_ranking.h - metrics that need the order of all outputs of an evaluation
 * (models/tasks/ranking.h).
 *
 * Pairs of output and target are kept while batches pass, 8 bytes an example and output of this
 * rank. At the end outputs are dealt to ranks in turn, a rank gets all pairs of its output and
 * sorts them: the same bits on any number of ranks. Nothing is kept, and no message sent, where the
 * task has no such metric. */
#pragma once
#include "core/comm.h"
#include "models/tasks/ranking.h"
#include "models/tasks/task.h"

typedef struct {
    const co_task *task;
    size_t n_outputs; /* 0: nothing to rank */
    size_t n_rows, capacity;
    uint64_t *pair; /* [n_rows][n_outputs] */
    size_t room;
    uint64_t *sent, *column; /* columns on their way; one column sorted */
} co_ranking;

void co_ranking_init(co_ranking *ranking, const co_task *task, size_t n_outputs); /* Local */
void co_ranking_fini(co_ranking *ranking);
void co_ranking_clear(co_ranking *ranking); /* Local */
/* out and target [n][n_outputs]. CO_ENOMEM. Local. */
co_status co_ranking_add(co_ranking *ranking, const float *out, const float *target, size_t n);
/* metrics[k] of the task's metrics that rank, over the pairs of all ranks. CO_ENOMEM, on all ranks.
 * Collective(comm). */
co_status co_ranking_measure(co_ranking *ranking, const co_comm *comm, double *metrics);
/* The same over this rank's pairs. CO_ENOMEM. Local. */
co_status co_ranking_measure_own(co_ranking *ranking, double *metrics);
