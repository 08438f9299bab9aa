/* models/tasks/task.h - kind task: what is predicted, the losses it can be trained with, metrics.
 *
 * A metric is a list of exact sums and a finish function, so that central evaluation, evaluation on
 * devices, groups and independence of the rank count are one path. sums[0] is the weight of the
 * loss (examples, or tokens) and sums[1] the summed loss for every task. The first n_reals sums may
 * be any numbers, the others are counts: whole and below 2^53, so that plain integers carry them
 * between ranks. A metric that needs the order of all outputs (a ranking) is no such list: it gets
 * every pair of output and target instead (models/tasks/ranking.h), in evaluations alone.
 *
 * Adding one: a file models/tasks/<name>.c with the table co_task_<name>, and a line in list.h. */
#pragma once
#include "core/config.h"
#include "core/random.h"
#include "models/batch.h"
#include "models/losses/loss.h"
#include "models/tasks/labels.h"

typedef struct {
    const char *name; /* a column of the run file: accuracy */
    const char *doc;
    bool higher_is_better;
    double (*finish)(const double *sums,
                     size_t n_classes); /* NaN when there was nothing to measure; NULL: of_pairs */
    /* The score of one output, from the pairs of all n examples, sorted (ranking.h). NaN: leave
     * this output out. The metric is the mean over the outputs, 0 when all are left out. Such
     * metrics stand behind those with finish. */
    double (*of_pairs)(const uint64_t *pair, size_t n);
    const char *unit; /* share (0 to 1; pictures show per cent), 1, ..; NULL: unsaid */
    bool joined; /* of sums that evaluations alone add to: of questions, whose windows meet there
                    (span.h); of texts that a model writes */
} co_metric;
/* Whether it is measured while training, too. */
static inline bool co_metric_is_trained(const co_metric *metric)
{
    return metric->finish && !metric->joined;
}

typedef struct {
    CO_PLUGIN_FIELDS;
    const co_metric *metrics; /* ends with {0}; the first is the one that curves show */
    const char *loss_unit;    /* nats ..; NULL: unsaid */
    bool per_row;             /* an output for every row of a sequence; false: one for an example */
    bool joins;               /* labels are tags and classes: models may end in a block joint */
    bool tags;                /* a row's outputs begin with one for each tag that it may have */
    bool takes_chain;         /* criterion->chain may be set: rows have CO_CRF_EXTRA values more */
    bool targets;             /* the rows are those of targets: models have a decoder */
    bool label_per_text;      /* per_row, yet the labels are of an example: span */
    const char *const
        *losses; /* names of the kind loss, ends with NULL; the first is the default */
    size_t (*n_reals)(size_t n_classes); /* 2 at least */
    size_t (*n_sums)(size_t n_classes);
    /* 4-byte words of the labels of an example, or, with per_row, of a row. NULL: 1. */
    size_t (*label_words)(size_t n_classes);
    size_t (*outputs)(size_t n_classes); /* values that the last layer must give per row */
    /* A text of n tokens that was read, y[n] unset: what the model is to see of it, and its labels.
     * The draws are of the place where it is met: an epoch of a device in a round, or all
     * evaluations. NULL: texts are seen as they are. Local; allocates nothing. */
    void (*prepare)(const co_labels *labels, co_stream *draws, size_t n, int32_t *tokens,
                    int32_t *y);
    /* out[rows][outputs] and the labels of pass->batch: adds loss and metrics to sums; with d_out
     * also writes the gradient of the batch's mean loss by out. A batch without rows adds nothing.
     * Local. Sums over the batch's examples in order, in double. */
    void (*measure)(const co_pass *pass, const co_labels *labels, const co_criterion *criterion,
                    const float *out, float *d_out, double *sums);
} co_task;

extern const co_kind co_kind_task;
const co_task *co_task_find(const char *name);
/* NaN when there was nothing to measure. */
static inline double co_task_mean_loss(const double *sums)
{
    return sums[1] / sums[0];
}
