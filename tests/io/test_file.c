/* The mechanism behind all files: what is written is read back, the same content is the same bytes,
 * nothing damaged is opened, no failure leaves a half file. The outside reference is check_files.py
 * (h5py, hashlib). */
#include "io/files/digest.h"
#include "tests/io/io_helpers.h"
#include <criterion/criterion.h>
#include <fcntl.h>
#include <hdf5.h>
#include <signal.h>
#include <sodium.h>
#include <sys/resource.h>
#include <sys/stat.h>

static void end(void)
{
    cr_assert_eq(co_memory_blocks(), 0, "%zu blocks are not given back", co_memory_blocks());
    cr_assert_eq(H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL), 0,
                 "HDF5 handles are left open");
}
TestSuite(file, .fini = end);

static const float x_values[6] = {0.5f, -1.25f, 3.0f, 0.0f, 1e-30f, 7.75f};
static const int64_t ids[4] = {-1, 0, 1, (int64_t)1 << 62};

static co_status fill(co_file *file)
{
    static const uint8_t bytes[3] = {0, 128, 255};
    static const int32_t y[2] = {1, 0};
    static const double scalar = 0.125, reals[3] = {1.0, 0.5, 0.25};
    static const uint64_t word = 0xfedcba9876543210u;
    static const char *const names[3] = {"cat", "", "Zürich"};
    CO_TRY(co_file_set_head(file, 18446744073709551615u, "name: a\n", "by a test"));
    CO_TRY(co_file_write(file, "x", &(co_extent){CO_F32, 0, 2, {2, 3}}, x_values));
    CO_TRY(co_file_write(file, "y", &(co_extent){CO_I32, 0, 1, {2}}, y));
    CO_TRY(co_file_write(file, "deep/down/bytes", &(co_extent){CO_U8, 0, 1, {3}}, bytes));
    CO_TRY(co_file_write_i64(file, "deep/ids", ids, 4));
    CO_TRY(co_file_write_i64(file, "empty", ids, 0));
    CO_TRY(co_file_write(file, "grid", &(co_extent){CO_F32, 0, 2, {0, 3}}, x_values));
    CO_TRY(co_file_write(file, "scalar", &(co_extent){CO_F64, 0, 0, {0}}, &scalar));
    CO_TRY(co_file_write(file, "word", &(co_extent){CO_U64, 0, 1, {1}}, &word));
    CO_TRY(co_file_write_strings(file, "names", names, 3));
    CO_TRY(co_file_write_group(file, "hollow"));
    CO_TRY(co_file_set_reals(file, "x@scale", reals, 3));
    CO_TRY(co_file_set_reals(file, "x@shift", reals, 1));
    CO_TRY(co_file_set_text(file, "y@task", "classification"));
    CO_TRY(co_file_set_int(file, "round", 12));
    CO_TRY(co_file_set_int(file, "round", 13)); /* again: replaced */
    CO_TRY(co_file_set_u64(file, "model_digest", word));
    return co_file_set_text(file, "data_digest", "00112233445566778899aabbccddeeff");
}

static co_status write_sample(const char *path, unsigned mode)
{
    co_file *file;
    CO_TRY(co_file_create(path, "cohort-dataset", &file));
    const co_status st = fill(file);
    if (st == CO_OK) return co_file_publish(file, mode);
    co_file_close(file);
    return st;
}

static void must(co_status st)
{
    cr_assert_eq(st, CO_OK, "%s", co_status_message());
}

/* Opening fails with this code and a message that names the file and holds the words. */
static void must_refuse(const char *path, const char *format, bool by_hand, co_status want,
                        const char *words)
{
    co_file *file = NULL;
    const co_status st = co_file_open(path, format, by_hand, &file);
    cr_assert_eq(st, want, "code %d, %s", (int)st, co_status_message());
    cr_assert_null(file);
    cr_assert(strstr(co_status_message(), path) && strstr(co_status_message(), words), "%s",
              co_status_message());
}

