/* core/exact.c - fixed-point sums of vectors, and an accumulator that loses nothing for scalars.
 *
 * Vectors: q = rint(a u 2^44) with a u 2^44 in double, ties to even. Since sum a <= 1 and |u| <=
 * 2^18, |sum q| <= 2^62 + terms / 2 < 2^63. The conversion to int64 is made of additions of 1.5
 * 2^52, whose low bits then are the rounded integer, on an upper and a lower part: no instruction
 * set is needed for it and all give the same bits. Scalars: x = +-m 2^e with m < 2^53 is cut into
 * three digits of 32 bits, each added to its int64: a digit grows by less than 2^32 an addition, so
 * 2^31 additions (all merged sums together) stay below 2^63. Carries wait until the value is asked
 * for. Integer addition is associative, hence any order and any tree gives the same sum.
 * Cost: vectors 0.2-0.3 ns a coordinate, a scalar 4-10 ns to add and 80 ns to read.
 * Source: the accumulator is Kulisch's (Kulisch & Miranker 1981) with carries delayed; see also
 * Neal, arXiv:1505.05571. */
#include "core/exact.h"
#include "core/clones.h"
#include "core/status.h"
#include "core/vector.h"
#include <math.h>
#include <string.h>

#define BLOCK                                                                                      \
    (CO_BLOCK / 2) /* elements between two looks at a result; with their sums in the first cache   \
                    */
#define MAGIC 0x1.8p52

static size_t block_size(size_t left)
{
    return left < CO_BLOCK ? left : CO_BLOCK;
}

CO_CLONES static uint32_t block_not_finite(const float *u, size_t n)
{
    uint32_t bad = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &u[i], sizeof bits);
        bad |= (bits & 0x7f800000) == 0x7f800000;
    }
    return bad;
}

bool co_vector_finite(const float *u, size_t n)
{
    for (size_t i = 0; i < n; i += BLOCK)
        if (block_not_finite(u + i, n - i < BLOCK ? n - i : BLOCK)) return false;
    return true;
}

static const int64_t magic_bits = 0x4338000000000000; /* of 1.5 2^52 */

/* rint(x) as an integer, |x| < 2^63. */
CO_INLINE int64_t to_integer(double x)
{
    const double upper =
        x * 0x1p-32 + MAGIC; /* + nearest multiple of 2^32; what is left below 2^31 is exact */
    const double lower = x - (upper - MAGIC) * 0x1p32 + MAGIC;
    int64_t upper_bits, lower_bits;
    memcpy(&upper_bits, &upper, sizeof upper);
    memcpy(&lower_bits, &lower, sizeof lower);
    /* The lower 32 bits of MAGIC are 0: its upper ones leave by the shift. */
    return (int64_t)((uint64_t)upper_bits << 32) + (lower_bits - magic_bits);
}

CO_CLONES static uint32_t block_add(int64_t *restrict sum, const float *restrict u, size_t n,
                                    double scale)
{
    const int32_t bound =
        0x48800000; /* bits of CO_EXACT_BOUND; magnitudes compare as their bits do */
    uint32_t n_cut = 0;
    for (size_t j = 0; j < n; j++) {
        int32_t bits;
        memcpy(&bits, &u[j], sizeof bits);
        const int32_t size = bits & INT32_MAX, kept = size < bound ? size : bound,
                      signed_bits = kept | (bits & INT32_MIN);
        float cut;
        memcpy(&cut, &signed_bits, sizeof cut);
        n_cut += size > bound;
        sum[j] += to_integer((double)cut * scale);
    }
    return n_cut;
}

/* The same for |x| < 2^51, where one addition rounds; of any other x something that only depends on
 * x. */
CO_INLINE uint64_t to_small_integer(double x)
{
    const double rounded = x + MAGIC;
    int64_t bits;
    memcpy(&bits, &rounded, sizeof bits);
    return (uint64_t)bits - (uint64_t)magic_bits;
}

/* For |u scale| < 2^51: most blocks are such. */
CO_CLONES static void block_add_small(int64_t *restrict sum, const float *restrict u, size_t n,
                                      double scale)
{
    for (size_t j = 0; j < n; j++)
        sum[j] = (int64_t)((uint64_t)sum[j] + to_small_integer((double)u[j] * scale));
}

/* Takes what was added off again, whatever u is. */
CO_CLONES static void block_take_off(int64_t *restrict sum, const float *restrict u, size_t n,
                                     double scale)
{
    for (size_t j = 0; j < n; j++)
        sum[j] = (int64_t)((uint64_t)sum[j] - to_small_integer((double)u[j] * scale));
}

/* u -= y, added as above; the sum of squares, as co_vector_difference adds it. */
CO_CLONES static double block_add_difference(int64_t *restrict sum, float *restrict u,
                                             const float *restrict y, size_t n, double scale)
{
    double lane[CO_LANES] = {0};
    size_t i = 0;
    for (; i + CO_LANES <= n; i += CO_LANES)
        for (size_t l = 0; l < CO_LANES; l++) {
            const float d = u[i + l] - y[i + l];
            u[i + l] = d;
            lane[l] += (double)d * (double)d;
            sum[i + l] = (int64_t)((uint64_t)sum[i + l] + to_small_integer((double)d * scale));
        }
    for (size_t l = 0; i + l < n; l++) {
        const float d = u[i + l] - y[i + l];
        u[i + l] = d;
        lane[l] += (double)d * (double)d;
        sum[i + l] = (int64_t)((uint64_t)sum[i + l] + to_small_integer((double)d * scale));
    }
    return co_sum_lanes(lane);
}

