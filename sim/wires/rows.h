/* sim/wires/rows.h - every update of a round, brought to the owners of its coordinates, for aggregators that
 * see them all.
 *
 * A rank holds the rows of the whole cohort for its slice: cohort x model / ranks floats. Receives are posted
 * before training, in the order in which the senders train; a trained device leaves at once, from one of
 * two buffers of the model's size. One message a device and rank. */
#pragma once
#include "aggregators/aggregator.h"
#include "sim/wires/exchange.h"

typedef struct {
    const co_exchange *exchange;
    MPI_Comm messages; /* a communicator of its own: rows of one sender match in order */
    size_t capacity;
    float *rows;             /* [capacity][n_own] */
    float *leaving[2];       /* [n_params] each, with more than one rank */
    MPI_Request *sent[2];    /* [ranks] */
    MPI_Request *expected;   /* [capacity] */
    unsigned char *sent_row; /* [capacity] of this round */
    double *counts;          /* [capacity] what a row counts for; -1: it did not report */
    const float **row;       /* [capacity] those that reported */
    const float **honest;    /* [capacity] room for those of them that do not attack */
    size_t *number;          /* [capacity] their rows in the plan */
    double *weight;          /* [capacity] */
    void *scratch;           /* of the rule */
    size_t n_scratch;
    unsigned turn;
} co_cohort;

/* Rows for plans of at most `capacity` devices, and n_scratch bytes for the rule. CO_EUSAGE with the
 * figure when a node's memory is too small. Collective(comm). */
co_status co_cohort_init(co_cohort *c, const co_exchange *exchange, size_t capacity, size_t n_scratch);
void co_cohort_fini(co_cohort *c); /* Collective(comm) */
size_t co_cohort_bytes(const co_cohort *c); /* per rank */

/* A round: expect, then send of each own device that was trained, then finish. */
void co_cohort_expect(co_cohort *c, const co_plan *plan);                       /* Local */
/* weight >= 0. Local; may wait */
void co_cohort_send(co_cohort *c, const co_plan *plan, size_t row, const float *update, double weight);
/* Rows that were not sent count as not reported. Fills c->row, c->number and c->weight, devices by ascending
 * id; returns how many reported. Collective(comm). */
size_t co_cohort_finish(co_cohort *c, const co_plan *plan);
