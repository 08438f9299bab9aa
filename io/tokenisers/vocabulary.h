/* io/tokenisers/vocabulary.h - counts token names and numbers those that stay. Token 0 is "<unk>",
 * what is out of vocabulary, but in a published vocabulary. All calls are Local. */
#pragma once
#include "core/status.h"
#include <stdint.h>

typedef struct {
    size_t at; /* of its bytes in the pool */
    uint32_t n;
    int32_t id; /* 0: cut */
    uint64_t hash;
    int64_t count;
} co_vocabulary_entry;

typedef struct {
    char *pool;
    size_t n_pool, pool_room;
    co_vocabulary_entry *entry; /* [n] */
    size_t n, room;
    uint32_t
        *slot; /* [n_slots] 1 + place of the entry, 0: free; a power of two, at most half full */
    size_t n_slots;
    char **names; /* [n_names], "<unk>" first; NULL before numbering */
    size_t n_names;
    size_t longest; /* bytes of the longest name */
} co_vocabulary;

void co_vocabulary_fini(co_vocabulary *vocabulary);
/* One more of the name, CO_ENOMEM. */
co_status co_vocabulary_count(co_vocabulary *vocabulary, const char *name, size_t n);
/* Keeps what was counted at least min_count times, numbered from 1: most frequent first, equal ones
 * in byte order. */
co_status co_vocabulary_cut(co_vocabulary *vocabulary, int64_t min_count);
/* From a file instead: one token a line, numbered from 1 in its order; \n, \t, \r and \\ stand for
 * those characters; a first line <unk> is token 0. CO_EDATA: repeated lines, and
 * empty ones but at the end. */
co_status co_vocabulary_read(co_vocabulary *vocabulary, const char *path);
/* That of a published model (BERT's vocab.txt): one token a line as it stands, its number that of
 * the line from 0, so that names has no "<unk>" of its own and co_vocabulary_find gives 1 + number.
 * marks end with NULL. CO_EDATA, one message that lists lines which are empty, repeated, too long
 * or no UTF-8, and marks that are missing. */
co_status co_vocabulary_read_published(co_vocabulary *vocabulary, const char *path,
                                       const char *const *marks);
/* Once the others are numbered: a name that has to be there gets the next number if it is not. */
co_status co_vocabulary_mark(co_vocabulary *vocabulary, const char *name);
/* The 256 bytes, named 0x00 to 0xff: token 1 + b. */
co_status co_vocabulary_bytes(co_vocabulary *vocabulary);
int32_t co_vocabulary_find(const co_vocabulary *vocabulary, const char *name, size_t n); /* or 0 */
