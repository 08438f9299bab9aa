/* sim/observers/evaluation_questions.h - questions whose contexts are cut into windows
 * (models/tasks/span.h): what their windows say together.
 *
 * Windows of a question that stand one behind another in what is evaluated are joined: the best
 * pair of tokens of any of them answers. Where some questions of the data set have no answer, none
 * is given if the least score of none of the windows exceeds that of the best pair by more than
 * null_threshold, as transformers' run_qa has it. The text is cut from the context. All calls are
 * Local. */
#pragma once
#include "models/tasks/span.h"
#include "sim/devices/population.h"

/* What one window says. */
typedef struct {
    double score, none; /* co_span_guess */
    int64_t from, to;   /* bytes of the window's raw text */
} co_window_says;
/* out[rows of the window][2] */
co_window_says co_window_ask(const co_population *population, int64_t id, const float *out);

/* Joins windows. Zero-initialised: none yet. */
typedef struct {
    bool open;
    int64_t first; /* window of the data set where the answers of the question stand */
    co_window_says best;
    int64_t window; /* of the best */
    double none;    /* the least */
} co_question;
/* Whether that window is of another question than the one at hand. */
bool co_question_ends(const co_question *question, const co_population *population, int64_t id);
void co_question_hear(co_question *question, const co_population *population, int64_t id,
                      const co_window_says *says);
/* The answer, bytes of the data set's text; *n 0: none. */
const char *co_question_answer(const co_question *question, const co_population *population,
                               size_t *n);

/* Joins and scores the windows of evaluations. */
typedef struct {
    const co_population *population; /* NULL: the task has no questions, and nothing is done */
    co_question question;
    co_answer answer;
} co_question_scores;
void co_question_scores_init(co_question_scores *questions, const co_population *population);
void co_question_scores_fini(co_question_scores *questions);
/* Windows that were read, with their outputs: adds questions that have ended to sums. CO_ENOMEM. */
co_status co_question_scores_add(co_question_scores *questions, const co_examples *examples,
                                 const float *out, double *sums);
/* The last question has ended. CO_ENOMEM. */
co_status co_question_scores_end(co_question_scores *questions, double *sums);
