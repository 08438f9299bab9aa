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
#include "models/layers/recurrent_places.h"
#include "models/layers/input.h"
#include "core/clones.h"
#include "core/memory.h"
#include "core/vector.h"
#include "models/layers/init.h"
#include "models/layers/panels.h"
#include <cblas.h>
#include <stdio.h>
#include <string.h>

enum { MOST_UNITS = 1 << 16, MOST_LAYERS = 8 };

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
    co_recurrent *c = co_malloc(1, sizeof *c);
    if (!c) return CO_FAIL(CO_ENOMEM, "recurrent layer");
    *c = (co_recurrent){.cell = *cell,
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

size_t co_recurrent_tensors(const void *self, co_tensor_shape *shape)
{
    static const char *const names[CO_CELL_TENSORS] = {"weight_ih", "weight_hh", "bias_ih",
                                                       "bias_hh"};
    const co_recurrent *c = self;
    const size_t out = c->cell.n_gates * c->units, n_cells = c->n_layers * c->n_directions;
    for (size_t k = 0; k < n_cells * CO_CELL_TENSORS; k++) {
        const size_t layer = k / CO_CELL_TENSORS / c->n_directions, part = k % CO_CELL_TENSORS;
        const bool reverse = k / CO_CELL_TENSORS % c->n_directions == 1;
        shape[k] = (co_tensor_shape){.ndim = part < 2 ? 2 : 1, .dim = {out, 0}};
        if (part < 2) shape[k].dim[1] = part == 0 ? co_recurrent_inputs(c, layer) : c->units;
        snprintf(shape[k].name, sizeof shape[k].name, "%s_l%zu%s", names[part], layer,
                 reverse ? "_reverse" : "");
    }
    return n_cells * CO_CELL_TENSORS;
}

void co_recurrent_init(const void *self, uint64_t seed, size_t t, uint64_t number, float *tensor)
{
    const co_recurrent *c = self;
    co_tensor_shape shape[CO_MAX_TENSORS];
    co_recurrent_tensors(self, shape);
    co_init_fan_in(seed, number, c->units,
                   shape[t].dim[0] * (shape[t].ndim == 2 ? shape[t].dim[1] : 1), tensor);
}

/* ---- products ---- */

/* y[m][out] = bias + x[m][in] w', for the rows of a step, or y += x w' without bias; turned: the
 * panels of w' on the fast paths. */
static void affine(const co_recurrent *c, size_t m, size_t in, size_t out, const float *x,
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
static void affine_all(const co_recurrent *c, size_t m, const co_recurrent_cell *v, const float *w,
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
static void weight_gradient(const co_recurrent *c, size_t m, const gate_gradients *d, size_t n_in,
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

/* ---- forward ---- */

/* The outputs of a step to their places in the batch, and to the next step as `before`. */
static void hand_on(const co_recurrent *c, const co_recurrent_times *t, const co_recurrent_cell *v,
                    size_t direction, size_t step, const float *h_out, float *out)
{
    const size_t h = c->units, wide = c->n_directions * h, m = co_recurrent_active(t, step);
    const int32_t *row = t->row[direction] + t->first[step];
    for (size_t k = 0; k < m; k++)
        memcpy(out + (size_t)row[k] * wide + direction * h, h_out + k * h, h * sizeof *out);
    if (step + 1 == t->n_steps) return;
    memcpy(v->before + (size_t)t->first[step + 1] * h, h_out,
           co_recurrent_active(t, step + 1) * h * sizeof *h_out);
}

static void forward_cell(const co_recurrent *c, const co_call *call, const co_recurrent_times *t,
                         const co_recurrent_cell *v, size_t direction, const float *x, float *out)
{
    const float *w_ih = co_call_tensor(call, v->first + W_IH),
                *w_hh = co_call_tensor(call, v->first + W_HH),
                *b_hh = co_call_tensor(call, v->first + B_HH);
    const size_t h = c->units, n_out = c->cell.n_gates * h, kept = c->cell.n_kept * h;
    float *turned = call->scratch, *bias = turned + co_recurrent_panel(c), *h_out = bias + n_out;
    if (c->fast) co_panels_fill(t->rows, v->n_in, x, t->row[direction], v->x);
    for (size_t r = 0; !c->fast && r < t->rows; r++)
        memcpy(v->x + r * v->n_in, x + (size_t)t->row[direction][r] * v->n_in, v->n_in * sizeof *x);
    memset(v->before, 0, co_recurrent_active(t, 0) * h * sizeof *v->before);
    if (c->fast) co_panels_turn(c->fast, v->n_in, n_out, w_ih, turned);
    memcpy(bias, co_call_tensor(call, v->first + B_IH), n_out * sizeof *bias);
    if (!c->cell.apart) co_vector_add_scaled(bias, b_hh, n_out, 1.0f);
    affine_all(c, t->rows, v, w_ih, turned, bias);
    if (c->fast) co_panels_turn(c->fast, h, n_out, w_hh, turned);
    for (size_t s = 0; s < t->n_steps; s++) {
        const size_t m = co_recurrent_active(t, s), at = (size_t)t->first[s];
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
    const co_recurrent *c = self;
    const co_batch *batch = call->pass->batch;
    const float *x = call->x[0];
    co_recurrent_times t = co_recurrent_times_open(c, batch, call->cache);
    if (t.rows == 0) return;
    co_recurrent_times_fill(c, batch, &t);
    for (size_t l = 0; l < c->n_layers; l++) {
        float *out = call->y;
        for (size_t d = 0; d < c->n_directions; d++) {
            const co_recurrent_cell v = co_recurrent_cell_open(c, call, l, d);
            out = v.out ? v.out : call->y;
            forward_cell(c, call, &t, &v, d, x, out);
        }
        x = out;
    }
}

/* ---- backward ---- */

/* Gradients of all steps into the cell's gx and gh; dout by its outputs, batch rows. */
static void backward_steps(const co_recurrent *c, const float *w_hh, const co_recurrent_times *t,
                           const co_recurrent_cell *v, size_t direction, const float *dout,
                           const co_recurrent_room *r)
{
    const size_t h = c->units, wide = c->n_directions * h, n_out = c->cell.n_gates * h,
                 kept = c->cell.n_kept * h;
    const size_t widest = co_recurrent_active(t, 0);
    float *dh = r->steps, *carry = dh + widest * h;
    memset(dh, 0, 2 * widest * h * sizeof *dh);
    if (c->fast) co_panels_fill(n_out, h, w_hh, NULL, r->weights);
    for (size_t s = t->n_steps; s-- > 0;) {
        const size_t m = co_recurrent_active(t, s), at = (size_t)t->first[s];
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
static void input_gradient(const co_recurrent *c, const float *w_ih, const co_recurrent_times *t,
                           const co_recurrent_cell *v, size_t direction, const co_recurrent_room *r,
                           float *dx)
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
static const float *scale_rows(const co_recurrent_times *t, size_t n_out, const float *scale,
                               const float *dg, float *scaled)
{
    if (!scale) return dg;
    for (size_t s = 0; s < t->n_steps; s++)
        for (size_t k = 0; k < co_recurrent_active(t, s); k++) {
            const size_t at = ((size_t)t->first[s] + k) * n_out;
            const float factor = scale[t->order[k]];
            for (size_t j = 0; j < n_out; j++) scaled[at + j] = factor * dg[at + j];
        }
    return scaled;
}

/* The target's tensors += factor times a cell's gradient. filled: r has the panels of gx already.
 */
static void add_gradients(const co_recurrent *c, const co_call *call, const co_recurrent_times *t,
                          const co_recurrent_cell *v, const float *scale, bool filled, float factor,
                          const co_recurrent_room *r)
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
static void backward(const co_recurrent *c, const co_call *call, bool with_weights)
{
    const co_recurrent_times t = co_recurrent_times_open(c, call->pass->batch, call->cache);
    const float *dy = call->dy;
    co_recurrent_room r;
    if (t.rows == 0) return;
    co_recurrent_lay_out(c, call->pass->batch->n, t.rows, call->scratch, &r);
    for (size_t l = c->n_layers; l-- > 0;) {
        float *to = l > 0 ? r.lower[l % 2] : call->dx[0];
        for (size_t d = 0; d < c->n_directions; d++) {
            const co_recurrent_cell v = co_recurrent_cell_open(c, call, l, d);
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
    const co_recurrent *c = self;
    const co_recurrent_times t = co_recurrent_times_open(c, call->pass->batch, call->cache);
    co_recurrent_room r;
    co_recurrent_lay_out(c, call->pass->batch->n, t.rows, call->scratch, &r);
    for (size_t k = 0; t.rows > 0 && k < c->n_layers * c->n_directions; k++) {
        const co_recurrent_cell v =
            co_recurrent_cell_open(c, call, k / c->n_directions, k % c->n_directions);
        add_gradients(c, call, &t, &v, call->scale, false, 1.0f, &r);
    }
}

void co_recurrent_backward(const void *self, const co_call *call)
{
    backward(self, call, true);
}

co_facts co_recurrent_facts(const void *self)
{
    const co_recurrent *c = self;
    return (co_facts){.at_once = c->fast != NULL, .steps = c->n_directions == 1};
}

double co_recurrent_flops(const void *self)
{
    const co_recurrent *c = self;
    double sum = 0.0;
    for (size_t l = 0; l < c->n_layers; l++)
        sum += (double)(c->n_directions * c->cell.n_gates * c->units) *
               (double)(co_recurrent_inputs(c, l) + c->units);
    return sum;
}
