/* io/json.h - writes JSON on one line, with blanks behind commas and colons unless it is tight.
 * Local; errors of the stream stay in the stream. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* {.out = stream} is a writer at its start. In a map every call needs a key; in a list and for the
 * outermost value it is NULL. */
typedef struct {
    FILE *out;
    bool follows; /* a value stands before the next one at this level */
    bool tight;   /* no blanks */
} co_json;
void co_json_open(co_json *json, const char *key, char bracket); /* '{' or '[' */
void co_json_close(co_json *json, char bracket);                 /* '}' or ']' */
void co_json_text(co_json *json, const char *key,
                  const char *text); /* bytes that are not UTF-8 become U+FFFD */
void co_json_int(co_json *json, const char *key, int64_t value);
void co_json_u64(co_json *json, const char *key, uint64_t value);
void co_json_real(co_json *json, const char *key,
                  double value); /* shortest that reads back alike; NaN, infinite: null */
void co_json_bare(co_json *json, const char *key, const char *text); /* a value as it stands */
