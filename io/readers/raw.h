/* io/readers/raw.h - what readers take from disk: a whole file, unpacked when it is gzip, and
 * strict numbers. Local. */
#pragma once
#include "core/status.h"
#include <stddef.h>
#include <stdint.h>

typedef struct {
    char *bytes; /* [n + 1], the last one is 0 */
    size_t n;
} co_raw;

/* Reads the file, through gzip when its content begins as gzip does. CO_EFILE when it is missing or
 * cannot be read; CO_EDATA when the gzip stream is damaged or cut short. raw is ended by
 * co_raw_fini, also after a failure. */
co_status co_raw_read(const char *path, co_raw *raw);
/* The same for a text: a UTF-8 byte order mark is dropped, and line ends of CR alone (old
 * spreadsheets) become LF. CO_EDATA too for UTF-16, UTF-32 and a zero byte. */
co_status co_raw_text(const char *path, co_raw *raw);
/* As co_raw_text of a file in that encoding (encoding.h), turned into UTF-8 while it is read; NULL:
 * co_raw_text, which looks at no byte above 127, while "utf-8" refuses what is not that. */
co_status co_raw_text_as(const char *path, const char *encoding, co_raw *raw);
/* The same of n bytes that are in memory; path is for messages. */
co_status co_raw_text_of(const char *path, const char *encoding, const char *bytes, size_t n,
                         co_raw *raw);
void co_raw_fini(co_raw *raw);

/* The whole text is a decimal integer that fits / a finite decimal number (no hex, no nan, no inf);
 * a sign is allowed. */
bool co_raw_int(const char *text, int64_t *value);
bool co_raw_real(const char *text, double *value);
/* The text is a whole number in any spelling (5, 5.0, 05, +5, 5e0) / the real is one; without a
 * decimal point or exponent it may have 64 bits, else 53. */
bool co_raw_whole(const char *text, int64_t *value);
bool co_raw_whole_real(double real, int64_t *value);

/* The name behind the last slash; borrowed from path. */
const char *co_raw_name(const char *path);

static inline uint32_t co_raw_be32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
/* The unsigned little-endian number of `width` bytes (at most 8) at p. */
static inline uint64_t co_raw_le(const unsigned char *p, size_t width)
{
    uint64_t value = 0;
    for (size_t i = width; i-- > 0;) value = value << 8 | p[i];
    return value;
}
