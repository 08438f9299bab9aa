/* models/layers/recurrent_norms.c - squared norms of the gradients of single examples, from the
 * gates' gradients that backward_input left (outer.h). */
#include "models/layers/recurrent_places.h"
#include "models/layers/outer.h"
#include <string.h>

/* to[n][width] = the rows by time of the sequence that stands at place k among the sorted ones. */
static void gather(const co_recurrent_times *t, size_t k, size_t n, size_t width, const float *from,
                   float *to)
{
    for (size_t s = 0; s < n; s++)
        memcpy(to + s * width, from + ((size_t)t->first[s] + k) * width, width * sizeof *to);
}

/* One cell and sequence, of n rows from `row` of the batch on; x[rows of the batch][n_in]. */
static void norms_of(const co_recurrent *c, const co_call *call, const co_recurrent_times *t,
                     const co_recurrent_cell *v, size_t direction, const float *x, size_t k,
                     size_t row, size_t n, double *const *squared)
{
    const size_t h = c->units, n_out = c->cell.n_gates * h, i = (size_t)t->order[k];
    float *g = call->scratch, *before = g + n * n_out, *in = before + n * h,
          *scratch = in + n * v->n_in;
    double square[2], columns[2];
    gather(t, k, n, n_out, v->gx, g);
    gather(t, k, n, h, v->before, before);
    for (size_t s = 0; s < n; s++)
        memcpy(in + s * v->n_in, x + (direction ? row + n - 1 - s : row + s) * v->n_in,
               v->n_in * sizeof *in);
    co_outer o = {.rows = n,
                  .g = g,
                  .n_g = n_out,
                  .n = c->cell.apart ? 1 : 2,
                  .a = {in, before},
                  .n_a = {v->n_in, h}};
    co_outer_squares(c->fast, &o, square, &columns[0], scratch);
    columns[1] = columns[0];
    if (c->cell.apart) {
        gather(t, k, n, n_out, v->gh, g);
        o.a[0] = before, o.n_a[0] = h;
        co_outer_squares(c->fast, &o, &square[1], &columns[1], scratch);
    }
    const double part[CO_CELL_TENSORS] = {
        [W_IH] = square[0], [W_HH] = square[1], [B_IH] = columns[0], [B_HH] = columns[1]};
    for (size_t p = 0; p < CO_CELL_TENSORS; p++)
        if (squared[v->first + p]) squared[v->first + p][i] += part[p];
}

void co_recurrent_norms(const void *self, const co_call *call, double *const *squared)
{
    const co_recurrent *c = self;
    const co_batch *batch = call->pass->batch;
    const co_recurrent_times t = co_recurrent_times_open(c, batch, call->cache);
    const float *x = call->x[0];
    for (size_t l = 0; t.rows > 0 && l < c->n_layers; l++) {
        for (size_t d = 0; d < c->n_directions; d++) {
            const co_recurrent_cell v = co_recurrent_cell_open(c, call, l, d);
            for (size_t k = 0; k < batch->n; k++) {
                const size_t i = (size_t)t.order[k], row = co_shape_first_row(&c->in, batch, i),
                             n = co_shape_first_row(&c->in, batch, i + 1) - row;
                if (n > 0) norms_of(c, call, &t, &v, d, x, k, row, n, squared);
            }
        }
        x = co_recurrent_cell_open(c, call, l, 0).out;
    }
}

size_t co_recurrent_norms_size(const void *self, size_t n, size_t rows)
{
    const co_recurrent *c = self;
    const size_t out = c->cell.n_gates * c->units, in = co_recurrent_most_inputs(c);
    (void)n;
    return rows * (out + c->units + in) + co_outer_size(out, in, c->units);
}
