/* aggregators/updates.c - sums, distances and sorting over rows of updates.
 *
 * Sum of rows: per coordinate the largest |a_i x_i| sets a power of two; every term is rounded to a
 * multiple of that step, small enough that all sums of such integers are exact in double. So any
 * order of the devices gives the same bits; the error is n_rows^2 2^-52 of the largest term at
 * most. Distances: double partials over blocks of 4,096 coordinates with 16 fixed lanes
 * (differences of floats are exact in double), blocks added exactly (core/exact.h): the same for
 * any cut into slices. Sorting: merge exchange over rows, elementwise on tiles, O(m log^2 m) vector
 * operations a tile for m devices. Source: Batcher 1968 as in Knuth, TAOCP 3, 5.2.2, Algorithm M,
 * which takes any m. */
#include "aggregators/updates.h"
#include "core/clones.h"
#include "core/vector.h"
#include <math.h>
#include <string.h>

#define LANES 16

/* The power of two that brings numbers below 2^(exponent field of `largest`, unbiased, + 1) below
 * 2^bits. */
CO_INLINE double step_of(double largest, int bits)
{
    uint64_t field;
    memcpy(&field, &largest, sizeof field);
    field >>= 52;
    if (field < 128) field = 128; /* below 2^-895: no step that fine is needed */
    field = (uint64_t)(2045 + bits) - field;
    field <<= 52;
    double scale;
    memcpy(&scale, &field, sizeof scale);
    return scale;
}

CO_CLONES static void largest_terms(const float *restrict x, const double *restrict centre,
                                    double a, size_t n, double *restrict largest)
{
    for (size_t j = 0; j < n; j++) {
        const double term = fabs(a * ((double)x[j] - centre[j]));
        largest[j] = term > largest[j] ? term : largest[j];
    }
}

CO_CLONES static void add_terms(const float *restrict x, const double *restrict centre, double a,
                                const double *restrict scale, size_t n, double *restrict sum)
{
    for (size_t j = 0; j < n; j++) sum[j] += rint(a * ((double)x[j] - centre[j]) * scale[j]);
}

void co_rows_sum(const co_updates *in, const double *a, const double *centre, double *out)
{
    enum { SPAN = 512 };
    int bits = 52;
    for (size_t m = in->n_rows; m > 1; m = (m + 1) / 2) bits--;
    for (size_t at = 0; at < in->n; at += SPAN) {
        const size_t n = in->n - at < SPAN ? in->n - at : SPAN;
        double from[SPAN] = {0}, scale[SPAN] = {0}, sum[SPAN] = {0};
        if (centre) memcpy(from, centre + at, n * sizeof *from);
        for (size_t i = 0; i < in->n_rows; i++)
            if (a[i] != 0.0) largest_terms(in->row[i] + at, from, a[i], n, scale);
        for (size_t j = 0; j < n; j++) scale[j] = step_of(scale[j], bits);
        for (size_t i = 0; i < in->n_rows; i++)
            if (a[i] != 0.0) add_terms(in->row[i] + at, from, a[i], scale, n, sum);
        for (size_t j = 0; j < n; j++) out[at + j] = sum[j] / scale[j];
    }
}

CO_CLONES static double block_square(const float *x, const double *y, size_t n)
{
    double lane[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t l = 0; l < LANES; l++) {
            const double d = (double)x[i + l] - y[i + l];
            lane[l] += d * d;
        }
    for (size_t l = 0; i + l < n; l++) {
        const double d = (double)x[i + l] - y[i + l];
        lane[l] += d * d;
    }
    for (size_t half = LANES / 2; half > 0; half /= 2)
        for (size_t l = 0; l < half; l++) lane[l] += lane[l + half];
    return lane[0];
}

CO_CLONES static void widen(const float *x, size_t n, double *out)
{
    for (size_t i = 0; i < n; i++) out[i] = (double)x[i];
}

static void sum_over_ranks(const co_updates *in, co_scalar *sums, size_t n)
{
    if (!in->comm || in->comm->size == 1) return;
    MPI_Allreduce(MPI_IN_PLACE, sums, (int)(n * CO_SCALAR_DIGITS), MPI_INT64_T, MPI_SUM,
                  in->comm->world);
}

