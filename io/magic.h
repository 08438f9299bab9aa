/* io/magic.h - what kind of file somebody gave, by its first bytes. Local. */
#pragma once
#include <stddef.h>

/* "a gzip file (.gz)", .. for a file of n > 0 bytes that begins with head; NULL: none that is
 * known. 520 bytes are enough. */
const char *co_magic(const void *head, size_t n);
/* The same for a file; "an empty file", "text" or "a file of another kind" when it is none of them.
 */
const char *co_magic_of(const char *path);
