/* Damage of one bit anywhere in a file, the user block and its padding included: noticed before
 * HDF5 sees a byte.
 *
 * The four kinds as the program writes them. Every bit of the user block and of HDF5's superblock
 * behind it is flipped in turn, then as many bits drawn anywhere; each time the most lenient
 * opening there is (unsealed files allowed, any kind) has to refuse. BIT_FLIPS: how many in all
 * (default 24,000; tests/campaign/bit_flips.sh takes 100,000). */
#include "core/log.h"
#include "core/random.h"
#include "io/files/file.h"
#include "tests/harness.h"
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { USER_BLOCK = 512, SUPERBLOCK = 48, EVERY_BIT = 8 * (USER_BLOCK + SUPERBLOCK), N_KINDS = 4 };
static const char *const kinds[N_KINDS] = {"cohort-dataset", "cohort-partition", "cohort-run",
                                           "cohort-checkpoint"};
static const char *const names[N_KINDS] = {"data.h5", "part.h5", "run/run.h5",
                                           "run/ckpt-00000002.h5"};

/* A small file of each kind in folder. */
static void make_files(const char *folder)
{
    const char *program = getenv("COHORT");
    char command[4096];
    cr_assert(program, "COHORT names the program");
    snprintf(command, sizeof command,
             "mkdir -p %s && cd %s && export COHORT_PROGRESS=off && "
             "%s import synthetic devices=5 alpha=1 beta=1 size=12 test_fraction=0.2 -o data.h5 > "
             "log && "
             "%s partition data.h5 method=natural -o part.h5 >> log && "
             "printf 'rounds: 2\\ndata: {file: data.h5}\\npartition: {file: part.h5}\\nmodel: "
             "{name: softmax}\\n"
             "devices: {per_round: 2}\\nlocal: {lr: 0.1}\\noutput: {dir: run}\\n' > e.yaml && %s "
             "run e.yaml >> log",
             folder, folder, program, program, program);
    cr_assert_eq(system(command), 0, "%s", command);
}

static void write_at(int fd, off_t at, unsigned char byte)
{
    cr_assert_eq(pwrite(fd, &byte, 1, at), 1);
}

/* Flips one bit, opens, flips it back; true when it was noticed and the file named. */
static bool is_noticed(const char *path, int fd, const unsigned char *bytes, size_t bit)
{
    co_file *file = NULL;
    const off_t at = (off_t)(bit / 8);
    write_at(fd, at, (unsigned char)(bytes[at] ^ (1u << bit % 8)));
    const co_status st = co_file_open(path, NULL, true, &file);
    co_file_close(file);
    write_at(fd, at, bytes[at]);
    return st == CO_EDATA && strstr(co_status_message(), path);
}

static co_status open_as(const char *path, const char *kind)
{
    co_file *file = NULL;
    const co_status st = co_file_open(path, kind, false, &file);
    co_file_close(file);
    return st;
}

/* Returns how many flips were silent. */
static size_t flip_all(const char *path, const char *kind, size_t n_flips)
{
    struct stat info;
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    cr_assert(fd >= 0 && fstat(fd, &info) == 0);
    const size_t size = (size_t)info.st_size;
    unsigned char *bytes = malloc(size);
    cr_assert(bytes && pread(fd, bytes, size, 0) == (ssize_t)size);
    co_stream draws = co_stream_open(4, CO_DRAW_TEST, size, 0, 0);
    size_t n_silent = 0;
    cr_assert_eq(open_as(path, kind), CO_OK, "%s", co_status_message());
    for (size_t k = 0; k < n_flips; k++) {
        const size_t bit = k < EVERY_BIT ? k : (size_t)co_draw_below(&draws, 8 * size);
        if (is_noticed(path, fd, bytes, bit)) continue;
        n_silent++;
        fprintf(stderr, "%s: bit %zu of byte %zu flipped: %s\n", path, bit % 8, bit / 8,
                co_status_message());
    }
    cr_expect_eq(open_as(path, kind), CO_OK, "the file is as before: %s", co_status_message());
    free(bytes);
    close(fd);
    return n_silent;
}

Test(bit_flips, none_is_silent_in_any_of_the_four_files)
{
    const char *folder = scratch_file("flips"), *wanted = getenv("BIT_FLIPS");
    const size_t n_flips = (wanted ? (size_t)atol(wanted) : 24000) / N_KINDS;
    char path[N_KINDS][1200], command[1200];
    size_t n_silent = 0;
    cr_assert_gt(n_flips, EVERY_BIT);
    make_files(folder);
    for (int k = 0; k < N_KINDS; k++) {
        snprintf(path[k], sizeof path[k], "%s/%s", folder, names[k]);
        const size_t silent = flip_all(path[k], kinds[k], n_flips);
        fprintf(stderr, "%s: %zu flips, %zu silent\n", kinds[k], n_flips, silent);
        n_silent += silent;
    }
    cr_expect_eq(n_silent, 0);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    cr_expect_eq(system(command), 0);
}
