/* models/layers/recurrent.c - a batch of sequences through a stack of recurrent cells.
 *
 * Sequences of any length stand one after another, without padding. They are sorted by falling
 * length, so that the m_t that have a step t are the first ones: the rows of all steps, step after
 * step ("by time"), hold no empty place, and nothing is computed that nobody needs. The backward
 * direction walks each sequence from its own end, as PyTorch does on packed sequences.
 *
 * Per layer and direction, forward: rows by time -> one product G = X W_ih' + b_ih over all steps
 * -> per step one product with W_hh, added to G unless the cell wants it apart, and the cell, whose
 * gates take the place of G. Backward: the same steps from the end, the gradients in the place of
 * the gates; then dX and both weight gradients, in one product each over all steps. On the fast
 * paths the weights, the inputs and the gates' gradients are laid out once a batch (panels.h).
 * Cost: rows x gates x h x (in + h) multiply-adds a pass, (kept + gates + 1) h + in floats kept a
 * row. Source: Hochreiter & Schmidhuber, Neural Computation 9, 1997; Schuster & Paliwal, IEEE TSP
 * 45, 1997 (both directions); names, order and initial values as in PyTorch's LSTM and GRU: uniform
 * within 1/sqrt(h). */
#include "models/layers/recurrent.h"
#include "models/layers/input.h"
#include "core/clones.h"
#include "core/memory.h"
#include "core/vector.h"
#include "models/kernels/kernels.h"
#include "models/layers/init.h"
#include "models/layers/outer.h"
#include "models/layers/panels.h"
#include <cblas.h>
#include <stdio.h>
#include <string.h>

enum { MOST_UNITS = 1 << 16, MOST_LAYERS = 8, PER_CELL = 4 }; /* tensors of a layer and direction */
enum { W_IH, W_HH, B_IH, B_HH };                              /* their order */

typedef struct {
    co_cell cell;
    co_shape in;
    size_t n_in, units, n_layers, n_directions;
    const co_kernels *fast; /* NULL: reference */
} recurrent;

const co_param co_recurrent_params[] = {
    {"units", CO_INT, .lo = 1, .hi = MOST_UNITS, .flags = CO_REQUIRED,
     .doc = "outputs of a cell and direction"},
    {"layers", CO_INT, .def = 1, .lo = 1, .hi = MOST_LAYERS, .doc = "cells above one another"},
    {"bidirectional", CO_BOOL,
     .doc = "a second cell reads from the end; its outputs stand behind the first one's"},
    {0}};

co_status co_recurrent_create(const co_config *opt, const co_shape *in, const co_cell *cell,
                              co_shape *out, void **self)
{
    *self = NULL;
    CO_TRY(co_input_sequences(opt, in));
    recurrent *c = co_malloc(1, sizeof *c);
    if (!c) return CO_FAIL(CO_ENOMEM, "recurrent layer");
    *c = (recurrent){.cell = *cell,
                     .in = *in,
                     .n_in = in->dim[0],
                     .units = (size_t)co_config_int(opt, "units"),
                     .n_layers = (size_t)co_config_int(opt, "layers"),
                     .n_directions = co_config_bool(opt, "bidirectional") ? 2 : 1,
                     .fast = co_kernels_in_use()};
    *out = *in;
    out->dim[0] = c->n_directions * c->units;
    *self = c;
    return CO_OK;
}

/* Inputs of a cell in that layer of the stack. */
static size_t inputs_of(const recurrent *c, size_t layer)
{
    return layer == 0 ? c->n_in : c->n_directions * c->units;
}

size_t co_recurrent_tensors(const void *self, co_tensor_shape *shape)
{
    static const char *const names[PER_CELL] = {"weight_ih", "weight_hh", "bias_ih", "bias_hh"};
    const recurrent *c = self;
    const size_t out = c->cell.n_gates * c->units, n_cells = c->n_layers * c->n_directions;
    for (size_t k = 0; k < n_cells * PER_CELL; k++) {
        const size_t layer = k / PER_CELL / c->n_directions, part = k % PER_CELL;
        const bool reverse = k / PER_CELL % c->n_directions == 1;
        shape[k] = (co_tensor_shape){.ndim = part < 2 ? 2 : 1, .dim = {out, 0}};
        if (part < 2) shape[k].dim[1] = part == 0 ? inputs_of(c, layer) : c->units;
        snprintf(shape[k].name, sizeof shape[k].name, "%s_l%zu%s", names[part], layer,
                 reverse ? "_reverse" : "");
    }
    return n_cells * PER_CELL;
}

