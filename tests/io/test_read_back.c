/* What comes back from the disk is compared with what should stand there: one changed bit at any
 * place is found, also in the last piece and in the head that is written last. The hash that is
 * formed beside is that of all bytes at once. */
#include "core/memory.h"
#include "io/files/hasher.h"
#include "io/files/read_back.h"
#include "tests/io/io_helpers.h"
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static void must(co_status st)
{
    cr_assert_eq(st, CO_OK, "%s", co_status_message());
}

enum { HEAD = 512, STEP = 256 << 10 };
#define MIB ((size_t)1 << 20)

static unsigned char *make_bytes(size_t n)
{
    unsigned char *bytes = malloc(n ? n : 1);
    for (size_t i = 0; i < n; i++) bytes[i] = (unsigned char)(i * 2654435761u >> 13);
    return bytes;
}

/* Writes bytes[n], flips bit 3 of the byte at flip (n: none) behind the checker's back once it was
 * told of all, and asks. The file stands in the cache unwritten until then, so the flip is what the
 * disk gets. */
static co_status look(const unsigned char *bytes, size_t n, size_t flip)
{
    const char *path = scratch_file("back.bin");
    const int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    cr_assert_eq(write(fd, bytes, n), (ssize_t)n);
    if (flip < n) {
        const unsigned char other = bytes[flip] ^ 8;
        cr_assert_eq(pwrite(fd, &other, 1, (off_t)flip), 1);
    }
    co_read_back *check;
    must(co_read_back_start(path, path, HEAD, n, &check));
    for (size_t at = HEAD; at < n; at += STEP)
        co_read_back_expect(check, bytes + at, n - at < STEP ? n - at : STEP);
    fsync(fd);
    close(fd);
    const co_status st = co_read_back_finish(check, bytes);
    unlink(path);
    cr_assert_eq(co_memory_blocks(), 0);
    return st;
}

Test(read_back, a_flipped_bit_is_found_wherever_it_is)
{
    static const size_t sizes[] = {HEAD,        HEAD + 1, 5000,           8 * MIB,
                                   8 * MIB + 7, 16 * MIB, 25 * MIB + 4321};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        const size_t n = sizes[k];
        unsigned char *bytes = make_bytes(n);
        must(look(bytes, n, n));
        const size_t places[] = {0, HEAD - 1, HEAD, n / 2, 8 * MIB - 1, 8 * MIB, n - 1};
        for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
            if (places[i] >= n) continue;
            cr_assert_eq(look(bytes, n, places[i]), CO_EFILE, "%zu bytes, bit in %zu", n,
                         places[i]);
            cr_assert(strstr(co_status_message(), "cannot be read back"));
        }
        free(bytes);
    }
}

Test(read_back, a_file_that_ends_early_is_found)
{
    const size_t n = 20 * MIB;
    unsigned char *bytes = make_bytes(n);
    const char *path = scratch_file("short.bin");
    const int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    cr_assert_eq(write(fd, bytes, n - 100), (ssize_t)n - 100);
    co_read_back *check;
    must(co_read_back_start(path, path, HEAD, n, &check));
    co_read_back_expect(check, bytes + HEAD, n - HEAD);
    cr_assert_eq(co_read_back_finish(check, bytes), CO_EFILE);
    close(fd);
    unlink(path);
    free(bytes);
}

Test(read_back, giving_up_leaves_nothing)
{
    const size_t n = 20 * MIB;
    unsigned char *bytes = make_bytes(n);
    const char *path = scratch_file("given_up.bin");
    const int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    cr_assert_eq(write(fd, bytes, n), (ssize_t)n);
    co_read_back *check;
    must(co_read_back_start(path, path, HEAD, n, &check));
    co_read_back_expect(check, bytes + HEAD, 17 * MIB);
    must(co_read_back_finish(check, NULL));
    cr_assert_eq(co_memory_blocks(), 0);
    close(fd);
    unlink(path);
    free(bytes);
}

Test(read_back, a_fault_is_told)
{
    const size_t n = 20 * MIB;
    unsigned char *bytes = make_bytes(n);
    static const char *const plans[] = {"file_read:*:1", "file_read:*:3"};
    for (size_t i = 0; i < 2; i++) {
        co_fault_plan(plans[i]);
        cr_assert_eq(look(bytes, n, n), CO_EFILE, "%s", plans[i]);
        cr_assert(co_fault_struck());
    }
    co_fault_plan(NULL);
    free(bytes);
}

Test(hash_beside, bytes_in_pieces_give_the_hash_of_the_whole)
{
    const size_t most = 7 * MIB + 13;
    unsigned char *bytes = make_bytes(most);
    static const size_t sizes[] = {0, 1, MIB, MIB + 1, 3 * MIB, 7 * MIB + 13},
                        steps[] = {1000, 256 << 10, 777777, 8 * MIB};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++)
        for (size_t s = 0; s < sizeof steps / sizeof *steps; s++)
            for (int without = 0; without < 2; without++) { /* memory for a ring */
                unsigned char got[32], want[32];
                co_hasher hasher;
                if (without) co_fault_plan("alloc:*:1");
                co_hasher_start(&hasher, sizeof got);
                for (size_t at = 0; at < sizes[k]; at += steps[s])
                    co_hasher_feed(&hasher, bytes + at,
                                   sizes[k] - at < steps[s] ? sizes[k] - at : steps[s]);
                co_hasher_finish(&hasher, got, sizeof got);
                crypto_generichash_blake2b(want, sizeof want, bytes, sizes[k], NULL, 0);
                cr_assert_arr_eq(got, want, sizeof got, "%zu bytes in steps of %zu", sizes[k],
                                 steps[s]);
                co_fault_plan(NULL);
                cr_assert_eq(co_memory_blocks(), 0);
            }
    free(bytes);
}
