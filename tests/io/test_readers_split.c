/* tests/io/test_readers_split.c - keyed test and validation parts, sealing of data sets made by
 * hand, the list of readers. */
#include "tests/io/reader_support.h"
#include <hdf5.h>
#include <math.h>

static void make(co_dataset *d, int64_t n)
{
    *d = (co_dataset){.n = n};
    d->split = co_calloc((size_t)n, 1);
    for (int64_t i = 0; i < n; i += 10) d->split[i] = 1;
}

static void count(const co_dataset *d, int64_t out[3])
{
    memset(out, 0, 3 * sizeof *out);
    for (int64_t i = 0; i < d->n; i++) out[d->split[i]]++;
}

Test(reader_split, moves_the_floor_of_each_share_and_never_an_example_of_the_test)
{
    int64_t n[3];
    co_dataset d;
    make(&d, 1000);
    cr_assert_eq(co_reader_split(&d, 0.29, 0.1, 7), CO_OK);
    count(&d, n);
    cr_expect(n[1] == 100 + 261 && n[2] == 90, "%lld %lld", (long long)n[1], (long long)n[2]);
    for (int64_t i = 0; i < 1000; i += 10) cr_expect_eq(d.split[i], 1);
    co_dataset_fini(&d);
    make(&d, 100);
    for (int64_t i = 0; i < 100; i++) d.split[i] = 0;
    co_reader_split(&d, 0.29, 0.0, 7);
    count(&d, n);
    cr_expect_eq(n[1], 29); /* 0.29 x 100 is below 29 in binary */
    co_dataset_fini(&d);
}

Test(reader_split, depends_on_the_seed_alone_and_the_validation_does_not_move_the_test)
{
    co_dataset a, b, c;
    make(&a, 500);
    make(&b, 500);
    make(&c, 500);
    co_reader_split(&a, 0.2, 0.0, 3);
    co_reader_split(&b, 0.2, 0.3, 3);
    co_reader_split(&c, 0.2, 0.0, 4);
    int differ = 0;
    for (int i = 0; i < 500; i++) {
        cr_expect_eq(a.split[i] == 1, b.split[i] == 1);
        differ += a.split[i] != c.split[i];
    }
    cr_expect_gt(differ, 50);
    co_dataset_fini(&a);
    co_dataset_fini(&b);
    co_dataset_fini(&c);
}

Test(reader_split, every_example_is_equally_likely)
{
    int hits[3][50] = {{0}};
    for (uint64_t seed = 0; seed < 4000; seed++) {
        co_dataset d = {.n = 50};
        d.split = co_calloc(50, 1);
        co_reader_split(&d, 0.2, 0.1, seed);
        for (int i = 0; i < 50; i++) hits[d.split[i]][i]++;
        co_dataset_fini(&d);
    }
    for (int i = 0; i < 50; i++) { /* binomial: 5 standard deviations */
        cr_expect_float_eq(hits[1][i] / 4000.0, 0.2, 5 * sqrt(0.16 / 4000.0));
        cr_expect_float_eq(hits[2][i] / 4000.0, 0.1, 5 * sqrt(0.09 / 4000.0));
    }
}

Test(reader_split, shares_that_leave_nothing_are_refused)
{
    co_dataset d;
    make(&d, 10);
    cr_expect_eq(co_reader_split(&d, 0.5, 0.5, 1), CO_EUSAGE);
    cr_expect_eq(co_reader_split(&d, -0.1, 0.0, 1), CO_EUSAGE);
    cr_expect_eq(co_reader_split(&d, 0.0, (double)NAN, 1), CO_EUSAGE);
    co_dataset_fini(&d);
}

Test(reader_h5, reads_what_somebody_made_by_hand)
{
    static const float x[3][2] = {{1, 2}, {3, 4}, {5, 6}};
    static const int y[3] = {1, 0, 1}, two[2] = {3, 2};
    const char *path = scratch_file("hand.h5");
    const hsize_t dim[2] = {3, 2};
    const hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    for (int k = 0; k < 2; k++) {
        const hid_t space = H5Screate_simple(k ? 1 : 2, dim, NULL);
        const hid_t set = H5Dcreate2(file, k ? "y" : "x", k ? H5T_STD_I32LE : H5T_IEEE_F32LE, space,
                                     H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        H5Dwrite(set, k ? H5T_NATIVE_INT : H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT,
                 k ? (const void *)y : x);
        H5Dclose(set);
        H5Sclose(space);
    }
    H5Fclose(file);
    const size_t blocks = co_memory_blocks();
    co_dataset d, again;
    import_good("h5", path, "", &d);
    cr_expect(d.n == 3 && d.x_type == CO_F32 && d.x_size == (size_t)two[1]);
    cr_expect(!d.x && d.x_file, "x stays where it is");
    cr_expect_arr_eq(d.y, y, sizeof y);
    const char *sealed = scratch_file("sealed.h5");
    cr_assert_eq(co_dataset_write(&d, sealed, 1, "format: h5\n"), CO_OK, "%s", co_status_message());
    import_good("h5", sealed, "test_fraction=0.4", &again);
    co_dataset_fini(&d);
    cr_assert_eq(co_dataset_read(sealed, &d), CO_OK, "%s", co_status_message());
    cr_expect_arr_eq(d.x, x, sizeof x);
    cr_expect_eq(again.split[0] + again.split[1] + again.split[2], 1);
    co_dataset_fini(&again);
    co_dataset_fini(&d);
    cr_expect_eq(co_memory_blocks(), blocks);
    import_bad("h5", write_text("text.h5", "no HDF5 at all"), "", CO_EDATA, "text.h5", "");
    import_bad("h5", "/nowhere/a.h5", "", CO_EFILE, "/nowhere/a.h5", "");
}

Test(readers, every_member_bears_its_name_and_tells_its_usage)
{
    int n = 0;
    for (const co_plugin *const *m = co_kind_reader.members; *m; m++, n++) {
        const co_reader *reader = co_reader_find((*m)->name);
        cr_assert_eq((const co_plugin *)reader, *m);
        cr_expect(reader->read && reader->summary && *reader->summary);
        cr_expect_eq(strncmp(reader->usage, reader->name, strlen(reader->name)), 0);
        for (const co_param *p = reader->params; p && p->key; p++)
            cr_expect(p->doc && *p->doc, "%s.%s", reader->name, p->key);
    }
    cr_expect_geq(n, 9);
    cr_expect_null(co_reader_find("minst"));
    cr_expect(strstr(co_status_message(), "mnist"));
}
