/* io/tokenisers/tokeniser.h - kind tokeniser: cuts a text into tokens
 * (`tokens=char|byte|word|blank|wordpiece`).
 *
 * A tokeniser of whole tokens only says where the next one lies; names are cleaned, counted and
 * numbered by the vocabulary, the same way for all. One of subwords makes pieces by a vocabulary
 * that a published model has, whose numbers stay as they are. Adding one: a file
 * io/tokenisers/<name>.c with the table co_tokeniser_<name>, and a line in list.h. */
#pragma once
#include "core/config.h"
#include "io/tokenisers/vocabulary.h"

enum { CO_TOKEN_BYTES = 255 }; /* a vocabulary is stored as wide as its longest name */
typedef struct {
    size_t n_bad; /* bytes that are no UTF-8 */
    size_t n_cut; /* tokens of more than CO_TOKEN_BYTES */
} co_token_flaws;

/* Tokens that are no bytes of the text: numbers, and where in the text each came from. */
typedef struct {
    int32_t *id;          /* [n] */
    int64_t *start, *end; /* [n] its first byte, and the one behind the last character that it has a
                             part of */
    size_t n, id_room, start_room, end_room;
    int32_t unknown, first, last; /* numbers of the three marks */
} co_subwords;
/* CO_ENOMEM. Local. */
co_status co_subwords_add(co_subwords *subwords, int32_t id, size_t start, size_t end);
void co_subwords_fini(co_subwords *subwords);

typedef struct {
    CO_PLUGIN_FIELDS;
    bool lowercase;  /* ASCII capitals become small unless lowercase= says otherwise */
    bool every_byte; /* the vocabulary is fixed: token 1 + b for byte b, whatever occurs */
    /* The token at or behind *at of text[n]: *at becomes its first byte; returns its bytes, 0 when
     * there is none left. NULL: it has cut. Local. */
    size_t (*next)(const char *text, size_t n, size_t *at);
    /* Instead of next: adds the pieces of text[n], whose first byte is number `from` of all texts.
     * lower: small letters without accents. The vocabulary is one of co_vocabulary_read_published.
     * CO_ENOMEM. Local. */
    co_status (*cut)(const co_vocabulary *vocabulary, bool lower, const char *text, size_t n,
                     size_t from, co_subwords *out, co_token_flaws *flaws);
    const char *unknown, *first, *last; /* with cut: names of the marks that the vocabulary has to
                                           have; the latter two are put around each text */
} co_tokeniser;

extern const co_kind co_kind_tokeniser;
const co_tokeniser *co_tokeniser_find(const char *name); /* NULL with a message */

/* The name of a token in name[CO_TOKEN_BYTES + 3]: at most CO_TOKEN_BYTES of it, what is no UTF-8
 * (and the byte 0) replaced by U+FFFD, small letters if wanted; returns its bytes. flaws are added
 * to. */
size_t co_token_clean(const char *text, size_t n, bool lowercase, char *name,
                      co_token_flaws *flaws);
