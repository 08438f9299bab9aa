/* io/json_in.h - reads JSON from a text in memory, a value at a time, as its caller expects it.
 * Local.
 *
 * Every call takes what stands next and passes over blanks. What does not fit is CO_EDATA with
 * file, line and the text found. */
#pragma once
#include "core/status.h"
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    const char *path;      /* for messages; borrowed */
    const char *text, *at; /* ends with a zero byte; borrowed */
} co_json_in;

char co_json_in_next(co_json_in *in); /* the next character, not taken; 0 at the end */
/* Takes '[', '{' .. ; CO_EDATA says what was wanted. */
co_status co_json_in_take(co_json_in *in, char c);
/* Before each element of an open list or map, *first being true at first: takes the comma, or the
 * closing bracket, when *more is false. */
co_status co_json_in_more(co_json_in *in, char closing, bool *first, bool *more);
co_status co_json_in_text(co_json_in *in, char **text);   /* a string, as UTF-8; new block */
co_status co_json_in_key(co_json_in *in, char **key);     /* a string and the colon; new block */
co_status co_json_in_int(co_json_in *in, int64_t *value); /* a whole number: 5, 5.0, 5e0 */
co_status co_json_in_real(co_json_in *in, double *value);
co_status co_json_in_skip(co_json_in *in); /* any value */
co_status co_json_in_end(co_json_in *in);  /* nothing follows */
/* CO_EDATA: "FILE:LINE: 'what stands next' where `wanted` is wanted". */
co_status co_json_in_unexpected(const co_json_in *in, const char *wanted);
