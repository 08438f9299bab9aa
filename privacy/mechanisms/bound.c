/* privacy/mechanisms/bound.c - clip in double, round toward zero, and check the integer norm:
 * shrink until it holds.
 *
 * The step is the power of two with scale = multiplier clip / step in [2^20, 2^21): it depends on
 * public numbers alone. Rounding toward zero never lengthens a vector; what rounding of the factor
 * may add is caught by the exact check sum q^2 <= floor((clip / step)^2) in 128 bits (laplace: sum
 * |q| <= floor(clip / step)). The integers are added and measured in one pass; in the rare case
 * that they are too long they are taken off again, to the bit. Cost: 0.3 ns a coordinate with
 * AVX-512, what the sum without a bound takes. Adaptive clip: Andrew et al. 2021, arXiv:1905.03871,
 * equation 2 and Algorithm 1. */
#include "privacy/mechanisms/bound.h"
#include "core/clones.h"
#include "core/elementary.h"
#include "core/vector.h"
#include <math.h>
#include <string.h>

#define SHRINK (1.0 - 0x1p-20)
#define NOISE_REACH 64.0 /* scales */
#define LARGEST 0x1p51   /* of one integer */
#define SHORT                                                                                      \
    0x1p25 /* below it they fit into 32 bits, to which processors truncate in one instruction, and \
              a block's squares into 64 */
#define LANES 16

co_status co_grid_make(const co_mechanism *mechanism, double clip, double multiplier, double n_most,
                       co_grid *grid)
{
    int exponent;
    *grid = (co_grid){.clip = clip, .step = 0.0, .bound = INFINITY};
    if (multiplier == 0.0) return CO_OK;
    (void)frexp(multiplier * clip, &exponent); /* in [2^(exponent - 1), 2^exponent) */
    grid->step = ldexp(1.0, exponent - 21);
    grid->bound = clip / grid->step;
    grid->scale = multiplier * clip / grid->step;
    if (mechanism->is_exact) grid->scale = ceil(grid->scale);
    if (grid->bound < LARGEST && n_most * grid->bound + NOISE_REACH * grid->scale < 0x1p62)
        return CO_OK;
    return CO_FAIL(CO_EUSAGE,
                   "privacy: noise of %g x clip is too little for exact sums of up to %.0f "
                   "devices: a step of %g would need "
                   "sums above 2^62; use a noise_multiplier of 0, or a larger one",
                   multiplier, n_most, grid->step);
}

CO_CLONES static double block_l1(const float *u, size_t n)
{
    double lane[LANES] = {0}, sum = 0.0;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t k = 0; k < LANES; k++) lane[k] += fabs((double)u[i + k]);
    for (size_t k = 0; i < n; i++, k++) lane[k] += fabs((double)u[i]);
    for (size_t k = 0; k < LANES; k++) sum += lane[k];
    return sum;
}

double co_norm_l1(const float *u, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i += CO_BLOCK)
        sum += block_l1(u + i, n - i < CO_BLOCK ? n - i : CO_BLOCK);
    return sum;
}

double co_clip_factor(double clip, double norm)
{
    return norm > clip ? clip / norm : 1.0;
}

/* floor(|x|), |x| < 2^51: |x| + 2^52 shows the nearest integer in its low bits; one less where that
 * is above |x|, which the bits of positive numbers tell. No rounding instruction, so that every
 * instruction set vectorises it. */
CO_INLINE uint64_t size_of(double x)
{
    uint64_t bits, shifted_bits, nearest_bits;
    memcpy(&bits, &x, sizeof bits);
    bits &= INT64_MAX;
    double size;
    memcpy(&size, &bits, sizeof size);
    const double shifted = size + 0x1p52, nearest = shifted - 0x1p52;
    memcpy(&shifted_bits, &shifted, sizeof shifted_bits);
    memcpy(&nearest_bits, &nearest, sizeof nearest_bits);
    return (shifted_bits & 0xfffffffffffff) - ((int64_t)nearest_bits > (int64_t)bits);
}

/* trunc(x) as an integer. */
CO_INLINE int64_t truncated(double x)
{
    int64_t bits;
    memcpy(&bits, &x, sizeof bits);
    const int64_t sign = bits >> 63;
    return ((int64_t)size_of(x) ^ sign) - sign;
}

CO_CLONES static void add_long(int64_t *restrict sum, const float *restrict u, size_t n,
                               double scale)
{
    for (size_t j = 0; j < n; j++) sum[j] += truncated((double)u[j] * scale);
}