Test(file, reads_back_what_was_written)
{
    const char *path = scratch_file("sample.h5");
    co_file *file;
    must(write_sample(path, 0644));
    must(co_file_open(path, "cohort-dataset", false, &file));
    float x[6];
    must(co_file_read(file, "x", CO_F32, 0, x));
    cr_assert_arr_eq(x, x_values, sizeof x);
    must(co_file_read_rows(file, "/x", CO_F32, 1, 1, x));
    cr_assert_arr_eq(x, x_values + 3, 3 * sizeof *x);
    void *block;
    size_t n;
    must(co_file_read_new(file, "deep/ids", CO_I64, &block, &n));
    cr_assert(n == 4 && memcmp(block, ids, sizeof ids) == 0);
    co_free(block);
    must(co_file_read_new(file, "empty", CO_I64, &block, &n));
    cr_assert_eq(n, 0);
    co_free(block);
    double scalar;
    must(co_file_read(file, "scalar", CO_F64, 0, &scalar));
    cr_assert_eq(scalar, 0.125);
    uint64_t word = 0;
    must(co_file_read(file, "word", CO_U64, 0, &word));
    cr_assert_eq(word, 0xfedcba9876543210u);
    char **names;
    must(co_file_read_strings(file, "names", &names, &n));
    cr_assert(n == 3 && strcmp(names[0], "cat") == 0 && !names[1][0] &&
              strcmp(names[2], "Zürich") == 0);
    co_strings_free(names, n);
    char fixed[3][8];
    must(co_file_read(file, "names", CO_STR, 8, fixed));
    cr_assert_str_eq(fixed[2], "Zürich");
    cr_assert_eq(co_file_read(file, "names", CO_STR, 4, fixed), CO_EDATA);
    cr_assert(co_file_has(file, "hollow") && co_file_has(file, "deep/down") &&
              !co_file_has(file, "deep/up"));
    cr_assert_eq(strlen(co_file_seal(file)), 64);
    co_file_close(file);
}

Test(file, reads_back_attributes)
{
    const char *path = scratch_file("attributes.h5");
    co_file *file;
    must(write_sample(path, 0644));
    must(co_file_open(path, NULL, false, &file));
    cr_assert_str_eq(co_file_format(file), "cohort-dataset");
    int64_t round;
    uint64_t word;
    char *text;
    double *reals;
    size_t n;
    must(co_file_get_int(file, "round", &round));
    cr_assert_eq(round, 13);
    must(co_file_get_u64(file, "seed", &word));
    cr_assert_eq(word, UINT64_MAX);
    cr_assert_eq(co_file_get_int(file, "seed", &round), CO_EDATA, "2^64 - 1 is no int64");
    must(co_file_get_text(file, "y@task", &text));
    cr_assert_str_eq(text, "classification");
    co_free(text);
    must(co_file_get_text(file, "source", &text));
    cr_assert_str_eq(text, "by a test");
    co_free(text);
    must(co_file_get_reals(file, "x@scale", &reals, &n));
    cr_assert(n == 3 && reals[2] == 0.25);
    co_free(reals);
    must(co_file_get_reals(file, "x@shift", &reals, &n));
    cr_assert(n == 1 && reals[0] == 1.0);
    co_free(reals);
    cr_assert(co_file_has_attr(file, "x@scale") && !co_file_has_attr(file, "x@no") &&
              !co_file_has_attr(file, "no@x"));
    cr_assert_eq(co_file_get_text(file, "round", &text), CO_EDATA);
    cr_assert_eq(co_file_get_text(file, "absent", &text), CO_EDATA);
    co_file_close(file);
}

Test(file, long_texts_and_many_attributes_are_kept)
{
    const char *path = scratch_file("long.h5");
    const size_t length = 300000; /* beyond the 64 KiB of an ordinary attribute */
    char *config = malloc(length + 1), *text, name[16];
    co_file *file;
    for (size_t i = 0; i < length; i++) config[i] = (char)('a' + i % 26);
    config[length] = '\0';
    must(co_file_create(path, "cohort-run", &file));
    must(co_file_set_head(file, 1, config, NULL));
    for (int i = 0; i < 40; i++)
        snprintf(name, sizeof name, "key%d", i), must(co_file_set_int(file, name, i));
    must(co_file_publish(file, 0644));
    must(co_file_open(path, "cohort-run", false, &file));
    must(co_file_get_text(file, "config", &text));
    cr_assert_str_eq(text, config);
    int64_t value;
    must(co_file_get_int(file, "key39", &value));
    cr_assert_eq(value, 39);
    co_file_close(file);
    co_free(text);
    free(config);
}

