/* Content on its way into a file: large parts of odd sizes, whose places have or have not the order
 * of their names, come back under a seal that holds, with the digest of the file as a whole. */
#include "io/content.h"
#include "tests/io/io_helpers.h"
#include <criterion/criterion.h>

#define FORMAT "cohort-dataset"
enum { N_BYTES = 17000003, N_WORDS = 1000003, N_PARTS = 4 };

static void end(void)
{
    cr_assert_eq(co_memory_blocks(), 0, "%zu blocks are not given back", co_memory_blocks());
}
TestSuite(content, .fini = end);

static void must(co_status st)
{
    cr_assert_eq(st, CO_OK, "%s", co_status_message());
}

static const uint8_t *bytes(void)
{
    static uint8_t data[N_BYTES];
    for (size_t i = 0; i < N_BYTES; i++) data[i] = (uint8_t)(i * i >> 7);
    return data;
}

static const int64_t *words(void)
{
    static int64_t data[N_WORDS];
    for (int64_t i = 0; i < N_WORDS; i++) data[i] = i * 7919;
    return data;
}

/* Parts b (large), c (small), a (large), d (of three rows, one of them 1 MiB) in the given order of
 * places. */
static co_status write_parts(const char *path, const int order[N_PARTS], char digest[33])
{
    static const char small[5] = "small";
    const struct {
        const char *name;
        co_extent extent;
        const void *data;
    } part[N_PARTS] = {{"b", {CO_U8, 0, 1, {N_BYTES}}, bytes()},
                       {"c", {CO_U8, 0, 1, {sizeof small}}, small},
                       {"a", {CO_I64, 0, 1, {N_WORDS}}, words()},
                       {"d", {CO_U8, 0, 2, {3, 1000001}}, bytes()}};
    co_content content = {0};
    co_file *file;
    for (int i = 0; i < N_PARTS; i++)
        must(co_content_add(&content, part[order[i]].name, &part[order[i]].extent,
                            part[order[i]].data));
    co_status st = co_file_create(path, FORMAT, &file);
    if (st == CO_OK) {
        st = co_file_set_head(file, 7, "", "");
        if (st == CO_OK) st = co_content_place(&content, file);
        if (st == CO_OK)
            st = co_content_write(&content, file, FORMAT, &(co_content_attribute){"seed", "7"}, 1,
                                  digest);
        if (st == CO_OK)
            st = co_file_publish(file, 0644);
        else
            co_file_close(file);
    }
    co_content_fini(&content);
    return st;
}

static void check_read(const char *path, const char *digest)
{
    co_file *file;
    char hex[33];
    uint8_t *b = malloc(N_BYTES);
    int64_t *a = malloc(N_WORDS * sizeof *a);
    must(co_file_open(path, FORMAT, false, &file)); /* the seal holds */
    must(co_file_read(file, "b", CO_U8, 0, b));
    must(co_file_read(file, "a", CO_I64, 0, a));
    cr_assert_arr_eq(b, bytes(), N_BYTES);
    cr_assert_arr_eq(a, words(), N_WORDS * sizeof *a);
    must(co_file_digest(file, hex));
    cr_assert_str_eq(hex, digest);
    co_file_close(file);
    free(a);
    free(b);
}

Test(content, large_parts_in_any_order_of_places_are_sealed_and_digested, .timeout = 120)
{
    static const int order[][N_PARTS] = {{0, 1, 2, 3}, {3, 2, 1, 0}, {2, 0, 1, 3}, {1, 3, 0, 2}};
    char first[33], digest[33];
    const char *path = scratch_file("content.h5");
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        must(write_parts(path, order[i], i ? digest : first));
        if (i) cr_assert_str_eq(digest, first);
        check_read(path, first);
    }
}

Test(content, the_digest_alone_is_that_of_the_file)
{
    static const int order[N_PARTS] = {0, 1, 2, 3};
    char written[33], alone[33];
    co_content content = {0};
    const co_extent extent = {CO_U8, 0, 1, {N_BYTES}};
    must(co_content_add(&content, "b", &extent, bytes()));
    must(co_content_write(&content, NULL, FORMAT, &(co_content_attribute){"seed", "7"}, 1, alone));
    must(write_parts(scratch_file("content.h5"), order, written));
    cr_assert_str_neq(written, alone);
    co_file *file;
    const char *path = scratch_file("alone.h5");
    must(co_file_create(path, FORMAT, &file));
    must(co_file_set_head(file, 7, "", ""));
    must(co_content_place(&content, file));
    must(
        co_content_write(&content, file, FORMAT, &(co_content_attribute){"seed", "7"}, 1, written));
    must(co_file_publish(file, 0644));
    cr_assert_str_eq(written, alone);
    co_content_fini(&content);
}

static int write_in_child(const char *path)
{
    static const int order[N_PARTS] = {2, 1, 0, 3};
    char digest[33];
    const co_status st = write_parts(path, order, digest);
    if (st != CO_OK && !strstr(co_status_message(), path)) return 99;
    return co_memory_blocks() ? 98 : (int)st;
}

Test(content, a_fault_on_the_way_leaves_nothing, .timeout = 120)
{
    static const char *const sites[] = {"file_write:*:5", "file_write:*:20", "file_read:*:30",
                                        "file_sync:*:1", "alloc:*:9"};
    const char *path = scratch_file("fault.h5");
    for (size_t i = 0; i < sizeof sites / sizeof *sites; i++) {
        const int code = in_child(sites[i], write_in_child, path);
        cr_expect(code == (int)CO_EFILE || code == (int)CO_ENOMEM, "%s: %d", sites[i], code);
        cr_expect_eq(count_temporaries(path), 0, "%s", sites[i]);
        cr_expect_neq(access(path, F_OK), 0, "%s", sites[i]);
    }
}
