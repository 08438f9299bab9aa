/* privacy/mechanisms/noise_words.c - Philox keyed by the seed, or ChaCha20 keyed by a secret.
 *
 * Secret: the release's key is the first half of block `purpose` of ChaCha20(key, nonce = round);
 * coordinate j takes the blocks of ChaCha20(release's key, nonce = j) in order, sixteen words each.
 * The key of a share, or of a device's message, is the first half of block 0 of ChaCha20(key of the
 * round's, nonce = device). Words of a share are the stream of nonce 0 or 1 in order, eight bytes a
 * coordinate; those of a message as above.
 * So no two (purpose, round, coordinate, index) share a word, and knowing some noise tells nothing
 * about the rest. Cost: some 0.3 us a coordinate. Source: Bernstein 2008 (ChaCha), by libsodium. */
#include "privacy/mechanisms/noise_words.h"
#include "core/status.h"
#include <sodium.h>
#include <string.h>

_Static_assert(CO_NOISE_KEY_BYTES == crypto_stream_chacha20_KEYBYTES, "256 bits");

void co_noise_source_draw(co_noise_source *source)
{
    CO_ASSERT(sodium_init() >= 0);
    randombytes_buf(source->key, sizeof source->key);
    source->is_secret = true;
}

/* Block number `block` of ChaCha20 under key and nonce. */
static void chacha_block(const unsigned char *key, uint64_t nonce, uint64_t block,
                         unsigned char out[64])
{
    unsigned char bytes[crypto_stream_chacha20_NONCEBYTES];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)(nonce >> (8 * i));
    memset(out, 0, 64);
    crypto_stream_chacha20_xor_ic(out, out, 64, bytes, block, key);
}

co_noise_release co_noise_release_of(const co_noise_source *source, co_noise_purpose purpose,
                                     int64_t round)
{
    co_noise_release release = {.is_secret = source->is_secret,
                                .seed = source->seed,
                                .round = (uint64_t)round,
                                .purpose = purpose};
    unsigned char block[64];
    if (!source->is_secret) return release;
    chacha_block(source->key, (uint64_t)round, (uint64_t)purpose, block);
    memcpy(release.key, block, sizeof release.key);
    return release;
}

static co_noise_release own_release(const co_noise_source *source, co_noise_purpose purpose,
                                    int64_t round, int64_t device)
{
    co_noise_release share = co_noise_release_of(source, purpose, round);
    unsigned char block[64];
    share.device = (uint64_t)device;
    if (!source->is_secret) return share;
    chacha_block(share.key, share.device, 0, block);
    memcpy(share.key, block, sizeof share.key);
    return share;
}

co_noise_release co_noise_share_of(const co_noise_source *source, int64_t round, int64_t device)
{
    return own_release(source, CO_NOISE_FOR_SHARE, round, device);
}

co_noise_release co_noise_message_of(const co_noise_source *source, int64_t round, int64_t device)
{
    return own_release(source, CO_NOISE_FOR_MESSAGE, round, device);
}

/* Eight bytes each, the lowest first. */
static uint64_t word_of(const unsigned char *b)
{
    uint64_t word = 0;
    for (int i = 0; i < 8; i++) word |= (uint64_t)b[i] << (8 * i);
    return word;
}

static void fill_secret(const co_noise_release *share, unsigned which, uint64_t first, size_t n,
                        uint64_t *word)
{
    enum { WORDS = 256, BLOCK = 8 }; /* words at a time, and of a block of 64 bytes */
    const unsigned char nonce[crypto_stream_chacha20_NONCEBYTES] = {(unsigned char)which};
    unsigned char bytes[8 * WORDS];
    while (n > 0) {
        const size_t skip = (size_t)(first % BLOCK), m = n < WORDS - skip ? n : WORDS - skip;
        memset(bytes, 0, 8 * (skip + m));
        crypto_stream_chacha20_xor_ic(bytes, bytes, 8 * (skip + m), nonce, first / BLOCK,
                                      share->key);
        for (size_t j = 0; j < m; j++) word[j] = word_of(bytes + 8 * (skip + j));
        first += m, word += m, n -= m;
    }
}

void co_noise_fill(const co_noise_release *share, unsigned which, uint64_t first, size_t n,
                   uint64_t *word)
{
    CO_ASSERT(share->purpose == CO_NOISE_FOR_SHARE);
    if (share->is_secret) {
        fill_secret(share, which, first, n, word);
        return;
    }
    const co_stream stream =
        co_stream_open(share->seed, CO_DRAW_SHARE, share->round, share->device, which);
    co_fill_u64(&stream, first, n, word);
}

void co_noise_words_open(co_noise_words *words, const co_noise_release *release,
                         uint64_t coordinate)
{
    words->release = release;
    words->coordinate = coordinate;
    words->next = 0;
    if (release->is_secret) return;
    if (release->purpose == CO_NOISE_FOR_MESSAGE)
        words->stream = co_stream_open(release->seed, CO_DRAW_MESSAGE, release->round,
                                       release->device, 1 + coordinate);
    else
        words->stream = co_stream_open(release->seed, CO_DRAW_NOISE, release->round, coordinate,
                                       (uint64_t)release->purpose);
}

uint32_t co_noise_word(co_noise_words *words)
{
    if (!words->release->is_secret) return co_draw_u32(&words->stream);
    const size_t at = words->next % 16;
    if (at == 0) {
        unsigned char block[64];
        chacha_block(words->release->key, words->coordinate, words->next / 16, block);
        for (size_t i = 0; i < 16; i++)
            words->word[i] = (uint32_t)block[4 * i] | (uint32_t)block[4 * i + 1] << 8 |
                             (uint32_t)block[4 * i + 2] << 16 | (uint32_t)block[4 * i + 3] << 24;
    }
    words->next++;
    return words->word[at];
}
