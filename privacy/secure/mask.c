/* privacy/secure/mask.c - keystreams added to residues, chunk by chunk in the nearest cache.
 *
 * All masks of a chunk are added in words of the keystream, which then meet the vector: it is read
 * and written once. Chunks begin at whole blocks of the keystream, whatever the slice. */
#include "privacy/secure/mask.h"
#include "core/clones.h"
#include "privacy/secure/keystream.h"
#include <sodium.h>
#include <stdbool.h>
#include <string.h>

enum { CHUNK = 2048 }; /* coordinates */
_Static_assert(8 * CHUNK <= CO_KEYSTREAM_MOST, "of one call");

static size_t word_bytes(int bits)
{
    return bits <= 16 ? 2 : bits <= 32 ? 4 : 8;
}

/* A chunk of masks in words of the keystream: a word holds b bits at least, so sums may wrap. */
typedef union {
    unsigned char bytes[8 * CHUNK];
    uint16_t of2[4 * CHUNK];
    uint32_t of4[2 * CHUNK];
    uint64_t of8[CHUNK];
} words;

#define ADD(type, field)                                                                           \
    CO_INLINE void add_##field(const words *stream, size_t skip, bool minus, words *sum, size_t n) \
    {                                                                                              \
        const type *restrict from = stream->field + skip;                                          \
        type *restrict to = sum->field;                                                            \
        if (minus)                                                                                 \
            for (size_t j = 0; j < n; j++) to[j] = (type)(to[j] - from[j]);                        \
        else                                                                                       \
            for (size_t j = 0; j < n; j++) to[j] = (type)(to[j] + from[j]);                        \
    }                                                                                              \
    CO_INLINE void give_##field(const words *sum, uint64_t most, uint64_t *restrict values,        \
                                size_t n)                                                          \
    {                                                                                              \
        for (size_t j = 0; j < n; j++) values[j] = (values[j] + sum->field[j]) & most;             \
    }
ADD(uint16_t, of2)
ADD(uint32_t, of4)
ADD(uint64_t, of8)
#undef ADD

/* sum[j] += or -= word skip + j of the stream. */
CO_CLONES static void add_stream(const words *stream, size_t skip, size_t word, bool minus,
                                 words *sum, size_t n)
{
    if (word == 2)
        add_of2(stream, skip, minus, sum, n);
    else if (word == 4)
        add_of4(stream, skip, minus, sum, n);
    else
        add_of8(stream, skip, minus, sum, n);
}

CO_CLONES static void add_sum(const words *sum, size_t word, uint64_t most, uint64_t *values,
                              size_t n)
{
    if (word == 2)
        give_of2(sum, most, values, n);
    else if (word == 4)
        give_of4(sum, most, values, n);
    else
        give_of8(sum, most, values, n);
}

void co_mask_add(const co_mask_term *term, size_t n_terms, int bits, uint64_t *values, size_t first,
                 size_t n)
{
    const size_t word = word_bytes(bits);
    words stream, sum;
    CO_ASSERT(bits >= 1 && bits <= CO_MASK_MAX_BITS && sodium_init() >= 0);
    for (size_t done = 0, m; done < n; done += m) {
        const size_t at = first + done, room = CHUNK - at % CHUNK,
                     skip = at * word % CO_KEYSTREAM_BLOCK; /* only ever in the first chunk */
        m = n - done < room ? n - done : room;
        memset(&sum, 0, m * word);
        for (size_t i = 0; i < n_terms; i++) {
            co_keystream(term[i].seed, at * word / CO_KEYSTREAM_BLOCK, stream.bytes,
                         skip + m * word);
            add_stream(&stream, skip / word, word, term[i].sign < 0, &sum, m);
        }
        add_sum(&sum, word, (UINT64_C(1) << bits) - 1, values + done, m);
    }
    co_wipe(&stream, sizeof stream);
    co_wipe(&sum, sizeof sum);
}

size_t co_packed_bytes(size_t n, int bits)
{
    return n / 8 * (size_t)bits + (n % 8 * (size_t)bits + 7) / 8;
}

/* Words of a type that holds b bits exactly. */
CO_CLONES static void pack_words(const uint64_t *restrict values, size_t n, size_t bytes,
                                 unsigned char *restrict out)
{
    if (bytes == 4)
        for (size_t j = 0; j < n; j++) memcpy(out + 4 * j, &(uint32_t){(uint32_t)values[j]}, 4);
    else
        for (size_t j = 0; j < n; j++) memcpy(out + 2 * j, &(uint16_t){(uint16_t)values[j]}, 2);
}

/* Bits that wait for their bytes, below 32 between two calls of put. */
typedef struct {
    uint64_t held;
    int n_held;
    unsigned char *out;
} packer;

CO_INLINE void put(packer *p, uint32_t value, int bits)
{
    p->held |= (uint64_t)value << p->n_held;
    p->n_held += bits;
    if (p->n_held < 32) return;
    memcpy(p->out, &p->held, 4);
    p->out += 4;
    p->held >>= 32;
    p->n_held -= 32;
}

void co_pack(const uint64_t *values, size_t n, int bits, unsigned char *out)
{
    packer p = {.out = out};
    if (bits == 32 || bits == 16) {
        pack_words(values, n, (size_t)bits / 8, out);
        return;
    }
    for (size_t j = 0; j < n; j++) {
        put(&p, (uint32_t)values[j], bits < 32 ? bits : 32);
        if (bits > 32) put(&p, (uint32_t)(values[j] >> 32), bits - 32);
    }
    memcpy(p.out, &p.held, (size_t)(p.n_held + 7) / 8);
}

CO_CLONES static void add_packed(const unsigned char *restrict packed, size_t bytes,
                                 uint64_t *restrict sum, size_t n)
{
#define ADD(type)                                                                                  \
    for (size_t j = 0; j < n; j++) {                                                               \
        type w;                                                                                    \
        memcpy(&w, packed + sizeof w * j, sizeof w);                                               \
        sum[j] = (type)(sum[j] + w);                                                               \
    }
    if (bytes == 4) {
        ADD(uint32_t)
    } else {
        ADD(uint16_t)
    }
#undef ADD
}

void co_unpack_add(const unsigned char *packed, int bits, uint64_t *sum, size_t first, size_t n)
{
    const uint64_t most = (UINT64_C(1) << bits) - 1;
    const size_t end = co_packed_bytes(first + n, bits);
    if (bits == 32 || bits == 16) {
        add_packed(packed + first * (size_t)bits / 8, (size_t)bits / 8, sum, n);
        return;
    }
    for (size_t j = 0; j < n; j++) {
        const size_t at = (first + j) * (size_t)bits, from = at / 8, left = end - from;
        uint64_t held = 0; /* 7 + 44 bits are of use */
        memcpy(&held, packed + from, left < 8 ? left : 8);
        sum[j] = (sum[j] + (held >> at % 8)) & most;
    }
}
