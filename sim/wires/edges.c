/* sim/wires/edges.c - an exact sum for each vector of the bank that the plan's rows add to, and
 * beside it what they count for: the sums of edge servers (sim/edges.h). Rows that add to the model
 * go to its own sum.
 * Cost: one pass over the update, 8 bytes a parameter and vector from each rank. */
#include "core/memory.h"
#include "sim/wires/wire.h"

typedef struct {
    co_exchange *exchange;
    co_bank *bank; /* NULL: nothing but the model */
} edges_wire;

static co_status create(const co_wire_setup *setup, void **self)
{
    edges_wire *w = co_calloc(1, sizeof *w);
    const co_status st =
        co_agree(w ? CO_OK : CO_FAIL(CO_ENOMEM, "sums of edge servers"), setup->exchange->comm);
    if (st == CO_OK)
        *w = (edges_wire){.exchange = setup->exchange, .bank = setup->bank};
    else
        co_free(w);
    *self = st == CO_OK ? w : NULL;
    return st;
}

static void destroy(void *self)
{
    co_free(self);
}

static size_t add(void *self, const co_plan *plan, size_t k, const co_contribution *c)
{
    const edges_wire *w = self;
    const co_plan_row *row = &plan->row[k];
    if (row->into == CO_INTO_MODEL) return co_exchange_add(w->exchange, c->update, c->coefficient);
    co_exchange *x = &w->bank->vector[row->into - 1];
    co_exchange_scalar(x, 0, row->share);
    return co_exchange_add(x, c->update, c->coefficient);
}

static co_gathered finish(void *self, const co_plan *plan, const co_chain *chain)
{
    const edges_wire *w = self;
    (void)plan;
    (void)chain;
    if (w->bank) co_bank_reduce(w->bank);
    return (co_gathered){0};
}

const co_wire co_wire_edges = {.name = "edges",
                               .summary = "one exact sum for each edge server",
                               .create = create,
                               .destroy = destroy,
                               .add = add,
                               .finish = finish};
