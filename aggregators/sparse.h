/* aggregators/sparse.h - updates of which some coordinates are sent: how many, which, and what
 * their places cost. All calls are Local. */
#pragma once
#include "aggregators/travel.h"
#include "core/config.h"

/* How many of what travels: keys `fraction` and `k`, of which k goes first. */
typedef struct {
    double fraction;
    int64_t k; /* 0: by fraction */
} co_share;
#define CO_SHARE_PARAMS                                                                            \
    {"fraction",                                                                                   \
     CO_REAL,                                                                                      \
     .lo = 0.0,                                                                                    \
     .hi = 1.0,                                                                                    \
     .flags = CO_LO_OPEN | CO_OPTIONAL,                                                            \
     .doc = "of the coordinates that travel (default: 0.01)"},                                     \
    {                                                                                              \
        "k", CO_INT, .lo = 1, .hi = 9007199254740992.0, .flags = CO_OPTIONAL,                      \
                     .doc = "how many coordinates, in place of fraction"                           \
    }
/* CO_EUSAGE: both are given. */
co_status co_share_from(const co_config *opt, co_share *share);
/* Of n: k, or fraction n to the nearest, at least 1. */
int64_t co_share_of(const co_share *share, int64_t n);
/* CO_EUSAGE: more than the n that travel. */
co_status co_share_check(const co_share *share, const char *stage, int64_t n);

/* Zeroes all but the k of largest magnitude; of equal ones the first stay. k >= 1. Returns the sum
 * of the magnitudes that stay, in blocks' order. x[n] finite. */
double co_keep_largest(float *x, size_t n, size_t k);

/* Bytes of k places among n, ceil(log2 n) bits each. */
int64_t co_place_bytes(int64_t k, int64_t n);
/* Bits of a Golomb-Rice code of k places among the n that travel, as gaps: of those of update that
 * are not zero, and of the least gap for each that k counts beyond them. Source: Sattler et al.,
 * arXiv:1903.02891, equation 17 and Algorithm 3. */
double co_place_bits(const co_walk *begin, const float *update, int64_t k, int64_t n);