Test(file, same_content_is_same_bytes)
{
    const char *a = scratch_file("a.h5"), *b = scratch_file("b.h5");
    size_t n_a, n_b;
    must(write_sample(a, 0644));
    sleep(1); /* a stored time would differ */
    must(write_sample(b, 0644));
    unsigned char *one = slurp(a, &n_a), *two = slurp(b, &n_b);
    cr_assert(n_a == n_b && memcmp(one, two, n_a) == 0);
    free(one);
    free(two);
}

Test(file, outside_checker_agrees_on_block_and_digest)
{
    const char *path = scratch_file("checked.h5");
    char digest[33];
    co_file *file;
    must(write_sample(path, 0644));
    must(co_file_open(path, "cohort-dataset", false, &file));
    must(co_file_digest(file, digest));
    co_file_close(file);
    cr_assert(checker_agrees(path, digest));
}

Test(file, digest_leaves_out_times_and_other_attributes)
{
    char digest[3][33];
    for (int i = 0; i < 3; i++) {
        const char *path = scratch_file("times.h5");
        const double wall = i;
        const int64_t round = i == 2 ? 8 : 7;
        co_file *file;
        must(co_file_create(path, "cohort-run", &file));
        must(co_file_set_head(file, 1, i ? "other" : "config", NULL));
        must(co_file_write_f64(file, "rounds/wall_s", &wall, 1));
        must(co_file_write_f64(file, "load/train_s", &wall, 1));
        must(co_file_write_i64(file, "rounds/round", &round, 1));
        co_status_set_message("");
        must(co_file_digest(file, digest[i])); /* of an unpublished file */
        cr_assert_str_empty(co_status_message(), "what is no fault leaves no words: %s",
                            co_status_message());
        must(co_file_publish(file, 0644));
        char again[33];
        must(co_file_open(path, "cohort-run", false, &file));
        must(co_file_digest(file, again));
        co_file_close(file);
        cr_assert_str_eq(digest[i], again);
    }
    cr_assert_str_eq(digest[0], digest[1]);
    cr_assert_str_neq(digest[0], digest[2]);
}

Test(file, names_come_in_byte_order)
{
    const char *path = scratch_file("order.h5"), *want[] = {"/Z", "/a", "/a-b", "/ab/c", "/é"};
    co_file *file;
    char **names;
    size_t n;
    must(co_file_create(path, "cohort-run", &file));
    for (int i = 4; i >= 0; i--) must(co_file_write_i64(file, want[i], ids, 1));
    must(co_file_list(file, &names, &n));
    cr_assert_eq(n, 5);
    for (size_t i = 0; i < n; i++) cr_assert_str_eq(names[i], want[i]);
    co_strings_free(names, n);
    co_file_close(file);
    cr_assert_eq(count_temporaries(path), 0);
}

Test(file, every_flipped_bit_is_noticed, .timeout = 120)
{
    const char *path = scratch_file("flip.h5");
    size_t n;
    must(write_sample(path, 0644));
    unsigned char *bytes = slurp(path, &n);
    const int fd = open(path, O_RDWR);
    for (size_t i = 0; i < n; i++)
        for (int bit = 0; bit < 8; bit += i < 512 ? 1 : 5) {
            const unsigned char flipped = bytes[i] ^ (unsigned char)(1 << bit);
            co_file *file = NULL;
            cr_assert_eq(pwrite(fd, &flipped, 1, (off_t)i), 1);
            const co_status st = co_file_open(path, "cohort-dataset", true, &file);
            cr_assert_eq(st, CO_EDATA, "byte %zu, bit %d: code %d", i, bit, (int)st);
            cr_assert_eq(pwrite(fd, bytes + i, 1, (off_t)i), 1);
        }
    close(fd);
    must_refuse(path, "cohort-run", true, CO_EDATA, "a cohort-run file is wanted");
    free(bytes);
}

Test(file, cut_and_lengthened_files_are_noticed)
{
    const char *path = scratch_file("cut.h5");
    size_t n;
    must(write_sample(path, 0644));
    unsigned char *bytes = slurp(path, &n);
    for (size_t k = 0; k < n; k += k < 600 ? 1 : 97) {
        spill(path, bytes, k);
        must_refuse(path, NULL, true, CO_EDATA, k < 7 ? "no HDF5 file" : "damaged");
    }
    spill(path, bytes, n + 1);
    must_refuse(path, NULL, true, CO_EDATA, "promises");
    free(bytes);
}

