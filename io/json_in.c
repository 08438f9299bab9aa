/* io/json_in.c - a cursor over JSON text. Cost: one pass. Source: RFC 8259. Where we differ: a
 * value that is passed over is checked for its strings and brackets alone. */
#include "io/json_in.h"
#include "core/memory.h"
#include "core/text.h"
#include "io/readers/raw.h"
#include <string.h>

enum { MAX_DEPTH = 64 };

co_status co_json_in_unexpected(const co_json_in *in, const char *wanted)
{
    const size_t shown = strcspn(in->at, "\r\n");
    size_t line = 1;
    for (const char *c = in->text; c < in->at; c++) line += *c == '\n';
    if (!*in->at)
        return CO_FAIL(CO_EDATA, "%s:%zu: the file ends where %s is wanted", in->path, line,
                       wanted);
    return CO_FAIL(CO_EDATA, "%s:%zu: '%.*s' where %s is wanted", in->path, line,
                   (int)(shown < 20 ? shown : 20), in->at, wanted);
}

char co_json_in_next(co_json_in *in)
{
    in->at += strspn(in->at, " \t\r\n");
    return *in->at;
}

co_status co_json_in_take(co_json_in *in, char c)
{
    if (co_json_in_next(in) != c) return co_json_in_unexpected(in, (char[]){'\'', c, '\'', 0});
    in->at++;
    return CO_OK;
}

co_status co_json_in_more(co_json_in *in, char closing, bool *first, bool *more)
{
    const char next = co_json_in_next(in);
    *more = next != closing;
    if (!*more) return in->at++, CO_OK;
    if (*first) return *first = false, CO_OK;
    return co_json_in_take(in, ',');
}

/* Four hex digits; -1 otherwise. */
static long hex4(const char *text)
{
    long value = 0;
    for (int i = 0; i < 4; i++) {
        const char *digits = "0123456789abcdef0123456789ABCDEF", *found = strchr(digits, text[i]);
        if (!text[i] || !found) return -1;
        value = value * 16 + (found - digits) % 16;
    }
    return value;
}

/* The escape behind a backslash at in->at; *n bytes go to out. A pair of surrogates is one code; a
 * single one, and the zero that no text here can hold, become U+FFFD. */
static co_status take_escape(co_json_in *in, char *out, size_t *n)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *plain = *in->at ? strchr(from, *in->at) : NULL;
    *n = 1;
    if (plain) return *out = to[plain - from], in->at++, CO_OK;
    long code = *in->at == 'u' ? hex4(in->at + 1) : -1;
    if (code < 0) return co_json_in_unexpected(in, "an escape");
    in->at += 5;
    const long low =
        code >> 10 == 0x36 && in->at[0] == '\\' && in->at[1] == 'u' ? hex4(in->at + 2) : -1;
    if (low >> 10 == 0x37) {
        code = 0x10000 + ((code & 0x3ff) << 10 | (low & 0x3ff));
        in->at += 6;
    } else if (code >> 11 == 0x1b || code == 0) {
        code = 0xfffd;
    }
    *n = co_utf8_encode((uint32_t)code, out);
    return CO_OK;
}

/* The closing quote of the string that opens at `at`, or the end of the text. */
static const char *string_end(const char *at)
{
    for (at++; *at && *at != '"'; at++) at += *at == '\\' && at[1];
    return at;
}

co_status co_json_in_text(co_json_in *in, char **text)
{
    *text = NULL;
    if (co_json_in_next(in) != '"') return co_json_in_unexpected(in, "a string");
    const char *end = string_end(in->at);
    char *out = co_malloc((size_t)(end - in->at) + 1, 1); /* an escape is longer than its bytes */
    size_t n = 0;
    if (!out) return CO_FAIL(CO_ENOMEM, "%s: a string", in->path);
    co_status st = CO_OK;
    for (in->at++; st == CO_OK && in->at < end;) {
        size_t bytes = 1;
        if (*in->at == '\\') {
            in->at++;
            st = take_escape(in, out + n, &bytes);
        } else {
            out[n] = *in->at++;
        }
        n += bytes;
    }
    if (st == CO_OK) st = co_json_in_take(in, '"');
    if (st != CO_OK) {
        co_free(out);
        return st;
    }
    out[n] = '\0';
    *text = out;
    return CO_OK;
}

co_status co_json_in_key(co_json_in *in, char **key)
{
    CO_TRY(co_json_in_text(in, key));
    const co_status st = co_json_in_take(in, ':');
    if (st != CO_OK) {
        co_free(*key);
        *key = NULL;
    }
    return st;
}

/* The number that stands next as a text of its own; "" when there is none, or it is too long. */
static size_t number_text(co_json_in *in, char text[64])
{
    const char first = co_json_in_next(in);
    size_t n = strspn(in->at, "+-.0123456789eE");
    if (n >= 64 || (first != '-' && (first < '0' || first > '9'))) n = 0;
    memcpy(text, in->at, n);
    text[n] = '\0';
    return n;
}

co_status co_json_in_int(co_json_in *in, int64_t *value)
{
    char text[64];
    const size_t n = number_text(in, text);
    if (!co_raw_whole(text, value))
        return co_json_in_unexpected(in, n ? "an integer of 64 bits" : "an integer");
    in->at += n;
    return CO_OK;
}

co_status co_json_in_real(co_json_in *in, double *value)
{
    char text[64];
    const size_t n = number_text(in, text);
    if (!co_raw_real(text, value)) return co_json_in_unexpected(in, "a number");
    in->at += n;
    return CO_OK;
}

co_status co_json_in_skip(co_json_in *in)
{
    int depth = 0;
    do {
        const char c = co_json_in_next(in);
        if (c == '[' || c == '{') {
            if (++depth > MAX_DEPTH) return co_json_in_unexpected(in, "a less deep nesting");
            in->at++;
        } else if (c == ']' || c == '}') {
            if (--depth < 0) return co_json_in_unexpected(in, "a value");
            in->at++;
        } else if (c == '"') {
            in->at = string_end(in->at);
            CO_TRY(co_json_in_take(in, '"'));
        } else if (depth > 0 && (c == ',' || c == ':')) {
            in->at++;
        } else {
            const size_t n = strcspn(in->at, " \t\r\n,:[]{}\"");
            if (n == 0) return co_json_in_unexpected(in, "a value");
            in->at += n;
        }
    } while (depth > 0);
    return CO_OK;
}

co_status co_json_in_end(co_json_in *in)
{
    return co_json_in_next(in) ? co_json_in_unexpected(in, "the end of the file") : CO_OK;
}
