/* sim/predict.h - what a model says of the examples of a data set, as a file of format
 * cohort-predictions.
 *
 * Examples stand by split, then by id. Batches are cut by position in the split, as central
 * evaluation cuts them (sim/observers/evaluation.h), and dealt to the ranks in turn: the same file
 * on any number of ranks, and in it the very numbers that an evaluation of that model sees. */
#pragma once
#include "core/comm.h"
#include "models/decoding/decode.h"

#define CO_PREDICT_OUTPUTS "logits|loss|hidden|tags|answers|text"
#define CO_PREDICT_SPLITS "all|train|test|validation|0|1|2"

typedef struct {
    const char *model; /* a checkpoint; or an experiment file, whose model at round 0 is meant */
    const char *data, *file;
    const char *split;  /* one of CO_PREDICT_SPLITS */
    const char *output; /* one of CO_PREDICT_OUTPUTS. loss: the task's, of each row (text by row) or
                           example (of whole texts: of a chain, of a class with tags); NaN where
                           it scores nothing. tags: that of each row, int32: of the best path of a
                           chain (-1 where a row is passed over), else the largest output, the first
                           of equal ones. answers: of questions (predict_answers.h).
                           text: what the model writes (predict_text.h) */
    co_decoding how;    /* text */
    int64_t show;       /* text: so many are printed */
    const char *tap;    /* hidden: an item of the model's list, NULL: what feeds the last layer that
                           has tensors */
} co_predict_request;
typedef struct {
    int64_t n, n_rows; /* examples; rows, or with answers questions */
    size_t width;      /* floats of a row */
} co_predicted;

/* Computes and publishes the file; said is filled on rank 0. CO_EUSAGE, CO_EDATA, CO_EFILE: one
 * message for what does not fit. Memory: data and model once a node; a batch of at most 256
 * examples and CO_EVAL_ROWS rows, or one example, a rank; 16 bytes an example. Collective(comm). */
co_status co_predict(const co_predict_request *wanted, const co_comm *comm, co_predicted *said);
