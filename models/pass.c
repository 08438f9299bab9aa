/* models/pass.c - batches through a model: forward, loss, and backward in two phases.
 *
 * One arena holds the output of every layer, its gradient, what layers keep, and scratch that they
 * take in turn. Backward first hands dY down the chain and stops at the lowest layer that trains;
 * then each layer forms its weight gradient. Memory is about twice the activations. Layers that only reshape own no buffer: they
 * pass on their neighbour's; a relu behind a product writes over it, one in front of max pooling is part of
 * that. Through the layers of an image that work example by example a batch goes in parts, forward and
 * in the fused step, so that what one layer gives is still in the second cache when the next takes it;
 * their gradients share the place of one part, and so do outputs that no backward reads. Cost: about
 * three times the multiply-adds of the forward pass, less what the lowest layer saves. Allocates
 * nothing. */
#include "core/memory.h"
#include "core/vector.h"
#include "models/items.h"
#include <string.h>

struct co_workspace {
    const co_model *model;
    size_t max_n, max_rows;
    float *arena, *scratch;
    float *y[CO_MAX_LAYERS], *dy[CO_MAX_LAYERS],
        *cache[CO_MAX_LAYERS];       /* in the arena; y is NULL where it reshapes */
    const float *out[CO_MAX_LAYERS]; /* of the last forward: y, or a neighbour's */
};

/* A cut of the arena. First walk with base NULL measures, the second one hands out. */
typedef struct {
    float *base;
    size_t used;
    bool overflow;
} arena;

static float *cut(arena *a, size_t n)
{
    const size_t start = a->used;
    size_t rounded;
    if (__builtin_add_overflow(n, (size_t)15, &rounded) ||
        __builtin_add_overflow(start, rounded / 16 * 16, &a->used))
        a->overflow = true;
    return a->base ? a->base + start : NULL;
}

static size_t floats_of(arena *a, const co_shape *shape, size_t n, size_t rows)
{
    size_t floats = 0;
    if (__builtin_mul_overflow(shape->sequence ? rows : n, co_shape_size(shape), &floats))
        a->overflow = true;
    return floats;
}

/* Layer l writes over what the layer before gave. */
static bool is_in_place(const co_model *m, size_t l)
{
    return l > 0 && l < m->n_items && m->item[l].layer->in_place && !m->item[l].passes_on &&
           m->item[l - 1].layer->spares_output && !m->item[l - 1].passes_on;
}

/* What item l gives is read by the next one's forward pass alone: the parts of a batch take turns in one buffer. */
static bool is_brief(const co_model *m, size_t l)
{
    size_t next = l + 1;
    if (m->item[l].passes_on) return l > 0 && is_brief(m, l - 1);
    while (next < m->n_parts && m->item[next].passes_on) next++;
    return next < m->n_parts && m->item[l].layer->spares_output && m->item[next].layer->spares_input && !is_in_place(m, next);
}

/* Floats from the start of what item l gives to the part of the batch at hand. */
static size_t part_start(const co_model *m, const co_pass *pass, size_t l)
{
    return is_brief(m, l) ? 0 : pass->first * co_shape_size(&m->item[l].out);
}

static void lay_out(co_workspace *w, arena *a)
{
    const co_model *m = w->model;
    size_t scratch = 0;
    for (size_t l = 0; l < m->n_items; l++) {
        const co_item *i = &m->item[l];
        const size_t kept =
            i->layer->cache_size ? i->layer->cache_size(i->self, w->max_n, w->max_rows) : 0;
        const size_t used =
            i->layer->scratch_size ? i->layer->scratch_size(i->self, w->max_n, w->max_rows) : 0;
        if (is_in_place(m, l))
            w->y[l] = w->y[l - 1];
        else
            w->y[l] = i->passes_on ? NULL : cut(a, floats_of(a, &i->out, is_brief(m, l) && m->part < w->max_n ? m->part : w->max_n,
                                                             w->max_rows));
        w->cache[l] = kept ? cut(a, kept) : NULL;
        if (used > scratch) scratch = used;
    }
    w->scratch = cut(a, scratch);
    for (size_t l = m->n_items;
         l-- > 0;) { /* gradients last: an evaluation never touches these pages */
        const bool shared = is_in_place(m, l + 1) || (l + 1 < m->n_items && m->item[l + 1].passes_on);
        w->dy[l] =
            shared ? w->dy[l + 1] : cut(a, floats_of(a, &m->item[l].out, w->max_n, w->max_rows));
    }
}

