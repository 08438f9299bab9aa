/* models/layers/recurrent_places.c - the sorted rows of a batch, and how cache and scratch are
 * dealt. Cost of sorting: one pass over the sequences. */
#include "models/layers/recurrent_places.h"
#include "models/layers/panels.h"
#include <string.h>

/* Inputs of a cell in that layer of the stack. */
size_t co_recurrent_inputs(const co_recurrent *c, size_t layer)
{
    return layer == 0 ? c->n_in : c->n_directions * c->units;
}

/* ---- what is kept ---- */

static size_t input_floats(const co_recurrent *c, size_t n_in, size_t rows)
{
    return c->fast ? co_panels_size(rows, n_in) : rows * n_in;
}

static size_t cell_floats(const co_recurrent *c, size_t layer, size_t rows)
{
    const size_t gates = c->cell.n_gates * (c->cell.apart ? 2 : 1);
    return input_floats(c, co_recurrent_inputs(c, layer), rows) +
           rows * (1 + c->cell.n_kept + gates) * c->units;
}

static size_t out_floats(const co_recurrent *c, size_t layer, size_t rows)
{
    return layer + 1 < c->n_layers ? rows * c->n_directions * c->units : 0;
}

static size_t time_words(size_t n, size_t rows)
{
    return (rows + 2 + 2 * rows + n + 15) / 16 * 16; /* what follows stays aligned */
}

size_t co_recurrent_cache_size(const void *self, size_t n, size_t rows)
{
    const co_recurrent *c = self;
    size_t size = time_words(n, rows);
    for (size_t l = 0; l < c->n_layers; l++)
        size += c->n_directions * cell_floats(c, l, rows) + out_floats(c, l, rows);
    return size;
}

co_recurrent_times co_recurrent_times_open(const co_recurrent *c, const co_batch *batch,
                                           float *cache)
{
    co_recurrent_times t = {.rows = co_shape_rows(&c->in, batch)};
    t.first = (int32_t *)cache;
    t.row[0] = t.first + t.rows + 2;
    t.row[1] = t.row[0] + t.rows;
    t.order = t.row[1] + t.rows;
    for (size_t i = 0; i < batch->n; i++) {
        const size_t length =
            co_shape_first_row(&c->in, batch, i + 1) - co_shape_first_row(&c->in, batch, i);
        if (length > t.n_steps) t.n_steps = length;
    }
    return t;
}

co_recurrent_cell co_recurrent_cell_open(const co_recurrent *c, const co_call *call, size_t layer,
                                         size_t direction)
{
    const size_t n = call->pass->batch->n, rows = co_shape_rows(&c->in, call->pass->batch),
                 h = c->units, out = c->cell.n_gates * h;
    co_recurrent_cell v = {.n_in = co_recurrent_inputs(c, layer),
                           .first = (layer * c->n_directions + direction) * CO_CELL_TENSORS};
    float *at = call->cache + time_words(n, rows);
    for (size_t l = 0; l < layer; l++)
        at += c->n_directions * cell_floats(c, l, rows) + out_floats(c, l, rows);
    v.out = layer + 1 < c->n_layers ? at + c->n_directions * cell_floats(c, layer, rows) : NULL;
    at += direction * cell_floats(c, layer, rows);
    v.x = at;
    v.before = v.x + input_floats(c, v.n_in, rows);
    v.kept = v.before + rows * h;
    v.gx = v.kept + rows * c->cell.n_kept * h;
    v.gh = c->cell.apart ? v.gx + rows * out : v.gx;
    return v;
}

/* Counting sort of the sequences by falling length (equal ones in their order), then the rows of
 * every step. */
void co_recurrent_times_fill(const co_recurrent *c, const co_batch *batch, co_recurrent_times *t)
{
    int32_t *m = t->first; /* first: m[s + 1] sequences have a step s */
    memset(m, 0, (t->n_steps + 1) * sizeof *m);
    for (size_t i = 0; i < batch->n; i++) { /* m[length]: sequences of that length */
        const size_t length =
            co_shape_first_row(&c->in, batch, i + 1) - co_shape_first_row(&c->in, batch, i);
        m[length]++;
    }
    for (size_t s = t->n_steps; s-- > 0;) m[s] += m[s + 1]; /* m[s]: at least s rows long */
    for (size_t i = batch->n;
         i-- > 0;) { /* from the last one: a length's places fill up from behind */
        const size_t length =
            co_shape_first_row(&c->in, batch, i + 1) - co_shape_first_row(&c->in, batch, i);
        t->order[--m[length]] = (int32_t)i;
    }
    /* now m[s]: sequences of at least s + 1 rows, those that have a step s */
    int32_t row = 0;
    for (size_t s = 0; s < t->n_steps; s++) {
        const int32_t active = m[s];
        m[s] = row;
        for (int32_t k = 0; k < active; k++, row++) {
            const size_t i = (size_t)t->order[k];
            t->row[0][row] = (int32_t)(co_shape_first_row(&c->in, batch, i) + s);
            t->row[1][row] = (int32_t)(co_shape_first_row(&c->in, batch, i + 1) - 1 - s);
        }
    }
    m[t->n_steps] = row;
}

/* ---- scratch ---- */

/* The widest input of a cell. */
size_t co_recurrent_most_inputs(const co_recurrent *c)
{
    const size_t wide = c->n_directions * c->units;
    return wide > c->n_in ? wide : c->n_in;
}

/* One weight matrix in panels, as it is or turned; first in scratch. None on the reference path. */
size_t co_recurrent_panel(const co_recurrent *c)
{
    const size_t out = c->cell.n_gates * c->units, in = co_recurrent_most_inputs(c);
    const size_t turned = co_panels_size(in, out), as_it_is = co_panels_size(out, in);
    return !c->fast ? 0 : turned > as_it_is ? turned : as_it_is;
}

size_t co_recurrent_lay_out(const co_recurrent *c, size_t n, size_t rows, float *scratch,
                            co_recurrent_room *r)
{
    const size_t out = c->cell.n_gates * c->units, wide = c->n_directions * c->units,
                 in = co_recurrent_most_inputs(c);
    const size_t size[] = {co_recurrent_panel(c),
                           c->fast ? co_panels_size(rows, out) : 0,
                           c->fast ? co_panels_size(rows, c->units) : 0,
                           c->fast ? co_panels_gradient_scratch(in) : 0,
                           out,
                           2 * n * c->units,
                           rows * (in > out ? in : out),
                           rows * wide,
                           rows * wide};
    float **part[] = {&r->weights, &r->gates,   &r->before,   &r->block,   &r->sum,
                      &r->steps,   &r->by_time, &r->lower[0], &r->lower[1]};
    size_t at = 0;
    for (size_t k = 0; k < sizeof size / sizeof *size; k++) {
        *part[k] = scratch ? scratch + at : NULL;
        at += size[k];
    }
    return at;
}

size_t co_recurrent_scratch_size(const void *self, size_t n, size_t rows)
{
    const co_recurrent *c = self;
    co_recurrent_room r;
    const size_t forward = co_recurrent_panel(c) + c->cell.n_gates * c->units + n * c->units,
                 backward = co_recurrent_lay_out(c, n, rows, NULL, &r);
    return forward > backward ? forward : backward;
}
