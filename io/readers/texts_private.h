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
    bool shared;                       /* seq2seq: targets have the vocabulary of the sources */
    const co_asked *questions;         /* of a task span */
    co_token_flaws flaws;
} co_texts_work;

/* Tokeniser, letters and length by the options of CO_TEXT_PARAMS. */
co_status co_texts_start(co_texts_work *work, const co_config *opt);
/* The vocabulary: that of the file which the option `key` names, a fixed one, or what `count`
 * counts by co_texts_count. */
co_status co_texts_vocabulary(co_texts_work *work, const co_config *opt, const char *key,
                              co_status (*count)(co_texts_work *work));
co_status co_texts_count(co_texts_work *work, const char *text, size_t n);
/* Adds the tokens of a text whose first byte is number `from`; no marks. */
co_status co_texts_cut(co_texts_work *work, const char *text, size_t n, size_t from,
                       co_subwords *out);
/* The number of a token as it stands, by a member without `cut`. */
int32_t co_texts_number(co_texts_work *work, const char *token, size_t bytes);
/* The token of a name that the vocabulary has. */
int32_t co_texts_token(const co_texts_work *work, const char *name);
/* Seq2seq: whether targets share the vocabulary of the sources; the target's text, the first answer
 * of example i; the marks around targets, put into the vocabulary; all targets to tokens. */
co_status co_texts_shares(co_texts_work *work, const co_config *opt);
const char *co_texts_target(const co_dataset *data, int64_t i, size_t *n);
co_status co_texts_target_marks(co_texts_work *work);
co_status co_texts_number_targets(co_texts_work *work, const co_config *opt);
/* The letters of the tokens that are kept, where option chars asks for them. CO_EUSAGE: they are no
 * words. */
co_status co_texts_letters(co_texts_work *work, const co_config *opt);
/* Bytes of text i, *n of them. */
const char *co_texts_of(const co_dataset *data, int64_t i, size_t *n);
/* All tokens of every text by a member with `cut`, nothing left out; with tags those of the first
 * pieces, and -1 for the others. */
co_status co_texts_number_subwords(co_texts_work *work);