/* Puts another line before the body and seals it properly. */
static void reseal(const char *path, const char *format, const char *version)
{
    size_t n;
    unsigned char *bytes = slurp(path, &n), sum[32];
    crypto_generichash_blake2b_state state;
    memset(bytes, 0, 512);
    const int head = sprintf((char *)bytes, "%s %s %zu ", format, version, n - 512);
    crypto_generichash_blake2b_init(&state, NULL, 0, 32);
    crypto_generichash_blake2b_update(&state, bytes, (size_t)head);
    crypto_generichash_blake2b_update(&state, bytes + 512, n - 512);
    crypto_generichash_blake2b_final(&state, sum, 32);
    co_hex(sum, 32, (char *)bytes + head);
    bytes[head + 64] = '\n';
    spill(path, bytes, n);
    free(bytes);
}

Test(file, other_versions_formats_and_spellings_are_refused)
{
    const char *path = scratch_file("versions.h5");
    co_file *file;
    must(write_sample(path, 0644));
    reseal(path, "cohort-dataset", "1");
    must(co_file_open(path, "cohort-dataset", false, &file)); /* the test's own sealing is right */
    co_file_close(file);
    reseal(path, "cohort-dataset", "2");
    must_refuse(path, NULL, true, CO_EDATA, "version 2");
    reseal(path, "cohort-picture", "1");
    must_refuse(path, NULL, true, CO_EDATA, "cohort-picture");
    reseal(path, "cohort-dataset", "01");
    must_refuse(path, NULL, true, CO_EDATA, "damaged");
    reseal(path, "cohort-dataset ", "1");
    must_refuse(path, NULL, true, CO_EDATA, "damaged");
}

Test(file, what_is_no_file_of_ours_is_refused)
{
    const char *path = scratch_file("odd.h5");
    unlink(path);
    must_refuse(path, NULL, true, CO_EFILE, "No such file");
    spill(path, "hello", 5);
    must_refuse(path, NULL, true, CO_EDATA, "no HDF5 file");
    spill(path, "\x89HDF\r\n\x1a\n and then nothing", 26);
    must_refuse(path, NULL, true, CO_EDATA, "HDF5 cannot open");
    unlink(path);
    mkdir(path, 0755);
    must_refuse(path, NULL, true, CO_EFILE, "directory");
    co_file *file;
    cr_assert_eq(co_file_create(path, "cohort-run", &file), CO_EFILE,
                 "a folder is no name for a file");
    rmdir(path);
    cr_assert_eq(co_file_create("/no/such/folder/file.h5", "cohort-run", &file), CO_EFILE);
    cr_assert(strstr(co_status_message(), "/no/such/folder/file.h5"));
}

Test(file, permissions_are_those_asked_for)
{
    const char *path = scratch_file("mode.h5");
    struct stat info;
    umask(022);
    must(write_sample(path, 0600));
    stat(path, &info);
    cr_assert_eq(info.st_mode & 0777, 0600);
    must(write_sample(path, 0644)); /* replaces the other */
    stat(path, &info);
    cr_assert_eq(info.st_mode & 0777, 0644);
}

/* ---- failures ---- */

static int write_again(const char *path)
{
    const co_status st = write_sample(path, 0644);
    if (st != CO_OK && !strstr(co_status_message(), path) && !strstr(co_status_message(), "folder"))
        return 99;
    return co_memory_blocks() ? 98 : (int)st;
}

Test(file, a_fault_at_any_site_leaves_the_old_file_and_nothing_else)
{
    const char *path = scratch_file("fault.h5");
    size_t n_old, n_new;
    cr_assert_eq(in_child(NULL, write_again, path), 0);
    unsigned char *old = slurp(path, &n_old);
    static const char *const sites[] = {"file_open:*:1",  "file_write:*:1", "file_write:*:5",
                                        "file_full:*:3",  "file_sync:*:1",  "file_sync:*:2",
                                        "file_rename:*:1"};
    for (size_t i = 0; i < sizeof sites / sizeof *sites; i++) {
        cr_assert_eq(in_child(sites[i], write_again, path), (int)CO_EFILE, "%s", sites[i]);
        cr_assert_eq(count_temporaries(path), 0, "%s", sites[i]);
        unsigned char *now = slurp(path, &n_new);
        cr_assert(now && n_new == n_old && memcmp(now, old, n_old) == 0, "%s", sites[i]);
        free(now);
    }
    free(old);
}