size_t co_exact_add(int64_t *sum, const float *u, size_t n, double a)
{
    const double scale = a * (double)(INT64_C(1) << CO_EXACT_BITS);
    size_t n_cut = 0;
    CO_ASSERT(a >= 0.0 && a <= 1.0);
    for (size_t j = 0; j < n; j += BLOCK) {
        const size_t m = n - j < BLOCK ? n - j : BLOCK;
        const float largest = co_block_largest(u + j, m);
        if (largest <= CO_EXACT_BOUND && (double)largest * scale < 0x1p51)
            block_add_small(sum + j, u + j, m, scale);
        else
            n_cut += block_add(sum + j, u + j, m, scale);
    }
    return n_cut;
}

double co_exact_add_difference(const co_sum_slice *slice, size_t n_slices, float *u, const float *y,
                               double a, size_t *n_cut)
{
    const double scale = a * (double)(INT64_C(1) << CO_EXACT_BITS);
    double squares = 0.0;
    CO_ASSERT(a >= 0.0 && a <= 1.0);
    for (size_t s = 0; s < n_slices; s++)
        for (size_t j = 0, at = slice[s].first; j < slice[s].n; j += CO_BLOCK, at += CO_BLOCK)
            squares += block_add_difference(slice[s].sum + j, u + at, y + at,
                                            block_size(slice[s].n - j), scale);
    const double norm = sqrt(squares);
    *n_cut = 0;
    if (norm < 0.5 * (double)CO_EXACT_BOUND && norm * scale < 0x1p50)
        return norm; /* and no element is larger */
    for (size_t s = 0; s < n_slices; s++) {
        for (size_t j = 0; j < slice[s].n; j += CO_BLOCK)
            block_take_off(slice[s].sum + j, u + slice[s].first + j, block_size(slice[s].n - j),
                           scale);
        if (isfinite(norm)) *n_cut += co_exact_add(slice[s].sum, u + slice[s].first, slice[s].n, a);
    }
    return norm;
}

CO_CLONES static void mean(const int64_t *restrict sum, size_t n, double total,
                           double *restrict out)
{
    for (size_t j = 0; j < n; j++) out[j] = (double)sum[j] * 0x1p-44 / total;
}

void co_exact_mean(const int64_t *sum, size_t n, double total, double *out)
{
    CO_ASSERT(total > 0.0);
    mean(sum, n, total, out);
}

#define LOWEST (-1088) /* weight of digit 0 is 2^LOWEST */
#define LOW_32 0xffffffff

void co_scalar_add(co_scalar *sum, double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    const int field = (int)(bits >> 52 & 0x7ff);
    CO_ASSERT(field != 0x7ff); /* NaN or Inf */
    const uint64_t fraction = bits & 0xfffffffffffff, m = field ? fraction | 1ull << 52 : fraction;
    const int place = (field ? field : 1) - 1075 - LOWEST,
              k = place / 32; /* m weighs 2^(place + LOWEST), place >= 14 */
    const unsigned __int128 wide = (unsigned __int128)m << place % 32;
    const int64_t d[3] = {(int64_t)(wide & LOW_32), (int64_t)(wide >> 32 & LOW_32),
                          (int64_t)(wide >> 64)};
    const int64_t sign = (int64_t)(bits >> 63);
    for (int i = 0; i < 3; i++) sum->digit[k + i] += (d[i] ^ -sign) + sign;
}

void co_scalar_merge(co_scalar *sum, const co_scalar *other)
{
    for (int k = 0; k < CO_SCALAR_DIGITS; k++) sum->digit[k] += other->digit[k];
}

/* Carries upwards: 0 <= digit < 2^32 but for the last, which holds the sign. factor is 1 or -1. */
static void carry(const co_scalar *sum, int64_t factor, int64_t digit[CO_SCALAR_DIGITS + 1])
{
    int64_t over = 0; /* |over| < 2^31, and |digit| <= 2^63 - 2^31: no overflow */
    for (int k = 0; k < CO_SCALAR_DIGITS; k++) {
        const int64_t x = factor * sum->digit[k] + over;
        digit[k] = x & LOW_32;
        over = x >> 32;
    }
    digit[CO_SCALAR_DIGITS] = over;
}

double co_scalar_value(const co_scalar *sum)
{
    int64_t digit[CO_SCALAR_DIGITS + 1];
    carry(sum, 1, digit);
    const bool negative = digit[CO_SCALAR_DIGITS] < 0;
    if (negative) carry(sum, -1, digit);
    int top = CO_SCALAR_DIGITS;
    while (top > 2 && digit[top] == 0) top--;
    /* The first 65 to 96 bits, or all there are; digits below only matter as "more than a tie". */
    const unsigned __int128 first = (unsigned __int128)digit[top] << 64 |
                                    (unsigned __int128)digit[top - 1] << 32 |
                                    (uint64_t)digit[top - 2];
    bool more = false;
    for (int k = 0; k < top - 2; k++) more |= digit[k] != 0;
    int drop = 0;
    while (first >> drop >> 53) drop++;
    uint64_t m = (uint64_t)(first >> drop);
    const unsigned __int128 rest = first - ((unsigned __int128)m << drop),
                            half = ((unsigned __int128)1 << drop) >> 1;
    if (drop > 0 && (rest > half || (rest == half && (more || m & 1)))) m++;
    const double value =
        ldexp((double)m, LOWEST + 32 * (top - 2) + drop); /* exact: no bit below 2^-1074 */
    return negative ? -value : value;
}
