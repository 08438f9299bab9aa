/* models/tasks/answers.c - the normal form of an answer, and its comparison with accepted ones.
 *
 * Time: linear in the texts, and words given times words accepted. Unicode's tables are those of
 * utf8proc; what it has no table for is spelt out here: the two letters whose lower case is not one
 * letter of their own, and the marks that Final_Sigma looks through (Unicode, section 3.13). */
#include "models/tasks/answers.h"
#include "core/memory.h"
#include <string.h>
#include <utf8proc.h>

enum {
    DOTTED_I = 0x130,
    DOT_ABOVE = 0x307,
    SIGMA = 0x3A3,
    FINAL_SIGMA = 0x3C2,
    NO_TEXT = 0x10FFFF
};

/* The character at s, or of a byte that begins none a code that no letter has. */
static size_t next_code(const char *s, size_t n, uint32_t *code)
{
    const size_t bytes = co_utf8_decode(s, n, code);
    if (bytes == 0) *code = NO_TEXT;
    return bytes ? bytes : 1;
}

static bool is_ascii_mark(uint32_t c)
{
    return (c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) ||
           (c >= 123 && c <= 126);
}

/* What str.split takes for blanks. */
static bool is_blank(uint32_t c)
{
    if (c < 128) return c == ' ' || (c >= 9 && c <= 13) || (c >= 28 && c <= 31);
    return c == 0x85 || c == 0x2028 || c == 0x2029 ||
           utf8proc_category((utf8proc_int32_t)c) == UTF8PROC_CATEGORY_ZS;
}

/* What re takes for part of a word: letters and numbers. */
static bool is_of_word(uint32_t c)
{
    if (c < 128) return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const utf8proc_category_t k = utf8proc_category((utf8proc_int32_t)c);
    return (k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_LO) ||
           (k >= UTF8PROC_CATEGORY_ND && k <= UTF8PROC_CATEGORY_NO);
}

static bool is_cased(uint32_t c)
{
    const utf8proc_category_t k = utf8proc_category((utf8proc_int32_t)c);
    return k == UTF8PROC_CATEGORY_LU || k == UTF8PROC_CATEGORY_LL || k == UTF8PROC_CATEGORY_LT ||
           utf8proc_islower((utf8proc_int32_t)c) || utf8proc_isupper((utf8proc_int32_t)c);
}

/* Case_Ignorable: marks and modifiers, and punctuation within words. */
static bool is_passed_over(uint32_t c)
{
    static const uint32_t within[] = {'\'',   '.',    ':',    0xB7,   0x387,  0x55F,
                                      0x5F4,  0x2018, 0x2019, 0x2024, 0x2027, 0xFE13,
                                      0xFE52, 0xFE55, 0xFF07, 0xFF0E, 0xFF1A};
    for (size_t k = 0; k < sizeof within / sizeof *within; k++)
        if (c == within[k]) return true;
    switch (utf8proc_category((utf8proc_int32_t)c)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK: return true;
    default: return false;
    }
}

static bool cased_follows(const char *text, size_t n)
{
    uint32_t code = 0;
    size_t at = 0;
    do {
        if (at == n) return false;
        at += next_code(text + at, n - at, &code);
    } while (is_passed_over(code));
    return is_cased(code);
}

static void add_code(co_text *text, uint32_t code)
{
    char bytes[4];
    co_text_bytes(text, bytes, co_utf8_encode(code, bytes));
}

/* Lower case, without punctuation. */
static void flatten(const char *text, size_t n, co_text *flat)
{
    bool cased = false; /* the last character that is not passed over */
    uint32_t code;
    for (size_t at = 0, bytes; at < n; at += bytes) {
        bytes = next_code(text + at, n - at, &code);
        const bool final =
            code == SIGMA && cased && !cased_follows(text + at + bytes, n - at - bytes);
        if (!is_passed_over(code)) cased = is_cased(code);
        if (is_ascii_mark(code)) continue;
        if (code == NO_TEXT)
            co_text_bytes(flat, text + at, bytes);
        else if (code == DOTTED_I)
            add_code(flat, 'i'), add_code(flat, DOT_ABOVE);
        else
            add_code(flat,
                     final ? FINAL_SIGMA : (uint32_t)utf8proc_tolower((utf8proc_int32_t)code));
    }
}

static bool is_article(const char *word, size_t n)
{
    return (n == 1 && word[0] == 'a') || (n == 2 && memcmp(word, "an", 2) == 0) ||
           (n == 3 && memcmp(word, "the", 3) == 0);
}

