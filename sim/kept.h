/* sim/kept.h - lists of numbers that a planner, a selector or the clock needs to go on behind a
 * resume. They lie in the checkpoint under their names. */
#pragma once
#include "core/comm.h"
#include <stdbool.h>

typedef struct {
    const char *name; /* of the data set in a checkpoint: planner/.., selector/.., clock/.. */
    bool is_real;     /* double, else int64_t */
    void *value;      /* [most] */
    int64_t *n, most; /* how many there are; of a fixed number always most */
    double lo, hi;    /* what each may be, both included; lo > hi: anything */
} co_kept;

enum { CO_MAX_KEPT = 32 };
typedef struct {
    size_t n;
    co_kept list[CO_MAX_KEPT];
    int64_t held_n[CO_MAX_KEPT];
    char *held; /* [room] values of all lists, one behind the other */
    size_t room;
} co_keeps;

/* name, value and n are borrowed; n NULL: always `most` of them. Local. */
void co_keep_ints(co_keeps *keeps, const char *name, int64_t *value, int64_t *n, int64_t most);
void co_keep_reals(co_keeps *keeps, const char *name, double *value, int64_t *n, int64_t most);
/* Of the list that was named last: a checkpoint with another value is damaged. */
void co_keep_within(co_keeps *keeps, double lo, double hi);
/* What the lists hold becomes what co_keeps_back brings back. CO_ENOMEM. Local. */
co_status co_keeps_hold(co_keeps *keeps);
void co_keeps_back(const co_keeps *keeps);
void co_keeps_fini(co_keeps *keeps); /* what is held. Local */
/* From rank 0, which has read them, to all. Collective(comm). */
void co_keeps_broadcast(co_keeps *keeps, const co_comm *comm);
