/* aggregators/sparse.c - selection by a radix of the bits, and a Golomb-Rice code's length.
 *
 * Magnitudes of floats order as their bits do. The bits of the k-th largest are found in three
 * counts of 11, 10 and 10 bits, each over those that agree with it so far; what is below goes, and
 * of those that equal it the last ones beyond k. Cost: five passes, no memory. */
#include "aggregators/sparse.h"
#include "core/elementary.h"
#include <math.h>
#include <string.h>

co_status co_share_from(const co_config *opt, co_share *share)
{
    const bool has_fraction = co_config_has(opt, "fraction"), has_k = co_config_has(opt, "k");
    *share = (co_share){.fraction = has_fraction ? co_config_real(opt, "fraction") : 0.01};
    if (has_k) share->k = co_config_int(opt, "k");
    if (!has_k || !has_fraction) return CO_OK;
    return co_config_fail(opt, co_config_node(opt, "k"),
                          "stands beside fraction; give one of the two");
}

int64_t co_share_of(const co_share *share, int64_t n)
{
    if (share->k > 0) return share->k < n ? share->k : n;
    const int64_t k = (int64_t)floor(share->fraction * (double)n + 0.5);
    return k > 1 ? k : 1;
}

co_status co_share_check(const co_share *share, const char *stage, int64_t n)
{
    if (share->k <= n) return CO_OK;
    return CO_FAIL(CO_EUSAGE, "transforms: k %lld of %s is above the %lld coordinates that travel",
                   (long long)share->k, stage, (long long)n);
}

enum { MOST_BINS = 1 << 11 };

CO_INLINE uint32_t magnitude(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits & INT32_MAX;
}

/* The bits, from `shift` on, of those of x[n] that agree with prefix there but for the last n_bits;
 * how many. Without a branch, which would be guessed wrong again and again. */
static size_t pick(const float *x, size_t n, uint32_t prefix, int shift, int n_bits, uint32_t *bits)
{
    size_t m = 0;
    for (size_t i = 0; i < n; i++) {
        bits[m] = magnitude(x[i]) >> shift;
        m += bits[m] >> n_bits == prefix;
    }
    return m;
}

/* count[b] = those whose bits from `shift` on are the n_bits b behind what stands in prefix. */
static void count_bins(const float *x, size_t n, uint32_t prefix, int shift, int n_bits,
                       size_t *count)
{
    const uint32_t mask = (1u << n_bits) - 1;
    uint32_t bits[CO_BLOCK];
    memset(count, 0, MOST_BINS * sizeof *count);
    for (size_t at = 0; at < n; at += CO_BLOCK) {
        const size_t m =
            pick(x + at, n - at < CO_BLOCK ? n - at : CO_BLOCK, prefix, shift, n_bits, bits);
        for (size_t i = 0; i < m; i++) count[bits[i] & mask]++;
    }
}

/* The first count, of all, in four tables in turn: equal bins in a row do not wait for each other.
 */
static void count_first(const float *x, size_t n, int shift, size_t *count)
{
    static const size_t rows = 4;
    uint32_t table[4][MOST_BINS] = {0};
    memset(count, 0, MOST_BINS * sizeof *count);
    for (size_t begin = 0; begin < n; begin += UINT32_MAX) { /* so that no bin overflows */
        const size_t end = n - begin < UINT32_MAX ? n : begin + UINT32_MAX;
        size_t i = begin;
        memset(table, 0, sizeof table);
        for (; i + rows <= end; i += rows)
            for (size_t r = 0; r < rows; r++) table[r][magnitude(x[i + r]) >> shift]++;
        for (; i < end; i++) table[0][magnitude(x[i]) >> shift]++;
        for (size_t b = 0; b < MOST_BINS; b++)
            count[b] += (size_t)table[0][b] + table[1][b] + table[2][b] + table[3][b];
    }
}

/* The bin in which the k-th largest lies; *k becomes its place within. */
static uint32_t find_bin(const size_t *count, uint32_t n_bins, size_t *k)
{
    uint32_t b = n_bins - 1;
    while (count[b] < *k) *k -= count[b--];
    return b;
}

