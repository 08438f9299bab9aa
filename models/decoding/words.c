/* models/decoding/words.c - words of BLEU: mteval-v13a as sacrebleu has it, five passes over a
 * text. Words of ROUGE: runs of letters and digits. Bytes stand for characters: what the rules tell
 * apart is ASCII, and the rest of a character follows its first byte. Cost: linear. */
#include "models/decoding/words.h"
#include "core/memory.h"
#include <string.h>

void co_words_of_fini(co_words_of *w)
{
    co_free(w->bytes.text);
    co_free(w->step[0].text);
    co_free(w->step[1].text);
    co_free(w->word);
    *w = (co_words_of){0};
}

static co_status reserve(co_bytes *b, size_t n)
{
    if (co_reserve((void **)&b->text, &b->room, n + 1, 1))
        return CO_FAIL(CO_ENOMEM, "a text of %zu bytes", n);
    return CO_OK;
}

/* There is room. */
static void put(co_bytes *b, const char *text, size_t n)
{
    memcpy(b->text + b->n, text, n);
    b->n += n;
}

static void put_char(co_bytes *b, char c)
{
    b->text[b->n++] = c;
}

/* Bytes of the white space that text[n] begins with, as Python's str.split has it; 0: none. */
static size_t space(const char *text, size_t n)
{
    const unsigned char *t = (const unsigned char *)text;
    if (t[0] == ' ' || (t[0] >= 9 && t[0] <= 13) || (t[0] >= 0x1c && t[0] <= 0x1f)) return 1;
    if (n >= 2 && t[0] == 0xc2 && (t[1] == 0x85 || t[1] == 0xa0)) return 2;
    if (n < 3) return 0;
    const unsigned code = (unsigned)(t[0] & 15) << 12 | (unsigned)(t[1] & 63) << 6 | (t[2] & 63u);
    const bool wide = code == 0x1680 || (code >= 0x2000 && code <= 0x200a) || code == 0x2028 ||
                      code == 0x2029 || code == 0x202f || code == 0x205f || code == 0x3000;
    return (t[0] & 0xf0) == 0xe0 && wide ? 3 : 0;
}

/* Without the white space at its end. */
static size_t stripped(co_passage text)
{
    size_t end = 0;
    for (size_t i = 0; i < text.n;) {
        const size_t n = space(text.text + i, text.n - i);
        i += n ? n : 1;
        if (!n) end = i;
    }
    return end;
}

