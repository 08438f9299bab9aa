/* core/text.h - a text that grows, numbers as short text, UTF-8. All calls are Local. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zero-initialised is empty. data ends with a NUL once something was added. The adders never fail
 * by themselves: look at failed at the end. */
typedef struct {
    char *data;
    size_t n, capacity; /* n: bytes without the NUL */
    bool failed;        /* out of memory: the text is incomplete */
} co_text;
void co_text_bytes(co_text *text, const char *bytes, size_t n);
void co_text_add(co_text *text, const char *string);
/* What stands in other, and its failure. */
void co_text_join(co_text *text, const co_text *other);
void co_text_cut(co_text *text, size_t n); /* back to the first n bytes */
void co_text_fini(co_text *text);

#define CO_REAL_TEXT 32
/* The shortest decimal text that reads back as the same double: "0.1", "200", "1e-5", "inf". */
void co_format_real(double value, char text[CO_REAL_TEXT]);

/* Bytes of the UTF-8 character at s (1 to 4) and its code; 0 when the n > 0 bytes there do not
 * begin with one (overlong forms, surrogates and codes above 10FFFF included). */
size_t co_utf8_decode(const char *s, size_t n, uint32_t *code);
/* The character of that code, at most 10FFFF, into out[4]; returns its bytes. */
size_t co_utf8_encode(uint32_t code, char *out);

/* Bytes of the UTF-8 byte order mark that the text begins with, 3 or 0. *other: the encoding whose
 * mark stands there instead, "UTF-16" or "UTF-32"; else NULL. Every reader of texts asks this. */
size_t co_text_mark(const char *s, size_t n, const char **other);