/* Bits of the k-th largest magnitude; *ties: how many of those that equal it are among the k. */
static uint32_t kth_largest(const float *x, size_t n, size_t k, size_t *ties)
{
    static const int shift[] = {20, 10, 0}, n_bits[] = {11, 10, 10};
    size_t count[MOST_BINS];
    uint32_t prefix = 0;
    for (int pass = 0; pass < 3; pass++) {
        if (pass == 0)
            count_first(x, n, shift[0], count);
        else
            count_bins(x, n, prefix, shift[pass], n_bits[pass], count);
        prefix = prefix << n_bits[pass] | find_bin(count, 1u << n_bits[pass], &k);
    }
    *ties = k;
    return prefix;
}

/* Zeroes what is below; *n_equal of the rest are least itself. */
CO_CLONES static double cut_below(float *x, size_t n, uint32_t least, size_t *n_equal)
{
    double lane[CO_LANES] = {0};
    uint32_t equal = 0;
    for (size_t i = 0; i < n; i++) {
        const uint32_t bits = magnitude(x[i]);
        x[i] = bits < least ? 0.0f : x[i];
        equal += bits == least;
    }
    size_t i = 0;
    for (; i + CO_LANES <= n; i += CO_LANES)
        for (size_t l = 0; l < CO_LANES; l++) lane[l] += (double)fabsf(x[i + l]);
    for (size_t l = 0; i + l < n; l++) lane[l] += (double)fabsf(x[i + l]);
    *n_equal += equal;
    return co_sum_lanes(lane);
}

double co_keep_largest(float *x, size_t n, size_t k)
{
    size_t ties, n_equal = 0;
    double sum = 0.0;
    if (k > n) k = n;
    const uint32_t least = kth_largest(x, n, k, &ties);
    for (size_t i = 0; i < n; i += CO_BLOCK)
        sum += cut_below(x + i, n - i < CO_BLOCK ? n - i : CO_BLOCK, least, &n_equal);
    for (size_t i = n; n_equal > ties;)
        if (magnitude(x[--i]) == least) {
            sum -= (double)fabsf(x[i]);
            x[i] = 0.0f;
            n_equal--;
        }
    return sum;
}

int64_t co_place_bytes(int64_t k, int64_t n)
{
    int bits = 0;
    while (bits < 62 && INT64_C(1) << bits < n) bits++;
    return (k * bits + 7) / 8;
}

/* 1 + floor(log2(log(phi - 1) / log(1 - p))), p = k / n; not below 0. */
static int golomb_bits(double p)
{
    const double golden = 0.61803398874989485; /* phi - 1 */
    const double ratio = p < 1.0 ? co_plain_log(golden) / co_plain_log1p(-p) : 0.0;
    int bits = 0;
    while (ldexp(1.0, bits) <= ratio) bits++;
    return bits;
}

/* Places of x[n] that are not zero; how many. */
static size_t find_places(const float *x, size_t n, uint32_t *place)
{
    size_t m = 0;
    for (size_t i = 0; i < n; i++) {
        place[m] = (uint32_t)i;
        m += x[i] != 0.0f;
    }
    return m;
}

double co_place_bits(const co_walk *begin, const float *update, int64_t k, int64_t n)
{
    const int rice = golomb_bits((double)k / (double)n);
    uint32_t place[CO_BLOCK];
    int64_t ones = 0, n_found = 0;
    uint64_t next = 0, before = 0; /* behind the last place; in front of the run */
    for (co_walk w = *begin; co_walk_next(&w);)
        for (size_t r = 0, size; r < w.n_runs; r++, before += size) {
            const size_t at = co_walk_run(&w, r, &size), m = find_places(update + at, size, place);
            for (size_t i = 0; i < m; i++) {
                ones += (int64_t)((before + place[i] - next) >> rice);
                next = before + place[i] + 1;
            }
            n_found += (int64_t)m;
        }
    CO_ASSERT(n_found <= k);
    return (double)(ones + k * (1 + rice));
}
