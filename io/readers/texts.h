/* io/readers/texts.h - what readers of texts share: collecting raw texts, and turning them into
 * tokens once the splits are known. Local. */
#pragma once
#include "io/data/dataset.h"
#include "core/config.h"

/* Options of a reader of texts; `tokens` defaults to the given tokeniser, max_tokens to the number.
 */
#define CO_TEXT_PARAMS(tokeniser, most)                                                            \
    {"tokens", CO_STRING, .words = tokeniser,                                                      \
     .doc = "tokeniser: char, byte, word, blank, wordpiece (cohort list tokeniser)"},              \
        {"min_count", CO_INT,     .def = 1.0,                                                      \
         .lo = 1.0,   .hi = 1e15, .doc = "the vocabulary has what stands so often in split 0"},    \
        {"vocab", CO_STRING, .flags = CO_OPTIONAL,                                                 \
         .doc = "file with the vocabulary, a token a line; wordpiece: the model's vocab.txt"},     \
        {"max_tokens",       CO_INT,                                                               \
         .def = most,        .lo = 0.0,                                                            \
         .hi = 2147483647.0, .doc = "longer texts are cut (lm: into pieces); 0: never"},           \
        {"lowercase", CO_BOOL, .flags = CO_OPTIONAL,                                               \
         .doc = "capitals become small; default true for word"},                                   \
    {                                                                                              \
        "lower", CO_BOOL, .flags = CO_OPTIONAL,                                                    \
                          .doc = "wordpiece: small letters without accents (uncased models); "     \
                                 "default true"                                                    \
    }

/* Of one whose words may have letters. */
#define CO_LETTER_PARAMS                                                                           \
    {                                                                                              \
        "chars", CO_BOOL, .doc = "keep the letters of every word, for layer char_cnn"              \
    }
/* Options of a reader of pairs of texts, beside those of a reader of texts. */
#define CO_PAIR_PARAMS                                                                             \
    {"shared", CO_BOOL, .flags = CO_OPTIONAL,                                                      \
     .doc = "targets have the vocabulary of the sources; default: false, wordpiece true"},         \
    {                                                                                              \
        "target_vocab", CO_STRING, .flags = CO_OPTIONAL, .doc = "as vocab, of the targets"         \
    }
/* Of a reader of questions. */
#define CO_WINDOW_PARAMS                                                                           \
    {                                                                                              \
        "stride", CO_INT, .def = 128.0, .lo = 0.0, .hi = 2147483647.0,                             \
                          .doc = "tokens that a window of a long context shares with the next"     \
    }

/* Texts under construction. */
typedef struct {
    char *bytes;
    size_t n_bytes, bytes_room;
    int64_t *end; /* [n] bytes up to the end of each text */
    size_t n, room;
} co_texts;
co_status co_texts_bytes(co_texts *texts, const char *bytes, size_t n); /* to the open text */
co_status co_texts_end(co_texts *texts);                                /* ends it */
void co_texts_fini(co_texts *texts);
/* Hands the texts to data: n, text, text_offsets, split (all 0). CO_EDATA when there is none. */
co_status co_texts_give(co_texts *texts, const char *where, co_dataset *data);

/* Tokens, offsets and vocabulary from data->text, by the options above; the vocabulary counts split
 * 0. data->token_y (tagging) holds a class for each token of tokeniser blank and is cut along; with
 * wordpiece a word's first piece has it, the others and the marks -1, and a word without a piece
 * becomes blanks. lm: a text of more than max_tokens + 1 tokens becomes pieces that overlap by one
 * token. Tells the share out of vocabulary and what was cut. Nothing when data has no text or has
 * tokens. */
co_status co_texts_tokenise(const co_config *opt, co_dataset *data);

/* Questions on contexts. Answers stand in the data set, an example a question. */
typedef struct {
    co_texts contexts, questions;
    int32_t *context;     /* [n] of each question */
    int64_t (*answer)[2]; /* [n] first byte, and the one behind the last, in the context of the
                             answer that training has; -1: none */
    char **name;          /* [n] of the questions; moved into the data set */
    size_t room[3];
} co_asked;
/* One more question, on the last context that was ended. answer may be NULL. */
co_status co_asked_add(co_asked *questions, const char *text, const char *name,
                       const int64_t *answer);
void co_asked_fini(co_asked *questions);
/* The byte at which character `at` of a text begins, or its end; past that, or before: -1. */
int64_t co_texts_byte_of(const char *text, int64_t at);
/* Windows of n questions in place of n examples: tokens (question, context), text (the context),
 * token_char, span, question; split, user, group and answers go along. A context that does not fit
 * into max_tokens beside its question is cut into windows that share `stride` tokens with the next;
 * with wordpiece they are those of transformers' BertTokenizerFast with truncation="only_second".
 * CO_EDATA names a question that leaves no room. */
co_status co_texts_windows(const co_config *opt, const char *where, co_asked *questions,
                           co_dataset *data);