void co_recurrent_init(const void *self, uint64_t seed, size_t t, uint64_t number, float *tensor)
{
    const recurrent *c = self;
    co_tensor_shape shape[CO_MAX_TENSORS];
    co_recurrent_tensors(self, shape);
    co_init_fan_in(seed, number, c->units,
                   shape[t].dim[0] * (shape[t].ndim == 2 ? shape[t].dim[1] : 1), tensor);
}

/* ---- what is kept ---- */

/* The rows by time. Shared by all layers. */
typedef struct {
    size_t n_steps, rows;
    int32_t *first;  /* [n_steps + 1] first row of each step */
    int32_t *row[2]; /* [rows] of each direction: the row of the batch */
    int32_t *order;  /* [n] sequences by falling length */
} times;

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
} cell_view;

static size_t input_floats(const recurrent *c, size_t n_in, size_t rows)
{
    return c->fast ? co_panels_size(rows, n_in) : rows * n_in;
}

static size_t cell_floats(const recurrent *c, size_t layer, size_t rows)
{
    const size_t gates = c->cell.n_gates * (c->cell.apart ? 2 : 1);
    return input_floats(c, inputs_of(c, layer), rows) +
           rows * (1 + c->cell.n_kept + gates) * c->units;
}

static size_t out_floats(const recurrent *c, size_t layer, size_t rows)
{
    return layer + 1 < c->n_layers ? rows * c->n_directions * c->units : 0;
}

static size_t time_words(size_t n, size_t rows)
{
    return (rows + 2 + 2 * rows + n + 15) / 16 * 16; /* what follows stays aligned */
}

size_t co_recurrent_cache_size(const void *self, size_t n, size_t rows)
{
    const recurrent *c = self;
    size_t size = time_words(n, rows);
    for (size_t l = 0; l < c->n_layers; l++)
        size += c->n_directions * cell_floats(c, l, rows) + out_floats(c, l, rows);
    return size;
}

static times open_times(const recurrent *c, const co_batch *batch, float *cache)
{
    times t = {.rows = co_shape_rows(&c->in, batch)};
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

static cell_view open_cell(const recurrent *c, const co_call *call, size_t layer, size_t direction)
{
    const size_t n = call->pass->batch->n, rows = co_shape_rows(&c->in, call->pass->batch),
                 h = c->units, out = c->cell.n_gates * h;
    cell_view v = {.n_in = inputs_of(c, layer),
                   .first = (layer * c->n_directions + direction) * PER_CELL};
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
static void fill_times(const recurrent *c, const co_batch *batch, times *t)
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

static size_t active(const times *t, size_t step)
{
    return (size_t)(t->first[step + 1] - t->first[step]);
}

/* ---- products ---- */

/* y[m][out] = bias + x[m][in] w', for the rows of a step, or y += x w' without bias; turned: the
 * panels of w' on the fast paths. */
static void affine(const recurrent *c, size_t m, size_t in, size_t out, const float *x,
                   const float *w, const float *turned, const float *bias, float *y)
{
    if (c->fast) {
        co_panels_product(c->fast, m, in, out, x, turned, bias, !bias, y);
        return;
    }
    for (size_t r = 0; bias && r < m; r++) memcpy(y + r * out, bias, out * sizeof *y);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)m, (int)out, (int)in, 1.0f, x,
                (int)in, w, (int)in, 1.0f, y, (int)out);
}

/* The same for the inputs of all steps. */
static void affine_all(const recurrent *c, size_t m, const cell_view *v, const float *w,
                       const float *turned, const float *bias)
{
    const size_t out = c->cell.n_gates * c->units;
    if (c->fast)
        co_panels_product_all(c->fast, m, v->n_in, out, v->x, turned, bias, v->gx);
    else
        affine(c, m, v->n_in, out, v->x, w, NULL, bias, v->gx);
}

