/* privacy/mechanisms/wide.h - positive numbers of 128 bits and any size, in integers: what the
 * probabilities of a law are made of, to the same bits everywhere. Every operation rounds down, by
 * less than 2^-125 of its result. Local. */
#pragma once
#include <stdint.h>

/* m 2^e, the top bit of m set; m 0: zero. */
typedef struct {
    unsigned __int128 m;
    int64_t e;
} co_wide;

static inline int co_wide_zeros(unsigned __int128 m)
{
    const uint64_t high = (uint64_t)(m >> 64);
    return high ? __builtin_clzll(high) : 64 + __builtin_clzll((uint64_t)m);
}

static inline co_wide co_wide_of(unsigned __int128 m, int64_t e)
{
    if (m == 0) return (co_wide){0, 0};
    const int shift = co_wide_zeros(m);
    return (co_wide){m << shift, e - shift};
}

/* high 2^128 + low, scaled by 2^e; high < 2^64. */
static inline co_wide co_wide_long(uint64_t high, unsigned __int128 low, int64_t e)
{
    if (high == 0) return co_wide_of(low, e);
    const int room = __builtin_clzll(high); /* 64 - room bits fall off below */
    const unsigned __int128 m = (unsigned __int128)high << (64 + room) | low >> (64 - room);
    return (co_wide){m, e + 64 - room};
}

/* x k; k < 2^64. */
static inline co_wide co_wide_times(co_wide x, uint64_t k)
{
    const unsigned __int128 low = (unsigned __int128)(uint64_t)x.m * k,
                            high = (x.m >> 64) * k + (low >> 64);
    return co_wide_long((uint64_t)(high >> 64), high << 64 | (uint64_t)low, x.e);
}

/* x / k; 0 < k < 2^64. */
static inline co_wide co_wide_over(co_wide x, uint64_t k)
{
    const unsigned __int128 whole = x.m / k, rest = x.m % k;
    return co_wide_long((uint64_t)(whole >> 64), whole << 64 | (rest << 64) / k, x.e - 64);
}

static inline co_wide co_wide_product(co_wide x, co_wide y)
{
    const uint64_t x1 = (uint64_t)(x.m >> 64), x0 = (uint64_t)x.m, y1 = (uint64_t)(y.m >> 64),
                   y0 = (uint64_t)y.m;
    const unsigned __int128 a = (unsigned __int128)x1 * y0, b = (unsigned __int128)x0 * y1,
                            low = ((unsigned __int128)x0 * y0) >> 64;
    const unsigned __int128 middle = (uint64_t)a + (unsigned __int128)(uint64_t)b + low;
    const unsigned __int128 high =
        (unsigned __int128)x1 * y1 + (a >> 64) + (b >> 64) + (middle >> 64);
    return co_wide_of(high, x.e + y.e + 128);
}

static inline co_wide co_wide_sum(co_wide x, co_wide y)
{
    if (x.m == 0 || y.m == 0) return x.m == 0 ? y : x;
    if (x.e < y.e) {
        const co_wide z = x;
        x = y, y = z;
    }
    const int64_t shift = x.e - y.e;
    const unsigned __int128 m = shift < 128 ? y.m >> shift : 0, sum = x.m + m;
    if (sum >= x.m) return (co_wide){sum, x.e};
    return (co_wide){sum >> 1 | (unsigned __int128)1 << 127, x.e + 1};
}

/* x / y, x < y, as a fraction of 2^127. */
static inline unsigned __int128 co_wide_fraction(co_wide x, co_wide y)
{
    unsigned __int128 rest = x.m, out = 0;
    int64_t shift = y.e - x.e; /* x = rest 2^-shift in units of y's last place */
    if (x.m == 0 || shift > 127) return 0;
    if (rest >= y.m) {
        rest -= y.m;
        out = 1;
    }
    for (int64_t bit = 0; bit < 127 - shift; bit++) {
        const unsigned carry = (unsigned)(rest >> 127);
        rest <<= 1, out <<= 1;
        if (carry || rest >= y.m) {
            rest -= y.m;
            out |= 1;
        }
    }
    return out;
}
