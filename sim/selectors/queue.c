/* sim/selectors/queue.c - a heap of devices, the least key on top. */
#include "sim/selectors/queue.h"
#include "core/elementary.h"
#include "core/memory.h"
#include "core/status.h"

bool co_queue_init(co_queue *r, size_t room)
{
    *r = (co_queue){.room = room, .item = co_malloc(room, sizeof *r->item)};
    return r->item != NULL;
}

void co_queue_fini(co_queue *r)
{
    co_free(r->item);
    *r = (co_queue){0};
}

void co_queue_clear(co_queue *r)
{
    r->n = 0;
}

void co_queue_add(co_queue *r, double key, int64_t device)
{
    CO_ASSERT(r->n < r->room);
    r->item[r->n++] = (co_queued){key, device};
}

static bool before(const co_queued *a, const co_queued *b)
{
    return a->key < b->key || (a->key == b->key && a->device < b->device);
}

/* Puts x where item[i] was: no parent behind a child. */
static void sink(co_queue *r, size_t i, co_queued x)
{
    for (size_t child = 2 * i + 1; child < r->n; child = 2 * i + 1) {
        if (child + 1 < r->n && before(&r->item[child + 1], &r->item[child])) child++;
        if (!before(&r->item[child], &x)) break;
        r->item[i] = r->item[child];
        i = child;
    }
    r->item[i] = x;
}

void co_queue_settle(co_queue *r)
{
    for (size_t i = r->n / 2; i-- > 0;) sink(r, i, r->item[i]);
}

bool co_queue_take(co_queue *r, co_queued *next)
{
    if (r->n == 0) return false;
    *next = r->item[0];
    const co_queued last = r->item[--r->n];
    if (r->n > 0) sink(r, 0, last);
    return true;
}

co_queue_chances co_queue_chances_open(const co_stream *stream)
{
    return (co_queue_chances){.stream = *stream, .first = -1};
}

double co_queue_chance(co_queue_chances *c, int64_t device, double weight)
{
    enum { N = sizeof c->word / sizeof *c->word };
    if (c->first != device - device % N) {
        c->first = device - device % N;
        co_fill_u32(&c->stream, (uint64_t)c->first, N, c->word);
    }
    const double u = ((double)c->word[device % N] + 0.5) * 0x1p-32;
    return weight > 0.0 ? -co_plain_log(u) / weight : INFINITY;
}
