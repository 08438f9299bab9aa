/* sim/devices/state.h - vectors that the algorithm keeps for each device that has taken part:
 * scaffold's control variates, feddyn's gradients, a device's own momentum.
 *
 * A device's state (all slots in one block) is at home on rank id mod ranks and travels to where
 * the plan trains the device and back, one message each way. Old states stay untouched until the
 * round has succeeded (co_state_commit), so a round that is given up leaves none of its own behind.
 * Memory: a block for each device that can have taken part by the last round, and one for each of a
 * round. The pages of a block are first touched when its device takes part. */
#pragma once
#include "sim/planners/plan.h"

typedef struct {
    const co_comm *comm; /* NULL: the algorithm keeps nothing */
    MPI_Comm messages;
    int64_t n_devices;
    size_t n, n_slots, block, capacity; /* coordinates; floats of a block; devices of a plan */
    double bytes_all;                   /* most that all ranks together will hold */
    float *pool, **spare;               /* blocks; those free */
    size_t n_spare;
    float **home;  /* [devices at home here] NULL: never took part */
    float **fresh; /* [capacity] new state of a row whose device is at home here */
    unsigned char *changed, *opened, *closed; /* [capacity] */
    MPI_Request *out, *back; /* [capacity] states that leave home; that come back, by row */
    MPI_Request inbox_request, left[2];
    MPI_Status *arrived;                      /* [capacity] */
    float *work, *inbox, *leaving[2], **slot; /* slot[n_slots] views of work */
    size_t next; /* position in plan->order of the row the inbox waits for */
    unsigned turn;
    int64_t *ids; /* rank 0, while a checkpoint is written: those that took part, ascending */
    size_t n_ids, n_shown;
} co_state;

/* n_rounds: of the whole run, which with per_round = capacity bounds how many devices take part.
 * CO_EUSAGE with the figure when a node's memory is too small beside `beside` bytes a rank.
 * Collective(comm). */
co_status co_state_init(co_state *s, size_t n_slots, size_t n, size_t capacity, int64_t n_devices,
                        int64_t n_rounds, size_t beside, const co_comm *comm);
void co_state_fini(co_state *s); /* Collective(comm) */

/* A round: begin; for each own device that trains open, then close; finish; commit. */
void co_state_begin(co_state *s, const co_plan *plan); /* Local; sends */
/* The device's state as [n_slots][n] to be changed in place, zeros at first. Rows in the order of
 * plan->order. May wait. Local. */
float *const *co_state_open(co_state *s, const co_plan *plan, size_t row);
/* keep false: the device's state stays as it was. Local. */
void co_state_close(co_state *s, const co_plan *plan, size_t row, bool keep);
/* Rows that were not closed stay as they were. Collective(comm). */
void co_state_finish(co_state *s, const co_plan *plan);
void co_state_commit(co_state *s, const co_plan *plan,
                     bool keep); /* Local; Same on all ranks: keep */

/* Writing a checkpoint: list; then rank 0 calls row for some of 0 .. n_ids - 1 in order, the others
 * serve; end. List: Collective(comm), the ids on rank 0. */
co_status co_state_list(co_state *s);
const float *co_state_row(co_state *s,
                          size_t i); /* rank 0. Block of device ids[i], good until the next call */
void co_state_end(
    co_state *s); /* Collective(comm): sends (ranks above 0), or takes what row did not ask for */

/* Reading one: rank 0 calls put for each device, then end_put; the others take. Ids are in range.
 */
void co_state_put(co_state *s, int64_t id, const float *block);
void co_state_end_put(co_state *s);
void co_state_take(co_state *s); /* ranks above 0: until end_put */
