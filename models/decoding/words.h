/* models/decoding/words.h - texts cut into the words that BLEU and ROUGE count. All calls are
 * Local. */
#pragma once
#include "core/status.h"
#include "models/decoding/text_scores.h"

typedef struct {
    char *text;
    size_t n, room;
} co_bytes;

/* Words of all texts of one comparison: places in one block of bytes. */
typedef struct {
    co_bytes bytes, step[2]; /* step: scratch */
    struct {
        size_t at, n;
    } * word; /* [n_words] */
    size_t n_words, room;
} co_words_of;

void co_words_of_fini(co_words_of *words);
/* Add a text's words: sacrebleu's 13a, rouge-score's own. CO_ENOMEM. */
co_status co_words_13a(co_words_of *words, co_passage text);
co_status co_words_rouge(co_words_of *words, co_passage text);
