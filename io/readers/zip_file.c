/* io/readers/zip_file.c - finds the end record, walks the central directory, inflates one member.
 *
 * Sizes come from the central directory: writers that stream (NumPy does) leave them out of the
 * local header. Every offset is checked against the file's length before use; an unpacked size that
 * deflate cannot reach (1,032 to 1) is refused before memory is taken. Source: APPNOTE.TXT 6.3,
 * sections 4.3.7, 4.3.12, 4.3.14-16, 4.5.3. */
#include "io/readers/zip_file.h"
#include "core/memory.h"
#include <string.h>
#include <zlib.h>

#define END_SIZE 22
#define END64_SIZE 56
#define LOCATOR_SIZE 20
#define ENTRY_SIZE 46
#define LOCAL_SIZE 30

typedef struct {
    const unsigned char *p;
    size_t n;
    const char *path;
} archive;

typedef struct {
    unsigned method, flags;
    uint32_t crc;
    uint64_t packed, size, local;
} member;

static bool is_at(const archive *a, uint64_t offset, size_t length, const char *mark)
{
    return length <= a->n && offset <= a->n - length && memcmp(a->p + offset, mark, 4) == 0;
}

static co_status damaged(const archive *a, uint64_t offset, const char *what)
{
    return CO_FAIL(CO_EDATA, "%s: byte %zu: %s; the archive is damaged", a->path, (size_t)offset,
                   what);
}

static co_status find_directory(const archive *a, uint64_t *offset, uint64_t *n_entries)
{
    if (a->n < END_SIZE)
        return CO_FAIL(CO_EDATA, "%s: %zu bytes are no zip archive", a->path, a->n);
    size_t end = a->n - END_SIZE;
    const size_t lowest = end > 65535 ? end - 65535 : 0;
    while (!(is_at(a, end, END_SIZE, "PK\5\6") &&
             end + END_SIZE + co_raw_le(a->p + end + 20, 2) == a->n))
        if (end-- == lowest)
            return CO_FAIL(CO_EDATA,
                           "%s: no end record of a zip archive: no .npz file, or cut short",
                           a->path);
    *n_entries = co_raw_le(a->p + end + 10, 2);
    *offset = co_raw_le(a->p + end + 16, 4);
    if (*n_entries != 0xffff && *offset != 0xffffffff) return CO_OK;
    if (end < LOCATOR_SIZE || !is_at(a, end - LOCATOR_SIZE, LOCATOR_SIZE, "PK\6\7")) return CO_OK;
    const uint64_t end64 = co_raw_le(a->p + end - LOCATOR_SIZE + 8, 8);
    if (!is_at(a, end64, END64_SIZE, "PK\6\6"))
        return damaged(a, end - LOCATOR_SIZE, "zip64 end record not found");
    *n_entries = co_raw_le(a->p + end64 + 32, 8);
    *offset = co_raw_le(a->p + end64 + 48, 8);
    return CO_OK;
}

/* The 64-bit values of the extra field (id 1) stand for those of size, packed and local that are
 * 0xffffffff, in this order. */
static void widen(const unsigned char *extra, size_t n, member *m)
{
    for (size_t at = 0; at + 4 <= n;) {
        const size_t id = (size_t)co_raw_le(extra + at, 2),
                     length = (size_t)co_raw_le(extra + at + 2, 2);
        at += 4;
        if (length > n - at) return;
        if (id == 1) {
            uint64_t *field[3] = {&m->size, &m->packed, &m->local};
            size_t used = 0;
            for (int k = 0; k < 3; k++)
                if (*field[k] == 0xffffffff && used + 8 <= length) {
                    *field[k] = co_raw_le(extra + at + used, 8);
                    used += 8;
                }
        }
        at += length;
    }
}

