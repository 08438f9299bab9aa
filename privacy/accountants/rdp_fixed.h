/* privacy/accountants/rdp_fixed.h - Renyi divergence under sampling of a fixed size without
 * replacement. Local. */
#pragma once
#include "privacy/accountants/accountant.h"

/* table[a] = (a - 1) x an upper bound on the divergence of integer order a, for 2 <= a < n;
 * table[0] = table[1] = 0. */
co_status co_rdp_fixed(const co_event *event, double *table, size_t n);
