/* privacy/secure/shamir.c - polynomials over GF(2^16), sixteen words side by side.
 *
 * A product with a public x is shifts and additions along the bits of x, the same for every secret.
 * Cost: about 10 instructions a bit of x, a share t of them; weights O(t^2). */
#include "privacy/secure/shamir.h"
#include "core/clones.h"
#include "core/memory.h"
#include <sodium.h>
#include <string.h>

enum { WORDS = CO_KEY_BYTES / 2, REDUCTION = 0x2b };

/* a[w] = x a[w] + c[w]. */
CO_INLINE void multiply_add(uint16_t a[WORDS], unsigned x, const uint16_t c[WORDS])
{
    uint16_t product[WORDS] = {0};
    for (int bit = 31 - __builtin_clz(x | 1u); bit >= 0; bit--) {
        const uint16_t take = (uint16_t)(0u - (x >> bit & 1u));
        for (size_t w = 0; w < WORDS; w++) {
            const uint16_t high = (uint16_t)(0u - (product[w] >> 15));
            product[w] = (uint16_t)((product[w] << 1) ^ (high & REDUCTION) ^ (a[w] & take));
        }
    }
    for (size_t w = 0; w < WORDS; w++) a[w] = product[w] ^ c[w];
}

CO_CLONES static void value_at(const unsigned char *coefficient, size_t t, unsigned x,
                               unsigned char out[CO_KEY_BYTES])
{
    uint16_t a[WORDS] = {0}, c[WORDS];
    for (size_t i = t; i-- > 0;) {
        memcpy(c, coefficient + CO_KEY_BYTES * i, sizeof c);
        multiply_add(a, x, c);
    }
    memcpy(out, a, sizeof a);
}

CO_CLONES static void add_product(unsigned char *sum, unsigned weight, const unsigned char *share)
{
    uint16_t a[WORDS], c[WORDS];
    memcpy(a, share, sizeof a);
    memcpy(c, sum, sizeof c);
    multiply_add(a, weight, c);
    memcpy(sum, a, sizeof a);
}

co_status co_shamir_open(co_shamir *s, const unsigned char secret[CO_KEY_BYTES], size_t threshold,
                         const unsigned char seed[CO_KEY_BYTES])
{
    static const unsigned char no_nonce[crypto_stream_chacha20_ietf_NONCEBYTES];
    *s = (co_shamir){threshold, co_malloc(threshold, CO_KEY_BYTES)};
    if (!s->coefficient) return CO_FAIL(CO_ENOMEM, "a polynomial of %zu coefficients", threshold);
    CO_ASSERT(threshold > 0 && sodium_init() >= 0);
    memcpy(s->coefficient, secret, CO_KEY_BYTES);
    crypto_stream_chacha20_ietf(s->coefficient + CO_KEY_BYTES, CO_KEY_BYTES * (threshold - 1),
                                no_nonce, seed);
    return CO_OK;
}

void co_shamir_share(const co_shamir *s, uint16_t x, unsigned char share[CO_KEY_BYTES])
{
    CO_ASSERT(x > 0);
    value_at(s->coefficient, s->threshold, x, share);
}

void co_shamir_close(co_shamir *s)
{
    if (s->coefficient) co_wipe(s->coefficient, CO_KEY_BYTES * s->threshold);
    co_free(s->coefficient);
    *s = (co_shamir){0};
}

uint16_t co_gf16_multiply(uint16_t a, uint16_t b)
{
    unsigned product = 0;
    for (int bit = 15; bit >= 0; bit--) {
        product = (product << 1) ^ ((0u - (product >> 15 & 1u)) & (0x10000u | REDUCTION));
        product ^= a & (0u - (b >> bit & 1u));
    }
    return (uint16_t)product;
}

uint16_t co_gf16_inverse(uint16_t a) /* a^(2^16 - 2) */
{
    uint16_t power = a, product = 1;
    for (int bit = 1; bit < 16; bit++) {
        power = co_gf16_multiply(power, power);
        product = co_gf16_multiply(product, power);
    }
    return product;
}

/* Lagrange: weight i is the product over j != i of (at - x_j) / (x_i - x_j). */
void co_shamir_weights(const uint16_t *x, size_t t, uint16_t at, uint16_t *weight)
{
    for (size_t i = 0; i < t; i++) {
        uint16_t above = 1, below = 1;
        for (size_t j = 0; j < t; j++) {
            if (j == i) continue;
            above = co_gf16_multiply(above, at ^ x[j]);
            below = co_gf16_multiply(below, x[i] ^ x[j]);
        }
        weight[i] = co_gf16_multiply(above, co_gf16_inverse(below));
    }
}

void co_shamir_add(unsigned char *sum, uint16_t weight, const unsigned char *share)
{
    add_product(sum, weight, share);
}