/* dx[m][in] = dy[m][out] w, or dx += when add. Reference path. */
static void reference_back(size_t m, size_t in, size_t out, const float *dy, const float *w,
                           bool add, float *dx)
{
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)m, (int)in, (int)out, 1.0f, dy,
                (int)out, w, (int)in, add ? 1.0f : 0.0f, dx, (int)in);
}

/* Gradients by the sums of all steps, [rows][n_gates units]. */
typedef struct {
    const float *row;
    float *panels; /* fast paths */
} gate_gradients;

/* dw[out][n_in] += factor d' x; x in panels on the fast paths. */
static void weight_gradient(const recurrent *c, size_t m, const gate_gradients *d, size_t n_in,
                            const float *x, float factor, float *dw, float *scratch)
{
    const size_t out = c->cell.n_gates * c->units;
    if (c->fast)
        co_panels_gradient(c->fast, m, out, n_in, d->panels, x, factor, dw, scratch);
    else
        cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)out, (int)n_in, (int)m, factor,
                    d->row, (int)out, x, (int)n_in, 1.0f, dw, (int)n_in);
}

/* sum[n] = the columns of from[m][n]. Four rows at a time: the chain of additions to one sum is
 * what takes the time. */
CO_CLONES static void recurrent_sum_columns(size_t m, size_t n, const float *restrict from,
                                            float *restrict sum)
{
    size_t r = 0;
    memset(sum, 0, n * sizeof *sum);
    for (; r + 4 <= m; r += 4, from += 4 * n)
        for (size_t k = 0; k < n; k++)
            sum[k] += (from[k] + from[n + k]) + (from[2 * n + k] + from[3 * n + k]);
    for (; r < m; r++, from += n)
        for (size_t k = 0; k < n; k++) sum[k] += from[k];
}

/* ---- scratch ---- */

/* The widest input of a cell. */
static size_t most_inputs(const recurrent *c)
{
    const size_t wide = c->n_directions * c->units;
    return wide > c->n_in ? wide : c->n_in;
}

/* One weight matrix in panels, as it is or turned; first in scratch. None on the reference path. */
static size_t panel_floats(const recurrent *c)
{
    const size_t out = c->cell.n_gates * c->units, in = most_inputs(c);
    const size_t turned = co_panels_size(in, out), as_it_is = co_panels_size(out, in);
    return !c->fast ? 0 : turned > as_it_is ? turned : as_it_is;
}

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
} room;

