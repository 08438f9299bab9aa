/* models/decoding/spell.h - tokens back into text. All calls are Local. */
#pragma once
#include "core/status.h"
#include "core/text.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How names of tokens stand together: with blanks between; pieces of words, of which those that
 * begin with ## go on with the word in front (WordPiece; no blank in front of . , ? !); letters,
 * one behind the other; bytes, named 0x00 to 0xff; or the numbers themselves, where there are no
 * names. */
typedef enum {
    CO_SPELL_WORDS,
    CO_SPELL_PIECES,
    CO_SPELL_LETTERS,
    CO_SPELL_BYTES,
    CO_SPELL_NUMBERS
} co_spelling;

typedef struct {
    char *const *names; /* [n] borrowed; NULL: numbers */
    size_t n;
    co_spelling spelling;
    bool *is_mark; /* [n] [CLS], <s>, .. that are no part of a text */
} co_speller;

/* What the names look like decides. CO_ENOMEM. */
co_status co_speller_init(co_speller *speller, char *const *names, size_t n);
void co_speller_fini(co_speller *speller);
/* text += the tokens but for marks. The text keeps its own error (core/text.h). */
void co_spell(const co_speller *speller, const int32_t *tokens, size_t n, co_text *text);
