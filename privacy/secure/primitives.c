/* privacy/secure/primitives.c - keys and sealing by libsodium; HKDF over its HMAC. */
#include "privacy/secure/primitives.h"
#include <sodium.h>
#include <string.h>

_Static_assert(CO_KEY_BYTES == crypto_scalarmult_BYTES, "256 bits");
_Static_assert(CO_KEY_BYTES == crypto_aead_chacha20poly1305_ietf_KEYBYTES, "256 bits");
_Static_assert(CO_TAG_BYTES == crypto_aead_chacha20poly1305_ietf_ABYTES, "128 bits");

void co_wipe(void *bytes, size_t n)
{
    sodium_memzero(bytes, n);
}

bool co_same_bytes(const unsigned char *a, const unsigned char *b, size_t n)
{
    return sodium_memcmp(a, b, n) == 0;
}

void co_hmac(const unsigned char *key, size_t n_key, const co_hmac_piece *piece, size_t n_pieces,
             unsigned char out[32])
{
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, key, n_key);
    for (size_t i = 0; i < n_pieces; i++)
        crypto_auth_hmacsha256_update(&state, piece[i].bytes, piece[i].n);
    crypto_auth_hmacsha256_final(&state, out);
    co_wipe(&state, sizeof state);
}

void co_hkdf_extract(const void *salt, size_t n_salt, const void *input, size_t n_input,
                     unsigned char key[32])
{
    co_hmac(salt, n_salt, &(co_hmac_piece){input, n_input}, 1, key);
}

void co_hkdf_expand(const unsigned char key[32], const void *info, size_t n_info,
                    unsigned char *out, size_t n)
{
    unsigned char block[32], i = 0;
    CO_ASSERT(n <= 255 * sizeof block);
    for (size_t done = 0; done < n; done += sizeof block) {
        const size_t m = n - done < sizeof block ? n - done : sizeof block;
        const unsigned char number = (unsigned char)(i + 1);
        const co_hmac_piece piece[] = {{block, i ? sizeof block : 0}, {info, n_info}, {&number, 1}};
        co_hmac(key, 32, piece, 3, block);
        memcpy(out + done, block, m);
        i = number;
    }
    co_wipe(block, sizeof block);
}

size_t co_label(const char *purpose, const uint64_t *number, size_t n_numbers,
                unsigned char label[CO_LABEL_BYTES])
{
    const size_t n = strlen(purpose) + 1;
    CO_ASSERT(n + 8 * n_numbers <= CO_LABEL_BYTES);
    memcpy(label, purpose, n);
    for (size_t i = 0; i < n_numbers; i++)
        for (size_t b = 0; b < 8; b++) label[n + 8 * i + b] = (unsigned char)(number[i] >> (8 * b));
    return n + 8 * n_numbers;
}

void co_secure_draw(const co_noise_source *source, const char *purpose, uint64_t step,
                    uint64_t place, unsigned char *out, size_t n)
{
    static const char salt[] = "cohort secure aggregation";
    unsigned char key[32], label[CO_LABEL_BYTES];
    const size_t n_seed = co_label("seed", &source->seed, 1, label);
    if (source->is_secret)
        co_hkdf_extract(salt, sizeof salt, source->key, sizeof source->key, key);
    else
        co_hkdf_extract(salt, sizeof salt, label, n_seed, key);
    const size_t n_label = co_label(purpose, (uint64_t[]){step, place}, 2, label);
    co_hkdf_expand(key, label, n_label, out, n);
    co_wipe(key, sizeof key);
}

void co_key_public(const unsigned char secret[CO_KEY_BYTES], unsigned char public[CO_KEY_BYTES])
{
    CO_ASSERT(sodium_init() >= 0 && crypto_scalarmult_base(public, secret) == 0);
}

bool co_key_agree(const unsigned char secret[CO_KEY_BYTES],
                  const unsigned char public[CO_KEY_BYTES], unsigned char shared[CO_KEY_BYTES])
{
    CO_ASSERT(sodium_init() >= 0);
    return crypto_scalarmult(shared, secret, public) == 0;
}

static const unsigned char no_nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];

void co_seal(const unsigned char key[CO_KEY_BYTES], const void *plain, size_t n,
             unsigned char *sealed)
{
    crypto_aead_chacha20poly1305_ietf_encrypt(sealed, NULL, plain, n, NULL, 0, NULL, no_nonce, key);
}

bool co_unseal(const unsigned char key[CO_KEY_BYTES], const unsigned char *sealed, size_t n,
               void *plain)
{
    if (crypto_aead_chacha20poly1305_ietf_decrypt(plain, NULL, NULL, sealed, n + CO_TAG_BYTES, NULL,
                                                  0, no_nonce, key) == 0)
        return true;
    co_wipe(plain, n);
    return false;
}
