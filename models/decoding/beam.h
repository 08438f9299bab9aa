/* models/decoding/beam.h - the choices of decoding, apart from any model: best tokens of a row, and
 * the texts of one beam search. All calls are Local. */
#pragma once
#include "models/decoding/decode.h"
#include "models/kernels/kernels.h"

typedef struct {
    double score;
    int32_t token;
    uint32_t beam; /* the running text that it continues */
} co_candidate;

/* a before b: the larger score, then the lower token, then the earlier text. */
bool co_candidate_before(const co_candidate *a, const co_candidate *b);
/* Keeps the best `most` of what is added, in order; returns how many there are. */
size_t co_candidates_add(co_candidate *best, size_t n, size_t most, const co_candidate *added);
/* The largest value, the first of equal ones. */
int32_t co_best_token(size_t n, const float *out);
/* best[most] += continuations of a text with that score by log softmax of out[n]; forced: only this
 * token, at no cost; -1: none is. */
size_t co_candidates_of(const co_kernels *fast, size_t n, const float *out, int32_t forced,
                        double score, uint32_t beam, co_candidate *best, size_t n_best,
                        size_t most);
/* score / length^penalty */
double co_length_score(double score, size_t length, double penalty);
