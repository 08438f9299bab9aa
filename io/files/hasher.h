/* io/files/hasher.h - BLAKE2b beside the thread that reads or writes what is hashed. All calls are
 * Local. */
#pragma once
#include <stddef.h>
#include <sodium.h>

typedef struct co_hash_ring co_hash_ring;
typedef struct {
    crypto_generichash_blake2b_state state;
    size_t n_fed;
    co_hash_ring *ring; /* once there is much to hash; NULL: the caller hashes */
} co_hasher;

/* n_out: bytes of the hash, 16 to 64. Ends with co_hasher_finish, also after a failure elsewhere.
 */
void co_hasher_start(co_hasher *hasher, size_t n_out);
/* Takes a copy: the bytes may change once it returns. Waits while the hash is 4 MiB behind. */
void co_hasher_feed(co_hasher *hasher, const void *bytes, size_t n);
void co_hasher_finish(co_hasher *hasher, unsigned char *out, size_t n_out);
