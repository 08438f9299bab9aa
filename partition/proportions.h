/* partition/proportions.h - proportions of many devices: Dirichlet draws and exact cuts, the same
 * on any ranks. */
#pragma once
#include "partition/partitioner.h"

/* log_weight[i] = log of the Gamma(alpha, 1) draw of device first + i, i < n, under (draw_id,
 * group): normalised over all devices, the weights are one Dirichlet(alpha, .., alpha) draw. Local.
 */
void co_proportions_draw(const co_partition_input *in, uint64_t draw_id, uint64_t group,
                         double alpha, int64_t first, int64_t n, double *log_weight);
/* The same where each device has a concentration of its own: alpha[i] of device first + i. */
void co_proportions_draw_each(const co_partition_input *in, uint64_t draw_id, uint64_t group,
                              const double *alpha, int64_t first, int64_t n, double *log_weight);

/* Cuts n examples among all devices in proportion to exp(log_weight[i]), i over the devices of this
 * rank; -INFINITY gets none. count[i * stride] += what it gets: with P the cumulated proportions
 * and u a keyed uniform draw, floor(n P_k + u) - floor(n P_(k-1) + u), so that each device expects
 * exactly its proportion and all together get n (nothing when every weight is 0). The sums are of
 * integers (weights in units of 2^-s of the largest, s = 62 - log2 K): no order of ranks can change
 * them. log_weight is overwritten. Collective(in->ranks). */
void co_proportions_cut(const co_partition_input *in, uint64_t draw_id, uint64_t group,
                        double *log_weight, int64_t n, int32_t *count, size_t stride);
