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
} co_kept;

enum { CO_MAX_KEPT = 32 };
typedef struct {
    size_t n;
    co_kept list[CO_MAX_KEPT];
} co_keeps;

/* name, value and n are borrowed; n NULL: always `most` of them. Local. */
void co_keep_ints(co_keeps *keeps, const char *name, int64_t *value, int64_t *n, int64_t most);
void co_keep_reals(co_keeps *keeps, const char *name, double *value, int64_t *n, int64_t most);
/* From rank 0, which has read them, to all. Collective(comm). */
void co_keeps_broadcast(co_keeps *keeps, const co_comm *comm);
