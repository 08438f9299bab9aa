/* models/tasks/ranking.c - outputs as ordered integers, and what their order says.
 *
 * The bits of a float, turned round where it is negative, ascend as floats do (Herf 2001); the
 * complement of that descends. Cost: O(n log n) to sort. */
#include "models/tasks/ranking.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

uint64_t co_pair(float output, bool target)
{
    const float value = output + 0.0f; /* -0 becomes 0 */
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint32_t ascending = bits & 0x80000000u ? ~bits : bits | 0x80000000u;
    return (uint64_t)(uint32_t)~ascending << 1 | (target ? 1u : 0u);
}

static int by_pair(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

void co_pairs_sort(uint64_t *pair, size_t n)
{
    if (n) qsort(pair, n, sizeof *pair, by_pair);
}

double co_average_precision(const uint64_t *pair, size_t n)
{
    double sum = 0.0, found = 0.0;
    for (size_t i = 0; i < n;) {
        const uint64_t output = pair[i] >> 1;
        double here = 0.0;
        for (; i < n && pair[i] >> 1 == output; i++) here += (double)(pair[i] & 1);
        found += here;
        sum += here * (found / (double)i);
    }
    return found > 0.0 ? sum / found : (double)NAN;
}
