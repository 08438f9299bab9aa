/* io/writers/aside.h - plain files that appear whole or not at all; and what writers of lists
 * share. Local. */
#pragma once
#include "io/data/partition_file.h"
#include <stdio.h>

typedef struct {
    FILE *out; /* write here; errors stay in the stream until the end */
    char *path, *temporary;
} co_aside;

/* Starts a hidden file beside path. CO_EFILE. aside is ended by co_aside_end. */
co_status co_aside_start(const char *path, co_aside *aside);
/* After CO_OK: to the disk and under its real name; after another status, or a failure here, the
 * hidden file is removed. Passes the status on. */
co_status co_aside_end(co_aside *aside, co_status status);

/* The one partition of a writer that takes nothing else; ended by co_partition_fini. A partition
 * with device_noise is warned of: the noise stays behind. */
co_status co_writer_partition(const char *format, const char *const *sources, size_t n_sources,
                              co_partition *p);
/* The device's name, or its number written into buffer. */
const char *co_writer_device(const co_partition *p, int64_t device, char buffer[24]);
/* A whole writer of lists: that one partition, written by `write` into a plain file. */
co_status co_writer_lists(const char *format, const char *const *sources, size_t n_sources,
                          const char *output, void (*write)(FILE *out, const co_partition *p));