co_status co_workspace_create(const co_model *model, size_t max_n, size_t max_rows,
                              co_workspace **workspace)
{
    co_workspace *w = co_calloc(1, sizeof *w);
    *workspace = NULL;
    if (!w) return CO_FAIL(CO_ENOMEM, "workspace");
    w->model = model;
    const co_status st = co_workspace_reserve(w, max_n, max_rows);
    if (st == CO_OK) *workspace = w;
    if (st != CO_OK) co_workspace_destroy(w);
    return st;
}

co_status co_workspace_reserve(co_workspace *w, size_t n, size_t rows)
{
    arena a = {0};
    if (w->arena && n <= w->max_n && rows <= w->max_rows) return CO_OK;
    co_free(w->arena);
    w->arena = NULL;
    if (n > w->max_n) w->max_n = n;
    if (rows > w->max_rows) w->max_rows = w->max_rows ? rows + rows / 4 : rows; /* lengths vary: not each time */
    lay_out(w, &a);
    if (a.overflow || w->max_n > INT32_MAX || w->max_rows > INT32_MAX)
        return CO_FAIL(CO_EUSAGE,
                       "a batch of %zu examples (%zu rows) does not fit into memory; use a smaller batch, and max_tokens "
                       "at the import of long texts",
                       n, rows);
    w->arena = co_malloc(a.used, sizeof *w->arena);
    if (!w->arena)
        return CO_FAIL(CO_ENOMEM,
                       "workspace of %zu floats for %zu examples (%zu rows); use a smaller batch, and max_tokens at the "
                       "import of long texts",
                       a.used, n, rows);
    a = (arena){.base = w->arena};
    lay_out(w, &a);
    return CO_OK;
}

void co_workspace_destroy(co_workspace *workspace)
{
    if (workspace) co_free(workspace->arena);
    co_free(workspace);
}

size_t co_workspace_bytes(const co_model *model, size_t max_n, size_t max_rows)
{
    co_workspace w = {.model = model, .max_n = max_n, .max_rows = max_rows};
    arena a = {0};
    lay_out(&w, &a);
    return a.overflow || a.used > SIZE_MAX / sizeof *w.arena ? 0 : a.used * sizeof *w.arena;
}

static const float *input_of(const co_workspace *w, const co_pass *pass, size_t l)
{
    return l == 0 ? pass->batch->x : w->out[l - 1] + part_start(w->model, pass, l - 1);
}

static const float *output_of(const co_workspace *w, const co_pass *pass, size_t l)
{
    return w->out[l] + part_start(w->model, pass, l);
}

/* Below the last item that takes parts one buffer serves all of them. */
static float *gradient_of(const co_workspace *w, const co_pass *pass, size_t l)
{
    const bool whole = l < w->model->n_parts && w->dy[l] == w->dy[w->model->n_parts - 1];
    return w->dy[l] + (whole ? pass->first * co_shape_size(&w->model->item[l].out) : 0);
}

/* The part of `whole` that follows the one in pass and *batch; the first one when that is empty. False at the end. */
static bool next_part(const co_model *m, const co_pass *whole, co_pass *pass, co_batch *batch)
{
    const size_t first = pass->first + batch->n, left = whole->batch->n - first;
    if (left == 0) return false;
    *batch = *whole->batch;
    batch->n = batch->rows = left < m->part ? left : m->part;
    batch->x += first * co_shape_size(&m->item[0].in);
    pass->batch = batch;
    pass->first = first;
    pass->more = left > batch->n;
    return true;
}

static void forward_items(const co_model *m, const co_workspace *w, const float *params, const co_pass *pass, size_t begin,
                          size_t end)
{
    co_pass at = *pass;
    for (size_t l = begin; l < end; l++) {
        const co_item *i = &m->item[l];
        at.layer = l;
        if (w->y[l])
            i->layer->forward(i->self, &at, params + i->offset, input_of(w, pass, l),
                              w->y[l] + part_start(m, pass, l), w->cache[l], w->scratch);
    }
}

const float *co_model_forward(const co_model *model, co_workspace *workspace, const float *params,
                              const co_pass *pass)
{
    co_workspace *w = workspace;
    co_pass part = *pass;
    co_batch batch = {0};
    CO_ASSERT(w->model == model && pass->batch->n <= w->max_n && pass->batch->rows <= w->max_rows);
    for (size_t l = 0; l < model->n_items; l++) w->out[l] = w->y[l] ? w->y[l] : input_of(w, pass, l);
    while (model->n_parts > 0 && next_part(model, pass, &part, &batch))
        forward_items(model, w, params, &part, 0, model->n_parts);
    forward_items(model, w, params, pass, model->n_parts, model->n_items);
    return w->out[model->n_items - 1];
}

