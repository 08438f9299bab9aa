/* models/tasks/span.h - the answer of a question: which tokens of its windows, and how good it is.
 *
 * A long context is cut into windows, texts of their own, that share a question. All calls are
 * Local; they allocate nothing, but for the room of co_answer. */
#pragma once
#include "models/tasks/answers.h"

enum { CO_SPAN_MAX_ANSWER = 30 }; /* tokens of the longest answer, where nothing is said */

typedef struct {
    double score; /* of the first and the last token's outputs together; -inf: no pair may answer */
    size_t first, last; /* tokens of the window */
    double none;        /* the score of token 0 as both, which says that no answer is here */
} co_span_guess;
/* The best pair of tokens of a window of n tokens with outputs out[n][2]: both of the context,
 * where place[n][2] (columns.h: token_char) is not -1, first <= last, at most `most` tokens. All
 * pairs are looked at, so that the best is never missed, as it can be by transformers' run_qa,
 * which combines the 20 best firsts and lasts alone; of equal scores the first one found stands:
 * the earlier first token, then the shorter answer. Scores are sums in double. Time: n `most`. */
co_span_guess co_span_best(const float *out, const int32_t *place, size_t n, size_t most);

/* Adds a question to the sums of task span. answerable: it has accepted answers. */
void co_span_count(const co_answer *answer, bool answerable, double *sums);
