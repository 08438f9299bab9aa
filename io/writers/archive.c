/* io/writers/archive.c - local headers, members, the directory. */
#include "io/writers/archive.h"
#include "core/memory.h"
#include <string.h>
#include <zlib.h>

enum { VERSION = 20, DATE_1980 = 33 };

static void put(co_archive *a, uint64_t value, int n_bytes)
{
    for (int i = 0; i < n_bytes; i++) fputc((int)(value >> (8 * i) & 0xff), a->out);
    a->at += (uint64_t)n_bytes;
}

static void put_bytes(co_archive *a, const void *bytes, size_t n)
{
    if (n > 0) fwrite(bytes, 1, n, a->out);
    a->at += n;
}

/* The fields that local header and directory share. */
static void put_fields(co_archive *a, const co_archive_member *e)
{
    put(a, VERSION, 2);
    put(a, 0, 4); /* flags, stored */
    put(a, 0, 2); /* time */
    put(a, DATE_1980, 2);
    put(a, e->crc, 4);
    put(a, e->n_bytes, 4);
    put(a, e->n_bytes, 4);
    put(a, strlen(e->name), 2);
    put(a, 0, 2); /* extra field */
}

static uint32_t crc_of(uint32_t crc, const unsigned char *bytes, size_t n)
{
    for (size_t at = 0; at < n; at += 1u << 30)
        crc = (uint32_t)crc32(crc, bytes + at, (uInt)(n - at < 1u << 30 ? n - at : 1u << 30));
    return crc;
}

co_status co_archive_add(co_archive *a, const char *name, const char *descr, const void *data,
                         size_t n_rows, size_t n_columns, size_t width)
{
    char text[128], columns[24] = "";
    unsigned char head[128] = "\x93NUMPY\x01";
    const size_t n = n_rows * (n_columns ? n_columns : 1);
    if (n_columns) snprintf(columns, sizeof columns, " %zu", n_columns);
    const int length =
        snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': False, 'shape': (%zu,%s), }",
                 descr, n_rows, columns);
    memset(head + 10, ' ', sizeof head - 10);
    memcpy(head + 10, text, (size_t)length);
    head[8] = sizeof head - 10;
    head[127] = '\n';
    const uint64_t bytes = (uint64_t)n * width + sizeof head;
    if (bytes >= UINT32_MAX || a->at + bytes >= UINT32_MAX)
        return CO_FAIL(CO_EUSAGE, "%s: arrays of more than 4 GiB are not written as npz; take csv",
                       a->path);
    CO_ASSERT(a->n < CO_ARCHIVE_MEMBERS);
    co_archive_member *e = &a->member[a->n++];
    *e = (co_archive_member){.name = name, .n_bytes = (uint32_t)bytes, .offset = (uint32_t)a->at};
    e->crc = crc_of(crc_of(0, head, sizeof head), data, n * width);
    put(a, 0x04034b50, 4);
    put_fields(a, e);
    put_bytes(a, name, strlen(name));
    put_bytes(a, head, sizeof head);
    put_bytes(a, data, n * width);
    return CO_OK;
}

void co_archive_end(co_archive *a)
{
    const uint64_t start = a->at;
    for (size_t i = 0; i < a->n; i++) {
        put(a, 0x02014b50, 4);
        put(a, VERSION, 2);
        put_fields(a, &a->member[i]);
        put(a, 0, 6); /* comment, disk, internal attributes */
        put(a, 0, 4); /* external attributes */
        put(a, a->member[i].offset, 4);
        put_bytes(a, a->member[i].name, strlen(a->member[i].name));
    }
    const uint64_t size = a->at - start;
    put(a, 0x06054b50, 4);
    put(a, 0, 4); /* disks */
    put(a, a->n, 2);
    put(a, a->n, 2);
    put(a, size, 4);
    put(a, start, 4);
    put(a, 0, 2);
}

co_status co_archive_add_texts(co_archive *a, const char *name, char *const *text, size_t n)
{
    size_t width = 1;
    char descr[32];
    for (size_t i = 0; i < n; i++) width = strlen(text[i]) > width ? strlen(text[i]) : width;
    char *all = co_calloc(n, width);
    if (!all) return CO_FAIL(CO_ENOMEM, "%s: %zu names", a->path, n);
    for (size_t i = 0; i < n; i++) memcpy(all + i * width, text[i], strlen(text[i]));
    snprintf(descr, sizeof descr, "|S%zu", width);
    const co_status st = co_archive_add(a, name, descr, all, n, 0, width);
    co_free(all);
    return st;
}
