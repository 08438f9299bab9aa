/* aggregators/hadamard.c - signs from one bit a coordinate, then log2 n passes of sums and
 * differences in double. Cost: 2 ns a coordinate with AVX-512. */
#include "aggregators/hadamard.h"
#include "core/clones.h"
#include "core/random.h"
#include "core/vector.h"
#include <math.h>
#include <string.h>

/* Pairs half apart, for all of x. */
CO_INLINE void butterflies(double *x, size_t n, size_t half)
{
    for (size_t at = 0; at < n; at += 2 * half)
        for (size_t j = at; j < at + half; j++) {
            const double a = x[j], b = x[j + half];
            x[j] = a + b;
            x[j + half] = a - b;
        }
}

CO_CLONES static void transform(double *x, size_t n, double scale)
{
    for (size_t half = 1; half < n && half < 8; half *= 2) butterflies(x, n, half);
    for (size_t half = 8; half < n; half *= 2) butterflies(x, n, half);
    for (size_t j = 0; j < n; j++) x[j] *= scale;
}

void co_hadamard(double *x, size_t n)
{
    transform(x, n, 1.0 / sqrt((double)n));
}

size_t co_hadamard_piece(size_t n)
{
    size_t size = 1;
    while (2 * size <= n) size *= 2;
    return size;
}

static void transform_pieces(double *x, size_t n)
{
    for (size_t at = 0; at < n;) {
        const size_t size = co_hadamard_piece(n - at);
        co_hadamard(x + at, size);
        at += size;
    }
}

CO_CLONES static void flip(double *x, const uint32_t *restrict bits, size_t n)
{
    for (size_t j = 0; j < n; j++) {
        const uint32_t bit = bits[j / 32] >> (j % 32) & 1;
        x[j] *= 1.0 - 2.0 * (double)(int32_t)bit;
    }
}

static void change_signs(uint64_t seed, int64_t step, uint64_t block, double *x, size_t n)
{
    uint32_t bits[CO_BLOCK / 32];
    const co_stream s = co_stream_open(seed, CO_DRAW_SIGNS, (uint64_t)step, block, 0);
    co_fill_u32(&s, 0, (n + 31) / 32, bits);
    flip(x, bits, n);
}

void co_rotate_block(uint64_t seed, int64_t step, uint64_t block, double *x, size_t n)
{
    change_signs(seed, step, block, x, n);
    transform_pieces(x, n);
}

void co_unrotate_block(uint64_t seed, int64_t step, uint64_t block, double *x, size_t n)
{
    transform_pieces(x, n);
    change_signs(seed, step, block, x, n);
}

/* The first shared span that ends behind `from`. */
static const co_part *span_at(const co_layout *l, size_t from)
{
    size_t lo = 0, hi = l->n_spans[CO_SHARED];
    while (lo < hi) {
        const size_t k = lo + (hi - lo) / 2;
        const co_part *s = &l->span[CO_SHARED][k];
        if (s->offset + s->size <= from)
            lo = k + 1;
        else
            hi = k;
    }
    return l->span[CO_SHARED] + lo;
}

/* What of a span lies in [from, to), counted from `from`. */
static size_t cut(const co_part *s, size_t from, size_t to, size_t *at)
{
    const size_t first = s->offset > from ? s->offset : from,
                 last = s->offset + s->size < to ? s->offset + s->size : to;
    *at = first - from;
    return last - first;
}

size_t co_block_gather(const co_layout *l, size_t from, size_t to, const double *values,
                       double *shared)
{
    const co_part *end = l->span[CO_SHARED] + l->n_spans[CO_SHARED];
    size_t n = 0, at;
    for (const co_part *s = span_at(l, from); s < end && s->offset < to; s++) {
        const size_t size = cut(s, from, to, &at);
        memcpy(shared + n, values + at, size * sizeof *shared);
        n += size;
    }
    return n;
}

void co_block_scatter(const co_layout *l, size_t from, size_t to, const double *shared,
                      double *values)
{
    const co_part *end = l->span[CO_SHARED] + l->n_spans[CO_SHARED];
    size_t at;
    for (const co_part *s = span_at(l, from); s < end && s->offset < to; s++) {
        const size_t size = cut(s, from, to, &at);
        memcpy(values + at, shared, size * sizeof *shared);
        shared += size;
    }
}

void co_rotate(const co_layout *l, uint64_t seed, int64_t step, double scale, float *update)
{
    double values[CO_BLOCK], shared[CO_BLOCK];
    for (const co_part *p = l->part; p < l->part + l->n_parts; p++)
        for (size_t done = 0; done < p->size; done += CO_BLOCK) {
            const size_t from = p->offset + done,
                         m = p->size - done < CO_BLOCK ? p->size - done : CO_BLOCK;
            float *u = update + p->at + done;
            for (size_t j = 0; j < m; j++) values[j] = (double)u[j];
            const size_t n = co_block_gather(l, from, from + m, values, shared);
            co_rotate_block(seed, step, from / CO_BLOCK, shared, n);
            co_block_scatter(l, from, from + m, shared, values);
            for (size_t j = 0; j < m; j++) u[j] = (float)(values[j] * scale);
        }
}

void co_unrotate(const co_layout *l, const co_part *part, size_t n_parts, uint64_t seed,
                 int64_t step, double *values)
{
    double shared[CO_BLOCK];
    for (const co_part *p = part; p < part + n_parts; p++)
        for (size_t done = 0; done < p->size; done += CO_BLOCK) {
            const size_t from = p->offset + done,
                         m = p->size - done < CO_BLOCK ? p->size - done : CO_BLOCK;
            double *x = values + p->at + done;
            const size_t n = co_block_gather(l, from, from + m, x, shared);
            co_unrotate_block(seed, step, from / CO_BLOCK, shared, n);
            co_block_scatter(l, from, from + m, shared, x);
        }
}