static size_t lay_out(const recurrent *c, size_t n, size_t rows, float *scratch, room *r)
{
    const size_t out = c->cell.n_gates * c->units, wide = c->n_directions * c->units,
                 in = most_inputs(c);
    const size_t size[] = {panel_floats(c),
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
    const recurrent *c = self;
    room r;
    const size_t forward = panel_floats(c) + c->cell.n_gates * c->units + n * c->units,
                 backward = lay_out(c, n, rows, NULL, &r);
    return forward > backward ? forward : backward;
}

/* ---- forward ---- */

/* The outputs of a step to their places in the batch, and to the next step as `before`. */
static void hand_on(const recurrent *c, const times *t, const cell_view *v, size_t direction,
                    size_t step, const float *h_out, float *out)
{
    const size_t h = c->units, wide = c->n_directions * h, m = active(t, step);
    const int32_t *row = t->row[direction] + t->first[step];
    for (size_t k = 0; k < m; k++)
        memcpy(out + (size_t)row[k] * wide + direction * h, h_out + k * h, h * sizeof *out);
    if (step + 1 == t->n_steps) return;
    memcpy(v->before + (size_t)t->first[step + 1] * h, h_out,
           active(t, step + 1) * h * sizeof *h_out);
}

static void forward_cell(const recurrent *c, const co_call *call, const times *t,
                         const cell_view *v, size_t direction, const float *x, float *out)
{
    const float *w_ih = co_call_tensor(call, v->first + W_IH),
                *w_hh = co_call_tensor(call, v->first + W_HH),
                *b_hh = co_call_tensor(call, v->first + B_HH);
    const size_t h = c->units, n_out = c->cell.n_gates * h, kept = c->cell.n_kept * h;
    float *turned = call->scratch, *bias = turned + panel_floats(c), *h_out = bias + n_out;
    if (c->fast) co_panels_fill(t->rows, v->n_in, x, t->row[direction], v->x);
    for (size_t r = 0; !c->fast && r < t->rows; r++)
        memcpy(v->x + r * v->n_in, x + (size_t)t->row[direction][r] * v->n_in, v->n_in * sizeof *x);
    memset(v->before, 0, active(t, 0) * h * sizeof *v->before);
    if (c->fast) co_panels_turn(c->fast, v->n_in, n_out, w_ih, turned);
    memcpy(bias, co_call_tensor(call, v->first + B_IH), n_out * sizeof *bias);
    if (!c->cell.apart) co_vector_add_scaled(bias, b_hh, n_out, 1.0f);
    affine_all(c, t->rows, v, w_ih, turned, bias);
    if (c->fast) co_panels_turn(c->fast, h, n_out, w_hh, turned);
    for (size_t s = 0; s < t->n_steps; s++) {
        const size_t m = active(t, s), at = (size_t)t->first[s];
        const float *last = s ? v->kept + (size_t)t->first[s - 1] * kept : NULL;
        if (c->cell.apart || s > 0) /* before the first step all is zero */
            affine(c, m, h, n_out, v->before + at * h, w_hh, turned, c->cell.apart ? b_hh : NULL,
                   v->gh + at * n_out);
        c->cell.forward(c->fast, m, h, v->gx + at * n_out,
                        c->cell.apart ? v->gh + at * n_out : NULL, v->before + at * h, last,
                        v->kept + at * kept, h_out);
        hand_on(c, t, v, direction, s, h_out, out);
    }
}

void co_recurrent_forward(const void *self, const co_call *call)
{
    const recurrent *c = self;
    const co_batch *batch = call->pass->batch;
    const float *x = call->x[0];
    times t = open_times(c, batch, call->cache);
    if (t.rows == 0) return;
    fill_times(c, batch, &t);
    for (size_t l = 0; l < c->n_layers; l++) {
        float *out = call->y;
        for (size_t d = 0; d < c->n_directions; d++) {
            const cell_view v = open_cell(c, call, l, d);
            out = v.out ? v.out : call->y;
            forward_cell(c, call, &t, &v, d, x, out);
        }
        x = out;
    }
}

/* ---- backward ---- */

/* Gradients of all steps into the cell's gx and gh; dout by its outputs, batch rows. */
static void backward_steps(const recurrent *c, const float *w_hh, const times *t,
                           const cell_view *v, size_t direction, const float *dout, const room *r)
{
    const size_t h = c->units, wide = c->n_directions * h, n_out = c->cell.n_gates * h,
                 kept = c->cell.n_kept * h;
    const size_t widest = active(t, 0);
    float *dh = r->steps, *carry = dh + widest * h;
    memset(dh, 0, 2 * widest * h * sizeof *dh);
    if (c->fast) co_panels_fill(n_out, h, w_hh, NULL, r->weights);
    for (size_t s = t->n_steps; s-- > 0;) {
        const size_t m = active(t, s), at = (size_t)t->first[s];
        const float *last = s ? v->kept + (size_t)t->first[s - 1] * kept : NULL;
        for (size_t k = 0; k < m; k++) {
            const float *from = dout + (size_t)t->row[direction][at + k] * wide + direction * h;
            co_vector_add_scaled(dh + k * h, from, h, 1.0f);
        }
        c->cell.backward(c->fast, m, h, v->gx + at * n_out,
                         c->cell.apart ? v->gh + at * n_out : NULL, v->kept + at * kept, last,
                         v->before + at * h, dh, carry);
        if (s == 0) break;
        if (c->fast)
            co_panels_product(c->fast, m, n_out, h, v->gh + at * n_out, r->weights, NULL, true, dh);
        else
            reference_back(m, h, n_out, v->gh + at * n_out, w_hh, true, dh);
    }
}

/* dx of the batch's rows from the cell's gx; added for the second direction. */
static void input_gradient(const recurrent *c, const float *w_ih, const times *t,
                           const cell_view *v, size_t direction, const room *r, float *dx)
{
    const size_t n_out = c->cell.n_gates * c->units;
    if (c->fast) {
        co_panels_fill(n_out, v->n_in, w_ih, NULL, r->weights);
        co_panels_product_all(c->fast, t->rows, n_out, v->n_in, r->gates, r->weights, NULL,
                              r->by_time);
    } else {
        reference_back(t->rows, v->n_in, n_out, v->gx, w_ih, false, r->by_time);
    }
    for (size_t k = 0; k < t->rows; k++) {
        const float *from = r->by_time + k * v->n_in;
        float *to = dx + (size_t)t->row[direction][k] * v->n_in;
        if (direction == 0)
            memcpy(to, from, v->n_in * sizeof *to);
        else
            co_vector_add_scaled(to, from, v->n_in, 1.0f);
    }
}

/* scaled[row by time] = scale[sequence] dg[row by time] */
static const float *scale_rows(const times *t, size_t n_out, const float *scale, const float *dg,
                               float *scaled)
{
    if (!scale) return dg;
    for (size_t s = 0; s < t->n_steps; s++)
        for (size_t k = 0; k < active(t, s); k++) {
            const size_t at = ((size_t)t->first[s] + k) * n_out;
            const float factor = scale[t->order[k]];
            for (size_t j = 0; j < n_out; j++) scaled[at + j] = factor * dg[at + j];
        }
    return scaled;
}

/* The target's tensors += factor times a cell's gradient. filled: r has the panels of gx already.
 */
static void add_gradients(const recurrent *c, const co_call *call, const times *t,
                          const cell_view *v, const float *scale, bool filled, float factor,
                          const room *r)
{
    const size_t h = c->units, n_out = c->cell.n_gates * h;
    float *w_ih = co_call_target(call, v->first + W_IH),
          *w_hh = co_call_target(call, v->first + W_HH),
          *b_ih = co_call_target(call, v->first + B_IH),
          *b_hh = co_call_target(call, v->first + B_HH);
    gate_gradients d = {scale_rows(t, n_out, scale, v->gx, r->by_time), r->gates};
    if (c->fast && !filled) co_panels_fill(t->rows, n_out, d.row, NULL, d.panels);
    weight_gradient(c, t->rows, &d, v->n_in, v->x, factor, w_ih, r->block);
    recurrent_sum_columns(t->rows, n_out, d.row, r->sum);
    co_vector_add_scaled(b_ih, r->sum, n_out, factor);
    if (c->cell.apart) {
        d.row = scale_rows(t, n_out, scale, v->gh, r->by_time);
        if (c->fast) co_panels_fill(t->rows, n_out, d.row, NULL, d.panels);
        recurrent_sum_columns(t->rows, n_out, d.row, r->sum);
    }
    if (c->fast) co_panels_fill(t->rows, h, v->before, NULL, r->before);
    weight_gradient(c, t->rows, &d, h, c->fast ? r->before : v->before, factor, w_hh, r->block);
    co_vector_add_scaled(b_hh, r->sum, n_out, factor);
}

/* The gates' gradients and dx (unless NULL) of all cells; then, when asked, their weights'
 * gradients. */
static void backward(const recurrent *c, const co_call *call, bool with_weights)
{
    const times t = open_times(c, call->pass->batch, call->cache);
    const float *dy = call->dy;
    room r;
    if (t.rows == 0) return;
    lay_out(c, call->pass->batch->n, t.rows, call->scratch, &r);
    for (size_t l = c->n_layers; l-- > 0;) {
        float *to = l > 0 ? r.lower[l % 2] : call->dx[0];
        for (size_t d = 0; d < c->n_directions; d++) {
            const cell_view v = open_cell(c, call, l, d);
            backward_steps(c, co_call_tensor(call, v.first + W_HH), &t, &v, d, dy, &r);
            if (c->fast && (to || with_weights))
                co_panels_fill(t.rows, c->cell.n_gates * c->units, v.gx, NULL, r.gates);
            if (to) input_gradient(c, co_call_tensor(call, v.first + W_IH), &t, &v, d, &r, to);
            if (with_weights) add_gradients(c, call, &t, &v, NULL, true, call->factor, &r);
        }
        dy = to;
    }
}

void co_recurrent_backward_input(const void *self, const co_call *call)
{
    backward(self, call, false);
}

void co_recurrent_backward_params(const void *self, const co_call *call)
{
    const recurrent *c = self;
    const times t = open_times(c, call->pass->batch, call->cache);
    room r;
    lay_out(c, call->pass->batch->n, t.rows, call->scratch, &r);
    for (size_t k = 0; t.rows > 0 && k < c->n_layers * c->n_directions; k++) {
        const cell_view v = open_cell(c, call, k / c->n_directions, k % c->n_directions);
        add_gradients(c, call, &t, &v, call->scale, false, 1.0f, &r);
    }
}

void co_recurrent_backward(const void *self, const co_call *call)
{
    backward(self, call, true);
}

/* ---- one row a text ---- */

/* Of one layer: both weights in panels, the bias of the sums, and what is kept of the last row: the
 * outputs and the cell's own, in one of two places in turn. */
typedef struct {
    float *w_ih, *w_hh, *bias;
    float *before, *kept; /* [2][n_slots][units], [2][n_slots][n_kept units] */
} step_view;

/* Shared by the layers: rows of the call. */
typedef struct {
    float *gx, *gh, *before, *kept_before, *kept, *y[2];
} step_room;

static size_t open_step(const recurrent *c, size_t layer, size_t n_slots, float *block,
                        step_view *v, step_room *r)
{
    const size_t h = c->units, out = c->cell.n_gates * h, kept = c->cell.n_kept * h;
    float *at = block;
    for (size_t l = 0; l < c->n_layers; l++) {
        step_view own = {.w_ih = at};
        own.w_hh = own.w_ih + co_panels_size(inputs_of(c, l), out);
        own.bias = own.w_hh + co_panels_size(h, out);
        own.before = own.bias + out;
        own.kept = own.before + 2 * n_slots * h;
        at = own.kept + 2 * n_slots * kept;
        if (l == layer) *v = own;
    }
    r->gx = at;
    r->gh = r->gx + n_slots * out;
    r->before = r->gh + n_slots * out;
    r->kept_before = r->before + n_slots * h;
    r->kept = r->kept_before + n_slots * kept;
    r->y[0] = r->kept + n_slots * kept;
    r->y[1] = r->y[0] + n_slots * h;
    return (size_t)(r->y[1] - block) + n_slots * h;
}

size_t co_recurrent_step_size(const void *self, const co_steps_size *size)
{
    float none;
    step_view v;
    step_room r;
    return open_step(self, 0, size->n_slots, &none, &v, &r);
}

void co_recurrent_lay(const void *self, const co_call *call, const co_steps_size *size,
                      float *block)
{
    const recurrent *c = self;
    const size_t h = c->units, out = c->cell.n_gates * h;
    step_view v;
    step_room r;
    for (size_t l = 0; l < c->n_layers; l++) {
        const size_t first = l * PER_CELL;
        open_step(c, l, size->n_slots, block, &v, &r);
        co_panels_lay(c->fast, inputs_of(c, l), out, false, co_call_tensor(call, first + W_IH),
                      v.w_ih);
        co_panels_lay(c->fast, h, out, false, co_call_tensor(call, first + W_HH), v.w_hh);
        memcpy(v.bias, co_call_tensor(call, first + B_IH), out * sizeof *v.bias);
        if (!c->cell.apart)
            co_vector_add_scaled(v.bias, co_call_tensor(call, first + B_HH), out, 1.0f);
    }
}

/* What the texts' last rows left, zeros in front of the first: [n][floats]. */
static void fetch_last(const co_step *step, size_t floats, const float *kept, float *to)
{
    for (size_t r = 0; r < step->n; r++, to += floats) {
        const size_t t = (size_t)step->at[r], turn = (t + 1) % 2 * step->size->n_slots;
        if (t == 0)
            memset(to, 0, floats * sizeof *to);
        else
            memcpy(to, kept + (turn + (size_t)step->past[r][t - 1]) * floats, floats * sizeof *to);
    }
}

static void keep(const co_step *step, size_t floats, const float *from, float *kept)
{
    for (size_t r = 0; r < step->n; r++, from += floats) {
        const size_t turn = (size_t)step->at[r] % 2 * step->size->n_slots;
        memcpy(kept + (turn + (size_t)step->slot[r]) * floats, from, floats * sizeof *from);
    }
}

void co_recurrent_step(const void *self, const co_call *call, const co_step *step, float *block)
{
    const recurrent *c = self;
    const size_t n = step->n, h = c->units, out = c->cell.n_gates * h, kept = c->cell.n_kept * h;
    const float *x = call->x[0];
    step_view v;
    step_room r;
    for (size_t l = 0; l < c->n_layers; l++) {
        open_step(c, l, step->size->n_slots, block, &v, &r);
        float *y = l + 1 < c->n_layers ? r.y[l % 2] : call->y, *gh = c->cell.apart ? r.gh : r.gx;
        fetch_last(step, h, v.before, r.before);
        fetch_last(step, kept, v.kept, r.kept_before);
        co_panels_rows(c->fast, n, inputs_of(c, l), out, x, v.w_ih, v.bias, false, 1.0f, r.gx);
        co_panels_rows(c->fast, n, h, out, r.before, v.w_hh,
                       c->cell.apart ? co_call_tensor(call, l * PER_CELL + B_HH) : NULL,
                       !c->cell.apart, 1.0f, gh);
        c->cell.forward(c->fast, n, h, r.gx, c->cell.apart ? gh : NULL, r.before, r.kept_before,
                        r.kept, y);
        keep(step, h, y, v.before);
        keep(step, kept, r.kept, v.kept);
        x = y;
    }
}

/* ---- norms per example ---- */

/* to[n][width] = the rows by time of the sequence that stands at place k among the sorted ones. */
static void gather(const times *t, size_t k, size_t n, size_t width, const float *from, float *to)
{
    for (size_t s = 0; s < n; s++)
        memcpy(to + s * width, from + ((size_t)t->first[s] + k) * width, width * sizeof *to);
}

/* One cell and sequence, of n rows from `row` of the batch on; x[rows of the batch][n_in]. */
static void norms_of(const recurrent *c, const co_call *call, const times *t, const cell_view *v,
                     size_t direction, const float *x, size_t k, size_t row, size_t n,
                     double *const *squared)
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
    const double part[PER_CELL] = {
        [W_IH] = square[0], [W_HH] = square[1], [B_IH] = columns[0], [B_HH] = columns[1]};
    for (size_t p = 0; p < PER_CELL; p++)
        if (squared[v->first + p]) squared[v->first + p][i] += part[p];
}

