/* models/graph/layout.c - which blocks of the vector are trained, and where they stand without the
 * others. Cost: linear in tensors. */
#include "core/vector.h"
#include "models/graph/graph.h"
#include <string.h>

/* The blocks that a tensor lies in, behind those of the tensors before it. */
static void add_blocks(co_layout *l, const co_tensor *tensor)
{
    const size_t begin = tensor->offset / CO_BLOCK * CO_BLOCK,
                 end = co_n_blocks(tensor->offset + tensor->size) * CO_BLOCK;
    co_part *last = l->part + l->n_parts;
    if (l->n_parts > 0 && begin <= last[-1].offset + last[-1].size) {
        last[-1].size = end - last[-1].offset;
        return;
    }
    *last = (co_part){.offset = begin, .size = end - begin};
    if (l->n_parts > 0) last->at = last[-1].at + last[-1].size;
    l->n_parts++;
}

static void find_parts(co_model *m)
{
    co_layout *l = &m->layout;
    l->whole = m->size;
    l->n_parts = l->n = 0;
    for (size_t t = 0; t < m->n_tensors; t++)
        if (m->tensor[t].role != CO_FROZEN) add_blocks(l, &m->tensor[t]);
    if (l->n_parts == 0) return;
    co_part *last = &l->part[l->n_parts - 1];
    if (last->offset + last->size > m->size) last->size = m->size - last->offset;
    l->n = last->at + last->size;
}

/* From one place in what is trained to another; what lies in one part and has one role becomes one
 * span. */
static void add_span(co_layout *l, co_role role, size_t begin, size_t end)
{
    for (const co_part *p = l->part; p < l->part + l->n_parts && begin < end; p++) {
        const size_t part_end = p->at + p->size, until = end < part_end ? end : part_end;
        if (begin >= until) continue;
        co_part *last = l->span[role] + l->n_spans[role];
        if (l->n_spans[role] > 0 && last[-1].at + last[-1].size == begin && begin > p->at)
            last[-1].size += until - begin;
        else
            *last = (co_part){p->offset + (begin - p->at), begin, until - begin},
            l->n_spans[role]++;
        begin = until;
    }
}

/* Frozen is what lies between the tensors that are not. */
static void find_spans(co_model *m)
{
    co_layout *l = &m->layout;
    size_t end = 0;
    memset(l->n_spans, 0, sizeof l->n_spans);
    l->n_shared = 0;
    for (size_t t = 0; t < m->n_tensors; t++) {
        const co_tensor *tensor = &m->tensor[t];
        if (tensor->role == CO_FROZEN) continue;
        const size_t at = co_layout_place(l, tensor->offset);
        add_span(l, CO_FROZEN, end, at);
        add_span(l, tensor->role, at, at + tensor->size);
        end = at + tensor->size;
        if (tensor->role == CO_SHARED) l->n_shared += tensor->size;
    }
    add_span(l, CO_FROZEN, end, l->n);
}

/* Gradients that a layer forms of frozen tensors beside those of trained ones go behind the rest:
 * every node's to the same room. */
static void place_tensors(co_model *m)
{
    co_layout *l = &m->layout;
    l->n_grad = l->n;
    for (size_t k = 1; k < m->n_nodes; k++) {
        co_vertex *v = &m->node[k];
        size_t end = l->n;
        for (size_t t = 0; t < v->n_tensors; t++) {
            const co_tensor *tensor = &m->tensor[v->tensor[t]];
            v->is_frozen[t] = tensor->role == CO_FROZEN;
            v->place[t] = v->is_frozen[t] ? v->at[t] : co_layout_place(l, v->at[t]);
            v->grad_place[t] = v->is_frozen[t] ? end : v->place[t];
            if (v->is_frozen[t]) end += tensor->size;
        }
        bool trained = false;
        for (size_t t = 0; t < v->n_tensors; t++) trained |= !v->is_frozen[t];
        if (trained && end > l->n_grad) l->n_grad = end;
    }
}

void co_lay_out(co_model *m)
{
    find_parts(m);
    find_spans(m);
    place_tensors(m);
}

size_t co_layout_place(const co_layout *l, size_t offset)
{
    size_t k = 0;
    while (k < l->n_parts && offset >= l->part[k].offset + l->part[k].size) k++;
    CO_ASSERT(k < l->n_parts && offset >= l->part[k].offset);
    return l->part[k].at + (offset - l->part[k].offset);
}

void co_layout_pack(const co_layout *l, const float *whole, float *trained)
{
    for (const co_part *p = l->part; p < l->part + l->n_parts; p++)
        memmove(trained + p->at, whole + p->offset, p->size * sizeof *trained);
}

void co_layout_unpack(const co_layout *l, const float *trained, float *whole)
{
    for (const co_part *p = l->part; p < l->part + l->n_parts; p++)
        memcpy(whole + p->offset, trained + p->at, p->size * sizeof *whole);
}
