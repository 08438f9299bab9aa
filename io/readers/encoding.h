/* io/readers/encoding.h - texts in other encodings than UTF-8, by the C library's iconv. Local.
 *
 * Names are those of iconv (latin1, ISO-8859-15, CP1252, UTF-16, SHIFT_JIS ..) and Python's
 * spellings of them (latin_1, utf-8-sig). A text comes in pieces of any length; what is kept
 * between two of them is the beginning of one character. */
#pragma once
#include "core/config.h"
#include "io/readers/raw.h"

/* Option of every reader of texts. */
#define CO_ENCODING_PARAM                                                                          \
    {                                                                                              \
        "encoding", CO_STRING, .flags = CO_OPTIONAL,                                               \
                               .doc = "of the files, as iconv names it: latin1, cp1252, utf-16 "   \
                                      ".. (default: utf-8)"                                        \
    }
/* Its value, borrowed; NULL when it was not given. */
const char *co_encoding_of(const co_config *opt);

typedef struct {
    const char *name, *path; /* borrowed, for messages */
    void *iconv;             /* NULL: not open */
    co_raw *out;
    size_t room;   /* bytes of out->bytes */
    uint64_t at;   /* bytes taken */
    uint64_t line; /* the one that is being written, from 1 */
    char kept[16]; /* the beginning of a character */
    size_t n_kept;
} co_encoding;

/* CO_EUSAGE: a name that iconv does not know; the message has the nearest and the common ones. out
 * is emptied; it is ended by co_raw_fini, also after a failure. */
co_status co_encoding_open(const char *name, const char *path, co_raw *out, co_encoding *encoding);
/* Appends the characters of n more bytes to out as UTF-8, which ends with a zero byte then.
 * CO_EDATA "FILE:LINE: byte .." for bytes that are no text in this encoding. */
co_status co_encoding_add(co_encoding *encoding, const char *bytes, size_t n);
/* The last piece has come. CO_EDATA when a character is cut. */
co_status co_encoding_end(co_encoding *encoding);
void co_encoding_close(co_encoding *encoding);
