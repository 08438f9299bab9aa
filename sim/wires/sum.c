/* sim/wires/sum.c - exact sums as devices come: nothing is kept of a single update.
 * Cost: one pass over the update, 8 bytes a parameter from each rank. */
#include "core/memory.h"
#include "sim/wires/wire.h"

static co_status create(const co_wire_setup *setup, void **self)
{
    *self = setup->exchange; /* borrowed: all there is */
    return CO_OK;
}

static void slices(void *self, co_sum_slice *slice)
{
    co_exchange_slices(self, slice);
}

static size_t add(void *self, const co_plan *plan, size_t row, const co_contribution *c)
{
    co_exchange *x = self;
    (void)plan;
    (void)row;
    if (!c->grid) return co_exchange_add(x, c->update, c->coefficient);
    co_sum_slice slice[x->comm->size];
    co_exchange_slices(x, slice);
    co_add_bounded(c->mechanism, c->grid, c->update, c->bounded_norm, c->bounded_weight, slice,
                   (size_t)x->comm->size);
    return 0;
}

static co_gathered finish(void *self, const co_plan *plan, const co_chain *chain)
{
    (void)self;
    (void)plan;
    (void)chain;
    return (co_gathered){0};
}

const co_wire co_wire_sum = {.name = "sum",
                             .summary = "one exact sum; no single update is kept",
                             .create = create,
                             .slices = slices,
                             .add = add,
                             .finish = finish};
