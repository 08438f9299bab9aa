/* privacy/mechanisms/noise_words.h - random words for noise: reproducible in a simulation, secret
 * where privacy is meant.
 *
 * In both, a word is a function of (purpose, round, coordinate, index): noise does not depend on
 * which rank adds it, and a replayed round repeats its release. All calls are Local. */
#pragma once
#include "core/random.h"
#include <stdbool.h>

enum { CO_NOISE_KEY_BYTES = 32 };

/* Where noise comes from: the experiment's seed, or a key of the system's generator. */
typedef struct {
    bool is_secret;
    uint64_t seed;
    unsigned char key[CO_NOISE_KEY_BYTES];
} co_noise_source;

typedef enum {
    CO_NOISE_FOR_SUM,
    CO_NOISE_FOR_COUNT,
    CO_NOISE_FOR_SHARE,
    CO_NOISE_FOR_ROWS,
    CO_NOISE_FOR_MESSAGE
} co_noise_purpose;

/* A new key from the system's generator (libsodium: getrandom). */
void co_noise_source_draw(co_noise_source *source);

/* One release: the noise of one purpose in one round. */
typedef struct {
    bool is_secret;
    uint64_t seed, round, device; /* device: of a share or a message, else 0 */
    co_noise_purpose purpose;
    unsigned char key[CO_NOISE_KEY_BYTES]; /* of this release alone */
} co_noise_release;
co_noise_release co_noise_release_of(const co_noise_source *source, co_noise_purpose purpose,
                                     int64_t round);
/* Of what one device sends in a round, under a key of its own as well. */
co_noise_release co_noise_message_of(const co_noise_source *source, int64_t round, int64_t device);
/* A device's share of the noise of a round. Secret: under a key of its own, made from the source's.
 */
co_noise_release co_noise_share_of(const co_noise_source *source, int64_t round, int64_t device);
/* word[j] = the 64 bits of coordinate first + j, one of two sequences (which: 0, 1), whatever the
 * cut into calls. Shares alone, which draw nothing else. 1 ns a word of the seed, 2 of a key. */
void co_noise_fill(const co_noise_release *share, unsigned which, uint64_t first, size_t n,
                   uint64_t *word);

/* The words of one coordinate. */
typedef struct {
    const co_noise_release *release;
    co_stream stream;
    uint64_t coordinate, next; /* next: index of the next word */
    uint32_t word[16];
} co_noise_words;
void co_noise_words_open(co_noise_words *words, const co_noise_release *release,
                         uint64_t coordinate);
uint32_t co_noise_word(co_noise_words *words);
