/* core/text.c - growing text, short numbers, UTF-8 by the table of well-formed byte sequences
 * (Unicode, table 3-7). */
#include "core/text.h"
#include "core/memory.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void co_text_bytes(co_text *text, const char *bytes, size_t n)
{
    void *block = text->data;
    size_t want;
    if (text->failed) return;
    if (__builtin_add_overflow(text->n, n, &want) || want == SIZE_MAX ||
        co_reserve(&block, &text->capacity, want + 1, 1) != 0) {
        text->failed = true;
        return;
    }
    text->data = block;
    if (n > 0) memcpy(text->data + text->n, bytes, n);
    text->n = want;
    text->data[want] = '\0';
}

void co_text_add(co_text *text, const char *string)
{
    co_text_bytes(text, string, strlen(string));
}

void co_text_join(co_text *text, const co_text *other)
{
    co_text_bytes(text, other->data, other->n);
    text->failed |= other->failed;
}

void co_text_cut(co_text *text, size_t n)
{
    if (n >= text->n) return;
    text->n = n;
    text->data[n] = '\0';
}

void co_text_fini(co_text *text)
{
    co_free(text->data);
    *text = (co_text){0};
}

/* "1e+06" becomes "1e6", "1e-05" becomes "1e-5". */
static void trim_exponent(char *text)
{
    char *to = strchr(text, 'e');
    if (!to) return;
    const char *from = ++to;
    if (*from == '-') to++;
    if (*from == '-' || *from == '+') from++;
    while (*from == '0' && from[1] != '\0') from++;
    memmove(to, from, strlen(from) + 1);
}

void co_format_real(double value, char text[CO_REAL_TEXT])
{
    int digits = 1;
    do {
        snprintf(text, CO_REAL_TEXT, "%.*g", digits, value);
    } while (strtod(text, NULL) != value && ++digits <= 17);
    const double size = fabs(value);
    if (size >= 10.0 && size < 1e6) { /* 200, not 2e2 */
        const int whole = 1 + (int)log10(size);
        snprintf(text, CO_REAL_TEXT, "%.*g", digits > whole ? digits : whole, value);
    }
    trim_exponent(text);
}

size_t co_utf8_decode(const char *s, size_t n, uint32_t *code)
{
    const unsigned char *b = (const unsigned char *)s;
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (b[0] < 0x80) {
        *code = b[0];
        return 1;
    }
    const size_t bytes = b[0] >= 0xf8   ? 0
                         : b[0] >= 0xf0 ? 4
                         : b[0] >= 0xe0 ? 3
                         : b[0] >= 0xc0 ? 2
                                        : 0;
    if (bytes == 0 || bytes > n) return 0;
    uint32_t value = b[0] & (0x7fu >> bytes);
    for (size_t i = 1; i < bytes; i++) {
        if ((b[i] & 0xc0) != 0x80) return 0;
        value = value << 6 | (b[i] & 0x3fu);
    }
    if (value < least[bytes] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) return 0;
    *code = value;
    return bytes;
}

size_t co_utf8_encode(uint32_t code, char *out)
{
    if (code < 0x80) return out[0] = (char)code, 1;
    const size_t n = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, code >>= 6) out[i] = (char)(0x80 | (code & 0x3f));
    out[0] = (char)((n == 2 ? 0xc0 : n == 3 ? 0xe0 : 0xf0) | code);
    return n;
}

size_t co_text_mark(const char *s, size_t n, const char **other)
{
    *other = NULL;
    if (n >= 3 && memcmp(s, "\xef\xbb\xbf", 3) == 0) return 3;
    if (n >= 4 && (memcmp(s, "\xff\xfe\0\0", 4) == 0 || memcmp(s, "\0\0\xfe\xff", 4) == 0))
        *other = "UTF-32";
    else if (n >= 2 && (memcmp(s, "\xff\xfe", 2) == 0 || memcmp(s, "\xfe\xff", 2) == 0))
        *other = "UTF-16";
    return 0;
}