static co_status replace(co_bytes *from, co_bytes *to, const char *what, const char *by)
{
    const size_t n = strlen(what), m = strlen(by);
    CO_TRY(reserve(to, from->n + 2));
    to->n = 0;
    for (size_t i = 0; i < from->n;) {
        if (i + n <= from->n && memcmp(from->text + i, what, n) == 0) {
            put(to, by, m);
            i += n;
        } else {
            put_char(to, from->text[i++]);
        }
    }
    const co_bytes kept = *from;
    *from = *to;
    *to = kept;
    return CO_OK;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_stop(char c)
{
    return c == '.' || c == ',';
}

static bool stands_alone(char c)
{
    return (c >= '{' && c <= '~') || (c >= '[' && c <= '`') || (c >= ' ' && c <= '&') ||
           (c >= '(' && c <= '+') || (c >= ':' && c <= '@') || c == '/';
}

/* One of the rules at place i of from: writes what stands there, and returns the bytes read. */
typedef size_t rule(const co_bytes *from, size_t i, co_bytes *to);

static size_t part_signs(const co_bytes *from, size_t i, co_bytes *to)
{
    const bool alone = stands_alone(from->text[i]);
    if (alone) put_char(to, ' ');
    put_char(to, from->text[i]);
    if (alone) put_char(to, ' ');
    return 1;
}

/* A sign b behind an a: "a b ". */
static size_t part_pair(bool is, const co_bytes *from, size_t i, co_bytes *to)
{
    put_char(to, from->text[i]);
    if (!is) return 1;
    put_char(to, ' ');
    put_char(to, from->text[i + 1]);
    put_char(to, ' ');
    return 2;
}

static size_t part_stop_behind(const co_bytes *from, size_t i, co_bytes *to)
{
    return part_pair(i + 1 < from->n && !is_digit(from->text[i]) && is_stop(from->text[i + 1]),
                     from, i, to);
}

static size_t part_stop_before(const co_bytes *from, size_t i, co_bytes *to)
{
    const bool is = i + 1 < from->n && is_stop(from->text[i]) && !is_digit(from->text[i + 1]);
    if (is) put_char(to, ' ');
    put_char(to, from->text[i]);
    if (!is) return 1;
    put_char(to, ' ');
    put_char(to, from->text[i + 1]);
    return 2;
}

static size_t part_dash(const co_bytes *from, size_t i, co_bytes *to)
{
    return part_pair(i + 1 < from->n && is_digit(from->text[i]) && from->text[i + 1] == '-', from,
                     i, to);
}

static co_status apply(rule *apply_at, co_bytes *from, co_bytes *to)
{
    CO_TRY(reserve(to, 3 * from->n));
    to->n = 0;
    for (size_t i = 0; i < from->n;) i += apply_at(from, i, to);
    const co_bytes kept = *from;
    *from = *to;
    *to = kept;
    return CO_OK;
}

static co_status add_word(co_words_of *w, const char *text, size_t n)
{
    if (co_reserve((void **)&w->word, &w->room, w->n_words + 1, sizeof *w->word))
        return CO_FAIL(CO_ENOMEM, "words of a text");
    CO_TRY(reserve(&w->bytes, w->bytes.n + n));
    w->word[w->n_words].at = w->bytes.n;
    w->word[w->n_words++].n = n;
    put(&w->bytes, text, n);
    return CO_OK;
}

static co_status split(co_words_of *w, const co_bytes *b)
{
    for (size_t i = 0; i < b->n;) {
        const size_t n = space(b->text + i, b->n - i);
        size_t end = i;
        if (n) {
            i += n;
            continue;
        }
        while (end < b->n && !space(b->text + end, b->n - end)) end++;
        CO_TRY(add_word(w, b->text + i, end - i));
        i = end;
    }
    return CO_OK;
}

co_status co_words_13a(co_words_of *w, co_passage text)
{
    static const char *const replaced[][2] = {{"<skipped>", ""}, {"-\n", ""},    {"\n", " "},
                                              {"&quot;", "\""},  {"&amp;", "&"}, {"&lt;", "<"},
                                              {"&gt;", ">"}};
    static rule *const rules[] = {part_signs, part_stop_behind, part_stop_before, part_dash};
    co_bytes *b = &w->step[0], *other = &w->step[1];
    const size_t n = stripped(text);
    CO_TRY(reserve(b, n + 2));
    b->n = 0;
    if (n > 0) put(b, text.text, n);
    for (size_t k = 0; k < sizeof replaced / sizeof *replaced; k++)
        CO_TRY(replace(b, other, replaced[k][0], replaced[k][1]));
    CO_TRY(reserve(b, b->n + 2));
    memmove(b->text + 1, b->text, b->n);
    b->text[0] = b->text[b->n + 1] = ' ';
    b->n += 2;
    for (size_t k = 0; k < sizeof rules / sizeof *rules; k++) CO_TRY(apply(rules[k], b, other));
    return split(w, b);
}

/* The letter or digit that text[n] begins with, in small; 0: neither. *bytes: how long it is. Two
 * letters beyond ASCII have a small form within it: the signs of kelvin and of I with a dot. */
static char small(const char *text, size_t n, size_t *bytes)
{
    const char c = text[0];
    *bytes = 1;
    if ((c >= 'a' && c <= 'z') || is_digit(c)) return c;
    if (c >= 'A' && c <= 'Z') return (char)(c - 'A' + 'a');
    if (n >= 3 && memcmp(text, "\xe2\x84\xaa", 3) == 0) {
        *bytes = 3;
        return 'k';
    }
    if (n >= 2 && memcmp(text, "\xc4\xb0", 2) == 0) {
        *bytes = 2;
        return 'i';
    }
    return 0;
}

co_status co_words_rouge(co_words_of *w, co_passage text)
{
    co_bytes *b = &w->step[0];
    CO_TRY(reserve(b, 2 * text.n));
    b->n = 0;
    for (size_t i = 0, n; i < text.n; i += n) {
        const char c = small(text.text + i, text.n - i, &n);
        put_char(b, c ? c : ' ');
        if (n == 2) put_char(b, ' '); /* the dot stands behind its i */
    }
    return split(w, b);
}
