/* Partitions: through a file and past the outside checker; every broken promise is named with
 * device and example. */
#include "io/data/partition_file.h"
#include "tests/io/io_helpers.h"
#include <criterion/criterion.h>
#include <hdf5.h>

static void end(void)
{
    cr_assert_eq(co_memory_blocks(), 0, "%zu blocks are not given back", co_memory_blocks());
    cr_assert_eq(H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL), 0,
                 "HDF5 handles are left open");
}
TestSuite(partition_file, .fini = end);

static void must(co_status st)
{
    cr_assert_eq(st, CO_OK, "%s", co_status_message());
}

static void must_refuse(co_status st, const char *words)
{
    cr_assert_eq(st, CO_EDATA, "code %d, %s", (int)st, co_status_message());
    cr_assert(strstr(co_status_message(), words), "'%s' in %s", words, co_status_message());
}

/* 10 examples: 8 and 9 are split 1, 7 is split 2. */
static uint8_t split[10] = {0, 0, 0, 0, 0, 0, 0, 2, 1, 1};
static int32_t y[10] = {0, 1, 0, 1, 0, 1, 0, 1, 0, 1};
static const co_dataset data = {
    .n = 10, .y = y, .n_classes = 2, .split = split, .digest = "0123456789abcdef0123456789abcdef"};

static void *copy(const void *from, size_t bytes)
{
    void *to = co_malloc(bytes, 1);
    memcpy(to, from, bytes);
    return to;
}

/* Three devices, the second one empty: {0, 2, 4 | 6}, {}, {1 | }, and 3, 5 at nobody. */
static co_partition sample(void)
{
    co_partition p = {.n_devices = 3, .n_unassigned = 2, .n_stats = 2};
    p.train_offsets = copy((int64_t[]){0, 3, 3, 4}, 32);
    p.train = copy((int64_t[]){0, 2, 4, 1}, 32);
    p.test_offsets = copy((int64_t[]){0, 1, 1, 1}, 32);
    p.test = copy((int64_t[]){6}, 8);
    p.unassigned = copy((int64_t[]){3, 5}, 16);
    p.device_name = co_calloc(3, sizeof(char *));
    for (int k = 0; k < 3; k++) p.device_name[k] = co_format("device %d", k);
    p.method = co_strdup("iid");
    p.stat_name = co_calloc(2, sizeof(char *));
    p.stat_name[0] = co_strdup("size_max");
    p.stat_name[1] = co_strdup("size_gini");
    p.stat = copy((double[]){3.0, 0.5}, 16);
    return p;
}

Test(partition_file, comes_back_from_its_file_and_passes_the_checker)
{
    const char *path = scratch_file("partition.h5");
    co_partition p = sample(), read;
    must(co_partition_write(&p, &data, path, 1, "method: iid\n"));
    must(co_partition_read(path, data.digest, &read));
    cr_assert(read.n_devices == 3 && read.n_unassigned == 2 && read.overlap == 0 &&
              read.n_stats == 2);
    cr_assert_arr_eq(read.train_offsets, p.train_offsets, 32);
    cr_assert_arr_eq(read.train, p.train, 32);
    cr_assert_arr_eq(read.test_offsets, p.test_offsets, 32);
    cr_assert_eq(read.test[0], 6);
    cr_assert_arr_eq(read.unassigned, p.unassigned, 16);
    cr_assert_str_eq(read.device_name[2], "device 2");
    cr_assert_str_eq(read.method, "iid");
    cr_assert_str_eq(read.stat_name[0], "size_gini", "in byte order");
    cr_assert_eq(read.stat[0], 0.5);
    cr_assert_str_eq(read.digest, p.digest);
    cr_assert_str_eq(read.data_digest, data.digest);
    must(co_partition_check(&read, &data, path));
    cr_assert(checker_agrees(path, p.digest));
    co_file *file;
    int32_t counts[6];
    must(co_file_open(path, "cohort-partition", false, &file));
    must(co_file_read(file, "label_counts", CO_I32, 0, counts));
    cr_assert_arr_eq(counts, ((int32_t[]){3, 0, 0, 0, 0, 1}), sizeof counts);
    co_file_close(file);
    co_partition_fini(&p);
    co_partition_fini(&read);
}

Test(partition_file, without_statistics_still_passes_the_checker)
{
    const char *path = scratch_file("bare.h5");
    co_partition p = {.n_devices = 1,
                      .train_offsets = (int64_t[]){0, 7},
                      .train = (int64_t[]){0, 1, 2, 3, 4, 5, 6}};
    must(co_partition_write(&p, &data, path, 1, ""));
    cr_assert(checker_agrees(path, p.digest));
}