const float *co_model_outputs(const co_model *model, const co_workspace *workspace)
{
    return workspace->out[model->n_items - 1];
}

static void backward_input(const co_item *i, const co_workspace *w, const float *params,
                           const co_pass *at, float *dx)
{
    const size_t l = at->layer;
    i->layer->backward_input(i->self, at, params + i->offset, input_of(w, at, l), output_of(w, at, l),
                             gradient_of(w, at, l), dx, w->cache[l], w->scratch);
}

/* Adds the layer's gradient to its part of grad; frozen tensors get zeros. */
static void backward_params(const co_model *m, const co_item *i, const co_workspace *w, const float *params,
                            const co_pass *at, const float *scale, float *grad)
{
    const size_t l = at->layer;
    i->layer->backward_params(i->self, at, params + i->offset, input_of(w, at, l), output_of(w, at, l),
                              gradient_of(w, at, l), scale, grad + i->offset, w->cache[l], w->scratch);
    for (size_t t = i->first_tensor; t < i->first_tensor + i->n_tensors; t++)
        if (m->tensor[t].role == CO_FROZEN)
            memset(grad + m->tensor[t].offset, 0, m->tensor[t].size * sizeof *grad);
}

void co_model_loss(const co_model *model, co_workspace *workspace, const float *params,
                   const co_pass *pass, const float *scale, float *grad, double *sums)
{
    const float *out = co_model_forward(model, workspace, params, pass);
    float *d_out = grad ? workspace->dy[model->n_items - 1] : NULL;
    model->task->measure(pass, model->labels, &model->criterion, out, d_out, sums);
    if (!grad || model->first_trained == model->n_items) return;
    co_pass at = *pass;
    for (at.layer = model->n_items - 1; at.layer > model->first_trained; at.layer--)
        if (workspace->y[at.layer])
            backward_input(&model->item[at.layer], workspace, params, &at, workspace->dy[at.layer - 1]);
    if (model->item[at.layer].layer->input_first) backward_input(&model->item[at.layer], workspace, params, &at, NULL);
    for (at.layer = model->first_trained; at.layer < model->n_items; at.layer++)
        if (model->item[at.layer].trained)
            backward_params(model, &model->item[at.layer], workspace, params, &at, scale, grad);
}

/* dx, and the step on the layer's own parameters. */
static void step_item(const co_model *m, const co_item *i, const co_workspace *w, float *params,
                      const co_pass *at, float lr, float *grad)
{
    const size_t l = at->layer;
    float *dx = l > m->first_trained ? gradient_of(w, at, l - 1) : NULL, *p = params + i->offset;
    if (i->at_once && i->trained && !i->frozen) {
        i->layer->backward(i->self, at, p, input_of(w, at, l), output_of(w, at, l), gradient_of(w, at, l), dx, -lr, p,
                           w->cache[l], w->scratch);
        return;
    }
    if (dx || i->layer->input_first) backward_input(i, w, params, at, dx);
    if (!i->trained) return;
    if (at->first == 0) memset(grad + i->offset, 0, i->size * sizeof *grad);
    backward_params(m, i, w, params, at, NULL, grad);
    if (!at->more) co_vector_add_scaled(p, grad + i->offset, i->size, -lr);
}

/* Items end - 1 down to begin, as far as anything below trains. */
static void step_items(const co_model *m, const co_workspace *w, float *params, const co_pass *pass, size_t begin, size_t end,
                       float lr, float *grad)
{
    co_pass at = *pass;
    if (begin < m->first_trained) begin = m->first_trained;
    for (size_t l = end; l-- > begin;) {
        at.layer = l;
        if (w->y[l]) step_item(m, &m->item[l], w, params, &at, lr, grad);
    }
}

void co_model_step(const co_model *model, co_workspace *workspace, float *params, const co_pass *pass,
                   float lr, float *grad, double *sums)
{
    const float *out = co_model_forward(model, workspace, params, pass);
    co_pass part = *pass;
    co_batch batch = {0};
    model->task->measure(pass, model->labels, &model->criterion, out, workspace->dy[model->n_items - 1], sums);
    step_items(model, workspace, params, pass, model->n_parts, model->n_items, lr, grad);
    while (model->n_parts > model->first_trained && next_part(model, pass, &part, &batch))
        step_items(model, workspace, params, &part, 0, model->n_parts, lr, grad);
}
