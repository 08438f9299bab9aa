/* sim/selectors/systematic.h - a fixed number of devices without replacement, with exact unequal
 * probabilities. */
#pragma once
#include "sim/selectors/selector.h"

/* Zero-initialised is empty. */
typedef struct {
    int64_t n, m;     /* devices; asked in a round */
    int64_t *weight;  /* [n] >= 0, their sum at most 2^61; the owner fills it in */
    int64_t *largest; /* [m] */
    int64_t left;     /* of m, without those asked in every round */
    int64_t total;    /* weights of the others */
    int64_t most;     /* devices of a weight above this one are asked in every round */
} co_systematic;

/* Room for n devices, m of them in a round. CO_ENOMEM. Local. */
co_status co_systematic_init(co_systematic *s, int64_t n, int64_t m);
void co_systematic_fini(co_systematic *s);
/* Finds who is asked in every round, after weight was filled in. Local. */
void co_systematic_settle(co_systematic *s);
/* The devices of a round, ascending: m of them, or all of positive weight when those are fewer.
 * Returns how many. Local. */
size_t co_systematic_select(const co_systematic *s, uint64_t seed, int64_t round, int64_t *devices);
/* pi_k. Local. */
double co_systematic_chance(const co_systematic *s, int64_t device);
