/* io/readers/npy.c - the header of a .npy file and its elements.
 *
 * The header is the text of a Python dict with the keys descr, fortran_order and shape in any
 * order; a cursor that knows just these three values reads it. Source: NumPy enhancement
 * proposal 1. */
#include "io/readers/npy.h"
#include "core/memory.h"
#include "core/text.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *at, *end;
} cursor;

static void skip_blanks(cursor *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\n')) c->at++;
}

static bool take(cursor *c, const char *text)
{
    const size_t n = strlen(text);
    skip_blanks(c);
    if ((size_t)(c->end - c->at) < n || memcmp(c->at, text, n) != 0) return false;
    c->at += n;
    return true;
}

/* A Python string between either kind of quotes, into text[size]. */
static bool take_string(cursor *c, char *text, size_t size)
{
    skip_blanks(c);
    if (c->at == c->end || (*c->at != '\'' && *c->at != '"')) return false;
    const char quote = *c->at++;
    size_t n = 0;
    while (c->at < c->end && *c->at != quote && n + 1 < size) text[n++] = *c->at++;
    text[n] = 0;
    return take(c, (char[]){quote, 0});
}

static bool take_shape(cursor *c, co_npy *npy)
{
    npy->ndim = 0;
    if (!take(c, "(")) return false;
    while (!take(c, ")")) {
        size_t value = 0, digits = 0;
        for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++, digits++)
            if (__builtin_mul_overflow(value, 10, &value) ||
                __builtin_add_overflow(value, (size_t)(*c->at - '0'), &value))
                return false;
        if (digits == 0 || npy->ndim == CO_NPY_DIMS) return false;
        npy->dim[npy->ndim++] = value;
        take(c, "L"); /* Python 2 */
        if (!take(c, ",")) return take(c, ")");
    }
    return true;
}

/* descr holds the dtype as written, "" when it is no string. */
static bool parse_header(cursor c, co_npy *npy, char descr[32])
{
    unsigned seen = 0;
    char key[16];
    if (!take(&c, "{")) return false;
    while (!take(&c, "}")) {
        if (!take_string(&c, key, sizeof key) || !take(&c, ":")) return false;
        if (strcmp(key, "descr") == 0) {
            seen |= 1;
            if (!take_string(&c, descr, 32)) return false;
        } else if (strcmp(key, "fortran_order") == 0) {
            seen |= 2;
            npy->fortran = take(&c, "True");
            if (!npy->fortran && !take(&c, "False")) return false;
        } else if (strcmp(key, "shape") == 0) {
            seen |= 4;
            if (!take_shape(&c, npy)) return false;
        } else {
            return false;
        }
        if (!take(&c, ",")) return take(&c, "}") && seen == 7;
    }
    return seen == 7;
}

static co_status parse_type(const char *where, const char *descr, co_npy *npy)
{
    static const char *const known[] = {"u1", "u2", "u4", "u8", "i1", "i2",
                                        "i4", "i8", "f2", "f4", "f8", "b1"};
    if (descr[0] == '>')
        return CO_FAIL(CO_EDATA,
                       "%s: dtype '%s' is big-endian; save it as little-endian, for instance by "
                       "a.astype(a.dtype.newbyteorder('<'))",
                       where, descr);
    for (size_t k = 0; (descr[0] == '<' || descr[0] == '|' || descr[0] == '=') &&
                       k < sizeof known / sizeof *known;
         k++)
        if (strcmp(descr + 1, known[k]) == 0) {
            npy->kind = descr[1];
            npy->width = (size_t)(descr[2] - '0');
            return CO_OK;
        }
    return CO_FAIL(
        CO_EDATA,
        "%s: dtype '%s' is not read; bool, int8 .. int64, uint8 .. uint64, float16 .. float64 are",
        where, descr);
}

/* |S7: 7 bytes; <U7: 7 codes of 4 bytes. */
static co_status parse_text_type(const char *where, const char *descr, co_npy *npy)
{
    int64_t n = 0;
    const bool bytes = strncmp(descr, "|S", 2) == 0, codes = strncmp(descr, "<U", 2) == 0;
    if ((!bytes && !codes) || !co_raw_int(descr + 2, &n) || n < 0 || n > 1 << 20)
        return CO_FAIL(CO_EDATA,
                       "%s: dtype '%s' is not read; texts, bytes (S) or little-endian str (U), are",
                       where, descr);
    npy->kind = descr[1];
    npy->width = (size_t)n * (codes ? 4 : 1);
    return CO_OK;
}

