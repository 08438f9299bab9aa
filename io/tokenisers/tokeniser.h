/* io/tokenisers/tokeniser.h - kind tokeniser: cuts a text into tokens
 * (`tokens=char|byte|word|blank`).
 *
 * A tokeniser only says where the next token lies; names are cleaned, counted and numbered by the
 * vocabulary, the same way for all. Adding one: a file io/tokenisers/<name>.c with the table
 * co_tokeniser_<name>, and a line in list.h. */
#pragma once
#include "core/config.h"

typedef struct {
    CO_PLUGIN_FIELDS;
    bool lowercase;  /* ASCII capitals become small unless lowercase= says otherwise */
    bool every_byte; /* the vocabulary is fixed: token 1 + b for byte b, whatever occurs */
    /* The token at or behind *at of text[n]: *at becomes its first byte; returns its bytes, 0 when
     * there is none left. Local. */
    size_t (*next)(const char *text, size_t n, size_t *at);
} co_tokeniser;

extern const co_kind co_kind_tokeniser;
const co_tokeniser *co_tokeniser_find(const char *name); /* NULL with a message */

enum { CO_TOKEN_BYTES = 255 }; /* a vocabulary is stored as wide as its longest name */
typedef struct {
    size_t n_bad; /* bytes that are no UTF-8 */
    size_t n_cut; /* tokens of more than CO_TOKEN_BYTES */
} co_token_flaws;
/* The name of a token in name[CO_TOKEN_BYTES + 3]: at most CO_TOKEN_BYTES of it, what is no UTF-8
 * (and the byte 0) replaced by U+FFFD, small letters if wanted; returns its bytes. flaws are added
 * to. */
size_t co_token_clean(const char *text, size_t n, bool lowercase, char *name,
                      co_token_flaws *flaws);
