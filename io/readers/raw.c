/* io/readers/raw.c - whole files through zlib, strict numbers.
 *
 * zlib reads a file that does not begin with the gzip magic as it is. One more read after the last
 * byte makes it check the stream's checksum and length. Cost: one pass, the block doubles while it
 * grows. */
#include "io/readers/raw.h"
#include "core/memory.h"
#include "core/text.h"
#include "io/readers/encoding.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define PIECE ((size_t)1 << 24)

/* Up to n bytes of the stream; *got is 0 at its end. unpacked: bytes before, for messages. */
static co_status read_piece(gzFile stream, const char *path, size_t unpacked, char *bytes, size_t n,
                            size_t *got)
{
    errno = 0;
    const int done = gzread(stream, bytes, (unsigned)(n < PIECE ? n : PIECE));
    int code = Z_OK;
    const char *why = gzerror(stream, &code);
    *got = done > 0 ? (size_t)done : 0;
    if (done >= 0 && (code == Z_OK || code == Z_STREAM_END)) return CO_OK;
    if (code == Z_ERRNO) return CO_FAIL(CO_EFILE, "%s: cannot be read: %s", path, strerror(errno));
    if (code == Z_MEM_ERROR) return CO_FAIL(CO_ENOMEM, "%s: out of memory in zlib", path);
    return CO_FAIL(CO_EDATA, "%s: damaged or cut gzip stream after %zu unpacked bytes (%s)", path,
                   unpacked, why);
}

static co_status read_stream(gzFile stream, const char *path, co_raw *raw)
{
    size_t capacity = 0, got = 1;
    while (got > 0) {
        if (co_reserve((void **)&raw->bytes, &capacity, raw->n + (1 << 16) + 1, 1) != CO_OK)
            return CO_FAIL(CO_ENOMEM, "%s: out of memory after %zu bytes", path, raw->n);
        CO_TRY(read_piece(stream, path, raw->n, raw->bytes + raw->n, capacity - raw->n - 1, &got));
        raw->n += got;
        raw->bytes[raw->n] = 0;
    }
    return CO_OK;
}

static co_status decode_stream(gzFile stream, const char *path, co_encoding *encoding)
{
    char piece[1 << 16];
    size_t got = 1, n = 0;
    for (; got > 0; n += got) {
        CO_TRY(read_piece(stream, path, n, piece, sizeof piece, &got));
        CO_TRY(co_encoding_add(encoding, piece, got));
    }
    return co_encoding_end(encoding);
}

static co_status open_stream(const char *path, gzFile *stream)
{
    errno = 0;
    if (!(*stream = gzopen(path, "rb")))
        return CO_FAIL(CO_EFILE, "%s: cannot be opened: %s", path,
                       errno ? strerror(errno) : "no memory");
    gzbuffer(*stream, 1 << 17);
    return CO_OK;
}

co_status co_raw_read(const char *path, co_raw *raw)
{
    gzFile stream;
    *raw = (co_raw){0};
    CO_TRY(open_stream(path, &stream));
    const co_status st = read_stream(stream, path, raw);
    gzclose_r(stream);
    if (st != CO_OK) co_raw_fini(raw);
    return st;
}

/* encoding NULL: of bytes as they were in the file. */
static co_status make_text(const char *path, const char *encoding, co_raw *raw)
{
    const char *other, *zero;
    const size_t mark = co_text_mark(raw->bytes, raw->n, &other);
    if (other)
        return CO_FAIL(CO_EDATA,
                       "%s: is encoded as %s; save it as UTF-8 (import: or give encoding=)", path,
                       other);
    if ((zero = memchr(raw->bytes, 0, raw->n)))
        return CO_FAIL(CO_EDATA, "%s: byte %td%s is zero; this is no text file, or not %s", path,
                       zero - raw->bytes, encoding ? " of its UTF-8" : "",
                       encoding ? encoding : "UTF-8");
    raw->n -= mark;
    memmove(raw->bytes, raw->bytes + mark, raw->n + 1);
    if (!memchr(raw->bytes, '\n', raw->n))
        for (char *c = raw->bytes; (c = strchr(c, '\r'));) *c = '\n';
    return CO_OK;
}

static co_status read_as(const char *path, const char *encoding, co_raw *raw)
{
    co_encoding e;
    gzFile stream;
    CO_TRY(co_encoding_open(encoding, path, raw, &e));
    co_status st = open_stream(path, &stream);
    if (st == CO_OK) {
        st = decode_stream(stream, path, &e);
        gzclose_r(stream);
    }
    co_encoding_close(&e);
    return st;
}

co_status co_raw_text_as(const char *path, const char *encoding, co_raw *raw)
{
    *raw = (co_raw){0};
    co_status st = encoding ? read_as(path, encoding, raw) : co_raw_read(path, raw);
    if (st == CO_OK) st = make_text(path, encoding, raw);
    if (st != CO_OK) co_raw_fini(raw);
    return st;
}

co_status co_raw_text(const char *path, co_raw *raw)
{
    return co_raw_text_as(path, NULL, raw);
}

co_status co_raw_text_of(const char *path, const char *encoding, const char *bytes, size_t n,
                         co_raw *raw)
{
    co_encoding e;
    co_status st = co_encoding_open(encoding, path, raw, &e);
    if (st == CO_OK) st = co_encoding_add(&e, bytes, n);
    if (st == CO_OK) st = co_encoding_end(&e);
    co_encoding_close(&e);
    if (st == CO_OK) st = make_text(path, encoding, raw);
    if (st != CO_OK) co_raw_fini(raw);
    return st;
}

void co_raw_fini(co_raw *raw)
{
    co_free(raw->bytes);
    *raw = (co_raw){0};
}

bool co_raw_int(const char *text, int64_t *value)
{
    const char *digits = text + (*text == '-' || *text == '+');
    if (!*digits || strspn(digits, "0123456789") != strlen(digits)) return false;
    errno = 0;
    const long long parsed = strtoll(text, NULL, 10);
    *value = (int64_t)parsed;
    return errno == 0;
}

bool co_raw_real(const char *text, double *value)
{
    char *end;
    if (!*text || strspn(text, "+-.0123456789eE") != strlen(text)) return false;
    *value = strtod(text, &end);
    return *end == 0 && end != text && isfinite(*value);
}

bool co_raw_whole_real(double real, int64_t *value)
{
    if (!(real >= -9007199254740992.0 && real <= 9007199254740992.0) || real != floor(real))
        return false;
    *value = (int64_t)real;
    return true;
}

bool co_raw_whole(const char *text, int64_t *value)
{
    double real;
    return co_raw_int(text, value) || (co_raw_real(text, &real) && co_raw_whole_real(real, value));
}

const char *co_raw_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}
