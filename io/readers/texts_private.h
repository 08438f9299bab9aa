/* io/readers/texts_private.h - shared by io/readers/texts*.c. All calls are Local. */
#pragma once
#include "io/readers/texts.h"
#include "io/tokenisers/tokeniser.h"
#include "io/tokenisers/vocabulary.h"

/* The texts of a data set on their way to tokens. */
typedef struct {
    const co_tokeniser *member;
    bool lowercase;
    size_t max_tokens;
    co_vocabulary vocabulary;
    co_dataset *data;
    int64_t *start; /* [n] first byte of each token in text */
    size_t tokens_room, start_room, n;
    int32_t unknown, last; /* token of what is out of vocabulary; the one that a text ends with,
                              also when it is cut, or -1 */
    int64_t n_tokens[3], n_unknown[3]; /* of each split */
    int64_t n_cut, n_dropped, n_words; /* texts, tokens,and tokens with a tag among them */
    int64_t n_void;                    /* words that are nothing but dropped characters */
    co_token_flaws flaws;
} co_texts_work;

/* Bytes of text i, *n of them. */
const char *co_texts_of(const co_dataset *data, int64_t i, size_t *n);
/* All tokens of every text by a member with `cut`, nothing left out; with tags those of the first
 * pieces, and -1 for the others. */
co_status co_texts_number_subwords(co_texts_work *work);
