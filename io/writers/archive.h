/* io/writers/archive.h - NumPy's archives of arrays (numpy.load reads them), written into a stream.
 *
 * An archive of stored (not packed) .npy members, as numpy.savez makes; each member, and the whole,
 * below 4 GiB. Source: PKWARE's APPNOTE 6.3, sections 4.3.7, 4.3.12, 4.3.16; NumPy enhancement
 * proposal 1. Local. */
#pragma once
#include "core/status.h"
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { CO_ARCHIVE_MEMBERS = 8 };
typedef struct {
    const char *name; /* with .npy */
    uint32_t crc, n_bytes, offset;
} co_archive_member;

typedef struct {
    FILE *out; /* the caller's; so are write errors */
    const char *path;
    co_archive_member member[CO_ARCHIVE_MEMBERS];
    size_t n;
    uint64_t at; /* bytes written */
} co_archive;

/* An array of n_rows x n_columns (0: one dimension) elements of `width` bytes in C order; descr as
 * NumPy writes it. name is borrowed until the end. CO_EUSAGE: too large. */
co_status co_archive_add(co_archive *a, const char *name, const char *descr, const void *data,
                         size_t n_rows, size_t n_columns, size_t width);
/* n texts as NumPy's bytes (|S). */
co_status co_archive_add_texts(co_archive *a, const char *name, char *const *text, size_t n);
void co_archive_end(co_archive *a); /* writes the directory */