Test(partition_file, the_digest_needs_no_file)
{
    const char *path = scratch_file("whole.h5");
    co_partition p = sample(), bare = sample();
    co_partition *const both[] = {&p, &bare};
    for (int i = 0; i < 2; i++) {
        both[i]->device_noise = copy((double[]){0.0, 0.5, 1.0}, 24);
        both[i]->n_periods = 2;
        both[i]->n_dated = 10;
        both[i]->period = copy((int32_t[]){0, 1, 0, 1, 0, 1, 0, 1, 0, 1}, 40);
    }
    must(co_partition_write(&p, &data, path, UINT64_MAX, ""));
    must(co_partition_digest(&bare, &data, UINT64_MAX));
    cr_assert_str_eq(bare.digest, p.digest);
    cr_assert_str_eq(bare.data_digest, p.data_digest);
    co_file *file;
    char hex[33];
    must(co_file_open(path, "cohort-partition", false, &file));
    must(co_file_digest(file, hex));
    cr_assert_str_eq(hex, p.digest, "that of what stands in the file");
    co_file_close(file);
    must(co_partition_digest(&bare, &data, 1));
    cr_assert(strcmp(bare.digest, hex) != 0, "the seed enters it");
    co_partition_fini(&p);
    co_partition_fini(&bare);
}

Test(partition_file, of_another_data_set_is_refused)
{
    const char *path = scratch_file("other.h5");
    co_partition p = sample(), read;
    must(co_partition_write(&p, &data, path, 1, ""));
    must_refuse(co_partition_read(path, "ffffffffffffffffffffffffffffffff", &read),
                "made for another data set");
    cr_assert(!read.train && read.n_devices == 0);
    must(co_partition_read(path, NULL, &read));
    co_partition_fini(&read);
    co_partition_fini(&p);
}

Test(partition_file, check_names_device_and_example)
{
    co_partition p = sample();
    must(co_partition_check(&p, &data, "p.h5"));
    p.train[3] = 10;
    must_refuse(co_partition_check(&p, &data, "p.h5"), "train of device 2 lists example 10");
    p.train[3] = -1;
    must_refuse(co_partition_check(&p, &data, "p.h5"), "train of device 2 lists example -1");
    p.train[3] = INT64_MIN;
    must_refuse(co_partition_check(&p, &data, "p.h5"), "train of device 2 lists example");
    p.train[3] = 2;
    must_refuse(co_partition_check(&p, &data, "p.h5"),
                "train of device 2 lists example 2, which already");
    p.train[3] = 7;
    must_refuse(co_partition_check(&p, &data, "p.h5"), "example 7 of split 2");
    p.train[3] = 8;
    must_refuse(co_partition_check(&p, &data, "p.h5"), "example 8 of split 1");
    p.train[3] = 1;
    p.unassigned[0] = 5;
    must_refuse(co_partition_check(&p, &data, "p.h5"), "unassigned lists example 5, which already");
    p.unassigned[1] = 6;
    must_refuse(co_partition_check(&p, &data, "p.h5"), "unassigned lists example 6, which already");
    p.n_unassigned = 1;
    must_refuse(co_partition_check(&p, &data, "p.h5"), "example 3 of split 0 stands nowhere");
    p.n_unassigned = 2;
    p.unassigned[0] = 3;
    p.unassigned[1] = 5;
    p.train_offsets[1] = 4;
    must_refuse(co_partition_check(&p, &data, "p.h5"), "falls from 4 to 3 at device 1");
    p.train_offsets[1] = 3;
    must(co_partition_check(&p, &data, "p.h5"));
    co_partition_fini(&p);
}

/* Device 0 holds 0 .. 3, device 1 what is given; its test part is one example; nobody else has
 * anything. */
static co_status check_two(const char *method, int overlap, const int64_t *ids, int64_t n,
                           int64_t test, int64_t left)
{
    int64_t train[16] = {0, 1, 2, 3}, offsets[3] = {0, 4, 4 + n}, test_offsets[3] = {0, 0, 1};
    memcpy(train + 4, ids, (size_t)n * sizeof *ids);
    char name[16];
    snprintf(name, sizeof name, "%s", method);
    const co_partition p = {.n_devices = 2,
                            .train_offsets = offsets,
                            .train = train,
                            .test_offsets = test_offsets,
                            .test = &test,
                            .unassigned = &left,
                            .n_unassigned = left >= 0,
                            .overlap = overlap,
                            .method = name};
    return co_partition_check(&p, &data, "p.h5");
}

Test(partition_file, overlap_lets_examples_stand_at_several_devices)
{
    const int64_t ids[4] = {1, 2, 4, 5};
    must_refuse(check_two("iid", 0, ids, 4, 6, -1),
                "train of device 1 lists example 1, which already");
    must(check_two("iid", 1, ids, 4, 6, -1));
    must_refuse(check_two("iid", 1, ids, 3, 6, -1), "example 5 of split 0 stands nowhere");
    must(check_two("iid", 1, ids, 3, 6, 5));
    must_refuse(check_two("iid", 1, ids, 4, 6, 3), "unassigned lists example 3, which already");
}

