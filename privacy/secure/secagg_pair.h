/* privacy/secure/secagg_pair.h - keys that two devices share. All calls are Local. */
#pragma once
#include "privacy/secure/secagg.h"

/* A key out of the agreed one of a pair, for one purpose and from one of them to the other. */
void co_secagg_pair_key(const unsigned char pair[CO_KEY_BYTES], const char *purpose, uint64_t step,
                        size_t from, size_t to, unsigned char key[CO_KEY_BYTES]);
/* The agreed key of the holder of secret and that of public. False: public agrees with anyone. */
bool co_secagg_pair(const unsigned char secret[CO_KEY_BYTES],
                    const unsigned char public[CO_KEY_BYTES], unsigned char pair[CO_KEY_BYTES]);
/* The seed of the mask between u and v, the same from both sides. */
bool co_secagg_pair_seed(const unsigned char secret[CO_KEY_BYTES],
                         const unsigned char public[CO_KEY_BYTES], uint64_t step, size_t u,
                         size_t v, unsigned char seed[CO_KEY_BYTES]);
/* By which u adds the mask of the pair; v adds it by the other. Bonawitz et al.: 1 when u > v. */
int co_secagg_sign(size_t u, size_t v);
/* What a device advertises of the seed of its own mask. */
void co_secagg_commit(const unsigned char seed[CO_KEY_BYTES], unsigned char digest[CO_KEY_BYTES]);
/* The tag of a list's digest under a pair's key. */
void co_secagg_tag(const unsigned char pair[CO_KEY_BYTES], uint64_t step, size_t from, size_t to,
                   const unsigned char list[32], unsigned char tag[CO_TAG_BYTES]);
