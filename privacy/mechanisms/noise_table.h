/* privacy/mechanisms/noise_table.h - laws of symmetric integers as tables, for noise that is drawn
 * by many devices: one comparison or two a draw, without a float.
 *
 * The sizes |X| stand as cumulative probabilities of 127 bits; a draw takes the 63 upper bits of
 * its word, and 64 more where those equal the table's, and the word's last bit as the sign. The
 * law drawn is within 2^-80 of the one named, in total variation: what falls off at the last bit,
 * and tails of less than 2^-130. All calls are Local. */
#pragma once
#include "core/status.h"
#include "privacy/mechanisms/noise_words.h"

#define CO_NOISE_UNIT 0x1p20 /* variances are whole multiples of 1 / CO_NOISE_UNIT */
#define CO_NOISE_LEAST_VARIANCE 0x1p-10
#define CO_NOISE_MOST_VARIANCE 0x1p28

typedef struct {
    uint64_t *high, *low; /* [n] P[|X| <= k], its 63 upper bits and the 64 below */
    uint32_t *guide;      /* [2^guide_bits] the least k for words that begin so */
    size_t n;
    int guide_bits;
} co_noise_table;

/* Discrete Gaussian: n with probability proportional to e^(-n^2 / (2 v)); v = parts /
 * CO_NOISE_UNIT, in [1/4, CO_NOISE_MOST_VARIANCE]. Time and memory O(sqrt v). CO_ENOMEM. */
co_status co_noise_table_gaussian(uint64_t parts, co_noise_table *table);
/* Skellam of variance v, the difference of two Poisson numbers of mean v / 2: n with probability
 * e^-v I_n(v); v in [CO_NOISE_LEAST_VARIANCE, CO_NOISE_MOST_VARIANCE]. */
co_status co_noise_table_skellam(uint64_t parts, co_noise_table *table);
void co_noise_table_fini(co_noise_table *table);

/* The draw of a word; `below`: its next 64 bits, read where the first 63 do not decide. */
int64_t co_noise_table_draw(const co_noise_table *table, uint64_t word, uint64_t below);
/* x[j] += draw of coordinate first + j. */
void co_noise_table_add(const co_noise_table *table, const co_noise_release *release,
                        uint64_t first, size_t n, int64_t *x);
