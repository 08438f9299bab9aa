/* privacy/accountants/rdp_shares.h - Renyi divergence of noise that many devices add in shares.
 * Local.
 */
#pragma once
#include "privacy/accountants/accountant.h"

/* Whether an event's noise is such: no other accountant knows its loss. */
static inline bool co_noise_is_shared(co_noise noise)
{
    return noise == CO_NOISE_DDGAUSS || noise == CO_NOISE_SKELLAM;
}
/* excess x an upper bound on the divergence of order 1 + excess > 1, without sampling. */
double co_rdp_shares(const co_event *event, double excess);
/* table[a] = the same of integer order a under Poisson sampling, 2 <= a < n; table[0] = table[1] =
 * 0. */
void co_rdp_shares_poisson(const co_event *event, double *table, size_t n);
