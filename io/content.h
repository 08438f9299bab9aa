/* io/content.h - the content of a file as blocks in memory: written in one go, digested without a
 * file. Local. */
#pragma once
#include "io/files/file.h"

/* A dataset; name and data are borrowed. */
typedef struct {
    char name[64];
    co_extent extent;
    const void *data;
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
void co_content_fini(co_content *content);
co_status co_content_write(const co_content *content, co_file *file);
/* What co_file_digest gives for a file of that format with these datasets and the root attributes
 * that enter it behind format and version, in the order of INTERFACE.md. No allocation, no HDF5:
 * may run in a thread beside co_content_write. */
void co_content_digest(const co_content *content, const char *format,
                       const co_content_attribute *attribute, size_t n_attributes, char hex[33]);
