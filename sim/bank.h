/* sim/bank.h - vectors of what is trained of the model beside it, one copy a node: devices receive
 * them with the model, and contributions add to them.
 *
 * Vector k + 1 of a plan's `into` is vector k here (CO_INTO_MODEL is the model itself, which the
 * aggregator and the server's optimiser step). A vector of the bank gains the exact sum of what
 * came, each part times its weight. Members: what scaffold and feddyn have all devices receive; the
 * models of edge servers, as how far they are from the cloud's (sim/edges.h). Memory a rank and
 * vector as the exchange's. */
#pragma once
#include "sim/wires/exchange.h"

typedef struct {
    size_t n;
    char **name;         /* [n] in checkpoints: server/<name> */
    co_exchange *vector; /* [n] */
} co_bank;

/* One vector more, zero at first, and beside its sum so many exact scalars. CO_ENOMEM.
 * Collective(comm). */
co_status co_bank_open(co_bank *bank, const char *name, const co_layout *layout, size_t n_scalars,
                       const co_comm *comm);
void co_bank_fini(co_bank *bank);               /* Collective(node) */
size_t co_bank_bytes(const co_bank *bank);      /* a rank */
size_t co_bank_node_bytes(const co_bank *bank); /* a node beside it */
/* The whole vector [n]; NULL when there is none. Local. */
const float *co_bank_read(const co_bank *bank, size_t into);
float *co_bank_own(const co_bank *bank, size_t k); /* this rank's slice of vector k */

/* A step: clear; add for each part that comes; step. */
void co_bank_clear(co_bank *bank); /* Local */
/* value[n]; weight >= 0, of all parts together at most 1. Local. */
void co_bank_add(co_bank *bank, size_t into, const float *value, double weight);
/* Every vector gains its sum. scratch: as many doubles as this rank owns coordinates.
 * Collective(comm). */
void co_bank_step(co_bank *bank, double *scratch);
/* The sums alone, without that the vectors gain them. Collective(comm). */
void co_bank_reduce(co_bank *bank);
/* Makes slices that ranks wrote known to all. Collective(comm). */
void co_bank_gather(co_bank *bank);
