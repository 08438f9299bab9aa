/* privacy/secure/shamir.h - secrets of 32 bytes cut into shares, any t of which give it back.
 *
 * Over GF(2^16), on the sixteen words of 16 bits of a secret one by one: share x is the value at x
 * of a polynomial of degree t - 1 whose lowest coefficient is the secret and whose others are
 * random; t - 1 shares say nothing at all. The field takes any 256 bits (a prime field does not)
 * and 65,535 shares (bytes take 255), and a share is as long as the secret. x is public and the
 * secret is not: time depends on x alone. Source: Shamir 1979. All calls are Local. */
#pragma once
#include "privacy/secure/primitives.h"

enum { CO_SHAMIR_MOST = 65535 }; /* shares of a secret */

/* A polynomial: coefficient[t][CO_KEY_BYTES], the first is the secret. */
typedef struct {
    size_t threshold;
    unsigned char *coefficient;
} co_shamir;
/* Random coefficients out of a seed that serves nothing else. CO_ENOMEM. */
co_status co_shamir_open(co_shamir *s, const unsigned char secret[CO_KEY_BYTES], size_t threshold,
                         const unsigned char seed[CO_KEY_BYTES]);
void co_shamir_share(const co_shamir *s, uint16_t x, unsigned char share[CO_KEY_BYTES]); /* x > 0 */
void co_shamir_close(co_shamir *s);                                                      /* wipes */

/* The weights by which shares at x[t], all different and not zero, add up to the value at `at`. */
void co_shamir_weights(const uint16_t *x, size_t t, uint16_t at, uint16_t *weight);
/* sum[CO_KEY_BYTES] += weight x share. */
void co_shamir_add(unsigned char *sum, uint16_t weight, const unsigned char *share);

/* Of the field, x^16 + x^5 + x^3 + x + 1. */
uint16_t co_gf16_multiply(uint16_t a, uint16_t b);
uint16_t co_gf16_inverse(uint16_t a); /* of zero: zero */
