/* io/content.h - the content of a file as parts in memory or in another file: written and digested
 * in one pass, or digested without a file. Local. */
#pragma once
#include "io/files/file.h"

/* An attribute of a dataset: numbers. Borrowed. */
typedef struct {
    const char *name;
    const double *values;
    size_t n;
} co_content_reals;

/* Looks at rows [first, first + n) of a part on their way. CO_EDATA ends the pass. */
typedef co_status co_content_check(const void *self, const char *name, size_t first, size_t n,
                                   const void *rows);

/* A dataset; what is pointed to is borrowed. */
typedef struct {
    char name[64];
    co_extent extent;
    const void *data;        /* NULL: its rows are read in blocks from .. */
    const co_file *source;   /* .. the dataset of this name there, converted to the extent's type */
    co_content_check *check; /* of the rows of source; or NULL */
    const void *self;        /* for check */
    co_content_reals reals[2];
    size_t n_reals;
    void *own; /* a block that goes with it; NULL */
} co_content_part;
typedef struct {
    co_content_part *part;
    size_t n, capacity;
} co_content;
/* A root attribute as text: integers decimal. */
typedef struct {
    const char *name, *value;
} co_content_attribute;

co_status co_content_add(co_content *content, const char *name, const co_extent *extent,
                         const void *data);
/* Any part; a copy is kept. */
co_status co_content_add_part(co_content *content, const co_content_part *part);
/* strings[n] as one fixed-length dataset, the width that of the longest (at least 1). */
co_status co_content_add_strings(co_content *content, const char *name, char *const *strings,
                                 size_t n);
void co_content_fini(co_content *content);
/* Gives the parts their datasets, in the order in which they were added, attributes and all but the
 * rows of large ones. */
co_status co_content_place(const co_content *content, co_file *file);
/* Writes those rows, and forms what co_file_digest gives for a file of that format with these
 * datasets and the root attributes that enter it behind format and version, in the order of
 * INTERFACE.md. Nothing but co_file_publish comes behind. file NULL: the digest alone, of parts in
 * memory; it cannot fail then. Large parts pass through in blocks, digest and seal are formed
 * beside. */
co_status co_content_write(const co_content *content, co_file *file, const char *format,
                           const co_content_attribute *attribute, size_t n_attributes,
                           char hex[33]);