static co_status parse(const char *where, const co_raw *raw,
                       co_status (*take_type)(const char *where, const char *descr, co_npy *npy),
                       co_npy *npy)
{
    const unsigned char *p = (const unsigned char *)raw->bytes;
    *npy = (co_npy){0};
    if (raw->n < 10 || memcmp(p, "\x93NUMPY", 6) != 0 || p[6] < 1 || p[6] > 3)
        return CO_FAIL(CO_EDATA, "%s: byte 0: no .npy header of version 1 to 3", where);
    const size_t prefix = p[6] == 1 ? 10 : 12;
    const size_t length = raw->n < prefix ? SIZE_MAX : (size_t)co_raw_le(p + 8, prefix - 8);
    if (raw->n < prefix || length > raw->n - prefix)
        return CO_FAIL(CO_EDATA, "%s: %zu bytes are less than its header takes", where, raw->n);
    char descr[32] = "";
    if (!parse_header((cursor){raw->bytes + prefix, raw->bytes + prefix + length}, npy, descr))
        return CO_FAIL(CO_EDATA,
                       "%s: header '%.*s' is not understood (structured dtypes and more than %d "
                       "dimensions are not)",
                       where, (int)(length < 120 ? length : 120), raw->bytes + prefix, CO_NPY_DIMS);
    CO_TRY(take_type(where, descr, npy));
    size_t size = 0;
    bool fits = true;
    npy->count = 1;
    for (size_t i = 0; i < npy->ndim; i++)
        fits = fits && !__builtin_mul_overflow(npy->count, npy->dim[i], &npy->count);
    fits = fits && !__builtin_mul_overflow(npy->count, npy->width, &size);
    if (!fits || size != raw->n - prefix - length)
        return CO_FAIL(CO_EDATA, "%s: %zu bytes follow the header, which promises %zu%s", where,
                       raw->n - prefix - length, size,
                       fits ? "" : " or more than fits into memory");
    npy->data = p + prefix + length;
    return CO_OK;
}

co_status co_npy_parse(const char *where, const co_raw *raw, co_npy *npy)
{
    return parse(where, raw, parse_type, npy);
}

co_status co_npy_parse_texts(const char *where, const co_raw *raw, co_npy *npy)
{
    return parse(where, raw, parse_text_type, npy);
}

/* Where element i of C order lies. */
static const unsigned char *element(const co_npy *npy, size_t i)
{
    if (!npy->fortran || npy->ndim < 2) return npy->data + i * npy->width;
    size_t at = 0, stride = npy->count;
    for (size_t d = npy->ndim; d-- > 0;) {
        stride /= npy->dim[d];
        at += i % npy->dim[d] * stride;
        i /= npy->dim[d];
    }
    return npy->data + at * npy->width;
}

static double half_to_double(unsigned bits)
{
    const int exponent = (int)(bits >> 10 & 31);
    const double fraction = (double)(bits & 1023), sign = bits >> 15 ? -1.0 : 1.0;
    if (exponent == 31) return fraction > 0.0 ? (double)NAN : sign * (double)INFINITY;
    return exponent ? sign * ldexp(1024.0 + fraction, exponent - 25) : sign * ldexp(fraction, -24);
}

/* Two's complement of the element's width, sign extended. */
static int64_t to_signed(uint64_t bits, size_t width)
{
    const unsigned unused = (unsigned)(64 - 8 * width);
    return (int64_t)(bits << unused) >> unused;
}

double co_npy_real(const co_npy *npy, size_t i)
{
    const uint64_t bits = co_raw_le(element(npy, i), npy->width);
    if (npy->kind == 'i') return (double)to_signed(bits, npy->width);
    if (npy->kind == 'b') return bits ? 1.0 : 0.0;
    if (npy->kind == 'u') return (double)bits;
    if (npy->width == 2) return half_to_double((unsigned)bits);
    if (npy->width == 4) {
        const uint32_t low = (uint32_t)bits;
        float value;
        memcpy(&value, &low, sizeof value);
        return (double)value;
    }
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

bool co_npy_int(const co_npy *npy, size_t i, int64_t *value)
{
    if (npy->kind == 'f') return co_raw_whole_real(co_npy_real(npy, i), value);
    const uint64_t bits = co_raw_le(element(npy, i), npy->width);
    *value = npy->kind == 'i'   ? to_signed(bits, npy->width)
             : npy->kind == 'b' ? bits != 0
                                : (int64_t)bits;
    return npy->kind != 'u' || bits <= INT64_MAX;
}

char *co_npy_text(const co_npy *npy, size_t i)
{
    const unsigned char *p = element(npy, i);
    const size_t step = npy->kind == 'U' ? 4 : 1;
    char *text = co_malloc(npy->width + 1, 1);
    size_t used = 0;
    for (size_t at = 0; text && at < npy->width; at += step) {
        const uint64_t code = co_raw_le(p + at, step);
        if (code == 0) break;
        if (step == 4)
            used += co_utf8_encode(code > 0x10ffff ? 0xfffd : (uint32_t)code, text + used);
        else
            text[used++] = (char)code;
    }
    if (text) text[used] = 0;
    return text;
}
