/* privacy/mechanisms/response.c - k-ary randomised response.
 *
 * Any answer is e^epsilon times as likely under one truth as under another at most; for epsilon
 * that is the best that can be told of a label (Kairouz, Bonawitz and Ramage 2016). With p that of
 * the truth and q of another, the frequency f of an answer has the mean q + (p - q) times its share
 * among the truths: (f - q) / (p - q) is unbiased. Source: Warner 1965; Kairouz, Bonawitz and
 * Ramage 2016, arXiv:1602.07387. */
#include "privacy/mechanisms/response.h"
#include <math.h>

double co_response_right(double epsilon, int64_t k)
{
    return 1.0 / (1.0 + (double)(k - 1) * exp(-epsilon));
}

int32_t co_response_draw(double epsilon, int64_t k, int32_t truth, co_stream *stream)
{
    if (k < 2 || co_draw_uniform(stream) < co_response_right(epsilon, k)) return truth;
    const int32_t other = (int32_t)co_draw_below(stream, (uint64_t)(k - 1));
    return other + (other >= truth);
}

const co_mechanism co_mechanism_response = {.name = "randomised response",
                                            .summary = "one of k answers, the truth most often",
                                            .noise = CO_N_NOISES};
