/* sim/devices/turns.h - in how many rounds of a run a device takes part: what its budget must last
 * for. Local; Same on all ranks. */
#pragma once
#include <stdint.h>

/* The least number of hits that n independent draws of probability `rate` exceed with probability
 * at most `share`; *beyond: with which. n >= 0, rate in [0, 1], 0 < share < 1. Four operations
 * alone: the same everywhere. Cost: some 40 standard deviations. */
int64_t co_turns_quantile(int64_t n, double rate, double share, double *beyond);
