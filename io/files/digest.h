/* io/files/digest.h - BLAKE2b: 16-byte content digests, 32-byte seals, the digest of a model.
 * Local. */
#pragma once
#include "core/status.h"
#include <stddef.h>
#include <stdint.h>

void co_hex(const unsigned char *bytes, size_t n, char *hex); /* 2 n digits and a NUL */
void co_hash16(const void *data, size_t n, unsigned char out[16]);
/* H of each block of 4,096 coordinates of params[n_params]: out[16 * n_blocks]. */
void co_model_block_hashes(const float *params, size_t n_params, unsigned char *out);
/* The first 8 bytes, little-endian, of H over the concatenated block hashes. */
uint64_t co_model_digest(const unsigned char *block_hashes, size_t n_blocks);
