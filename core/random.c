/* core/random.c - streams, and draws taken one by one.
 *
 * The name of a stream goes through one Philox4x64-10 block; 128 of its bits are the key and the
 * upper counter half of a Philox4x32-10 stream, of which 2^64 words are used. Two streams overlap
 * only if they agree in all 128 bits. All real arithmetic is from core/elementary.h and sqrt: the
 * same bits on every processor. Costs: a word 4 ns, a normal 55 ns, a gamma 160 ns. Sources: Salmon
 * et al., SC 2011 (Philox); Lemire, ACM TOMACS 29(1), 2019, Algorithm 5 (below); Box & Muller 1958;
 * Marsaglia & Tsang, ACM TOMS 26(3), 2000, section 8 (gamma; shape < 1 by G(a) = G(a + 1) U^(1/a),
 * here in logs); Floyd, in Bentley, CACM 30(9), 1987 (subset); Knuth, TAOCP 2, 3.4.2 P (shuffle).
 */
#include "core/random.h"
#include "core/elementary.h"
#include "core/status.h"
#include <Random123/philox.h>
#include <float.h>

co_stream co_stream_open(uint64_t seed, co_purpose purpose, uint64_t round, uint64_t device,
                         uint64_t step)
{
    const philox4x64_ctr_t name = {{round, device, step, 0}};
    const philox4x64_key_t key = {{seed, (uint64_t)purpose}};
    const philox4x64_ctr_t x = philox4x64(name, key);
    return (co_stream){.key = {(uint32_t)x.v[0], (uint32_t)(x.v[0] >> 32)},
                       .high = {(uint32_t)x.v[1], (uint32_t)(x.v[1] >> 32)}};
}

uint32_t co_draw_u32(co_stream *s)
{
    if (s->next % 4 == 0) {
        const uint64_t block = s->next / 4;
        const philox4x32_ctr_t counter = {
            {(uint32_t)block, (uint32_t)(block >> 32), s->high[0], s->high[1]}};
        const philox4x32_key_t key = {{s->key[0], s->key[1]}};
        const philox4x32_ctr_t x = philox4x32(counter, key);
        memcpy(s->word, x.v, sizeof s->word);
    }
    return s->word[s->next++ % 4];
}

uint64_t co_draw_u64(co_stream *s)
{
    const uint64_t low = co_draw_u32(s);
    return (uint64_t)co_draw_u32(s) << 32 | low;
}

double co_draw_uniform(co_stream *s)
{
    return (double)(co_draw_u64(s) >> 11) * 0x1p-53;
}

uint64_t co_draw_below(co_stream *s, uint64_t n)
{
    CO_ASSERT(n > 0);
    unsigned __int128 product = (unsigned __int128)co_draw_u64(s) * n;
    if ((uint64_t)product < n) {
        const uint64_t uneven =
            -n % n; /* 2^64 mod n: so many low halves would favour some results */
        while ((uint64_t)product < uneven) product = (unsigned __int128)co_draw_u64(s) * n;
    }
    return (uint64_t)(product >> 64);
}

double co_draw_normal(co_stream *s)
{
    const double u = 1.0 - co_draw_uniform(s); /* (0, 1] */
    return sqrt(-2.0 * co_plain_log(u)) * co_plain_cos_turn(co_draw_uniform(s));
}

void co_skip_normal(co_stream *s, uint64_t n)
{
    CO_ASSERT(s->next % 4 == 0); /* no block is begun */
    s->next += 4 * n;
}

/* log of Gamma(shape, 1), shape >= 1. */
static double gamma_log(co_stream *s, double shape)
{
    const double d = shape - 1.0 / 3.0, c = 1.0 / sqrt(9.0 * d);
    for (;;) {
        const double x = co_draw_normal(s), v = 1.0 + c * x;
        if (v <= 0.0) continue;
        const double log_v = 3.0 * co_plain_log(v), log_u = co_plain_log(1.0 - co_draw_uniform(s));
        if (log_u < 0.5 * x * x + d * (1.0 - v * v * v + log_v)) return co_plain_log(d) + log_v;
    }
}

