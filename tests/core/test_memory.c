/* Counted allocation: what is taken is counted, what is given back too; no product wraps. */
#include "core/memory.h"
#include "core/status.h"
#include "tests/harness.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

Test(memory, blocks_and_bytes_are_counted_and_given_back)
{
    const size_t blocks = co_memory_blocks(), bytes = co_memory_bytes();
    void *a = co_malloc(10, 8), *b = co_calloc(3, 5);
    cr_assert_eq(co_memory_blocks(), blocks + 2);
    cr_assert_eq(co_memory_bytes(), bytes + 95);
    cr_assert(co_memory_peak() >= bytes + 95);
    co_free(a);
    co_free(b);
    co_free(NULL);
    cr_assert(co_memory_blocks() == blocks && co_memory_bytes() == bytes);
    cr_assert(co_memory_peak() >= bytes + 95);
}

Test(memory, blocks_are_aligned_and_calloc_gives_zeros)
{
    for (size_t n = 0; n < 300; n++) {
        unsigned char *dirty = co_malloc(n, 1);
        memset(dirty, 0xff, n);
        co_free(dirty);
        unsigned char *block = co_calloc(n, 1), any = 0;
        cr_assert(block && (uintptr_t)block % 64 == 0);
        for (size_t i = 0; i < n; i++) any |= block[i];
        cr_assert_eq(any, 0);
        co_free(block);
    }
}

Test(memory, sizes_that_wrap_are_refused)
{
    const size_t blocks = co_memory_blocks();
    char *kept = co_malloc(4, 1);
    cr_assert_null(co_malloc(SIZE_MAX / 2, 3));
    cr_assert_null(co_calloc(SIZE_MAX / 8 + 2, 8)); /* wraps to 8 */
    cr_assert_null(co_malloc(SIZE_MAX - 10, 1));    /* the head would wrap */
    cr_assert_null(co_realloc(kept, SIZE_MAX / 2, 3));
    kept[3] = 1; /* still ours */
    co_free(kept);
    cr_assert_eq(co_memory_blocks(), blocks);
}

Test(memory, realloc_keeps_the_content_both_ways)
{
    const size_t blocks = co_memory_blocks(), bytes = co_memory_bytes();
    int *x = co_realloc(NULL, 100, sizeof *x);
    for (int i = 0; i < 100; i++) x[i] = i;
    x = co_realloc(x, 10000, sizeof *x);
    for (int i = 0; i < 100; i++) cr_assert_eq(x[i], i);
    x = co_realloc(x, 7, sizeof *x);
    for (int i = 0; i < 7; i++) cr_assert_eq(x[i], i);
    cr_assert_eq(co_memory_bytes(), bytes + 7 * sizeof *x);
    co_free(x);
    cr_assert_eq(co_memory_blocks(), blocks);
}

Test(memory, text_is_copied_and_formatted)
{
    char *copy = co_strdup("gr\xc3\xbc\xc3\x9f"), *empty = co_strdup(""),
         *made = co_format("%s-%03d", "round", 7);
    char *long_text = co_format("%0500d", 1);
    cr_assert_str_eq(copy, "gr\xc3\xbc\xc3\x9f");
    cr_assert_str_eq(empty, "");
    cr_assert_str_eq(made, "round-007");
    cr_assert_eq(strlen(long_text), 500);
    co_free(copy);
    co_free(empty);
    co_free(made);
    co_free(long_text);
}

Test(memory, growing_arrays_double_and_keep_their_content)
{
    int64_t *items = NULL;
    size_t capacity = 0, moves = 0;
    for (size_t n = 0; n < 5000; n++) {
        const int64_t *before = items;
        cr_assert_eq(co_reserve((void **)&items, &capacity, n + 1, sizeof *items), CO_OK);
        moves += before != items;
        items[n] = (int64_t)n;
    }
    for (size_t n = 0; n < 5000; n++) cr_assert_eq(items[n], (int64_t)n);
    cr_assert(capacity >= 5000 && moves < 12);
    const size_t had = capacity;
    const int64_t *block = items;
    cr_assert_eq(co_reserve((void **)&items, &capacity, SIZE_MAX / 4, sizeof *items), CO_ENOMEM);
    cr_assert(capacity == had && items == block && strstr(co_status_message(), "8 bytes"));
    co_free(items);
}

Test(memory, the_fault_site_makes_one_allocation_fail)
{
    setenv("CO_FAULT", "alloc:0:3", 1);
    char *first = co_malloc(1, 1), *second = co_malloc(1, 1);
    cr_assert(first && second);
    cr_assert_null(co_realloc(first, 100, 1)); /* the third */
    char *fourth = co_malloc(1, 1);
    cr_assert_not_null(fourth);
    co_free(first);
    co_free(second);
    co_free(fourth);
}
