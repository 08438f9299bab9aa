/* sim/predict_model.h - the model of a prediction, as sim/predict.c uses it and nobody else. */
#pragma once
#include "io/files/file.h"
#include "sim/play.h"
#include "sim/predict.h"
#include "sim/predict_answers.h"
#include "sim/predict_text.h"
#include "sim/run.h"
#include <string.h>

typedef struct {
    const co_predict_request *want;
    const co_comm *comm;
    co_experiment experiment;
    bool stored; /* the model is a checkpoint */
    int64_t round;
    char trained_on[33]; /* data_digest of the checkpoint; rank 0 */
    co_population population;
    co_model *model;
    size_t node; /* hidden: whose values */
    co_segment params;
    co_workspace *workspace;
    co_examples examples;
    int64_t n, n_pieces;
    int64_t *id;           /* [n] */
    int64_t *row;          /* [n + 1] first row of each example */
    int64_t *piece;        /* [n_pieces + 1] first example of each batch */
    bool per_row;          /* rows are tokens */
    bool of_targets;       /* those of targets */
    const char *name;      /* of the dataset: logits, loss, hidden */
    size_t width, outputs; /* outputs: of a row, without what a chain adds */
    float *values;         /* of the largest piece; tags: int32 */
    double *sums;
    co_predicted_texts texts; /* text; rank 0 */
    co_given_answers given;   /* rank 0 */
    co_file *file;            /* rank 0 */
} co_predictor;

static inline bool co_predict_wants(const co_predictor *p, const char *output)
{
    return strcmp(p->want->output, output) == 0;
}
/* Whether a loss is of whole texts, though outputs are of rows. */
static inline bool co_predict_of_texts(const co_predictor *p, const co_task *task)
{
    return task->label_per_text || task->joins || co_model_has_chain(p->model);
}

/* The experiment, of a checkpoint or a file of its own. Collective(comm). */
co_status co_predict_experiment(co_predictor *p);
/* The file that is written must not be one that is read. Rank 0. */
co_status co_predict_check_output(const co_predictor *p);
/* The model of these data, and what of it is asked for. Local. */
co_status co_predict_model(co_predictor *p);
/* Its values, once a node. Collective(comm). */
co_status co_predict_params(co_predictor *p);
