/* aggregators/hadamard.c - fast Walsh-Hadamard transforms, two stages of butterflies a pass. */
#include "aggregators/hadamard.h"
#include "core/random.h"
#include <math.h>
#include <string.h>

typedef double octet __attribute__((vector_size(8 * sizeof(double))));

/* The stages of pairs 1, 2 and 4 apart: (a, b) becomes (b + a, a - b). */
CO_INLINE void walsh_octet(double *x)
{
    octet v;
    memcpy(&v, x, sizeof v);
    v = __builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3) +
        v * (octet){1, 1, 1, 1, -1, -1, -1, -1};
    v = __builtin_shufflevector(v, v, 2, 3, 0, 1, 6, 7, 4, 5) +
        v * (octet){1, 1, -1, -1, 1, 1, -1, -1};
    v = __builtin_shufflevector(v, v, 1, 0, 3, 2, 5, 4, 7, 6) +
        v * (octet){1, -1, 1, -1, 1, -1, 1, -1};
    memcpy(x, &v, sizeof v);
}

/* x <- H x sqrt n, n a power of two. */
CO_CLONES static void walsh(double *x, size_t n)
{
    size_t h = n / 2;
    for (; h >= 16; h /= 4)
        for (size_t i = 0; i < n; i += 2 * h) CO_IN_ANY_ORDER
    for (size_t j = i; j < i + h / 2; j++) {
        const double a = x[j] + x[j + h], b = x[j + h / 2] + x[j + h + h / 2];
        const double c = x[j] - x[j + h], d = x[j + h / 2] - x[j + h + h / 2];
        x[j] = a + b;
        x[j + h / 2] = a - b;
        x[j + h] = c + d;
        x[j + h + h / 2] = c - d;
    }
    for (; h > 0 && (h >= 8 || n < 8); h /= 2)
        for (size_t i = 0; i < n; i += 2 * h) CO_IN_ANY_ORDER
    for (size_t j = i; j < i + h; j++) {
        const double a = x[j], b = x[j + h];
        x[j] = a + b;
        x[j + h] = a - b;
    }
    for (size_t i = 0; h > 0 && i < n; i += 8) walsh_octet(x + i);
}

/* y = x with the signs that the bits from `bit` of the words on say, times scale. A piece below 32
 * lies within a word, others begin with one. */
CO_CLONES static void flip(double *y, size_t n, const uint32_t *word, size_t bit, double scale)
{
    for (size_t i = 0; i < n; i += 32) {
        const uint32_t w = word[(bit + i) / 32] >> bit % 32;
        const size_t m = n - i < 32 ? n - i : 32;
        for (size_t k = 0; k < m; k++) y[i + k] *= w >> k & 1 ? -scale : scale;
    }
}

static size_t largest_power(size_t n)
{
    size_t power = 1;
    while (power <= n / 2) power *= 2;
    return power;
}

/* A block's travelling coordinates, y[n] <- factor H D y, or factor D H y. */
static void rotate_block(uint64_t seed, int64_t step, size_t offset, bool is_back, double factor,
                         double *y, size_t n)
{
    uint32_t word[CO_BLOCK / 32];
    const co_stream s = co_stream_open(seed, CO_DRAW_ROTATE, (uint64_t)step, 0, offset / CO_BLOCK);
    co_fill_u32(&s, 0, (n + 31) / 32, word);
    for (size_t at = 0, m; at < n; at += m) {
        m = largest_power(n - at);
        const double scale = factor / sqrt((double)m);
        if (!is_back) flip(y + at, m, word, at, scale);
        walsh(y + at, m);
        if (is_back) flip(y + at, m, word, at, scale);
    }
}

CO_CLONES static void to_doubles(const float *restrict x, size_t n, double *restrict y)
{
    for (size_t i = 0; i < n; i++) y[i] = (double)x[i];
}

CO_CLONES static void narrow(const double *restrict y, size_t n, float *restrict x)
{
    for (size_t i = 0; i < n; i++) x[i] = (float)y[i];
}

void co_rotate(const co_layout *layout, uint64_t seed, int64_t step, const co_part *part,
               size_t n_parts, double factor, float *update)
{
    float room[CO_BLOCK];
    double y[CO_BLOCK];
    for (co_walk w = co_walk_begin(layout, part, n_parts); co_walk_next(&w);) {
        float *x = co_walk_pack(&w, update, sizeof *x, room);
        to_doubles(x, w.n, y);
        rotate_block(seed, step, w.offset, false, factor, y, w.n);
        narrow(y, w.n, x);
        co_walk_unpack(&w, x, sizeof *x, update);
    }
}

void co_rotate_back(const co_layout *layout, uint64_t seed, int64_t step, const co_part *part,
                    size_t n_parts, double *value)
{
    double room[CO_BLOCK];
    for (co_walk w = co_walk_begin(layout, part, n_parts); co_walk_next(&w);) {
        double *y = co_walk_pack(&w, value, sizeof *y, room);
        rotate_block(seed, step, w.offset, true, 1.0, y, w.n);
        co_walk_unpack(&w, y, sizeof *y, value);
    }
}
