/* privacy/secure/mask.h - masks modulo 2^b, any part of them at once.
 *
 * Coordinate j of the mask of a seed is word j of the keystream of ChaCha20 (RFC 8439, nonce zero,
 * counter from zero), little-endian words of 2, 4 or 8 bytes for b <= 16, 32, 44, of which the
 * lowest b bits count: uniform without bias, and a rank makes its slice alone. Cost: 0.8 ns a mask
 * and value of 32 bits with AVX-512, twice that by libsodium. Source: Bonawitz et al., CCS 2017,
 * section 4 (PRG). Local. */
#pragma once
#include "privacy/secure/primitives.h"

enum { CO_MASK_MAX_BITS = 44 };

/* One mask of a sum. */
typedef struct {
    unsigned char seed[CO_KEY_BYTES];
    int sign; /* 1 or -1 */
} co_mask_term;

/* values[j] += sum of sign x mask of coordinate first + j, modulo 2^bits, for j < n. values: in
 * [0, 2^bits) before and after. 1 <= bits <= CO_MASK_MAX_BITS. */
void co_mask_add(const co_mask_term *term, size_t n_terms, int bits, uint64_t *values, size_t first,
                 size_t n);

/* Values on the wire: b bits each behind each other, lowest bits first; the rest of the last byte
 * is zero. */
size_t co_packed_bytes(size_t n, int bits);
void co_pack(const uint64_t *values, size_t n, int bits, unsigned char *out);
/* sum[j] += value first + j of those packed, modulo 2^bits. */
void co_unpack_add(const unsigned char *packed, int bits, uint64_t *sum, size_t first, size_t n);
