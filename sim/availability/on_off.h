/* sim/availability/on_off.h - a Markov chain of two states in continuous time, stationary, whose
 * course is a pure function of its key: any time can be asked, in any order. Local. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { CO_ON_OFF_LEVELS = 62 };

/* Of intervals of 2^level nanoseconds. [0]: off, [1]: on. */
typedef struct {
    double quiet[2];  /* P(stays all the time | begins there) */
    double busy[2];   /* P(goes, and is back at the end | begins there) */
    double change[2]; /* P(other state at the end | begins there) */
} co_on_off_level;

typedef struct {
    uint64_t seed, what; /* of the draws: step of CO_DRAW_PRESENCE */
    double share;        /* of the time that it is on */
    int root;            /* level of the intervals whose ends are drawn by themselves */
    co_on_off_level level[CO_ON_OFF_LEVELS];
} co_on_off;

/* Mean times in a state, in seconds, 1e-6 to 1e9. */
void co_on_off_init(co_on_off *chain, uint64_t seed, uint64_t what, double on_s, double off_s);
/* The first nanosecond of [from, until) at which chain `key` is on (or off); until when there is
 * none. until <= 2^61. */
int64_t co_on_off_first(const co_on_off *chain, int64_t key, bool on, int64_t from, int64_t until);