static int write_beyond_limit(const char *path)
{
    static float big[1 << 18];
    co_file *file;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){100000, 100000});
    if (co_file_create(path, "cohort-run", &file) != CO_OK) return 97;
    co_status st = co_file_set_head(file, 1, "", "");
    if (st == CO_OK) st = co_file_write(file, "big", &(co_extent){CO_F32, 0, 1, {1 << 18}}, big);
    if (st == CO_OK) return 96;
    if (!strstr(co_status_message(), "too large")) return 95;
    co_file_close(file);
    return (int)st;
}

/* Many small datasets: the limit is met only when HDF5 writes its metadata, at the end. */
static int close_beyond_limit(const char *path)
{
    co_file *file;
    char name[32];
    signal(SIGXFSZ, SIG_IGN);
    if (co_file_create(path, "cohort-run", &file) != CO_OK) return 97;
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "g%d/d", i);
        if (co_file_write_i64(file, name, ids, 1) != CO_OK) return 96;
    }
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){4096, 4096});
    const co_status st = co_file_publish(file, 0644);
    return (int)st;
}

static int use_and_exit(const char *path)
{
    exit(close_beyond_limit(path)); /* what the library does at exit must not crash either */
}

Test(file, a_disk_that_takes_no_more_is_an_error_not_a_crash)
{
    const char *path = scratch_file("limit.h5");
    cr_assert_eq(in_child(NULL, write_beyond_limit, path), (int)CO_EFILE);
    cr_assert_eq(in_child(NULL, close_beyond_limit, path), (int)CO_EFILE);
    cr_assert_eq(in_child(NULL, use_and_exit, path), (int)CO_EFILE);
    cr_assert_neq(access(path, F_OK), 0);
    cr_assert_eq(count_temporaries(path), 0);
}

/* ---- files made by hand ---- */

static hid_t by_hand_start(const char *path)
{
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    return H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
}

/* A 1-d dataset of n elements; data NULL: never written. */
static void by_hand(hid_t file, const char *name, hid_t type, hsize_t n, const void *data)
{
    const hid_t space = H5Screate_simple(1, &n, NULL);
    const hid_t set = H5Dcreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    cr_assert(set >= 0, "%s", name);
    if (data) H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data);
    H5Dclose(set);
    H5Sclose(space);
}

Test(file, by_hand_is_accepted_only_where_allowed)
{
    const char *path = scratch_file("hand.h5");
    const hid_t h5 = by_hand_start(path);
    co_file *file;
    by_hand(h5, "y", H5T_STD_I64LE, 4, ids);
    H5Fclose(h5);
    must_refuse(path, "cohort-dataset", false, CO_EDATA, "by hand");
    must(co_file_open(path, "cohort-dataset", true, &file));
    cr_assert_str_eq(co_file_seal(file), "");
    co_file_close(file);
    must(co_file_open(path, NULL, true, &file));
    cr_assert_str_eq(co_file_format(file), "cohort-dataset");
    co_file_close(file);
}

