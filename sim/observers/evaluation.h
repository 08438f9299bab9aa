/* sim/observers/evaluation.h - the global model on the examples of a split, dealt to the ranks.
 *
 * Blocks are cut by position in the split, 256 examples at a time, never by n / ranks; a question's
 * windows stay in the block of its first one. Long texts of a block go through the model in parts,
 * cut by their lengths. Each block's sums are double
 * partials, added to exact accumulators: the same bits on any number of ranks. */
#pragma once
#include "models/model.h"
#include "sim/devices/population.h"
#include "sim/observers/evaluation_questions.h"
#include "sim/observers/evaluation_ranking.h"

enum { CO_EVAL_BLOCK = 256 };

typedef struct {
    const co_model *model;
    co_workspace *workspace;
    co_examples examples;
    size_t n_sums;
    double *sums;       /* [n_sums] of one block, later the totals */
    co_ranking ranking; /* of what was added */
    co_question_scores questions;
    int64_t *digits; /* [n_sums][CO_SCALAR_DIGITS], then one word: ranks that failed, and blocks not
                        finite from bit 32 */
} co_evaluator;

/* Made by the first who needs it, zero before. Local. */
co_status co_evaluator_ready(co_evaluator *evaluator, const co_model *model,
                             const co_population *population);
void co_evaluator_fini(co_evaluator *evaluator);
/* Adds loss and metric sums of evaluator->examples to evaluator->sums, and what ranks to
 * evaluator->ranking. A question is added when it has ended: the last one by co_evaluator_end.
 * CO_ENOMEM. Local. */
co_status co_evaluator_add(co_evaluator *evaluator, const float *params);
co_status co_evaluator_end(co_evaluator *evaluator); /* CO_ENOMEM. Local. */
/* Examples [first, first + n) of split 1 or 2; or those at place[n] of it, ascending. */
typedef struct {
    int split;
    int64_t first, n;
    const int64_t *place; /* NULL: all */
} co_eval_span;
/* Loss and metrics[..] of the task over them. Collective(comm). */
co_status co_evaluate_span(co_evaluator *evaluator, co_population *population, co_eval_span span,
                           const float *params, const co_comm *comm, double *loss, double *metrics);

/* A step that was made: its number, and virtual time before and behind it, in seconds. */
typedef struct {
    int64_t round;
    double before_s, now_s;
} co_moment;

/* Whether, and after which steps, a run evaluates; Same on all ranks: moment. */
bool co_evaluates_central(const co_experiment *experiment, const co_population *population);
bool co_evaluates_devices(const co_experiment *experiment);
/* At each multiple of eval.every, and with the first step whose time has reached or passed another
 * multiple of eval.every_s: runs that go on for longer evaluate there, too. */
bool co_evaluation_is_regular(const co_experiment *experiment, const co_moment *moment);
/* Those, and the last step. */
bool co_evaluation_is_due(const co_experiment *experiment, const co_moment *moment);
/* Whether the run ends with the step by rounds or by stop.virtual_s. */
bool co_is_last_step(const co_experiment *experiment, const co_moment *moment);
/* What the statement of a private run says of columns of eval (report/show_privacy.c): what is
 * computed from the model alone is covered. NULL without privacy. */
const char *co_eval_covered(const co_experiment *experiment, bool of_devices);
