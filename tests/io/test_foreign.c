/* HDF5 of other programs: user blocks, links, filters, chunks, files that somebody has open; data
 * sets of any layout in blocks. */
#include "io/data/dataset.h"
#include "io/files/file_private.h"
#include "io/magic.h"
#include "tests/io/io_helpers.h"
#include <criterion/criterion.h>
#include <fcntl.h>
#include <math.h>
#include <sys/file.h>

static void must(co_status st)
{
    cr_assert_eq(st, CO_OK, "%s", co_status_message());
}

static void put(hid_t h5, const char *name, hid_t type, int ndim, const hsize_t *dim, hid_t list,
                const void *data)
{
    const hid_t space = H5Screate_simple(ndim, dim, NULL),
                set = H5Dcreate2(h5, name, type, space, H5P_DEFAULT, list, H5P_DEFAULT);
    cr_assert(set >= 0 && H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
    H5Dclose(set);
    H5Sclose(space);
}

static const float x[4][2] = {{1, 2}, {3, 4}, {5, 6}, {7, 8}};
static const int64_t y[4] = {0, 1, 2, 1};
static const hsize_t two[2] = {4, 2};

/* A file of somebody else with y, and x unless without_x; stays open. */
static hid_t start(const char *path, hsize_t user_block, bool newest, bool without_x)
{
    co_files_start();
    const hid_t create = H5Pcreate(H5P_FILE_CREATE), access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_userblock(create, user_block);
    if (newest) H5Pset_libver_bounds(access, H5F_LIBVER_LATEST, H5F_LIBVER_LATEST);
    const hid_t h5 = H5Fcreate(path, H5F_ACC_TRUNC, create, access);
    cr_assert(h5 >= 0);
    H5Pclose(create);
    H5Pclose(access);
    if (!without_x) put(h5, "x", H5T_NATIVE_FLOAT, 2, two, H5P_DEFAULT, x);
    put(h5, "y", H5T_NATIVE_INT64, 1, two, H5P_DEFAULT, y);
    return h5;
}

static void refuse(const char *path, co_status want, const char *words)
{
    co_dataset d;
    const co_status st = co_dataset_read(path, &d);
    cr_assert(st == want && strstr(co_status_message(), path) && strstr(co_status_message(), words),
              "code %d, %s", (int)st, st == CO_OK ? "was read" : co_status_message());
}

static void expect_x(const char *path)
{
    co_dataset d;
    must(co_dataset_read(path, &d));
    cr_assert(d.n == 4 && d.x_size == 2 && memcmp(d.x, x, sizeof x) == 0);
    co_dataset_fini(&d);
}

/* ---- user blocks ---- */

Test(foreign, a_user_block_of_another_program_is_no_damage)
{
    const char *path = scratch_file("matlab.h5");
    for (hsize_t size = 512; size <= 4096; size *= 2) {
        H5Fclose(start(path, size, false, false));
        expect_x(path);
        const int fd = open(path, O_WRONLY);
        cr_assert_eq(pwrite(fd, "MATLAB 7.3 MAT-file, Platform: GLNXA64", 38, 0), 38);
        close(fd);
        expect_x(path);
        co_file *file;
        must(co_file_open_foreign(path, &file));
        co_file_close(file);
    }
}

Test(foreign, a_seal_that_is_wiped_out_is_damage)
{
    static const char nothing[512], words[512] = "these are other words";
    const char *path = scratch_file("wiped.h5");
    co_file *file;
    for (int k = 0; k < 2; k++) {
        must(co_file_create(path, "cohort-dataset", &file));
        must(co_file_set_head(file, 1, "", "test"));
        must(co_file_write_i64(file, "y", y, 4));
        must(co_file_publish(file, 0644));
        const int fd = open(path, O_WRONLY);
        cr_assert_eq(pwrite(fd, k ? words : nothing, 512, 0), 512);
        close(fd);
        refuse(path, CO_EDATA, "damaged");
    }
}

/* ---- links ---- */

Test(foreign, links_are_followed_and_named_when_they_lead_nowhere)
{
    const char *other = scratch_file("other.h5"), *path = scratch_file("links.h5");
    char **names, digest[2][33];
    size_t n;
    co_file *file;
    H5Fclose(start(other, 0, false, false));
    hid_t h5 = start(path, 0, false, true);
    H5Lcreate_external(other, "/x", h5, "x", H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(h5);
    expect_x(path);
    must(co_file_open_foreign(path, &file));
    must(co_file_list(file, &names, &n));
    cr_assert(n == 2 && strcmp(names[0], "/x") == 0 && strcmp(names[1], "/y") == 0);
    co_strings_free(names, n);
    must(co_file_digest(file, digest[0]));
    co_file_close(file);
    must(co_file_open_foreign(other, &file));
    must(co_file_digest(file, digest[1]));
    co_file_close(file);
    cr_assert_str_eq(digest[0], digest[1], "what is behind a link counts in the digest");

    h5 = start(path, 0, false, false);
    H5Lcreate_external("gone.h5", "/user", h5, "user", H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(h5);
    refuse(path, CO_EDATA, "user is a link that leads nowhere: gone.h5:/user");
    h5 = start(path, 0, false, true);
    H5Lcreate_soft("/far/away", h5, "x", H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(h5);
    refuse(path, CO_EDATA, "x is a link that leads nowhere: /far/away");
    h5 = start(path, 0, false, false);
    H5Lcreate_soft("/", h5, "round", H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(h5);
    refuse(path, CO_EDATA, "circle of links");
}

/* ---- filters and chunks ---- */

static size_t same(unsigned flags, size_t n_values, const unsigned *values, size_t n, size_t *size,
                   void **buffer)
{
    (void)flags, (void)n_values, (void)values, (void)size, (void)buffer;
    return n;
}

Test(foreign, a_filter_that_is_missing_is_named)
{
    const char *path = scratch_file("filter.h5"), *lzf = shared_file("faults/h5_lzf/lzf2.h5");
    const H5Z_class2_t filter = {H5Z_CLASS_T_VERS, 32015, 1, 1, "a name", NULL, NULL, same};
    const hid_t h5 = start(path, 0, false, true), list = H5Pcreate(H5P_DATASET_CREATE);
    cr_assert(H5Zregister(&filter) >= 0);
    H5Pset_chunk(list, 2, two);
    H5Pset_filter(list, 32015, 0, 0, NULL);
    put(h5, "x", H5T_NATIVE_FLOAT, 2, two, list, x);
    H5Pclose(list);
    H5Fclose(h5);
    expect_x(path);
    H5Zunregister(32015);
    refuse(path, CO_EDATA, "x is packed with the filter zstd (number 32015)");
    cr_assert(strstr(co_status_message(), "compression='gzip'"));
    if (lzf) refuse(lzf, CO_EDATA, "the filter lzf");
}

enum { N = 100, CHANNELS = 2, SIDE = 6, ROW = CHANNELS * SIDE * SIDE };

Test(foreign, chunks_in_any_shape_read_as_contiguous_data_do)
{
    static const hsize_t shape[4] = {N, CHANNELS, SIDE, SIDE},
                         chunks[][4] = {{7, 1, 4, 5}, {N, 1, 1, 1}, {1, 2, 6, 6}, {64, 2, 3, 6}};
    static float all[N * ROW], got[N * ROW];
    for (size_t i = 0; i < N * ROW; i++) all[i] = (float)i / 8;
    for (size_t k = 0; k < sizeof chunks / sizeof *chunks; k++)
        for (int pack = 0; pack < 2; pack++) {
            const char *path = scratch_file("chunks.h5"), *sealed = scratch_file("sealed.h5");
            const hid_t h5 = start(path, 0, false, true), list = H5Pcreate(H5P_DATASET_CREATE);
            size_t rows;
            co_file *file;
            co_dataset d;
            H5Pset_chunk(list, 4, chunks[k]);
            if (pack) H5Pset_deflate(list, 4);
            put(h5, "x", H5T_NATIVE_FLOAT, 4, shape, list, all);
            H5Ldelete(h5, "y", H5P_DEFAULT);
            H5Pclose(list);
            H5Fclose(h5);
            must(co_file_open_foreign(path, &file));
            must(co_file_block_rows(file, "x", (size_t)8 << 20, &rows)); /* 32 rows are 256 MiB */
            cr_assert(rows == (chunks[k][0] > 32 ? 32 : chunks[k][0]), "%zu rows", rows);
            must(co_file_read_rows(file, "x", CO_F32, 3, 50, got));
            cr_assert_arr_eq(got, all + 3 * ROW, 50 * ROW * sizeof *got);
            double converted[ROW];
            must(co_file_read_rows(file, "x", CO_F64, 98, 1, converted));
            cr_assert_eq(converted[ROW - 1], (double)all[99 * ROW - 1]);
            co_file_close(file);
            must(co_dataset_open(path, &d)); /* what `import h5` does */
            cr_assert(!d.x && d.x_file);
            must(co_dataset_write(&d, sealed, 1, ""));
            co_dataset_fini(&d);
            must(co_dataset_read(sealed, &d));
            cr_assert_arr_eq(d.x, all, sizeof all);
            co_dataset_fini(&d);
        }
}

Test(foreign, a_data_set_is_sealed_in_less_memory_than_it_has)
{
    enum { BIG = 1 << 12, WIDE = 3 << 10 }; /* 48 MiB */
    static const hsize_t shape[2] = {BIG, WIDE}, chunk[2] = {256, WIDE / 3};
    const char *path = scratch_file("big.h5"), *sealed = scratch_file("big_sealed.h5");
    float *all = malloc((size_t)BIG * WIDE * sizeof *all);
    for (size_t i = 0; i < (size_t)BIG * WIDE; i++) all[i] = (float)(i % 1021);
    const hid_t h5 = start(path, 0, false, true), list = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(list, 2, chunk);
    put(h5, "x", H5T_NATIVE_FLOAT, 2, shape, list, all);
    H5Ldelete(h5, "y", H5P_DEFAULT);
    H5Pclose(list);
    H5Fclose(h5);
    co_dataset d;
    must(co_dataset_open(path, &d));
    must(co_dataset_write(&d, sealed, 1, ""));
    cr_assert_lt(co_memory_peak(), (size_t)40 << 20, "%zu bytes", co_memory_peak());
    co_dataset_fini(&d);
    must(co_dataset_read(sealed, &d));
    cr_assert_eq(memcmp(d.x, all, (size_t)BIG * WIDE * sizeof *all), 0);
    co_dataset_fini(&d);
    free(all);
    unlink(path);
    unlink(sealed);
}

Test(foreign, what_is_not_finite_is_found_while_it_is_copied)
{
    const char *path = scratch_file("nan.h5"), *sealed = scratch_file("nan_sealed.h5");
    const float bad[4][2] = {{1, 2}, {3, 4}, {5, (float)NAN}, {7, 8}};
    const hid_t h5 = start(path, 0, false, true);
    put(h5, "x", H5T_NATIVE_FLOAT, 2, two, H5P_DEFAULT, bad);
    H5Fclose(h5);
    co_dataset d;
    must(co_dataset_open(path, &d));
    cr_assert_eq(co_dataset_write(&d, sealed, 1, ""), CO_EDATA);
    cr_assert(strstr(co_status_message(), "nan.h5") &&
                  strstr(co_status_message(), "row 2, value 1"),
              "%s", co_status_message());
    cr_assert_neq(access(sealed, F_OK), 0);
    co_dataset_fini(&d);
}

/* ---- files that somebody has open ---- */

Test(foreign, a_file_open_for_writing_elsewhere_is_not_called_damaged)
{
    const char *path = scratch_file("held.h5");
    co_file *file;
    H5Fclose(start(path, 0, false, false));
    const int fd = open(path, O_RDWR);
    cr_assert_eq(flock(fd, LOCK_EX | LOCK_NB), 0); /* as HDF5 does */
    refuse(path, CO_EFILE, "another program has it open for writing");
    cr_assert_eq(co_file_open_foreign(path, &file), CO_EFILE);
    cr_assert_eq(ftruncate(fd, 0), 0); /* nothing is on the disk yet */
    refuse(path, CO_EFILE, "another program has it open for writing");
    cr_assert_eq(co_file_open_foreign(path, &file), CO_EFILE);
    close(fd);
    refuse(path, CO_EDATA, "an empty file");
}

Test(foreign, a_mark_that_a_killed_writer_left_is_explained)
{
    const char *path = scratch_file("killed.h5");
    unsigned char flags = 5;
    for (hsize_t size = 0; size <= 512; size += 512) {
        H5Fclose(start(path, size, true, false));
        expect_x(path);
        const int fd = open(path, O_RDWR);
        cr_assert_eq(pwrite(fd, &flags, 1, (off_t)size + 11), 1);
        close(fd);
        refuse(path, CO_EDATA, "h5clear -s");
    }
}

/* ---- other kinds of files ---- */

Test(foreign, files_of_another_kind_are_named)
{
    const char *path = scratch_file("other");
    spill(path, "\x1f\x8b\x08 and more", 12);
    refuse(path, CO_EDATA, "a gzip file");
    spill(path, "PK\3\4 and more", 12);
    refuse(path, CO_EDATA, "a zip archive");
    spill(path, "a: b\n", 5);
    refuse(path, CO_EDATA, "but text");
    cr_assert_str_eq(co_magic("\x89HDF\r\n\x1a\n", 8), "an HDF5 file (.h5)");
    cr_assert_null(co_magic("PK", 2));
}