Test(file, other_number_types_are_converted_when_they_fit)
{
    const char *path = scratch_file("types.h5");
    hid_t h5 = by_hand_start(path);
    const int16_t small[3] = {-2, 7, 300};
    const double reals[3] = {1.0, 2.0, 0.5}, huge[2] = {1e300, 3.0};
    const uint64_t large[2] = {UINT64_MAX, 5};
    by_hand(h5, "small", H5T_NATIVE_INT16, 3, small);
    by_hand(h5, "reals", H5T_NATIVE_DOUBLE, 3, reals);
    by_hand(h5, "huge", H5T_NATIVE_DOUBLE, 2, huge);
    by_hand(h5, "large", H5T_NATIVE_UINT64, 2, large);
    H5Fclose(h5);
    co_file *file;
    must(co_file_open(path, "cohort-dataset", true, &file));
    co_extent extent;
    must(co_file_extent(file, "small", &extent));
    cr_assert(extent.type == CO_I64 && extent.ndim == 1 && extent.dim[0] == 3);
    int32_t i32[3];
    uint8_t u8[3];
    float f32[3];
    int64_t i64[3];
    must(co_file_read(file, "small", CO_I32, 0, i32));
    cr_assert(i32[0] == -2 && i32[2] == 300);
    must(co_file_read(file, "small", CO_F32, 0, f32));
    cr_assert(f32[0] == -2.0f && f32[2] == 300.0f);
    must(co_file_read_rows(file, "small", CO_U8, 1, 1, u8));
    cr_assert_eq(u8[0], 7);
    cr_assert_eq(co_file_read(file, "small", CO_U8, 0, u8), CO_EDATA);
    cr_assert(strstr(co_status_message(), "row 0: -2"), "%s", co_status_message());
    cr_assert_eq(co_file_read_rows(file, "small", CO_U8, 2, 1, u8), CO_EDATA);
    cr_assert(strstr(co_status_message(), "row 2: 300"), "%s", co_status_message());
    must(co_file_read_rows(file, "reals", CO_I64, 0, 2, i64));
    cr_assert_eq(i64[1], 2);
    cr_assert_eq(co_file_read(file, "reals", CO_I64, 0, i64), CO_EDATA);
    cr_assert(strstr(co_status_message(), "row 2: 0.5"), "%s", co_status_message());
    cr_assert_eq(co_file_read(file, "huge", CO_F32, 0, f32), CO_EDATA);
    cr_assert_eq(co_file_read(file, "huge", CO_U64, 0, f32), CO_EDATA);
    cr_assert_eq(co_file_read(file, "large", CO_I64, 0, i64), CO_EDATA);
    must(co_file_read(file, "large", CO_F32, 0, f32));
    cr_assert_eq(f32[0], 0x1p64f);
    cr_assert_eq(co_file_read_rows(file, "small", CO_I64, 2, 2, i64), CO_EDATA,
                 "beyond the last row");
    cr_assert_eq(co_file_read_rows(file, "small", CO_I64, SIZE_MAX, 2, i64), CO_EDATA);
    co_file_close(file);
}

