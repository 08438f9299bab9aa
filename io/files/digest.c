/* io/files/digest.c - BLAKE2b with 16 output bytes, and the digest of a model that its owners hash
 * block by block.
 *
 * Cost: one pass, about 1 GB/s a core. Source: RFC 7693; libsodium's implementation, whose smallest
 * output is 16 bytes. */
#include "io/files/digest.h"
#include "core/status.h"
#include "core/vector.h"
#include <sodium.h>

void co_hex(const unsigned char *bytes, size_t n, char *hex)
{
    static const char digit[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        hex[2 * i] = digit[bytes[i] >> 4];
        hex[2 * i + 1] = digit[bytes[i] & 15];
    }
    hex[2 * n] = '\0';
}

void co_hash16(const void *data, size_t n, unsigned char out[16])
{
    CO_ASSERT(sodium_init() >= 0); /* picks the vectorised code; later calls return at once */
    const int failed = crypto_generichash_blake2b(out, 16, data, n, NULL, 0);
    CO_ASSERT(failed == 0);
}

void co_model_block_hashes(const float *params, size_t n_params, unsigned char *out)
{
    for (size_t at = 0; at < n_params; at += CO_BLOCK) {
        const size_t n = n_params - at < CO_BLOCK ? n_params - at : CO_BLOCK;
        co_hash16(params + at, n * sizeof *params, out + 16 * (at / CO_BLOCK));
    }
}

uint64_t co_model_digest(const unsigned char *block_hashes, size_t n_blocks)
{
    unsigned char whole[16];
    co_hash16(block_hashes, 16 * n_blocks, whole);
    uint64_t value = 0;
    for (int i = 7; i >= 0; i--) value = value << 8 | whole[i];
    return value;
}
