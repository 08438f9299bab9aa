/* io/tokenisers/word.c - words and marks: a longest run of letters, digits and bytes above 127 is a
 * token, apostrophes between two of them included (don't); every other byte that is no white space
 * is a token by itself. Small letters unless lowercase=false. */
#include "io/tokenisers/tokeniser.h"

static bool is_letter(char c)
{
    const unsigned char u = (unsigned char)c;
    return (u >= '0' && u <= '9') || (u >= 'A' && u <= 'Z') || (u >= 'a' && u <= 'z') || u >= 128;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r') || c == 0;
}

static size_t next(const char *text, size_t n, size_t *at)
{
    while (*at < n && is_space(text[*at])) ++*at;
    if (*at == n) return 0;
    size_t end = *at + 1;
    if (!is_letter(text[*at])) return 1;
    while (end < n &&
           (is_letter(text[end]) || (text[end] == '\'' && end + 1 < n && is_letter(text[end + 1]))))
        end++;
    return end - *at;
}

const co_tokeniser co_tokeniser_word = {.name = "word",
                                        .summary = "words in small letters, and marks",
                                        .lowercase = true,
                                        .next = next};