/* Adds an integer below SHORT to its sum, its square or magnitude to a lane. */
CO_INLINE void add_short_one(bool squares, int64_t *sum, double x, uint64_t *lane, uint64_t *bits)
{
    const int64_t q = (int32_t)x;
    const uint64_t size = (uint64_t)(squares ? q * q : q < 0 ? -q : q);
    *sum += q;
    *lane += size;
    *bits |= size;
}

/* The sum of a block's squares or magnitudes. *seen: at least the largest of them. */
CO_INLINE uint64_t add_short(bool squares, int64_t *restrict sum, const float *restrict u, size_t n,
                             double scale, uint64_t *seen)
{
    uint64_t lane[LANES] = {0}, bits[LANES] = {0}, total = 0;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t k = 0; k < LANES; k++)
            add_short_one(squares, sum + i + k, (double)u[i + k] * scale, lane + k, bits + k);
    for (size_t k = 0; i + k < n; k++)
        add_short_one(squares, sum + i + k, (double)u[i + k] * scale, lane + k, bits + k);
    for (size_t k = 0; k < LANES; k++) {
        total += lane[k];
        *seen |= bits[k];
    }
    return total;
}

CO_CLONES static uint64_t add_short_squares(int64_t *restrict sum, const float *restrict u,
                                            size_t n, double scale, uint64_t *seen)
{
    return add_short(true, sum, u, n, scale, seen);
}

CO_CLONES static uint64_t add_short_sizes(int64_t *restrict sum, const float *restrict u, size_t n,
                                          double scale, uint64_t *seen)
{
    return add_short(false, sum, u, n, scale, seen);
}

static unsigned __int128 long_norm(bool squares, const float *u, size_t n, double scale)
{
    unsigned __int128 total = 0;
    for (size_t j = 0; j < n; j++) {
        const unsigned __int128 size = size_of((double)u[j] * scale);
        total += squares ? size * size : size;
    }
    return total;
}

/* sum[j] += trunc(scale u[j]) over one slice. The integers' L1 norm or the square of their L2 norm.
 * most: they are not larger, unless the norm that the scale was made from is wrong: by more than 2
 * x, it shows. */
static unsigned __int128 add_steps(bool squares, int64_t *sum, const float *u, size_t n,
                                   double scale, double most)
{
    unsigned __int128 total = 0;
    uint64_t seen = 0;
    for (size_t i = 0; i < n; i += CO_BLOCK) {
        const size_t m = n - i < CO_BLOCK ? n - i : CO_BLOCK;
        if (most < SHORT || (double)co_block_largest(u + i, m) * fabs(scale) < SHORT) {
            total +=
                (squares ? add_short_squares : add_short_sizes)(sum + i, u + i, m, scale, &seen);
        } else {
            add_long(sum + i, u + i, m, scale);
            total += long_norm(squares, u + i, m, scale);
        }
    }
    CO_ASSERT((double)seen < (squares ? 4.0 * SHORT * SHORT : 2.0 * SHORT));
    return total;
}

/* floor(x^2) for 0 <= x < 2^51, exactly. */
static unsigned __int128 floor_square(double x)
{
    int exponent;
    const uint64_t m = (uint64_t)ldexp(frexp(x, &exponent), 53); /* x = m 2^(exponent - 53) */
    const int shift = 2 * (53 - exponent);
    return shift > 127 ? 0 : ((unsigned __int128)m * m) >> shift;
}

double co_add_bounded(const co_mechanism *mechanism, const co_grid *grid, const float *u,
                      double norm, double weight, const co_sum_slice *slice, size_t n_slices)
{
    const bool squares = mechanism->norm == CO_NORM_L2;
    const unsigned __int128 bound = squares ? floor_square(grid->bound) : (uint64_t)grid->bound;
    double scale = co_clip_factor(grid->clip, norm) * weight / grid->step;
    CO_ASSERT(grid->scale > 0.0 && weight >= 0.0 && weight <= 1.0);
    for (;;) {
        unsigned __int128 total = 0;
        for (size_t s = 0; s < n_slices; s++)
            total += add_steps(squares, slice[s].sum, u + slice[s].first, slice[s].n, scale,
                               grid->bound);
        if (total <= bound) return scale;
        for (size_t s = 0; s < n_slices; s++)
            add_steps(squares, slice[s].sum, u + slice[s].first, slice[s].n, -scale, grid->bound);
        scale *= SHRINK;
    }
}

double co_adapted_clip(double clip, double fraction, double quantile, double rate)
{
    const double e = rate * (quantile - fraction);
    const double moved = e <= 0.0 ? clip * co_plain_exp(e) : clip / co_plain_exp(-e);
    return fmin(1e30, fmax(1e-30, moved));
}
