/* privacy/mechanisms/response.h - randomised response: one of k answers, epsilon-private. All calls
 * are Local. */
#pragma once
#include "core/random.h"
#include "privacy/mechanisms/mechanism.h"

/* What is told in place of `truth` in [0, k): the truth with probability e^epsilon / (e^epsilon + k
 * - 1), each other answer with 1 / (e^epsilon + k - 1). k = 1: the truth. epsilon > 0. */
int32_t co_response_draw(double epsilon, int64_t k, int32_t truth, co_stream *stream);
/* Probability of the truth. */
double co_response_right(double epsilon, int64_t k);

/* What statements name; no member of the kind: it bounds no sum. */
extern const co_mechanism co_mechanism_response;
