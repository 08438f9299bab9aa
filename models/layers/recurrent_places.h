/* models/layers/recurrent_places.h - where a recurrent layer's numbers stand: rows by time, what
 * each cell keeps, what the passes work in. For the files models/layers/recurrent*.c; nobody else
 * includes it. All calls are Local. */
#pragma once
#include "models/layers/recurrent.h"

enum { CO_CELL_TENSORS = 4 };    /* of a layer and direction */
enum { W_IH, W_HH, B_IH, B_HH }; /* their order */

typedef struct {
    co_cell cell;
    co_shape in;
    size_t n_in, units, n_layers, n_directions;
    const co_kernels *fast; /* NULL: reference */
} co_recurrent;

/* The rows by time. Shared by all layers. */
typedef struct {
    size_t n_steps, rows;
    int32_t *first;  /* [n_steps + 1] first row of each step */
    int32_t *row[2]; /* [rows] of each direction: the row of the batch */
    int32_t *order;  /* [n] sequences by falling length */
} co_recurrent_times;

/* One layer and direction. Gradients are there after backward_input. */
typedef struct {
    size_t first; /* number of its first tensor: W_ih, W_hh, b_ih, b_hh */
    size_t n_in;
    float *x;       /* [rows][n_in] inputs by time; in panels on the fast paths */
    float *before;  /* [rows][units] outputs of the step before */
    float *kept;    /* [rows][n_kept units] */
    float *gx, *gh; /* [rows][n_gates units], by the cell's products, then their gradients; one
                       block unless apart */
    float *out;     /* [rows of the batch][directions units], shared by the directions; NULL for the
                       last layer: it is y */
} co_recurrent_cell;

/* What the backward passes work in. Panels: NULL on the reference path. */
typedef struct {
    float *weights; /* panels of one matrix */
    float *gates;   /* panels of the gradients by the sums of all steps */
    float *before;  /* panels of a cell's outputs */
    float *block;   /* of a weight gradient */
    float *sum;     /* [n_gates units] */
    float *steps;   /* [2][n][units] */
    float
        *by_time; /* [rows] of a cell's inputs' gradients, or of the scaled gradients by the sums */
    float *lower[2]; /* [rows][directions units] */
} co_recurrent_room;

/* Inputs of a cell in that layer of the stack; of the widest one. */
size_t co_recurrent_inputs(const co_recurrent *c, size_t layer);
size_t co_recurrent_most_inputs(const co_recurrent *c);
/* The rows by time in the cache of a batch: their places, and, at the forward pass, what stands
 * there. */
co_recurrent_times co_recurrent_times_open(const co_recurrent *c, const co_batch *batch,
                                           float *cache);
void co_recurrent_times_fill(const co_recurrent *c, const co_batch *batch, co_recurrent_times *t);
/* Sequences that have that step. */
static inline size_t co_recurrent_active(const co_recurrent_times *t, size_t step)
{
    return (size_t)(t->first[step + 1] - t->first[step]);
}
co_recurrent_cell co_recurrent_cell_open(const co_recurrent *c, const co_call *call, size_t layer,
                                         size_t direction);
/* Floats of one weight matrix in panels, as it is or turned; first in scratch. 0 on the reference
 * path. */
size_t co_recurrent_panel(const co_recurrent *c);
/* The room of a batch of n sequences in scratch (NULL: its size alone). Returns its floats. */
size_t co_recurrent_lay_out(const co_recurrent *c, size_t n, size_t rows, float *scratch,
                            co_recurrent_room *r);
