/* sim/wires/wire.h - kind wire: how the contributions of a step meet.
 *
 * Every wire uses the exchange (sim/wires/exchange.h) for counts, exact scalars and the status, and
 * alone decides how updates are added: `sum` adds integers as devices come, `rows` brings every
 * update whole to the owners of its coordinates, `ring` adds residues modulo 2^b that stages made,
 * `edges` adds integers into vectors of the bank.
 * A step: begin; add for each own device that reports; send; the exchange's reduction; finish. What
 * is summed then stands in the exchange. Adding one: a file sim/wires/<name>.c with the table
 * co_wire_<name>, and a line in list.h. */
#pragma once
#include "sim/bank.h"
#include "sim/stages/chain.h"
#include "sim/wires/exchange.h"

/* The updates that came whole; n_rows 0 with a wire of sums. */
typedef struct {
    size_t n_rows;
    float *const *row;    /* [n_rows][n_own], devices by ascending id */
    const double *weight; /* [n_rows] */
    void *scratch;        /* the bytes that were asked for */
} co_gathered;

typedef struct {
    co_exchange *exchange;
    co_bank *bank;    /* vectors that rows may add to; NULL: all add to the model */
    size_t capacity;  /* most devices of a step */
    size_t n_scratch; /* bytes beside the rows, for the aggregator */
    int bits;         /* b, with residues */
    bool adds_up;     /* what came whole is summed in the end: the aggregator takes sums */
} co_wire_setup;

typedef struct {
    CO_PLUGIN_FIELDS;
    bool whole;    /* brings every update whole */
    bool residues; /* adds the contributions' residues, not their updates */
    /* CO_EUSAGE with the figure when a node's memory is too small. Holds nothing after a failure.
     * Collective(comm). */
    co_status (*create)(const co_wire_setup *setup, void **self);
    void (*destroy)(void *self);                    /* Collective(comm). NULL allowed */
    size_t (*bytes)(const void *self);              /* a rank */
    void (*begin)(void *self, const co_plan *plan); /* NULL: nothing. Local */
    /* Sums of this rank that training may add a_i u_i to by itself, [ranks]. NULL: `add` alone
     * adds. Local. */
    void (*slices)(void *self, co_sum_slice *slice);
    /* Sums modulo 2^32 that a stage may add to by itself, [n] (a contribution's words); `add` then
     * knows that it did. NULL, or it returns NULL: there are none. Local. */
    uint32_t *(*words)(void *self);
    /* Returns how many coordinates were cut to the bound. Local; may wait. */
    size_t (*add)(void *self, const co_plan *plan, size_t row, const co_contribution *contribution);
    /* What was added goes into the exchange's sums, before the reduction. NULL: it is there.
     * Local. */
    void (*send)(void *self);
    /* After the reduction. Collective(comm). */
    co_gathered (*finish)(void *self, const co_plan *plan, const co_chain *chain);
} co_wire;

extern const co_kind co_kind_wire;
const co_wire *co_wire_find(const char *name);
