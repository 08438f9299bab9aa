/* io/writers/aside.h - plain files that appear whole or not at all; and what writers of lists
 * share. Local. */
#pragma once
#include "io/data/partition_file.h"
#include "io/files/temporary.h"
#include <stdio.h>

typedef struct {
    FILE *out; /* write here; errors stay in the stream until the end */
    char *path;
    co_temporary temporary;
} co_aside;

/* Starts a hidden file beside path. CO_EFILE. aside is ended by co_aside_end. */
co_status co_aside_start(const char *path, co_aside *aside);
/* To the disk and closed, still hidden: where several files get their names together. */
co_status co_aside_sync(co_aside *aside);
/* After CO_OK: to the disk and under its real name; after another status, or a failure here, the
 * hidden file is removed. Passes the status on. */
co_status co_aside_end(co_aside *aside, co_status status);

/* The one partition of a writer that takes nothing else; ended by co_partition_fini. A partition
 * with device_noise is warned of: the noise stays behind. */
co_status co_writer_partition(const char *format, const char *const *sources, size_t n_sources,
                              co_partition *p);
/* The device's name, or its number written into buffer. */
const char *co_writer_device(const co_partition *p, int64_t device, char buffer[24]);
/* A cell of a CSV file, in quotes where it needs them. */
void co_writer_cell(FILE *out, const char *text);
/* A whole writer of lists: that one partition, written by `write` into a plain file. */
co_status co_writer_lists(const char *format, const char *const *sources, size_t n_sources,
                          const char *output, void (*write)(FILE *out, const co_partition *p));

/* A text for other programs, new block of UTF-8: bytes that are none count as Latin-1, a NUL
 * becomes U+FFFD; *n_odd counts one up when there were any. NULL: out of memory. */
char *co_writer_text(const void *bytes, size_t n, size_t *n_odd);
/* Says how many texts of the file were no UTF-8. */
void co_writer_warn_odd(const char *path, size_t n_odd);
