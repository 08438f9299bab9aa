/* models/decoding/beam.c - candidates in order. Cost: one pass over the outputs of a row, and
 * insertions of what is among the best. */
#include "models/decoding/beam.h"
#include "core/clones.h"
#include "core/elementary.h"
#include <string.h>

bool co_candidate_before(const co_candidate *a, const co_candidate *b)
{
    if (a->score > b->score) return true;
    if (!(a->score == b->score)) return false;
    return a->token != b->token ? a->token < b->token : a->beam < b->beam;
}

size_t co_candidates_add(co_candidate *best, size_t n, size_t most, const co_candidate *added)
{
    size_t at = n < most ? n : most - 1;
    if (n == most && !co_candidate_before(added, &best[at])) return n;
    for (; at > 0 && co_candidate_before(added, &best[at - 1]); at--) best[at] = best[at - 1];
    best[at] = *added;
    return n < most ? n + 1 : n;
}

CO_CLONES static float beam_largest(size_t n, const float *out)
{
    enum { LANES = 16 };
    float lane[LANES];
    size_t k = 0;
    for (size_t l = 0; l < LANES; l++) lane[l] = out[0];
    for (; k + LANES <= n; k += LANES)
        for (size_t l = 0; l < LANES; l++) lane[l] = out[k + l] > lane[l] ? out[k + l] : lane[l];
    for (size_t l = 0; k + l < n; l++) lane[l] = out[k + l] > lane[l] ? out[k + l] : lane[l];
    for (size_t l = 1; l < LANES; l++) lane[0] = lane[l] > lane[0] ? lane[l] : lane[0];
    return lane[0];
}

int32_t co_best_token(size_t n, const float *out)
{
    const float largest = beam_largest(n, out);
    size_t best = 0;
    while (best < n && out[best] != largest) best++;
    return best < n ? (int32_t)best : 0; /* no number is there: the first */
}

/* log of the sum of exponentials. */
static double log_sum(const co_kernels *fast, size_t n, const float *out)
{
    float max = out[0];
    double sum = 0.0;
    if (fast) {
        sum = fast->exponentials(n, out, NULL, &max);
    } else {
        for (size_t k = 1; k < n; k++) max = out[k] > max ? out[k] : max;
        for (size_t k = 0; k < n; k++) sum += co_plain_exp((double)out[k] - (double)max);
    }
    return (double)max + co_plain_log(sum);
}

size_t co_candidates_of(const co_kernels *fast, size_t n, const float *out, int32_t forced,
                        double score, uint32_t beam, co_candidate *best, size_t n_best, size_t most)
{
    if (forced >= 0) {
        const co_candidate only = {.score = score, .token = forced, .beam = beam};
        return co_candidates_add(best, n_best, most, &only);
    }
    const double rest = score - log_sum(fast, n, out);
    for (size_t k = 0; k < n; k++) {
        const co_candidate c = {.score = rest + (double)out[k], .token = (int32_t)k, .beam = beam};
        if (n_best == most && c.score < best[most - 1].score) continue;
        n_best = co_candidates_add(best, n_best, most, &c);
    }
    return n_best;
}

double co_length_score(double score, size_t length, double penalty)
{
    const double power = co_plain_power((double)length, penalty < 0.0 ? -penalty : penalty);
    return penalty < 0.0 ? score * power : score / power;
}
