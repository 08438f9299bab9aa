/* privacy/secure/secagg_pair.c - HKDF over agreed keys. */
#include "privacy/secure/secagg_pair.h"
#include <sodium.h>
#include <string.h>

void co_secagg_pair_key(const unsigned char pair[CO_KEY_BYTES], const char *purpose, uint64_t step,
                        size_t from, size_t to, unsigned char key[CO_KEY_BYTES])
{
    unsigned char label[CO_LABEL_BYTES];
    const size_t n = co_label(purpose, (uint64_t[]){step, from, to}, 3, label);
    co_hkdf_expand(pair, label, n, key, CO_KEY_BYTES);
}

bool co_secagg_pair(const unsigned char secret[CO_KEY_BYTES],
                    const unsigned char public[CO_KEY_BYTES], unsigned char pair[CO_KEY_BYTES])
{
    static const char salt[] = "cohort pair";
    unsigned char shared[CO_KEY_BYTES];
    const bool agreed = co_key_agree(secret, public, shared);
    co_hkdf_extract(salt, sizeof salt, shared, sizeof shared, pair);
    co_wipe(shared, sizeof shared);
    return agreed;
}

bool co_secagg_pair_seed(const unsigned char secret[CO_KEY_BYTES],
                         const unsigned char public[CO_KEY_BYTES], uint64_t step, size_t u,
                         size_t v, unsigned char seed[CO_KEY_BYTES])
{
    unsigned char pair[CO_KEY_BYTES];
    const bool agreed = co_secagg_pair(secret, public, pair);
    co_secagg_pair_key(pair, "mask", step, u < v ? u : v, u < v ? v : u, seed);
    co_wipe(pair, sizeof pair);
    return agreed;
}

int co_secagg_sign(size_t u, size_t v)
{
    return u > v ? 1 : -1;
}

void co_secagg_commit(const unsigned char seed[CO_KEY_BYTES], unsigned char digest[CO_KEY_BYTES])
{
    static const char name[] = "cohort own mask";
    co_hkdf_extract(name, sizeof name, seed, CO_KEY_BYTES, digest);
}

void co_secagg_tag(const unsigned char pair[CO_KEY_BYTES], uint64_t step, size_t from, size_t to,
                   const unsigned char list[32], unsigned char tag[CO_TAG_BYTES])
{
    unsigned char key[CO_KEY_BYTES], whole[32];
    co_secagg_pair_key(pair, "confirm", step, from, to, key);
    co_hmac(key, sizeof key, &(co_hmac_piece){list, 32}, 1, whole);
    memcpy(tag, whole, CO_TAG_BYTES);
    co_wipe(key, sizeof key);
}
