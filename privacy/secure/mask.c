/* privacy/secure/mask.c - keystreams added to residues, chunk by chunk in the nearest cache.
 *
 * All masks of a chunk are added before the next chunk, so the vector is read and written once.
 * Chunks begin at whole blocks of the keystream, whatever the slice. */
#include "privacy/secure/mask.h"
#include "core/clones.h"
#include "privacy/secure/keystream.h"
#include <sodium.h>
#include <string.h>

enum { CHUNK = 2048 }; /* coordinates */
_Static_assert(8 * CHUNK <= CO_KEYSTREAM_MOST, "of one call");

static size_t word_bytes(int bits)
{
    return bits <= 16 ? 2 : bits <= 32 ? 4 : 8;
}

CO_CLONES static void add_masks(const unsigned char *restrict bytes, size_t word, uint64_t sign,
                                uint64_t *restrict values, size_t n)
{
#define ADD(type)                                                                                  \
    for (size_t j = 0; j < n; j++) {                                                               \
        type w;                                                                                    \
        memcpy(&w, bytes + sizeof w * j, sizeof w);                                                \
        values[j] += (w ^ sign) - sign; /* w or -w */                                              \
    }
    if (word == 2) {
        ADD(uint16_t)
    } else if (word == 4) {
        ADD(uint32_t)
    } else {
        ADD(uint64_t)
    }
#undef ADD
}

CO_CLONES static void reduce_words(uint64_t *values, size_t n, uint64_t most)
{
    for (size_t j = 0; j < n; j++) values[j] &= most;
}

void co_mask_add(const co_mask_term *term, size_t n_terms, int bits, uint64_t *values, size_t first,
                 size_t n)
{
    const size_t word = word_bytes(bits);
    unsigned char stream[8 * CHUNK];
    CO_ASSERT(bits >= 1 && bits <= CO_MASK_MAX_BITS && sodium_init() >= 0);
    for (size_t done = 0, m; done < n; done += m) {
        const size_t at = first + done, room = CHUNK - at % CHUNK,
                     skip = at * word % CO_KEYSTREAM_BLOCK; /* only ever in the first chunk */
        m = n - done < room ? n - done : room;
        for (size_t i = 0; i < n_terms; i++) {
            co_keystream(term[i].seed, at * word / CO_KEYSTREAM_BLOCK, stream, skip + m * word);
            add_masks(stream + skip, word, term[i].sign < 0 ? UINT64_MAX : 0, values + done, m);
        }
        reduce_words(values + done, m, (UINT64_C(1) << bits) - 1);
    }
    co_wipe(stream, sizeof stream);
}

size_t co_packed_bytes(size_t n, int bits)
{
    return n / 8 * (size_t)bits + (n % 8 * (size_t)bits + 7) / 8;
}

void co_pack(const uint64_t *values, size_t n, int bits, unsigned char *out)
{
    uint64_t held = 0;
    int n_held = 0;
    for (size_t j = 0; j < n; j++) {
        held |= values[j] << n_held; /* at most 7 + 44 bits */
        for (n_held += bits; n_held >= 8; n_held -= 8, held >>= 8) *out++ = (unsigned char)held;
    }
    if (n_held > 0) *out = (unsigned char)held;
}

void co_unpack_add(const unsigned char *packed, int bits, uint64_t *sum, size_t first, size_t n)
{
    const uint64_t most = (UINT64_C(1) << bits) - 1;
    const size_t odd = first % 8 * (size_t)bits; /* eight values are whole bytes */
    int n_held = 0;
    uint64_t held = 0;
    packed += first / 8 * (size_t)bits + odd / 8;
    if (n > 0 && odd % 8) held = (uint64_t)*packed++ >> odd % 8, n_held = 8 - (int)(odd % 8);
    for (size_t j = 0; j < n; j++) {
        for (; n_held < bits; n_held += 8) held |= (uint64_t)*packed++ << n_held;
        sum[j] = (sum[j] + (held & most)) & most;
        held >>= bits;
        n_held -= bits;
    }
}