Test(partition_file, only_natural_and_imported_partitions_may_test_on_split_1)
{
    const int64_t ids[3] = {4, 5, 6}, tested[4] = {4, 5, 6, 8};
    must_refuse(check_two("iid", 0, ids, 3, 8, -1), "test of device 1 lists example 8 of split 1");
    must(check_two("natural", 0, ids, 3, 8, -1));
    must(check_two("imported", 0, ids, 3, 9, -1));
    must_refuse(check_two("natural", 0, ids, 3, 7, -1), "example 7 of split 2");
    must_refuse(check_two("natural", 0, tested, 4, 9, -1),
                "train of device 1 lists example 8 of split 1");
    must_refuse(check_two("natural", 0, ids, 3, 8, 9), "unassigned lists example 9 of split 1");
}

/* ---- made by hand ---- */

static void by_hand(hid_t file, const char *name, hid_t type, hsize_t n, const void *values)
{
    const hid_t space = H5Screate_simple(1, &n, NULL), list = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(list, 1);
    const hid_t set = H5Dcreate2(file, name, type, space, list, H5P_DEFAULT, H5P_DEFAULT);
    cr_assert(set >= 0 && H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0, "%s",
              name);
    H5Dclose(set);
    H5Pclose(list);
    H5Sclose(space);
}

static const char *hand_made(const int32_t *offsets, hsize_t n_offsets, hsize_t n_ids, int names)
{
    static const int16_t ids[7] = {0, 1, 2, 3, 4, 5, 6};
    const char *path = scratch_file("hand.h5");
    const hid_t h5 = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT),
                text = H5Tcopy(H5T_C_S1);
    H5Tset_size(text, 2);
    by_hand(h5, "train/offsets", H5T_NATIVE_INT32, n_offsets, offsets);
    by_hand(h5, "train/examples", H5T_NATIVE_INT16, n_ids, ids);
    if (names) by_hand(h5, "device_name", text, (hsize_t)names, "aabbcc");
    H5Tclose(text);
    H5Fclose(h5);
    return path;
}

Test(partition_file, made_by_hand_with_small_integers_is_read)
{
    co_partition p;
    const char *path = hand_made((int32_t[]){0, 3, 7}, 3, 7, 2);
    must(co_partition_read(path, data.digest, &p)); /* it names no data set */
    must(co_partition_check(&p, &data, path));
    cr_assert(p.n_devices == 2 && p.train[6] == 6 && !p.test && p.n_unassigned == 0);
    cr_assert_str_eq(p.method, "imported");
    cr_assert_str_eq(p.device_name[1], "bb");
    co_partition_fini(&p);
}

Test(partition_file, broken_lists_made_by_hand_never_leave_their_arrays)
{
    co_partition p;
    must_refuse(co_partition_read(hand_made((int32_t[]){0, 9, 7}, 3, 7, 0), NULL, &p),
                "falls from 9 to 7 at device 1");
    must_refuse(co_partition_read(hand_made((int32_t[]){0, 3, 8}, 3, 7, 0), NULL, &p),
                "ends with 8, but there are 7");
    must_refuse(co_partition_read(hand_made((int32_t[]){1, 3, 7}, 3, 7, 0), NULL, &p),
                "does not begin with 0");
    must_refuse(co_partition_read(hand_made((int32_t[]){0, -3, 7}, 3, 7, 0), NULL, &p),
                "falls from 0 to -3");
    must_refuse(co_partition_read(hand_made((int32_t[]){0}, 1, 7, 0), NULL, &p), "has 1 numbers");
    must_refuse(co_partition_read(hand_made((int32_t[]){0, 3, 7}, 3, 7, 3), NULL, &p),
                "3 names for 2 devices");
    must_refuse(co_partition_read(hand_made((int32_t[]){0, 3, 7}, 3, 5, 0), NULL, &p),
                "ends with 7, but there are 5");
}

/* A million devices and examples: linear, well below a second. */
Test(partition_file, a_million_devices_are_checked_in_one_pass)
{
    const int64_t n = 1000000;
    co_partition p = {
        .n_devices = n, .train_offsets = co_malloc(n + 1, 8), .train = co_malloc(n, 8)};
    co_dataset d = {.n = n, .split = co_calloc(n, 1)};
    for (int64_t i = 0; i <= n; i++) p.train_offsets[i] = i;
    for (int64_t i = 0; i < n; i++)
        p.train[i] = (i * 7919) % n; /* 7919 is prime to n: a permutation */
    must(co_partition_check(&p, &d, "p.h5"));
    p.train[n - 1] = p.train[0];
    must_refuse(co_partition_check(&p, &d, "p.h5"), "train of device 999999 lists example 0");
    co_partition_fini(&p);
    co_dataset_fini(&d);
}