Test(file, hostile_extents_and_classes_are_refused)
{
    const char *path = scratch_file("hostile.h5");
    const hid_t h5 = by_hand_start(path);
    const hsize_t wide[3] = {(hsize_t)1 << 40, (hsize_t)1 << 40, 16},
                  none[3] = {0, (hsize_t)1 << 40, (hsize_t)1 << 40};
    const hsize_t nine[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    const hid_t pair = H5Tcreate(H5T_COMPOUND, 8), hollow = H5Screate(H5S_NULL);
    H5Tinsert(pair, "a", 0, H5T_NATIVE_INT);
    by_hand(h5, "unwritten", H5T_NATIVE_DOUBLE, (hsize_t)1 << 36, NULL);
    by_hand(h5, "pair", pair, 2, ids);
    const hid_t spaces[] = {H5Screate_simple(3, wide, NULL), H5Screate_simple(3, none, NULL),
                            H5Screate_simple(9, nine, NULL), hollow};
    const char *const names[] = {"wide", "none", "nine", "hollow"};
    const hid_t chunked = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(chunked, 3, (const hsize_t[]){1, 16, 16});
    for (int i = 0; i < 4; i++) {
        const hid_t set = H5Dcreate2(h5, names[i], H5T_NATIVE_INT64, spaces[i], H5P_DEFAULT,
                                     i < 2 ? chunked : H5P_DEFAULT, H5P_DEFAULT);
        cr_assert(set >= 0, "%s", names[i]);
        H5Dclose(set);
        H5Sclose(spaces[i]);
    }
    H5Pclose(chunked);
    H5Tclose(pair);
    H5Gclose(H5Gcreate2(h5, "folder", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Lcreate_soft("/nowhere", h5, "dangling", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_soft("/loop", h5, "loop", H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(h5);
    co_file *file;
    must(co_file_open(path, "cohort-dataset", true, &file));
    static const char *const all[] = {"unwritten", "pair",   "wide",        "none",
                                      "nine",      "hollow", "folder",      "dangling",
                                      "loop",      "absent", "pair/deeper", ""};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        co_extent extent;
        void *data = NULL;
        size_t n;
        cr_assert_eq(co_file_extent(file, all[i], &extent), CO_EDATA, "%s", all[i]);
        cr_assert_eq(co_file_read_new(file, all[i], CO_I64, &data, &n), CO_EDATA, "%s", all[i]);
        cr_assert(strstr(co_status_message(), path), "%s", co_status_message());
        cr_assert_null(data);
    }
    char digest[33];
    cr_assert_eq(co_file_digest(file, digest), CO_EDATA);
    co_file_close(file);
}

/* What h5py writes: bool, big-endian, half floats, fixed and variable strings, attributes as str.
 */
Test(file, files_of_h5py_are_read_and_digested_as_in_python)
{
    const char *path = scratch_file("h5py.h5"), *found = shared_file("check_files.py");
    char arguments[4096], text[4096], script[1024] = "";
    if (!have_python()) return;
    if (found) snprintf(script, sizeof script, "%s", found);
    snprintf(arguments, sizeof arguments,
             "-c \"import h5py, numpy as np\n"
             "with h5py.File('%s', 'w') as h:\n"
             "    h['x'] = np.arange(12, dtype='>i4').reshape(3, 4)\n"
             "    h['half'] = np.arange(5, dtype='f2') / 2\n"
             "    h['flag'] = np.array([True, False, True])\n"
             "    h['tiny'] = np.array([-1, 3], dtype='i1')\n"
             "    h['fixed'] = np.array([b'ab', b'c'], dtype='S5')\n"
             "    h['one'] = np.float64(2.5)\n"
             "    h.create_dataset('packed', data=np.zeros((100, 100)), compression='gzip')\n"
             "    h.attrs['seed'] = 7\n"
             "    h.attrs['format'] = 'cohort-dataset'\n"
             "    h.attrs['flag'] = True\n"
             "    h['x'].attrs['scale'] = [0.5, 0.25]\n\"",
             path);
    cr_assert(python(arguments, text, sizeof text), "%s", text);
    co_file *file;
    char digest[33];
    must(co_file_open(path, "cohort-dataset", true, &file));
    int64_t flags[3], x[12], seven;
    float half[5];
    must(co_file_read(file, "flag", CO_I64, 0, flags));
    cr_assert(flags[0] == 1 && flags[1] == 0 && flags[2] == 1);
    must(co_file_read(file, "x", CO_I64, 0, x));
    cr_assert_eq(x[11], 11);
    must(co_file_read(file, "half", CO_F32, 0, half));
    cr_assert_eq(half[3], 1.5f);
    must(co_file_get_int(file, "seed", &seven));
    cr_assert_eq(seven, 7);
    must(co_file_get_int(file, "flag", &seven));
    cr_assert_eq(seven, 1);
    char *format;
    must(co_file_get_text(file, "format", &format)); /* of variable length */
    cr_assert_str_eq(format, "cohort-dataset");
    co_free(format);
    must(co_file_digest(file, digest));
    co_file_close(file);
    if (!script[0]) return;
    snprintf(arguments, sizeof arguments, "%s --digest %s", script, path);
    cr_assert(python(arguments, text, sizeof text), "%s", text);
    text[strcspn(text, "\n")] = '\0';
    cr_assert_str_eq(digest, text);
}

Test(file, strings_of_variable_length_count_as_fixed_ones)
{
    const char *path = scratch_file("variable.h5"), *same = scratch_file("same.h5");
    const char *const names[2] = {"ab", "longer"};
    const hid_t h5 = by_hand_start(path), type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    by_hand(h5, "classes", type, 2, names);
    const hid_t attribute = H5Acreate2(h5, "note", type, space, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(attribute, type, &names[1]);
    H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
    H5Fclose(h5);
    co_file *file;
    char **list, *note, variable[33], fixed[33], wide[2][8];
    size_t n;
    must(co_file_open(path, "cohort-dataset", true, &file));
    must(co_file_read_strings(file, "classes", &list, &n));
    cr_assert(n == 2 && strcmp(list[1], "longer") == 0);
    co_strings_free(list, n);
    must(co_file_read(file, "classes", CO_STR, 8, wide));
    cr_assert_str_eq(wide[1], "longer");
    must(co_file_get_text(file, "note", &note));
    cr_assert_str_eq(note, "longer");
    co_free(note);
    must(co_file_digest(file, variable));
    co_file_close(file);
    must(co_file_create(same, "cohort-dataset", &file));
    must(co_file_write_strings(file, "classes", names, 2));
    must(co_file_digest(file, fixed));
    co_file_close(file);
    cr_assert_str_eq(variable, fixed);
}
