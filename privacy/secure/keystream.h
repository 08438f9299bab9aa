/* privacy/secure/keystream.h - ChaCha20 (RFC 8439, nonce zero) from any block on. Local. */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { CO_KEYSTREAM_BLOCK = 64, CO_KEYSTREAM_MOST = 1 << 14 }; /* bytes; of one call */

/* n <= CO_KEYSTREAM_MOST bytes from block number `block` on, which with n stays below 2^32 blocks.
 * The same bytes on every processor; AVX-512 is used where it is there, else libsodium. */
void co_keystream(const unsigned char key[32], uint64_t block, unsigned char *out, size_t n);
/* By libsodium on any processor: what the tests compare with. */
void co_keystream_plain(const unsigned char key[32], uint64_t block, unsigned char *out, size_t n);
