/* models/graph/clipping_parts.c - what both ways to sums of clipped gradients share: parts of a
 * batch, forward with the loss of each example alone, the factor of a norm. */
#include "models/graph/graph.h"
#include <math.h>

size_t co_clip_place(const co_clip_run *r, const co_tensor *tensor)
{
    return r->pass->frozen ? co_layout_place(&r->m->layout, tensor->offset) : tensor->offset;
}

uint32_t co_clip_group(const co_clip_run *r, size_t t)
{
    return r->how->group ? r->how->group[t] : 0;
}

float co_clipping_factor(double norm, double clip)
{
    const double most = clip * (1.0 - CO_CLIP_ROOM);
    if (!isfinite(norm)) return 0.0f;
    return norm <= most ? 1.0f : (float)(most / norm);
}

/* Labels are of rows, not of examples. */
static bool labels_rows(const co_task *task)
{
    return task->per_row && !task->label_per_text;
}

void co_clip_part(const co_clip_run *r, size_t first, size_t n, co_batch *batch, co_pass *pass)
{
    const co_model *m = r->m;
    const co_batch *whole = r->pass->batch;
    const co_shape text = {.sequence = true}, target = {.sequence = true, .target = true};
    co_batch_part(whole, first, n, m->node[0].floats,
                  m->task->label_words ? m->task->label_words(m->labels->n) : 1,
                  labels_rows(m->task), r->w->offsets, batch);
    *pass = *r->pass;
    pass->batch = batch;
    pass->drawn += first;
    pass->drawn_rows += co_shape_first_row(&text, whole, first);
    pass->drawn_target_rows += co_shape_first_row(&target, whole, first);
}

void co_clip_forward(const co_clip_run *r, const co_pass *pass)
{
    const co_model *m = r->m;
    const co_vertex *last = &m->node[m->n_nodes - 1];
    const float *out = co_pass_forward(m, r->w, r->params, pass, 0, pass->batch->x);
    float *d_out = r->w->slot[m->n_nodes - 1].dy;
    for (size_t i = 0; i < pass->batch->n; i++) {
        const size_t at = co_shape_first_row(&last->out, pass->batch, i) * last->floats;
        int64_t offsets[4];
        co_batch one;
        co_pass alone = *pass;
        co_batch_part(pass->batch, i, 1, m->node[0].floats,
                      m->task->label_words ? m->task->label_words(m->labels->n) : 1,
                      labels_rows(m->task), offsets, &one);
        alone.batch = &one;
        m->task->measure(&alone, m->labels, &m->criterion, out + at, d_out + at, r->sums);
    }
}

/* ---- formed ---- */
