/* sim/wires/ring.c - residues modulo 2^b, added as devices come; nothing is kept of a single
 * update.
 *
 * Scalars, counts and the status stay exact beside them. A rank's own sum is kept below 2^b, so
 * that the reduction adds one number below 2^b a rank. Cost: as `sum`, 8 bytes a coordinate from
 * each rank, whatever b is. */
#include "core/clones.h"
#include "core/memory.h"
#include "sim/wires/wire.h"

typedef struct {
    co_exchange *exchange;
    int64_t mask; /* 2^b - 1 */
} ring;

static co_status create(const co_wire_setup *setup, void **self)
{
    const co_comm *comm = setup->exchange->comm;
    ring *w = co_calloc(1, sizeof *w);
    CO_ASSERT(setup->bits > 0 && setup->bits <= CO_MAX_RING_BITS);
    const co_status st = co_agree(w ? CO_OK : CO_FAIL(CO_ENOMEM, "ring"), comm);
    if (st == CO_OK)
        *w = (ring){setup->exchange, (INT64_C(1) << setup->bits) - 1};
    else
        co_free(w);
    *self = st == CO_OK ? w : NULL;
    return st;
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
    co_exchange_slices(w->exchange, slice);
    for (int r = 0; r < w->exchange->comm->size; r++)
        add_residues(slice[r].sum, c->residue + slice[r].first, slice[r].n, w->mask);
    return 0;
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
                              .destroy = co_free,
                              .add = add,
                              .finish = finish};
