/* privacy/secure/primitives.h - what secure aggregation is made of: keys, sealed shares, wiping.
 *
 * X25519 (RFC 7748), HMAC-SHA256 and HKDF over it (RFC 5869), ChaCha20-Poly1305 (RFC 8439), from
 * libsodium (HKDF is written here: Debian's libsodium 1.0.18 has none). A key is used for one thing
 * once: every derived key names its purpose, so that nonces are zero and never repeat. Keys and
 * shares are wiped by whoever holds them. All calls are Local. */
#pragma once
#include "core/status.h"
#include "privacy/mechanisms/noise_words.h"

enum {
    CO_KEY_BYTES = 32, /* of keys, seeds, secrets and shares of them */
    CO_TAG_BYTES = 16  /* that sealing adds */
};

/* Overwrites, also where the compiler sees that nobody reads it again. */
void co_wipe(void *bytes, size_t n);
/* Whether they are equal, in a time that does not depend on where they differ. */
bool co_same_bytes(const unsigned char *a, const unsigned char *b, size_t n);

/* HMAC-SHA256 of the pieces behind each other. */
typedef struct {
    const void *bytes;
    size_t n;
} co_hmac_piece;
void co_hmac(const unsigned char *key, size_t n_key, const co_hmac_piece *piece, size_t n_pieces,
             unsigned char out[32]);
/* RFC 5869: extract to a key of 32 bytes; expand one to n <= 8,160 bytes. */
void co_hkdf_extract(const void *salt, size_t n_salt, const void *input, size_t n_input,
                     unsigned char key[32]);
void co_hkdf_expand(const unsigned char key[32], const void *info, size_t n_info,
                    unsigned char *out, size_t n);

/* The name of a derived key: a literal and some numbers. Returns its bytes. */
enum { CO_LABEL_BYTES = 64 };
size_t co_label(const char *purpose, const uint64_t *number, size_t n_numbers,
                unsigned char label[CO_LABEL_BYTES]);

/* Random bytes of one device in one step for one purpose (a literal, part of the result): a
 * function of the source's seed, or of its secret key. The same on every rank and in a replay, so a
 * step that is played again with the same inputs sends the same bytes. place: of the device in the
 * cohort, or of nobody. */
#define CO_NO_PLACE UINT64_MAX
void co_secure_draw(const co_noise_source *source, const char *purpose, uint64_t step,
                    uint64_t place, unsigned char *out, size_t n);

/* The public half of a key. */
void co_key_public(const unsigned char secret[CO_KEY_BYTES], unsigned char public[CO_KEY_BYTES]);
/* What two devices share, not yet uniform: to be given to co_hkdf_extract. False: the other's key
 * is one of the few that give a secret that all know. */
bool co_key_agree(const unsigned char secret[CO_KEY_BYTES],
                  const unsigned char public[CO_KEY_BYTES], unsigned char shared[CO_KEY_BYTES]);

/* ChaCha20-Poly1305 with a zero nonce, under a key that seals nothing else: what it is and whose it
 * is goes into the key. sealed: n + CO_TAG_BYTES bytes. */
void co_seal(const unsigned char key[CO_KEY_BYTES], const void *plain, size_t n,
             unsigned char *sealed);
/* False, and plain is zero: not what was sealed. n: bytes of plain. */
bool co_unseal(const unsigned char key[CO_KEY_BYTES], const unsigned char *sealed, size_t n,
               void *plain);
