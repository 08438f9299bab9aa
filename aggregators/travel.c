/* aggregators/travel.c - parts cut into blocks, beside the spans that travel; both ascending, so
 * that a walk is one pass over either. */
#include "aggregators/travel.h"
#include <string.h>

co_walk co_walk_begin(const co_layout *layout, const co_part *part, size_t n_parts)
{
    co_walk w = {.part = part, .part_end = part + n_parts};
    if (!layout) return w;
    w.span = layout->span[CO_SHARED];
    w.span_end = w.span + layout->n_spans[CO_SHARED];
    return w;
}

static size_t min(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t max(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* The spans that meet the block; w->span goes on to the first that may meet the next one. */
static void find_runs(co_walk *w)
{
    const size_t end = w->offset + w->size;
    w->n = w->n_runs = 0;
    if (!w->span_end) {
        w->run = w->part; /* of which the block is a piece */
        w->n = w->size;
        w->n_runs = 1;
        return;
    }
    while (w->span < w->span_end && w->span->offset + w->span->size <= w->offset) w->span++;
    w->run = w->span;
    for (const co_part *s = w->span; s < w->span_end && s->offset < end; s++, w->n_runs++)
        w->n += min(s->offset + s->size, end) - max(s->offset, w->offset);
}

bool co_walk_next(co_walk *w)
{
    do {
        while (w->part < w->part_end && w->done >= w->part->size) w->part++, w->done = 0;
        if (w->part == w->part_end) return false;
        w->offset = w->part->offset + w->done;
        w->at = w->part->at + w->done;
        w->size = min(w->part->size - w->done, CO_BLOCK - w->offset % CO_BLOCK);
        w->done += w->size;
        find_runs(w);
    } while (w->n == 0);
    return true;
}

size_t co_walk_run(const co_walk *w, size_t k, size_t *n)
{
    const co_part *run = w->run + k;
    const size_t begin = max(run->offset, w->offset),
                 end = min(run->offset + run->size, w->offset + w->size);
    *n = end - begin;
    return w->at + (begin - w->offset);
}

void *co_walk_pack(const co_walk *w, void *x, size_t bytes, void *room)
{
    size_t n, at = 0;
    if (w->n_runs == 1) return (char *)x + co_walk_run(w, 0, &n) * bytes;
    for (size_t k = 0; k < w->n_runs; k++, at += n) {
        const size_t from = co_walk_run(w, k, &n);
        memcpy((char *)room + at * bytes, (const char *)x + from * bytes, n * bytes);
    }
    return room;
}

void co_walk_unpack(const co_walk *w, const void *packed, size_t bytes, void *x)
{
    size_t n, at = 0;
    for (size_t k = 0; w->n_runs > 1 && k < w->n_runs; k++, at += n) {
        const size_t to = co_walk_run(w, k, &n);
        memcpy((char *)x + to * bytes, (const char *)packed + at * bytes, n * bytes);
    }
}

size_t co_walk_count(const co_layout *layout, const co_part *part, size_t n_parts)
{
    size_t n = 0;
    for (co_walk w = co_walk_begin(layout, part, n_parts); co_walk_next(&w);) n += w.n;
    return n;
}