double co_draw_gap(co_stream *s, double rate)
{
    if (!(rate < 1.0)) return 0.0;
    return floor(co_plain_log(1.0 - co_draw_uniform(s)) / co_plain_log1p(-rate));
}

double co_draw_gamma_log(co_stream *s, double shape)
{
    CO_ASSERT(shape > 0.0 && shape <= DBL_MAX);
    if (shape >= 1.0) return gamma_log(s, shape);
    const double log_u = co_plain_log(1.0 - co_draw_uniform(s));
    return fmax(gamma_log(s, shape + 1.0) + log_u / shape, -DBL_MAX);
}

void co_draw_dirichlet(co_stream *s, const double *alpha, size_t n, double *p)
{
    double largest = -DBL_MAX, sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        p[i] = co_draw_gamma_log(s, alpha[i]);
        largest = fmax(largest, p[i]);
    }
    for (size_t i = 0; i < n; i++) {
        p[i] = co_plain_exp(p[i] - largest); /* the largest becomes 1: the sum is at least 1 */
        sum += p[i];
    }
    for (size_t i = 0; i < n; i++) p[i] /= sum;
}

void co_draw_shuffle(co_stream *s, int64_t *items, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        const size_t j = (size_t)co_draw_below(s, i);
        const int64_t item = items[i - 1];
        items[i - 1] = items[j];
        items[j] = item;
    }
}

/* Slots of the hash table: a power of two, at most half full. */
size_t co_draw_subset_scratch(size_t m)
{
    size_t n = 2;
    while (n < 2 * m) n *= 2;
    return n;
}

/* Adds x to the table of `slots` (empty: -1); false when it is there already. */
static bool table_add(int64_t *table, size_t slots, int64_t x)
{
    size_t i = (size_t)((uint64_t)x * 0x9E3779B97F4A7C15u >> 20) & (slots - 1);
    for (; table[i] != -1; i = (i + 1) & (slots - 1))
        if (table[i] == x) return false;
    table[i] = x;
    return true;
}

/* Sorts n numbers of [0, limit] by bytes, low byte first: one O(n) pass a byte of limit. */
static void sort_bytes(int64_t *items, int64_t *spare, size_t n, int64_t limit)
{
    int64_t *from = items, *to = spare;
    for (int shift = 0; shift < 64 && limit >> shift > 0; shift += 8) {
        size_t start[257] = {0};
        for (size_t i = 0; i < n; i++) start[(from[i] >> shift & 255) + 1]++;
        for (int b = 0; b < 255; b++) start[b + 1] += start[b];
        for (size_t i = 0; i < n; i++) to[start[from[i] >> shift & 255]++] = from[i];
        int64_t *const sorted = to;
        to = from;
        from = sorted;
    }
    if (from != items) memcpy(items, from, n * sizeof *items);
}

static void sort_few(int64_t *items, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        const int64_t item = items[i];
        size_t j = i;
        for (; j > 0 && items[j - 1] > item; j--) items[j] = items[j - 1];
        items[j] = item;
    }
}

void co_draw_subset(co_stream *s, int64_t n, size_t m, int64_t *out, int64_t *scratch)
{
    CO_ASSERT(n >= 0 && m <= (uint64_t)n);
    const size_t slots = co_draw_subset_scratch(m);
    memset(scratch, -1, slots * sizeof *scratch);
    for (size_t i = 0; i < m; i++) {
        const int64_t last =
            n - (int64_t)(m - i); /* a new number each time: it was out of range before */
        const int64_t x = (int64_t)co_draw_below(s, (uint64_t)last + 1);
        out[i] = table_add(scratch, slots, x) ? x : last;
        if (out[i] != x) table_add(scratch, slots, last);
    }
    if (m <= 32)
        sort_few(out, m);
    else
        sort_bytes(out, scratch, m, n - 1);
}