void co_recurrent_norms(const void *self, const co_call *call, double *const *squared)
{
    const recurrent *c = self;
    const co_batch *batch = call->pass->batch;
    const times t = open_times(c, batch, call->cache);
    const float *x = call->x[0];
    for (size_t l = 0; t.rows > 0 && l < c->n_layers; l++) {
        for (size_t d = 0; d < c->n_directions; d++) {
            const cell_view v = open_cell(c, call, l, d);
            for (size_t k = 0; k < batch->n; k++) {
                const size_t i = (size_t)t.order[k], row = co_shape_first_row(&c->in, batch, i),
                             n = co_shape_first_row(&c->in, batch, i + 1) - row;
                if (n > 0) norms_of(c, call, &t, &v, d, x, k, row, n, squared);
            }
        }
        x = open_cell(c, call, l, 0).out;
    }
}

size_t co_recurrent_norms_size(const void *self, size_t n, size_t rows)
{
    const recurrent *c = self;
    const size_t out = c->cell.n_gates * c->units, in = most_inputs(c);
    (void)n;
    return rows * (out + c->units + in) + co_outer_size(out, in, c->units);
}

co_facts co_recurrent_facts(const void *self)
{
    const recurrent *c = self;
    return (co_facts){.at_once = c->fast != NULL, .steps = c->n_directions == 1};
}

double co_recurrent_flops(const void *self)
{
    const recurrent *c = self;
    double sum = 0.0;
    for (size_t l = 0; l < c->n_layers; l++)
        sum += (double)(c->n_directions * c->cell.n_gates * c->units) *
               (double)(inputs_of(c, l) + c->units);
    return sum;
}
