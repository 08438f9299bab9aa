/* io/tokenisers/wordpiece.c - BERT's pieces of words, by the vocabulary file that comes with a
 * model.
 *
 * A text becomes words: control, format and private-use characters, U+0000 and U+FFFD are dropped;
 * every character of the CJK blocks is a word; with lower=true characters are decomposed (NFD),
 * nonspacing marks dropped and the rest made small; white space parts words, and every ASCII mark
 * and character of punctuation is one by itself. A word becomes the longest piece of the vocabulary
 * that it begins with, then the longest one named ##.. that goes on there, and so on; [UNK] when
 * one is missing, or a word has more than 100 characters. Marks that stand in a text ("[MASK]") are
 * text.
 *
 * Unicode's tables are those of utf8proc. As in the library `tokenizers`, unassigned code points
 * stay; marks are not put in canonical order: no piece holds two that are left by the above. Cost:
 * a few look-ups a piece; nothing is kept but the word at hand.
 *
 * Source: Devlin et al., NAACL 2019, arXiv:1810.04805; pieces: Wu et al. 2016, arXiv:1609.08144,
 * section 4.1, longest match first. */
#include "core/text.h"
#include "io/tokenisers/tokeniser.h"
#include <string.h>
#include <utf8proc.h>

enum { MOST_CHARS = 100, PAD = 2, REPLACEMENT = 0xFFFD };

/* The word at hand: its first MOST_CHARS characters as UTF-8, behind room for a "##", and the
 * character of the text that each byte came from; to: the end of its last one. */
typedef struct {
    const co_vocabulary *vocabulary;
    co_subwords *out;
    size_t n_chars, n, to;
    size_t from[4 * MOST_CHARS], end[4 * MOST_CHARS];
    char bytes[PAD + 4 * MOST_CHARS];
} word;

/* Bytes of the longest piece at byte `at` of the word, and its number plus 1; 0 when there is none.
 * The bytes before it are taken already: "##" goes there. */
static size_t longest_piece(word *w, size_t at, int32_t *number)
{
    char *piece = w->bytes + PAD + at;
    const size_t mark = at ? PAD : 0, left = w->n - at;
    if (w->vocabulary->longest <= mark) return 0;
    const size_t room = w->vocabulary->longest - mark;
    size_t n = left < room ? left : room;
    if (at) memcpy(piece - PAD, "##", PAD);
    for (; n > 0; n--) {
        if (at + n < w->n && (piece[n] & 0xC0) == 0x80) continue; /* within a character */
        if ((*number = co_vocabulary_find(w->vocabulary, piece - mark, mark + n))) break;
    }
    return n;
}

static co_status end_word(word *w)
{
    const size_t before = w->out->n;
    const bool fits = w->n_chars <= MOST_CHARS;
    size_t at = 0, n = 1;
    int32_t number = 0;
    for (; fits && at < w->n && n > 0; at += n)
        if ((n = longest_piece(w, at, &number)))
            CO_TRY(co_subwords_add(w->out, number - 1, w->from[at], w->end[at + n - 1]));
    if (w->n_chars && (!fits || n == 0)) {
        w->out->n = before;
        CO_TRY(co_subwords_add(w->out, w->out->unknown, w->from[0], w->to));
    }
    w->n = w->n_chars = 0;
    return CO_OK;
}

/* place: of the character, from its first byte to the one behind it. */
typedef struct {
    size_t from, to;
} place;

static void add_char(word *w, uint32_t code, place at)
{
    w->to = at.to;
    if (w->n_chars++ >= MOST_CHARS) return;
    const size_t n = co_utf8_encode(code, w->bytes + PAD + w->n);
    for (size_t k = 0; k < n; k++, w->n++) w->from[w->n] = at.from, w->end[w->n] = at.to;
}

static bool is_ascii_mark(uint32_t c)
{
    return (c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) ||
           (c >= 123 && c <= 126);
}

