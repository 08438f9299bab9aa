/* models/tasks/ranking.h - metrics that need the order of all outputs: what no sums over batches
 * can tell. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An output and whether it should be high, as a number that is the smaller the higher the output;
 * equal outputs (0 and -0 too) share all bits but the lowest. Local. */
uint64_t co_pair(float output, bool target);
void co_pairs_sort(uint64_t *pair, size_t n); /* ascending: highest output first. Local. */

/* Average precision of sorted pairs: the mean over the targets of the share of targets among all
 * outputs at least as high, which is sum_k (R_k - R_(k-1)) P_k over the distinct outputs
 * (scikit-learn's average_precision_score). Outputs are compared as they are, as logits, so that
 * none run together at probability 1. NaN without targets. A function of the multiset of pairs
 * alone: the same bits in any order and on any number of ranks. Local. Cost: O(n). */
double co_average_precision(const uint64_t *pair, size_t n);