void co_rows_distances(const co_updates *in, const double *centre, co_scalar *sums,
                       double *distance)
{
    memset(sums, 0, in->n_rows * sizeof *sums);
    for (size_t i = 0; i < in->n_rows; i++)
        for (size_t at = 0; at < in->n; at += CO_BLOCK) {
            const size_t n = in->n - at < CO_BLOCK ? in->n - at : CO_BLOCK;
            co_scalar_add(&sums[i], block_square(in->row[i] + at, centre + at, n));
        }
    for (size_t i = 0; i < in->n_rows; i += CO_PAIRS)
        sum_over_ranks(in, sums + i, in->n_rows - i < CO_PAIRS ? in->n_rows - i : CO_PAIRS);
    for (size_t i = 0; i < in->n_rows; i++) distance[i] = sqrt(co_scalar_value(&sums[i]));
}

/* Pairs (i, k), i < k, in the order of the upper triangle's rows. */
typedef struct {
    size_t i, k;
} pair;

static pair next_pair(pair p, size_t m)
{
    return p.k + 1 < m ? (pair){p.i, p.k + 1} : (pair){p.i + 1, p.i + 2};
}

void co_rows_pair_squares(const co_updates *in, co_scalar *sums, double *square)
{
    const size_t m = in->n_rows, n_pairs = m * (m - 1) / 2;
    pair first = {0, 1};
    memset(square, 0, m * m * sizeof *square);
    for (size_t done = 0; done < n_pairs; done += CO_PAIRS) {
        const size_t n = n_pairs - done < CO_PAIRS ? n_pairs - done : CO_PAIRS;
        memset(sums, 0, n * sizeof *sums);
        for (size_t at = 0; at < in->n; at += CO_BLOCK) {
            const size_t width = in->n - at < CO_BLOCK ? in->n - at : CO_BLOCK;
            double row[CO_BLOCK];
            size_t held = m;
            pair p = first;
            for (size_t q = 0; q < n; q++, p = next_pair(p, m)) {
                if (held != p.i) widen(in->row[held = p.i] + at, width, row);
                co_scalar_add(&sums[q], block_square(in->row[p.k] + at, row, width));
            }
        }
        sum_over_ranks(in, sums, n);
        for (size_t q = 0; q < n; q++, first = next_pair(first, m))
            square[first.i * m + first.k] = square[first.k * m + first.i] =
                co_scalar_value(&sums[q]);
    }
}

/* The smaller of each two numbers to low. */
CO_INLINE void exchange(float *restrict low, float *restrict high)
{
    for (size_t j = 0; j < CO_TILE; j++) {
        const float a = low[j], b = high[j];
        low[j] = b < a ? b : a;
        high[j] = b < a ? a : b;
    }
}

CO_CLONES static void sort_tile(float *tile, size_t m)
{
    size_t top = 1;
    if (m < 2) return;
    while (2 * top < m) top *= 2;
    for (size_t p = top; p > 0; p /= 2) {
        size_t q = top, r = 0, d = p;
        for (;;) {
            for (size_t i = 0; i + d < m; i++)
                if ((i & p) == r) exchange(tile + i * CO_TILE, tile + (i + d) * CO_TILE);
            if (q == p) break;
            d = q - p;
            q /= 2;
            r = p;
        }
    }
}

void co_rows_sorted(const co_updates *in, float *tile, co_tile_visit *visit, const void *context,
                    double *update)
{
    for (size_t at = 0; at < in->n; at += CO_TILE) {
        const size_t n = in->n - at < CO_TILE ? in->n - at : CO_TILE;
        for (size_t i = 0; i < in->n_rows; i++) {
            memcpy(tile + i * CO_TILE, in->row[i] + at, n * sizeof *tile);
            memset(tile + i * CO_TILE + n, 0, (CO_TILE - n) * sizeof *tile);
        }
        sort_tile(tile, in->n_rows);
        visit(context, tile, in->n_rows, n, update + at);
    }
}
