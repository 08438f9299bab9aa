/* io/tokenisers/char.c - every UTF-8 character is a token; a byte that begins none is one too. */
#include "core/text.h"
#include "io/tokenisers/tokeniser.h"

static size_t next(const char *text, size_t n, size_t *at)
{
    uint32_t code;
    if (*at >= n) return 0;
    const size_t bytes = co_utf8_decode(text + *at, n - *at, &code);
    return bytes ? bytes : 1;
}

const co_tokeniser co_tokeniser_char = {
    .name = "char", .summary = "every character is a token", .next = next};
