/* sim/devices/population_arrival.c - the order in which examples arrive. */
#include "sim/devices/population_private.h"

/* By arrival, then id. context: period of each example. */
int co_by_arrival(const void *a, const void *b, void *context)
{
    const int64_t i = *(const int64_t *)a, j = *(const int64_t *)b;
    const int32_t *period = context;
    if (period[i] != period[j]) return period[i] < period[j] ? -1 : 1;
    return (i > j) - (i < j);
}

int64_t co_population_before(const co_population *p, const int64_t *ids, int64_t n, int64_t period)
{
    int64_t low = 0, high = n;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (p->period_of[ids[middle]] < period)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}