static bool is_mark(uint32_t c)
{
    if (c < 128) return is_ascii_mark(c);
    switch (utf8proc_category((utf8proc_int32_t)c)) {
    case UTF8PROC_CATEGORY_PC:
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO: return true;
    default: return false;
    }
}

/* The blocks of ideographs that BERT's own code names; Korean and Japanese letters are none. */
static bool is_cjk(uint32_t c)
{
    static const uint32_t blocks[][2] = {{0x4E00, 0x9FFF},   {0x3400, 0x4DBF},   {0x20000, 0x2A6DF},
                                         {0x2A700, 0x2B73F}, {0x2B740, 0x2B81F}, {0x2B820, 0x2CEAF},
                                         {0xF900, 0xFAFF},   {0x2F800, 0x2FA1F}};
    for (size_t k = 0; c >= 0x3400 && k < sizeof blocks / sizeof *blocks; k++)
        if (c >= blocks[k][0] && c <= blocks[k][1]) return true;
    return false;
}

/* A character that is cleaned and in its final form: part of the word, or one by itself. */
static co_status add_final(word *w, uint32_t code, place at)
{
    if (!is_mark(code)) {
        add_char(w, code, at);
        return CO_OK;
    }
    CO_TRY(end_word(w));
    add_char(w, code, at);
    return end_word(w);
}

static co_status add_lowered(word *w, uint32_t code, place at)
{
    utf8proc_int32_t part[32]; /* no canonical decomposition has more than 4 */
    int last = 0;
    const utf8proc_ssize_t n =
        utf8proc_decompose_char((utf8proc_int32_t)code, part, 32, UTF8PROC_DECOMPOSE, &last);
    CO_ASSERT(n >= 0 && n <= 32);
    for (utf8proc_ssize_t k = 0; k < n; k++)
        if (utf8proc_category(part[k]) != UTF8PROC_CATEGORY_MN)
            CO_TRY(add_final(w, (uint32_t)utf8proc_tolower(part[k]), at));
    return CO_OK;
}

static co_status add_wide(word *w, bool lower, uint32_t code, place at)
{
    switch (utf8proc_category((utf8proc_int32_t)code)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CO: return CO_OK;
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP: return end_word(w);
    default: break;
    }
    const bool alone = is_cjk(code);
    if (code == REPLACEMENT) return CO_OK;
    if (alone) CO_TRY(end_word(w));
    CO_TRY(lower ? add_lowered(w, code, at) : add_final(w, code, at));
    return alone ? end_word(w) : CO_OK;
}

static co_status add_ascii(word *w, bool lower, uint32_t code, place at)
{
    if (code == ' ' || code == '\t' || code == '\n' || code == '\r') return end_word(w);
    if (code < 32 || code == 127) return CO_OK;
    return add_final(w, lower && code >= 'A' && code <= 'Z' ? code + 32 : code, at);
}

static co_status cut(const co_vocabulary *vocabulary, bool lower, const char *text, size_t n,
                     size_t from, co_subwords *out, co_token_flaws *flaws)
{
    word w = {.vocabulary = vocabulary, .out = out};
    for (size_t at = 0; at < n;) {
        uint32_t code = (unsigned char)text[at];
        const size_t bytes = code < 128 ? 1 : co_utf8_decode(text + at, n - at, &code);
        flaws->n_bad += bytes == 0;
        const place here = {from + at, from + at + bytes};
        if (bytes) CO_TRY((code < 128 ? add_ascii : add_wide)(&w, lower, code, here));
        at += bytes ? bytes : 1;
    }
    return end_word(&w);
}

const co_tokeniser co_tokeniser_wordpiece = {
    .name = "wordpiece",
    .summary = "BERT's pieces of words, [CLS] before and [SEP] behind each text; vocab=vocab.txt",
    .source = "Devlin et al., NAACL 2019, arXiv:1810.04805",
    .cut = cut,
    .unknown = "[UNK]",
    .first = "[CLS]",
    .last = "[SEP]"};
