/* core/memory.h - counted allocation. Every heap block of the project comes from here, so that the
 * end of each run and test can compare what was taken with what was given back. All calls are
 * Local. */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* Zeroed block of n * size bytes, aligned to 64; NULL when out of memory, when the product
 * overflows, or when the fault site "alloc" says so. n * size == 0 gives a valid block. */
void *co_calloc(size_t n, size_t size);
/* As co_calloc without the zeroing. */
void *co_malloc(size_t n, size_t size);
/* Grows or shrinks a block to n * size bytes, keeping its content; the new part is not zeroed. NULL
 * and the old block left alone when it fails. old may be NULL. */
void *co_realloc(void *old, size_t n, size_t size);
char *co_strdup(const char *text);
/* printf into a new block. */
char *co_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* NULL allowed. */
void co_free(void *block);

size_t co_memory_blocks(void); /* live blocks */
size_t co_memory_bytes(void);  /* live bytes asked for */
size_t co_memory_peak(void);   /* most live bytes so far */

/* Makes room for `want` elements in a growing array: doubles the capacity. Returns CO_ENOMEM with
 * the array untouched. */
int co_reserve(void **array, size_t *capacity, size_t want, size_t element_size);
