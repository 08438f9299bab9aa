/* io/readers/encoding.c - pieces of a text through iconv.
 *
 * A piece is converted straight behind what is there; a character that two pieces share is put
 * together in kept. Cost: O(bytes); beside the result one piece is in memory. */
#include "io/readers/encoding.h"
#include "core/memory.h"
#include "core/text.h"
#include <errno.h>
#include <iconv.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { MOST_NAME = 40 };

const char *co_encoding_of(const co_config *opt)
{
    return co_config_has(opt, "encoding") ? co_config_string(opt, "encoding") : NULL;
}

/* ---- names ---- */

static const char *const common[] = {
    "utf-8",       "utf-16",     "utf-16le",   "utf-16be",   "utf-32",     "ascii",
    "latin1",      "iso-8859-1", "iso-8859-2", "iso-8859-5", "iso-8859-7", "iso-8859-9",
    "iso-8859-15", "cp1250",     "cp1251",     "cp1252",     "cp1253",     "cp1254",
    "cp437",       "cp850",      "koi8-r",     "macintosh",  "shift_jis",  "euc-jp",
    "iso-2022-jp", "gbk",        "gb18030",    "big5",       "euc-kr",     NULL};

/* The name with `from` turned into `to`, or dropped when `to` is 0. */
static void respell(const char *name, const char *from, char to, char out[MOST_NAME + 1])
{
    size_t n = 0;
    for (; *name; name++)
        if (!strchr(from, *name))
            out[n++] = *name;
        else if (to)
            out[n++] = to;
    out[n] = 0;
}

/* iconv's own name, then Python's spellings: utf-8-sig, latin_1, utf_16, mac-roman. */
static iconv_t open_name(const char *name)
{
    char plain[MOST_NAME + 1], other[MOST_NAME + 1];
    iconv_t made = (iconv_t)-1;
    snprintf(plain, sizeof plain, "%s", name);
    const size_t n = strlen(plain);
    if (n > 4 && strcasecmp(plain + n - 4, "-sig") == 0) plain[n - 4] = 0;
    if (strcasecmp(plain, "utf_8_sig") == 0) plain[5] = 0;
    if (strcasecmp(plain, "mac-roman") == 0 || strcasecmp(plain, "mac_roman") == 0)
        snprintf(plain, sizeof plain, "macintosh");
    for (int k = 0; k < 3 && made == (iconv_t)-1; k++) {
        respell(plain, k == 0 ? "" : k == 1 ? "_" : "-_", k == 1 ? '-' : 0, other);
        made = iconv_open("UTF-8", other);
    }
    return made;
}

static bool is_common(const char *name)
{
    size_t k = 0;
    while (common[k] && strcasecmp(common[k], name) != 0) k++;
    return common[k] != NULL;
}

static co_status refuse_name(const char *name)
{
    char known[600];
    if (is_common(name))
        return CO_FAIL(CO_EUSAGE,
                       "encoding=%s: this system's iconv lacks it (package "
                       "libc-gconv-modules-extra, where there is one)",
                       name);
    co_suggest(name, common, known, sizeof known);
    return CO_FAIL(CO_EUSAGE, "encoding=%.*s: iconv knows no such encoding%s; `iconv -l` lists all",
                   MOST_NAME, name, known);
}

co_status co_encoding_open(const char *name, const char *path, co_raw *out, co_encoding *e)
{
    const size_t n = strlen(name);
    *out = (co_raw){0};
    *e = (co_encoding){.name = name, .path = path, .out = out, .line = 1};
    if (n == 0 || n > MOST_NAME || strchr(name, '/')) return refuse_name(name);
    iconv_t made = open_name(name);
    if (made == (iconv_t)-1)
        return errno == EINVAL ? refuse_name(name)
                               : CO_FAIL(CO_ENOMEM, "encoding=%s: %s", name, strerror(errno));
    e->iconv = made;
    return CO_OK;
}

/* ---- characters ---- */

