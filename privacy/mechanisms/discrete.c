/* privacy/mechanisms/discrete.c - Bernoulli, geometric, Laplace and discrete Gaussian draws in
 * integers.
 *
 * Bernoulli(a/b): the binary digits of a uniform number are compared with those of a/b, some 32 at
 * a time; only while they agree are more drawn. Bernoulli(e^-g), g <= 1: the first k at which
 * Bernoulli(g / k) fails is odd. Geometric: k = u + t v, u uniform below t kept with e^(-u/t), v
 * the number of e^-1 successes. Discrete Gaussian: y from the discrete Laplace law of scale t =
 * floor(s) (at least 1), kept with e^(-(|y| - s^2/t)^2 / (2 s^2)). Any t is right; theirs is
 * floor(s) + 1, and for whole s ours makes the fraction
 * (|y| - s)^2 / (2 s^2). Beyond 64 t a draw is rejected unseen: its acceptance is below 2^-2800.
 * Cost: 15 comparisons a discrete Gaussian, some 0.3 us; 1.4 proposals.
 * Source: Canonne, Kamath and Steinke 2020, arXiv:2004.00010, Algorithms 1 to 3. */
#include "privacy/mechanisms/discrete.h"
#include "core/status.h"

enum { FARTHEST = 64 };

uint64_t co_noise_below(co_noise_words *words, uint64_t n)
{
    uint64_t mask = n - 1, x;
    CO_ASSERT(n > 0 && n < UINT64_C(1) << 32);
    for (int shift = 1; shift < 32; shift *= 2) mask |= mask >> shift;
    do x = co_noise_word(words) & mask;
    while (x >= n);
    return x;
}

/* Small numbers: all in 64 bits. a < b < 2^58. */
static bool bernoulli_small(co_noise_words *words, uint64_t a, uint64_t b)
{
    const int room = __builtin_clzll(b), n_bits = room < 32 ? room : 32;
    for (;;) {
        const uint64_t shifted = a << n_bits, digits = shifted / b,
                       drawn = co_noise_word(words) >> (32 - n_bits);
        if (drawn != digits) return drawn < digits;
        a = shifted - digits * b;
        if (a == 0) return false;
    }
}

bool co_noise_bernoulli(co_noise_words *words, unsigned __int128 a, unsigned __int128 b)
{
    if (a >= b) return true;
    if (a == 0) return false;
    if (b >> 58 == 0) return bernoulli_small(words, (uint64_t)a, (uint64_t)b);
    CO_ASSERT(b >> 95 == 0);
    for (;;) {
        const unsigned __int128 shifted = a << 32;
        const uint64_t digits = (uint64_t)(shifted / b), drawn = co_noise_word(words);
        if (drawn != digits) return drawn < digits;
        a = shifted - digits * b;
        if (a == 0) return false;
    }
}

/* g = a / b <= 1. */
static bool bernoulli_exp_below_one(co_noise_words *words, unsigned __int128 a, unsigned __int128 b)
{
    unsigned k = 1;
    while (co_noise_bernoulli(words, a, b * k)) k++;
    return k % 2 == 1;
}

bool co_noise_bernoulli_exp(co_noise_words *words, unsigned __int128 a, unsigned __int128 b)
{
    for (; a > b; a -= b)
        if (!bernoulli_exp_below_one(words, 1, 1)) return false;
    return bernoulli_exp_below_one(words, a, b);
}

uint64_t co_noise_geometric(co_noise_words *words, uint64_t t)
{
    uint64_t u, v = 0;
    do u = co_noise_below(words, t);
    while (!co_noise_bernoulli_exp(words, u, t));
    while (co_noise_bernoulli_exp(words, 1, 1)) v++;
    return u + t * v;
}

int64_t co_noise_laplace(co_noise_words *words, uint64_t t)
{
    const int64_t size =
        (int64_t)((co_noise_geometric(words, 2 * t) + 1) / 2); /* of twice the size: rounded */
    return co_noise_word(words) & 1 ? -size : size;
}

static uint64_t divisor(uint64_t a, uint64_t b)
{
    while (b) {
        const uint64_t rest = a % b;
        a = b, b = rest;
    }
    return a;
}

co_discrete_law co_discrete_law_of(uint64_t p, uint64_t q)
{
    CO_ASSERT(p >= 1 && p <= UINT64_C(1) << 22 && q >= 1 && q <= 1024);
    const uint64_t t = p / q > 0 ? p / q : 1;
    const uint64_t a = t * q * q, b = p * p, d = p * q * t, common = divisor(divisor(a, b), d);
    return (co_discrete_law){t, (int64_t)(a / common), (int64_t)(b / common),
                             (int64_t)(d / common)};
}

int64_t co_noise_discrete_gaussian(co_noise_words *words, const co_discrete_law *law)
{
    const unsigned __int128 scale = 2 * (unsigned __int128)law->d * (unsigned __int128)law->d;
    for (;;) {
        const uint64_t size = co_noise_geometric(words, law->t);
        const bool is_negative = co_noise_word(words) & 1;
        if ((is_negative && size == 0) || size >= FARTHEST * law->t) continue;
        const __int128 off = (__int128)size * law->a - law->b;
        if (co_noise_bernoulli_exp(words, (unsigned __int128)(off * off), scale))
            return is_negative ? -(int64_t)size : (int64_t)size;
    }
}