static co_status find_member(const archive *a, const char *name, member *m, bool *found)
{
    uint64_t at = 0, n_entries = 0;
    const size_t name_length = strlen(name);
    *found = false;
    CO_TRY(find_directory(a, &at, &n_entries));
    for (uint64_t k = 0; k < n_entries; k++) {
        if (!is_at(a, at, ENTRY_SIZE, "PK\1\2"))
            return damaged(a, at, "no entry of the central directory");
        const unsigned char *e = a->p + at;
        const size_t n_name = (size_t)co_raw_le(e + 28, 2), n_extra = (size_t)co_raw_le(e + 30, 2);
        const size_t length = ENTRY_SIZE + n_name + n_extra + (size_t)co_raw_le(e + 32, 2);
        if (length > a->n - at) return damaged(a, at, "directory entry beyond the end of the file");
        if (n_name == name_length && memcmp(e + ENTRY_SIZE, name, n_name) == 0) {
            *m = (member){.flags = (unsigned)co_raw_le(e + 8, 2),
                          .method = (unsigned)co_raw_le(e + 10, 2),
                          .crc = (uint32_t)co_raw_le(e + 16, 4),
                          .packed = co_raw_le(e + 20, 4),
                          .size = co_raw_le(e + 24, 4),
                          .local = co_raw_le(e + 42, 4)};
            widen(e + ENTRY_SIZE + n_name, n_extra, m);
            *found = true;
            return CO_OK;
        }
        at += length;
    }
    return CO_OK;
}

static bool unpack(const unsigned char *packed, uint64_t n_packed, co_raw *content)
{
    z_stream z = {0};
    if (inflateInit2(&z, -MAX_WBITS) != Z_OK) return false;
    int code = Z_OK;
    uint64_t taken = 0, made = 0;
    unsigned char overflow[1]; /* room for a byte too many, so that it is noticed */
    while (code == Z_OK) {
        const uint64_t in = n_packed - taken, out = content->n - made;
        z.next_in = (unsigned char *)(uintptr_t)(packed + taken);
        z.avail_in = (unsigned)(in < 1u << 30 ? in : 1u << 30);
        z.next_out = out ? (unsigned char *)content->bytes + made : overflow;
        z.avail_out = (unsigned)(out == 0 ? 1 : out < 1u << 30 ? out : 1u << 30);
        const unsigned in_room = z.avail_in, out_room = z.avail_out;
        code = inflate(&z, Z_NO_FLUSH);
        taken += in_room - z.avail_in;
        made += out_room - z.avail_out;
        if (made > content->n) break;
    }
    inflateEnd(&z);
    return code == Z_STREAM_END && made == content->n && taken == n_packed;
}

static uint32_t checksum(const co_raw *content)
{
    uLong crc = crc32(0, NULL, 0);
    for (size_t at = 0; at < content->n; at += 1u << 30) {
        const size_t left = content->n - at;
        crc = crc32(crc, (const unsigned char *)content->bytes + at,
                    (uInt)(left < 1u << 30 ? left : 1u << 30));
    }
    return (uint32_t)crc;
}

static co_status extract(const archive *a, const char *name, const member *m, co_raw *content)
{
    if (m->flags & 1) return CO_FAIL(CO_EDATA, "%s: %s is encrypted", a->path, name);
    if (m->method != 0 && m->method != 8)
        return CO_FAIL(CO_EDATA,
                       "%s: %s is packed by method %u; stored (0) and deflated (8) are read",
                       a->path, name, m->method);
    if (!is_at(a, m->local, LOCAL_SIZE, "PK\3\4")) return damaged(a, m->local, "no local header");
    const unsigned char *head = a->p + m->local;
    const uint64_t at = m->local + LOCAL_SIZE + co_raw_le(head + 26, 2) + co_raw_le(head + 28, 2);
    if (at > a->n || m->packed > a->n - at)
        return damaged(a, m->local, "member beyond the end of the file");
    if (m->method == 0 ? m->size != m->packed : m->size / 1032 > m->packed + 1)
        return damaged(a, m->local, "sizes that do not fit together");
    content->bytes = co_malloc((size_t)m->size + 1, 1);
    if (!content->bytes)
        return CO_FAIL(CO_ENOMEM, "%s: out of memory for %zu bytes of %s", a->path, (size_t)m->size,
                       name);
    content->n = (size_t)m->size;
    content->bytes[content->n] = 0;
    if (m->method == 0)
        memcpy(content->bytes, a->p + at, content->n);
    else if (!unpack(a->p + at, m->packed, content))
        return damaged(a, at, "deflate stream broken or of another length than promised");
    return checksum(content) == m->crc ? CO_OK : damaged(a, at, "CRC-32 of a member does not hold");
}

co_status co_zip_read(const char *path, const co_raw *zip, const char *name, co_raw *content)
{
    const archive a = {(const unsigned char *)zip->bytes, zip->n, path};
    member m;
    bool found;
    *content = (co_raw){0};
    CO_TRY(find_member(&a, name, &m, &found));
    if (!found) return CO_OK;
    const co_status st = extract(&a, name, &m, content);
    if (st != CO_OK) co_raw_fini(content);
    return st;
}
