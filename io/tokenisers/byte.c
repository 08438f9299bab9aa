/* io/tokenisers/byte.c - every byte is a token; nothing is out of vocabulary. */
#include "io/tokenisers/tokeniser.h"

static size_t next(const char *text, size_t n, size_t *at)
{
    (void)text;
    return *at < n;
}

const co_tokeniser co_tokeniser_byte = {
    .name = "byte", .summary = "every byte is a token, of 256", .every_byte = true, .next = next};
