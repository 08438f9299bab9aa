/* privacy/mechanisms/discrete.h - exact draws of integers from words, without a float anywhere.
 *
 * Every probability is a ratio of integers or e to minus one, and comes out exactly, whatever
 * number of words that takes. All calls are Local. */
#pragma once
#include "privacy/mechanisms/noise_words.h"

/* [0, n), n in [1, 2^32). */
uint64_t co_noise_below(co_noise_words *words, uint64_t n);
/* True with probability a / b; a <= b < 2^95, b > 0. */
bool co_noise_bernoulli(co_noise_words *words, unsigned __int128 a, unsigned __int128 b);
/* True with probability e^(-a / b); b in (0, 2^90). Canonne, Kamath and Steinke 2020, Algorithm 1.
 */
bool co_noise_bernoulli_exp(co_noise_words *words, unsigned __int128 a, unsigned __int128 b);
/* k >= 0 with probability proportional to e^(-k / t); t in [1, 2^32). Their Algorithm 2, lines 4
 * to 13. */
uint64_t co_noise_geometric(co_noise_words *words, uint64_t t);
/* The integer nearest to a continuous Laplace variable of scale t: 0 with probability 1 -
 * e^(-1/2t), +-k with e^(-k/t) sinh(1/2t). t in [1, 2^31). */
int64_t co_noise_laplace(co_noise_words *words, uint64_t t);

/* Standard deviation p / q of a discrete Gaussian, with what its draws need. */
typedef struct {
    uint64_t t;
    int64_t a, b, d; /* acceptance e^(-(|y| a - b)^2 / (2 d^2)) */
} co_discrete_law;
/* p in [1, 2^22], q in [1, 1024]. */
co_discrete_law co_discrete_law_of(uint64_t p, uint64_t q);
/* n with probability proportional to e^(-n^2 q^2 / (2 p^2)). Their Algorithm 3. */
int64_t co_noise_discrete_gaussian(co_noise_words *words, const co_discrete_law *law);
