/* sim/wires/exchange.h - what ranks say to each other in a round: one reduce-scatter of integers,
 * one all-gather of the new model.
 *
 * All vectors here are of what is trained of the model (models/model.h, co_layout). Every rank is
 * the server for its slice: whole blocks of 4,096 coordinates, dealt so that what travels balances;
 * ranks of a node own neighbouring blocks. What a rank sends is laid out by destination: the exact
 * sum over the destination's slice, then a tail that every destination gets the same copy of:
 * status, counts, exact scalars. The tail of rank 0 also carries a row per device of the plan (one
 * rank alone fills a row, so that integer sums pass doubles through bit by bit). On the wire
 * between nodes stand the shared coordinates alone: what lies between them is zero. The model lies
 * once per node in a segment; beside it lie a hash and a sum of squares per block, a
 * record per rank, and where the selector goes by losses the rows of the plan, so that they ride in
 * the all-gather. Blocks in which nothing is trained have no
 * owner and are hashed once (co_exchange_hash). */
#pragma once
#include "core/comm.h"
#include "core/exact.h"
#include "models/model.h"
#include "sim/planners/plan.h"

/* Counts in the tail. */
enum {
    CO_COUNT_FAILED,
    CO_COUNT_ABANDONED,
    CO_COUNT_REPORTED,
    CO_COUNT_NONFINITE,
    CO_COUNT_SATURATED,
    CO_COUNT_EXAMPLES,
    CO_COUNT_CODED, /* bytes up, behind an entropy code */
    CO_N_COUNTS
};
enum { CO_ROW_WORDS = 3 }; /* outcome and saturation, loss, update norm */

/* What the vector on the board is. */
typedef enum {
    CO_BOARD_WHOLE,   /* the whole model */
    CO_BOARD_TRAINED, /* only what is trained of it */
    CO_BOARD_ROWS     /* the whole model, and the rows of the plan beside it */
} co_board;

/* Per block, written by its owner. */
typedef struct {
    double square_sum; /* of the round's update */
    unsigned char hash[16];
} co_block_record;

/* Per rank. Times of this round, and of what followed the last one. */
typedef struct {
    int64_t n_devices, n_examples;
    int64_t stop_wanted;              /* this rank was asked to stop */
    double cost, train_s, wait_s;     /* of this round */
    double reduce_s, eval_s, write_s; /* of the round before */
} co_rank_record;

typedef struct {
    const co_comm *comm;
    const co_layout *layout; /* borrowed */
    size_t n_params;         /* floats on the board */
    size_t n, n_blocks;      /* of what is trained */
    size_t n_all_blocks;     /* of the board */
    size_t n_counts, n_scalars, n_rows;
    size_t first, n_own; /* this rank's slice: coordinates [first, first + n_own) */
    size_t first_block;
    co_part *own;      /* [n_own_parts] this rank's slice; `at` counts from its begin */
    co_part *own_span; /* [n_own_spans] what of it travels, the same way */
    size_t n_own_parts, n_own_spans;
    co_board kind;
    int64_t *send, *received;
    co_segments segments; /* what the ranks send, when all are on one node that has room for it */
    size_t n_send;
    int *counts;                    /* [size] int64 words on the wire for each destination */
    size_t *at;                     /* [size] where a destination's part begins */
    size_t *slice_first, *slice_n;  /* [size] */
    size_t *wire_first, *wire_n;    /* [size] the same, counting shared coordinates alone */
    int *gather_counts, *gather_at; /* [nodes] bytes of a node's part of the board */
    co_segment board;
    float *model;           /* [n_params], once per node */
    co_block_record *block; /* [n_all_blocks] those that are trained first */
    unsigned char *hashes;  /* [n_all_blocks][16] room for a digest */
    int64_t *told;          /* [n_rows][CO_ROW_WORDS] by rank 0; NULL: not on this board */
    co_rank_record *record; /* [size], behind `told` without a gap */
} co_exchange;

/* Collective(comm). n_counts: whole numbers in the tail behind the first CO_N_COUNTS; n_scalars:
 * exact scalars; n_rows: most devices of a plan. */
co_status co_exchange_init(co_exchange *x, const co_layout *layout, co_board board, size_t n_counts,
                           size_t n_scalars, size_t n_rows, const co_comm *comm);
/* Hashes the blocks of the board's vector in which nothing is trained. After that has changed.
 * Collective(node). */
void co_exchange_hash(co_exchange *x);
void co_exchange_fini(co_exchange *x);          /* Collective(node) */
size_t co_exchange_bytes(const co_exchange *x); /* per rank, without the board */

void co_exchange_clear(co_exchange *x); /* Local: zeroes what this rank sends */
/* Adds a_i u_i of one device. Returns how many coordinates were cut to the bound. Local. */
size_t co_exchange_add(co_exchange *x, const float *update, double coefficient);
/* The slices of what this rank sends, [ranks]. Local. */
void co_exchange_slices(const co_exchange *x, co_sum_slice *slice);
void co_exchange_count(co_exchange *x, size_t which,
                       int64_t n); /* Local. which < CO_N_COUNTS + n_counts */
void co_exchange_scalar(co_exchange *x, size_t which, double value);       /* Local. value finite */
void co_exchange_row(co_exchange *x, size_t row, const co_plan_row *from); /* Local */

/* Waits for all ranks (seconds into *wait_s), then the reduce-scatter. Collective(comm). */
void co_exchange_reduce(co_exchange *x, double *wait_s);
/* After the reduce. Local. */
int64_t co_exchange_counted(const co_exchange *x, size_t which);
double co_exchange_summed(const co_exchange *x, size_t which);
const int64_t *co_exchange_counts(const co_exchange *x, size_t first); /* from that count on */
/* The shared coordinates of a rank's slice, values[slice_n], to its begin, and back, with zeros
 * between them. squeeze returns how many there are. bytes: of a value. Local. */
size_t co_exchange_squeeze(const co_exchange *x, int rank, void *values, size_t bytes);
void co_exchange_spread(const co_exchange *x, int rank, void *values, size_t bytes);
/* What is trained in a rank's slice, from the board to the same places of another whole vector.
 * Local. */
void co_exchange_copy(const co_exchange *x, int rank, float *to);
/* Adds a whole update's part on this rank's slice to the received sum. [n_own]. Local. */
void co_exchange_add_own(co_exchange *x, const float *update, double coefficient);
void co_exchange_values(const co_exchange *x, double *values); /* [n_own] the sum as numbers */
int64_t *co_exchange_sum(co_exchange *x); /* [n_own] the same as integers, for stages to change */
/* Fills in outcome, loss and norm. Rank 0, after the reduce; with CO_BOARD_ROWS every rank, after
 * the gather. Local. */
void co_exchange_take_rows(const co_exchange *x, co_plan *plan);

/* Between the reduce and the gather: with CO_BOARD_ROWS rank 0 puts the rows on its board. Local.
 */
void co_exchange_tell(co_exchange *x);

/* Makes the model, block records and rank records that this rank wrote on its board known to all.
 * Collective(comm). */
void co_exchange_gather(co_exchange *x);
/* L2 norm of the round's update and digest of the model from the block records. Local. */
double co_exchange_update_norm(const co_exchange *x);
uint64_t co_exchange_digest(const co_exchange *x);
