/* privacy/mechanisms/rounding.c - one pass a draw: words, rounding, squares. Up with probability
 * floor(frac 2^32) / 2^32, within 2^-32 of the fraction. Cost: 2 ns a number with AVX-512, most of
 * it the words. */
#include "privacy/mechanisms/rounding.h"
#include "core/clones.h"
#include "core/elementary.h"
#include "core/random.h"
#include "core/status.h"
#include <math.h>

enum { AT_ONCE = 1024, MOST_DRAWS = 1000 }; /* squares below 2^49: 1,024 of them fit */

double co_rounded_norm(double norm, double dim, double beta)
{
    const double root = sqrt(dim), certain = norm + root;
    if (beta == 0.0) return certain;
    const double spread = sqrt(-2.0 * co_plain_log(beta));
    return fmin(certain, sqrt(norm * norm + 0.25 * dim + spread * (norm + 0.5 * root)));
}

/* Returns the sum of squares. */
CO_CLONES static uint64_t round_some(const float *restrict x, const uint32_t *restrict word,
                                     size_t n, int64_t *restrict q)
{
    uint64_t sum = 0;
    for (size_t j = 0; j < n; j++) {
        const int32_t whole = (int32_t)x[j];
        const double rest = (double)x[j] - (double)whole;
        const int32_t below = rest < 0.0;
        const double up = (rest + (double)below) * 0x1p32;
        const int64_t rounded = whole - below + ((double)word[j] < up);
        q[j] = rounded;
        sum += (uint64_t)(rounded * rounded);
    }
    return sum;
}

unsigned co_round_within(uint64_t seed, int64_t step, int64_t device, const float *x, size_t n,
                         uint64_t most_square, int64_t *q)
{
    uint32_t word[AT_ONCE];
    for (unsigned draw = 0; draw < MOST_DRAWS; draw++) {
        const co_stream s =
            co_stream_open(seed, CO_DRAW_ROUNDING, (uint64_t)step, (uint64_t)device, draw);
        unsigned __int128 sum = 0;
        for (size_t at = 0; at < n; at += AT_ONCE) {
            const size_t m = n - at < AT_ONCE ? n - at : AT_ONCE;
            co_fill_u32(&s, at, m, word);
            sum += round_some(x + at, word, m, q + at);
        }
        if (sum <= most_square) return draw;
    }
    CO_ASSERT(false && "a vector that is longer than what its rounding is bound to");
    return MOST_DRAWS;
}
