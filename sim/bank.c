/* sim/bank.c - vectors beside the model. A step costs one reduce-scatter and one all-gather a
 * vector. */
#include "sim/bank.h"
#include "core/memory.h"

/* Room for one vector more. Local. */
static co_status grow(co_bank *b, const char *name)
{
    char **names = co_realloc(b->name, b->n + 1, sizeof *names);
    if (names) b->name = names;
    co_exchange *vectors = co_realloc(b->vector, b->n + 1, sizeof *vectors);
    if (vectors) b->vector = vectors;
    char *copy = names && vectors ? co_strdup(name) : NULL;
    if (!copy) return CO_FAIL(CO_ENOMEM, "vectors beside the model");
    b->name[b->n] = copy;
    return CO_OK;
}

co_status co_bank_open(co_bank *b, const char *name, const co_layout *layout, size_t n_scalars,
                       const co_comm *comm)
{
    const co_status grown = grow(b, name);
    co_status st = co_agree(grown, comm);
    if (st == CO_OK)
        st = co_exchange_init(&b->vector[b->n], layout, CO_BOARD_TRAINED, 0, n_scalars, 0, comm);
    if (st == CO_OK)
        b->n++;
    else if (grown == CO_OK)
        co_free(b->name[b->n]);
    return st;
}

void co_bank_fini(co_bank *b)
{
    for (size_t k = 0; k < b->n; k++) {
        co_exchange_fini(&b->vector[k]);
        co_free(b->name[k]);
    }
    co_free(b->name);
    co_free(b->vector);
    *b = (co_bank){0};
}

size_t co_bank_bytes(const co_bank *b)
{
    size_t sum = 0;
    for (size_t k = 0; k < b->n; k++) sum += co_exchange_bytes(&b->vector[k]);
    return sum;
}

size_t co_bank_node_bytes(const co_bank *b)
{
    size_t sum = 0;
    for (size_t k = 0; k < b->n; k++) sum += b->vector[k].board.bytes;
    return sum;
}

const float *co_bank_read(const co_bank *b, size_t into)
{
    return into > 0 && into <= b->n ? b->vector[into - 1].model : NULL;
}

float *co_bank_own(const co_bank *b, size_t k)
{
    return b->vector[k].model + b->vector[k].first;
}

void co_bank_clear(co_bank *b)
{
    for (size_t k = 0; k < b->n; k++) co_exchange_clear(&b->vector[k]);
}

void co_bank_add(co_bank *b, size_t into, const float *value, double weight)
{
    CO_ASSERT(into > 0 && into <= b->n);
    co_exchange_add(&b->vector[into - 1], value, weight);
}

void co_bank_step(co_bank *b, double *scratch)
{
    double wait_s;
    for (size_t k = 0; k < b->n; k++) {
        co_exchange *x = &b->vector[k];
        float *own = co_bank_own(b, k);
        co_exchange_reduce(x, &wait_s);
        co_exchange_values(x, scratch);
        for (size_t j = 0; j < x->n_own; j++) own[j] += (float)scratch[j];
        co_exchange_gather(x);
    }
}

void co_bank_reduce(co_bank *b)
{
    double wait_s;
    for (size_t k = 0; k < b->n; k++) co_exchange_reduce(&b->vector[k], &wait_s);
}

void co_bank_gather(co_bank *b)
{
    for (size_t k = 0; k < b->n; k++) co_exchange_gather(&b->vector[k]);
}
