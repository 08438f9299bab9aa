/* io/tokenisers/blank.c - what stands between blanks, as it stands: for texts that are cut already.
 */
#include "io/tokenisers/tokeniser.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static size_t next(const char *text, size_t n, size_t *at)
{
    while (*at < n && is_blank(text[*at])) ++*at;
    size_t end = *at;
    while (end < n && !is_blank(text[end])) end++;
    return end - *at;
}

const co_tokeniser co_tokeniser_blank = {
    .name = "blank", .summary = "what stands between blanks, as it stands", .next = next};
