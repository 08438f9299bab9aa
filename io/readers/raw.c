/* io/readers/raw.c - whole files through zlib, strict numbers.
 *
 * zlib reads a file that does not begin with the gzip magic as it is. One more read after the last
 * byte makes it check the stream's checksum and length. Cost: one pass, the block doubles while it
 * grows. */
#include "io/readers/raw.h"
#include "core/memory.h"
#include "core/text.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define PIECE ((size_t)1 << 24)

static co_status read_stream(gzFile stream, const char *path, co_raw *raw)
{
    size_t capacity = 0;
    for (;;) {
        if (co_reserve((void **)&raw->bytes, &capacity, raw->n + (1 << 16) + 1, 1) != CO_OK)
            return CO_FAIL(CO_ENOMEM, "%s: out of memory after %zu bytes", path, raw->n);
        const size_t room = capacity - raw->n - 1;
        errno = 0;
        const int got =
            gzread(stream, raw->bytes + raw->n, (unsigned)(room < PIECE ? room : PIECE));
        int code = Z_OK;
        const char *why = gzerror(stream, &code);
        if (got < 0 || (code != Z_OK && code != Z_STREAM_END)) {
            if (code == Z_ERRNO)
                return CO_FAIL(CO_EFILE, "%s: cannot be read: %s", path, strerror(errno));
            if (code == Z_MEM_ERROR) return CO_FAIL(CO_ENOMEM, "%s: out of memory in zlib", path);
            return CO_FAIL(CO_EDATA, "%s: damaged or cut gzip stream after %zu unpacked bytes (%s)",
                           path, raw->n, why);
        }
        raw->n += (size_t)got;
        raw->bytes[raw->n] = 0;
        if (got == 0) return CO_OK;
    }
}

co_status co_raw_read(const char *path, co_raw *raw)
{
    *raw = (co_raw){0};
    errno = 0;
    gzFile stream = gzopen(path, "rb");
    if (!stream)
        return CO_FAIL(CO_EFILE, "%s: cannot be opened: %s", path,
                       errno ? strerror(errno) : "no memory");
    gzbuffer(stream, 1 << 17);
    const co_status st = read_stream(stream, path, raw);
    gzclose_r(stream);
    if (st != CO_OK) co_raw_fini(raw);
    return st;
}

static co_status make_text(const char *path, co_raw *raw)
{
    const char *other, *zero;
    const size_t mark = co_text_mark(raw->bytes, raw->n, &other);
    if (other) return CO_FAIL(CO_EDATA, "%s: is encoded as %s; save it as UTF-8", path, other);
    if ((zero = memchr(raw->bytes, 0, raw->n)))
        return CO_FAIL(CO_EDATA, "%s: byte %td is zero; this is no text file, or not UTF-8", path,
                       zero - raw->bytes);
    raw->n -= mark;
    memmove(raw->bytes, raw->bytes + mark, raw->n + 1);
    if (!memchr(raw->bytes, '\n', raw->n))
        for (char *c = raw->bytes; (c = strchr(c, '\r'));) *c = '\n';
    return CO_OK;
}

co_status co_raw_text(const char *path, co_raw *raw)
{
    CO_TRY(co_raw_read(path, raw));
    const co_status st = make_text(path, raw);
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