/* Bytes of letters and numbers at s. */
static size_t word_length(const char *s, size_t n)
{
    uint32_t code;
    size_t at = 0;
    while (at < n) {
        const size_t bytes = next_code(s + at, n - at, &code);
        if (!is_of_word(code)) break;
        at += bytes;
    }
    return at;
}

void co_answer_normal(const char *text, size_t n, co_text *flat, co_text *form)
{
    bool apart = false; /* a blank is due */
    co_text_cut(flat, 0);
    co_text_cut(form, 0);
    flatten(text, n, flat);
    for (size_t at = 0, bytes; at < flat->n; at += bytes) {
        uint32_t code = 'a';
        bytes = word_length(flat->data + at, flat->n - at);
        const bool article = is_article(flat->data + at, bytes);
        if (bytes == 0) bytes = next_code(flat->data + at, flat->n - at, &code);
        if (article || is_blank(code)) {
            apart = true;
            continue;
        }
        if (apart && form->n) co_text_bytes(form, " ", 1);
        co_text_bytes(form, flat->data + at, bytes);
        apart = false;
    }
}

void co_answer_open(co_answer *a, const char *text, size_t n, bool with_empty)
{
    a->exact = a->f1 = 0.0;
    a->n_compared = 0;
    a->with_empty = with_empty;
    a->failed = false;
    co_answer_normal(text, n, &a->flat, &a->given);
}

static size_t count_words(const co_text *form)
{
    size_t n = form->n > 0;
    for (size_t k = 0; k < form->n; k++) n += form->data[k] == ' ';
    return n;
}

/* Bytes up to the next blank. */
static size_t word_at(const co_text *form, size_t at)
{
    const char *end = memchr(form->data + at, ' ', form->n - at);
    return end ? (size_t)(end - form->data) - at : form->n - at;
}

/* Takes an equal word of `accepted` that was not taken before. */
static bool take(co_answer *a, const char *word, size_t n)
{
    const co_text *form = &a->accepted;
    for (size_t at = 0, k = 0, bytes; at < form->n; at += bytes + 1, k++) {
        bytes = word_at(form, at);
        if (a->used[k] || bytes != n || memcmp(form->data + at, word, n) != 0) continue;
        return a->used[k] = true;
    }
    return false;
}

static double f1(co_answer *a)
{
    const size_t n_given = count_words(&a->given), n_accepted = count_words(&a->accepted);
    size_t common = 0;
    if (n_given == 0 || n_accepted == 0) return a->with_empty && n_given == n_accepted ? 1.0 : 0.0;
    if (co_reserve((void **)&a->used, &a->n_room, n_accepted, sizeof *a->used)) {
        a->failed = true;
        return 0.0;
    }
    memset(a->used, 0, n_accepted * sizeof *a->used);
    for (size_t at = 0, bytes; at < a->given.n; at += bytes + 1) {
        bytes = word_at(&a->given, at);
        common += take(a, a->given.data + at, bytes);
    }
    if (common == 0) return 0.0;
    const double precision = (double)common / (double)n_given,
                 recall = (double)common / (double)n_accepted;
    return 2.0 * precision * recall / (precision + recall);
}

static void compare(co_answer *a)
{
    const bool equal =
        a->given.n == a->accepted.n &&
        (a->given.n == 0 || memcmp(a->given.data, a->accepted.data, a->given.n) == 0);
    const double share = f1(a);
    if (equal) a->exact = 1.0;
    if (share > a->f1) a->f1 = share;
    a->n_compared++;
}

void co_answer_accept(co_answer *a, const char *text, size_t n)
{
    co_answer_normal(text, n, &a->flat, &a->accepted);
    if (a->accepted.n > 0 || !a->with_empty) compare(a);
}

co_status co_answer_close(co_answer *a)
{
    if (a->n_compared == 0 && a->with_empty) {
        co_text_cut(&a->accepted, 0);
        compare(a);
    }
    return a->failed || a->flat.failed || a->given.failed || a->accepted.failed
               ? CO_FAIL(CO_ENOMEM, "no memory to compare answers")
               : CO_OK;
}

void co_answer_fini(co_answer *a)
{
    co_text_fini(&a->flat);
    co_text_fini(&a->given);
    co_text_fini(&a->accepted);
    co_free(a->used);
    *a = (co_answer){0};
}
