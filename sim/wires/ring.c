/* sim/wires/ring.c - residues modulo 2^b, added as devices come; nothing is kept of a single
 * update.
 *
 * Scalars, counts and the status stay exact beside them. With at most 32 bits a rank adds in words
 * of as many, which may wrap; a stage can do so while it makes the integers. In the end a rank's
 * own sum is below 2^b, so that the reduction adds one number below 2^b a rank. Cost: as `sum`, 8
 * bytes a coordinate from each rank, whatever b is, and 4 more of memory with words. */
#include "core/clones.h"
#include "core/memory.h"
#include "sim/wires/wire.h"
#include <string.h>

typedef struct {
    co_exchange *exchange;
    int64_t mask;    /* 2^b - 1 */
    uint32_t *words; /* [n] with at most 32 bits, else NULL */
} ring;

static void destroy(void *self)
{
    if (self) co_free(((ring *)self)->words);
    co_free(self);
}

static co_status create(const co_wire_setup *setup, void **self)
{
    const co_comm *comm = setup->exchange->comm;
    ring *w = co_calloc(1, sizeof *w);
    CO_ASSERT(setup->bits > 0 && setup->bits <= CO_MAX_RING_BITS);
    bool whole = w != NULL;
    if (w) {
        *w = (ring){setup->exchange, (INT64_C(1) << setup->bits) - 1, NULL};
        if (setup->bits <= 32) w->words = co_malloc(setup->exchange->n, sizeof *w->words);
        whole = w->words || setup->bits > 32;
    }
    const co_status st = co_agree(whole ? CO_OK : CO_FAIL(CO_ENOMEM, "ring"), comm);
    if (st != CO_OK) destroy(w);
    *self = st == CO_OK ? w : NULL;
    return st;
}

static size_t bytes(const void *self)
{
    const ring *w = self;
    return w->words ? w->exchange->n * sizeof *w->words : 0;
}

static void begin(void *self, const co_plan *plan)
{
    const ring *w = self;
    (void)plan;
    if (w->words) memset(w->words, 0, w->exchange->n * sizeof *w->words);
}

static uint32_t *words(void *self)
{
    return ((ring *)self)->words;
}

CO_CLONES static void add_residue_words(uint32_t *restrict sum, const uint64_t *restrict residue,
                                        size_t n)
{
    for (size_t j = 0; j < n; j++) sum[j] += (uint32_t)residue[j];
}

CO_CLONES static void take_words(int64_t *restrict sum, const uint32_t *restrict word, size_t n,
                                 int64_t mask)
{
    for (size_t j = 0; j < n; j++) sum[j] = (int64_t)word[j] & mask;
}

CO_CLONES static void add_residues(int64_t *restrict sum, const uint64_t *restrict residue,
                                   size_t n, int64_t mask)
{
    for (size_t j = 0; j < n; j++) sum[j] = (sum[j] + (int64_t)residue[j]) & mask;
}

CO_CLONES static void reduce(int64_t *sum, size_t n, int64_t mask)
{
    for (size_t j = 0; j < n; j++) sum[j] &= mask;
}

static size_t add(void *self, const co_plan *plan, size_t row, const co_contribution *c)
{
    const ring *w = self;
    co_sum_slice slice[w->exchange->comm->size];
    (void)plan;
    (void)row;
    if (w->words) {
        if (!c->words) add_residue_words(w->words, c->residue, w->exchange->n);
        return 0;
    }
    co_exchange_slices(w->exchange, slice);
    for (int r = 0; r < w->exchange->comm->size; r++)
        add_residues(slice[r].sum, c->residue + slice[r].first, slice[r].n, w->mask);
    return 0;
}

static void send(void *self)
{
    const ring *w = self;
    co_sum_slice slice[w->exchange->comm->size];
    if (!w->words) return;
    co_exchange_slices(w->exchange, slice);
    for (int r = 0; r < w->exchange->comm->size; r++)
        take_words(slice[r].sum, w->words + slice[r].first, slice[r].n, w->mask);
}

static co_gathered finish(void *self, const co_plan *plan, const co_chain *chain)
{
    const ring *w = self;
    (void)plan;
    (void)chain;
    reduce(co_exchange_sum(w->exchange), w->exchange->n_own, w->mask);
    return (co_gathered){0};
}

const co_wire co_wire_ring = {.name = "ring",
                              .summary = "integers modulo 2^b, for stages that make such",
                              .residues = true,
                              .create = create,
                              .destroy = destroy,
                              .bytes = bytes,
                              .begin = begin,
                              .words = words,
                              .add = add,
                              .send = send,
                              .finish = finish};