static co_status refuse_bytes(const co_encoding *e, const char *bytes, size_t n)
{
    char shown[16] = "";
    for (size_t i = 0; i < n && i < 4; i++)
        snprintf(shown + 3 * i, sizeof shown - 3 * i, " %02x", (unsigned char)bytes[i]);
    return CO_FAIL(CO_EDATA,
                   "%s:%" PRIu64 ": byte %" PRIu64 " (%s) is no %s; encoding= names another, or "
                   "mend the file",
                   e->path, e->line, e->at, shown + (*shown == ' '), e->name);
}

/* Converts what it can of *bytes[*n], which move on. *stop: EILSEQ, EINVAL (the last character is
 * cut) or 0. *bytes NULL: what brings the state back to its beginning. */
static co_status convert(co_encoding *e, const char **bytes, size_t *n, int *stop)
{
    for (*stop = E2BIG; *stop == E2BIG;) {
        co_raw *out = e->out;
        if (co_reserve((void **)&out->bytes, &e->room, out->n + 2 * *n + 64, 1))
            return CO_FAIL(CO_ENOMEM, "%s: out of memory after %zu bytes", e->path, out->n);
        char *in = (char *)(uintptr_t)*bytes, *to = out->bytes + out->n;
        size_t left = *n, space = e->room - out->n - 1;
        const size_t done = iconv((iconv_t)e->iconv, *bytes ? &in : NULL, &left, &to, &space);
        *stop = done == (size_t)-1 ? errno : 0;
        for (const char *c = out->bytes + out->n; c < to; c++) e->line += *c == '\n';
        out->n = (size_t)(to - out->bytes);
        out->bytes[out->n] = 0;
        e->at += *n - left;
        *bytes = in;
        *n = left;
    }
    return CO_OK;
}

/* The character in kept, with as many of the n bytes as it takes. */
static co_status finish_kept(co_encoding *e, const char **bytes, size_t *n)
{
    int stop = EINVAL;
    while (e->n_kept && *n && stop == EINVAL) {
        if (e->n_kept == sizeof e->kept) return refuse_bytes(e, e->kept, e->n_kept);
        e->kept[e->n_kept++] = *(*bytes)++;
        --*n;
        const char *at = e->kept;
        size_t left = e->n_kept;
        CO_TRY(convert(e, &at, &left, &stop));
        if (stop == EILSEQ) return refuse_bytes(e, at, left);
        memmove(e->kept, at, left);
        e->n_kept = left;
    }
    return CO_OK;
}

/* A byte order mark says what a file is, whatever was asked for. */
static co_status check_mark(const co_encoding *e, const char *bytes, size_t n)
{
    const char *other;
    const size_t utf8 = co_text_mark(bytes, n, &other);
    char asked[MOST_NAME + 1];
    if (utf8) other = "UTF-8";
    respell(e->name, "-_", 0, asked);
    if (!other || strncasecmp(asked, "ucs", 3) == 0 ||
        (strncasecmp(asked, "utf", 3) == 0 && strstr(asked + 3, other + 4) == asked + 3))
        return CO_OK;
    return CO_FAIL(CO_EDATA,
                   "%s: begins with the mark of %s; give that as encoding= in place of %s", e->path,
                   other, e->name);
}

co_status co_encoding_add(co_encoding *e, const char *bytes, size_t n)
{
    int stop;
    if (e->at + e->n_kept == 0) CO_TRY(check_mark(e, bytes, n));
    CO_TRY(finish_kept(e, &bytes, &n));
    if (n == 0) return CO_OK;
    CO_TRY(convert(e, &bytes, &n, &stop));
    if (stop == EILSEQ || (stop && n > sizeof e->kept)) return refuse_bytes(e, bytes, n);
    memcpy(e->kept, bytes, n);
    e->n_kept = n;
    return CO_OK;
}

co_status co_encoding_end(co_encoding *e)
{
    const char *none = NULL;
    size_t n = 0;
    int stop;
    if (e->n_kept)
        return CO_FAIL(CO_EDATA, "%s:%" PRIu64 ": ends within a character of %s, at byte %" PRIu64,
                       e->path, e->line, e->name, e->at);
    return convert(e, &none, &n, &stop);
}

void co_encoding_close(co_encoding *e)
{
    if (e->iconv) iconv_close((iconv_t)e->iconv);
    e->iconv = NULL;
}
