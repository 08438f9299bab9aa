/* sim/bank.c - vectors beside the model. A step costs one reduce-scatter and one all-gather a
 * vector. */
#include "sim/bank.h"

co_status co_bank_open(co_bank *b, const char *name, const co_layout *layout, const co_comm *comm)
{
    CO_ASSERT(b->n < CO_MAX_BANK);
    CO_TRY(co_exchange_init(&b->vector[b->n], layout, CO_BOARD_TRAINED, 0, 0, 0, comm));
    b->name[b->n++] = name;
    return CO_OK;
}

void co_bank_fini(co_bank *b)
{
    for (size_t k = 0; k < b->n; k++) co_exchange_fini(&b->vector[k]);
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

void co_bank_gather(co_bank *b)
{
    for (size_t k = 0; k < b->n; k++) co_exchange_gather(&b->vector[k]);
}
