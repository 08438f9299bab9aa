/* io/writers/npz.c - a partition as NumPy arrays: train_offsets, train_examples, test_offsets and
 * test_examples with test parts, unassigned, device_name when the devices have names.
 *
 * An archive of stored (not packed) .npy members, as numpy.savez makes; each member below 4 GiB.
 * Source: PKWARE's APPNOTE 6.3, sections 4.3.7, 4.3.12, 4.3.16; NumPy enhancement proposal 1. */
#include "core/memory.h"
#include "io/writers/aside.h"
#include "io/writers/writer.h"
#include <string.h>
#include <zlib.h>

enum { MAX_MEMBERS = 6, VERSION = 20, DATE_1980 = 33 };

typedef struct {
    const char *name; /* with .npy */
    uint32_t crc, n_bytes, offset;
} entry;

typedef struct {
    FILE *out;
    const char *path;
    entry member[MAX_MEMBERS];
    size_t n;
    uint64_t at; /* bytes written */
} archive;

static void put(archive *a, uint64_t value, int n_bytes)
{
    for (int i = 0; i < n_bytes; i++) fputc((int)(value >> (8 * i) & 0xff), a->out);
    a->at += (uint64_t)n_bytes;
}

static void put_bytes(archive *a, const void *bytes, size_t n)
{
    fwrite(bytes, 1, n, a->out);
    a->at += n;
}

/* The fields that local header and directory share. */
static void put_fields(archive *a, const entry *e)
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

/* One 1-d array of n elements of `width` bytes; descr as NumPy writes it. */
static co_status add(archive *a, const char *name, const char *descr, const void *data, size_t n,
                     size_t width)
{
    char text[128];
    unsigned char head[128] = "\x93NUMPY\x01";
    const int length = snprintf(
        text, sizeof text, "{'descr': '%s', 'fortran_order': False, 'shape': (%zu,), }", descr, n);
    memset(head + 10, ' ', sizeof head - 10);
    memcpy(head + 10, text, (size_t)length);
    head[8] = sizeof head - 10;
    head[127] = '\n';
    const uint64_t bytes = (uint64_t)n * width + sizeof head;
    if (bytes >= UINT32_MAX || a->at + bytes >= UINT32_MAX)
        return CO_FAIL(CO_EUSAGE, "%s: arrays of more than 4 GiB are not written as npz; take csv",
                       a->path);
    CO_ASSERT(a->n < MAX_MEMBERS);
    entry *e = &a->member[a->n++];
    *e = (entry){.name = name, .n_bytes = (uint32_t)bytes, .offset = (uint32_t)a->at};
    e->crc = crc_of(crc_of(0, head, sizeof head), data, n * width);
    put(a, 0x04034b50, 4);
    put_fields(a, e);
    put_bytes(a, name, strlen(name));
    put_bytes(a, head, sizeof head);
    put_bytes(a, data, n * width);
    return CO_OK;
}

static void put_directory(archive *a)
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

static co_status add_names(archive *a, const co_partition *p)
{
    size_t width = 1;
    char descr[32];
    const size_t n = (size_t)p->n_devices;
    for (size_t d = 0; d < n; d++)
        width = strlen(p->device_name[d]) > width ? strlen(p->device_name[d]) : width;
    char *all = co_calloc(n, width);
    if (!all) return CO_FAIL(CO_ENOMEM, "%s: names of %zu devices", a->path, n);
    for (size_t d = 0; d < n; d++)
        memcpy(all + d * width, p->device_name[d], strlen(p->device_name[d]));
    snprintf(descr, sizeof descr, "|S%zu", width);
    const co_status st = add(a, "device_name.npy", descr, all, n, width);
    co_free(all);
    return st;
}

static co_status write_partition(archive *a, const co_partition *p)
{
    const size_t k = (size_t)p->n_devices;
    CO_TRY(add(a, "train_offsets.npy", "<i8", p->train_offsets, k + 1, 8));
    CO_TRY(add(a, "train_examples.npy", "<i8", p->train, (size_t)p->train_offsets[k], 8));
    if (p->test_offsets) {
        CO_TRY(add(a, "test_offsets.npy", "<i8", p->test_offsets, k + 1, 8));
        CO_TRY(add(a, "test_examples.npy", "<i8", p->test, (size_t)p->test_offsets[k], 8));
    }
    CO_TRY(add(a, "unassigned.npy", "<i8", p->unassigned, (size_t)p->n_unassigned, 8));
    if (p->device_name) CO_TRY(add_names(a, p));
    put_directory(a);
    return CO_OK;
}

static co_status write_to(const co_config *opt, const char *const *sources, size_t n_sources,
                          const char *output)
{
    co_partition p = {0};
    co_aside aside;
    (void)opt;
    CO_TRY(co_writer_partition("npz", sources, n_sources, &p));
    co_status st = co_aside_start(output, &aside);
    if (st == CO_OK) {
        archive a = {.out = aside.out, .path = output};
        st = co_aside_end(&aside, write_partition(&a, &p));
    }
    co_partition_fini(&p);
    return st;
}

const co_writer co_writer_npz = {.name = "npz",
                                 .summary = "index lists of a partition as NumPy arrays",
                                 .usage = "npz PART",
                                 .write = write_to};
