/* models/layers/recurrent_step.c - one row a text, for texts that grow: what the last row left is
 * kept, both weights lie in panels. */
#include "models/layers/recurrent_places.h"
#include "core/vector.h"
#include "models/layers/panels.h"
#include <string.h>

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

static size_t open_step(const co_recurrent *c, size_t layer, size_t n_slots, float *block,
                        step_view *v, step_room *r)
{
    const size_t h = c->units, out = c->cell.n_gates * h, kept = c->cell.n_kept * h;
    float *at = block;
    for (size_t l = 0; l < c->n_layers; l++) {
        step_view own = {.w_ih = at};
        own.w_hh = own.w_ih + co_panels_size(co_recurrent_inputs(c, l), out);
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
    const co_recurrent *c = self;
    const size_t h = c->units, out = c->cell.n_gates * h;
    step_view v;
    step_room r;
    for (size_t l = 0; l < c->n_layers; l++) {
        const size_t first = l * CO_CELL_TENSORS;
        open_step(c, l, size->n_slots, block, &v, &r);
        co_panels_lay(c->fast, co_recurrent_inputs(c, l), out, false,
                      co_call_tensor(call, first + W_IH), v.w_ih);
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
    const co_recurrent *c = self;
    const size_t n = step->n, h = c->units, out = c->cell.n_gates * h, kept = c->cell.n_kept * h;
    const float *x = call->x[0];
    step_view v;
    step_room r;
    for (size_t l = 0; l < c->n_layers; l++) {
        open_step(c, l, step->size->n_slots, block, &v, &r);
        float *y = l + 1 < c->n_layers ? r.y[l % 2] : call->y, *gh = c->cell.apart ? r.gh : r.gx;
        fetch_last(step, h, v.before, r.before);
        fetch_last(step, kept, v.kept, r.kept_before);
        co_panels_rows(c->fast, n, co_recurrent_inputs(c, l), out, x, v.w_ih, v.bias, false, 1.0f,
                       r.gx);
        co_panels_rows(c->fast, n, h, out, r.before, v.w_hh,
                       c->cell.apart ? co_call_tensor(call, l * CO_CELL_TENSORS + B_HH) : NULL,
                       !c->cell.apart, 1.0f, gh);
        c->cell.forward(c->fast, n, h, r.gx, c->cell.apart ? gh : NULL, r.before, r.kept_before,
                        r.kept, y);
        keep(step, h, y, v.before);
        keep(step, kept, r.kept, v.kept);
        x = y;
    }
}
