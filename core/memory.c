/* core/memory.c - each block carries its size in a 64-byte head before the caller's bytes. */
#include "core/memory.h"
#include "core/status.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD 64
static size_t n_blocks, n_bytes, peak;

static void count(size_t bytes)
{
    n_blocks++;
    n_bytes += bytes;
    if (n_bytes > peak) peak = n_bytes;
}

void *co_malloc(size_t n, size_t size)
{
    size_t bytes, whole;
    if (__builtin_mul_overflow(n, size, &bytes) ||
        __builtin_add_overflow(bytes, 2 * HEAD - 1, &whole))
        return NULL;
    if (co_fault("alloc")) return NULL;
    char *head = aligned_alloc(HEAD, whole / HEAD * HEAD);
    if (!head) return NULL;
    *(size_t *)head = bytes;
    count(bytes);
    return head + HEAD;
}

void *co_calloc(size_t n, size_t size)
{
    void *block = co_malloc(n, size);
    if (block) memset(block, 0, n * size);
    return block;
}

void *co_realloc(void *old, size_t n, size_t size)
{
    if (!old) return co_malloc(n, size);
    void *block = co_malloc(n, size);
    if (!block) return NULL;
    const size_t had = *(size_t *)((char *)old - HEAD);
    memcpy(block, old, had < n * size ? had : n * size);
    co_free(old);
    return block;
}

char *co_strdup(const char *text)
{
    const size_t n = strlen(text) + 1;
    char *copy = co_malloc(n, 1);
    if (copy) memcpy(copy, text, n);
    return copy;
}

char *co_format(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = n < 0 ? NULL : co_malloc((size_t)n + 1, 1);
    if (!text) return NULL;
    va_start(args, format);
    vsnprintf(text, (size_t)n + 1, format, args);
    va_end(args);
    return text;
}

void co_free(void *block)
{
    if (!block) return;
    char *head = (char *)block - HEAD;
    n_blocks--;
    n_bytes -= *(size_t *)head;
    free(head);
}

size_t co_memory_blocks(void)
{
    return n_blocks;
}
size_t co_memory_bytes(void)
{
    return n_bytes;
}
size_t co_memory_peak(void)
{
    return peak;
}

int co_reserve(void **array, size_t *capacity, size_t want, size_t element_size)
{
    if (want <= *capacity) return CO_OK;
    size_t n = *capacity ? *capacity : 16;
    while (n < want) n = n > SIZE_MAX / 2 ? want : 2 * n;
    void *grown = co_realloc(*array, n, element_size);
    if (!grown)
        return CO_FAIL(CO_ENOMEM, "out of memory for %zu elements of %zu bytes", n, element_size);
    *array = grown;
    *capacity = n;
    return CO_OK;
}
