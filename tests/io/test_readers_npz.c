/* tests/io/test_readers_npz.c - arrays that NumPy itself saved (tests/reference/npz), every dtype,
 * order and way of saying what is for the test. */
#include "io/readers/npy.h"
#include "tests/io/reader_support.h"
#include <math.h>
#include <stdlib.h>

static const char *fixture(const char *name)
{
    static char path[1200];
    const char *root = getenv("SOURCE");
    snprintf(path, sizeof path, "%s/tests/reference/npz/%s.npz", root ? root : ".", name);
    return path;
}

Test(npz, reads_every_dtype_of_numpy)
{
    static const char *const types[] = {"f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "b1"};
    static const int32_t y[6] = {2, 1, 0, 2, 1, 0};
    for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
        const size_t blocks = co_memory_blocks();
        const char kind = types[t][0];
        co_dataset d;
        import_good("npz", fixture(types[t]), "", &d);
        cr_assert(d.n == 6 && d.x_ndim == 1 && d.x_dim[0] == 4, "%s", types[t]);
        cr_expect_eq(d.x_type, strcmp(types[t], "u1") == 0 ? CO_U8 : CO_F32);
        cr_expect_float_eq(d.scale[0], d.x_type == CO_U8 ? 1.0 / 255.0 : 1.0, 0);
        for (int i = 0; i < 6; i++)
            for (int j = 0; j < 4; j++) {
                const double exact = i + j / 8.0;
                const double want = kind == 'f' ? exact : kind == 'b' ? exact != 0.0 : floor(exact);
                const double got = d.x_type == CO_U8 ? ((uint8_t *)d.x)[4 * i + j]
                                                     : (double)((float *)d.x)[4 * i + j];
                cr_expect_float_eq(got, want, 0, "%s [%d][%d]: %g", types[t], i, j, got);
            }
        cr_expect_arr_eq(d.y, y, sizeof y);
        cr_expect_str_eq(d.classes[0], "1");
        co_dataset_fini(&d);
        cr_expect_eq(co_memory_blocks(), blocks);
    }
}

Test(npz, fortran_order_is_transposed)
{
    co_dataset d;
    import_good("npz", fixture("fortran"), "", &d);
    cr_assert(d.x_ndim == 3 && d.x_dim[0] == 2 && d.x_dim[1] == 3 && d.x_dim[2] == 4);
    for (int i = 0; i < 6 * 24; i++) cr_expect_eq(((uint8_t *)d.x)[i], i);
    co_dataset_fini(&d);
}

Test(npz, test_arrays_follow_and_users_may_be_none)
{
    static const int32_t user[6] = {1, -1, 0, 1, -1, -1};
    static const uint8_t split[6] = {0, 0, 0, 0, 1, 1};
    co_dataset d;
    import_good("npz", fixture("cut"), "", &d);
    cr_assert_eq(d.n, 6);
    for (int i = 0; i < 24; i++)
        cr_expect_float_eq(((float *)d.x)[i], (float)(i / 4 + (i % 4) / 8.0), 0);
    cr_expect_arr_eq(d.split, split, 6);
    cr_expect_arr_eq(d.user, user, sizeof user);
    cr_expect_eq(d.n_users, 2);
    cr_expect_str_eq(d.user_name[1], "70");
    co_dataset_fini(&d);
}

Test(npz, takes_split_and_user_as_given)
{
    static const int32_t user[6] = {2, 2, 1, 1, 0, 0};
    static const uint8_t split[6] = {0, 1, 2, 0, 0, 1};
    co_dataset d;
    import_good("npz", fixture("split"), "", &d);
    cr_expect_arr_eq(d.split, split, 6);
    cr_expect_arr_eq(d.user, user, sizeof user);
    co_dataset_fini(&d);
}

Test(npz, says_clearly_what_it_does_not_read)
{
    import_bad("npz", fixture("big_endian"), "", CO_EDATA, "x: dtype '>f4' is big-endian",
               "newbyteorder");
    import_bad("npz", fixture("object"), "", CO_EDATA, "dtype '|O'", "float16 .. float64");
    import_bad("npz", fixture("words"), "", CO_EDATA, "y: dtype '<U1'", "");
    import_bad("npz", fixture("half_label"), "", CO_EDATA, "y: row 0: label '3.5'",
               "task=regression");
    import_bad("npz", fixture("no_y"), "", CO_EDATA, "no array y", "required");
    import_bad("npz", fixture("nan"), "", CO_EDATA, "x: row 3, element 2 is nan", "finite");
    import_bad("npz", write_text("no_zip", "just a text that is longer than an end record"), "",
               CO_EDATA, "no_zip", "no end record");
    import_bad("npz", fixture("absent"), "", CO_EFILE, "absent.npz", "No such file");
}

/* A .npy file with the header text. */
static co_status parse_npy(const char *header, size_t n_data, co_npy *npy)
{
    static char bytes[600];
    const size_t n = strlen(header);
    memset(bytes, 0, sizeof bytes);
    memcpy(bytes, "\x93NUMPY\1\0", 8);
    bytes[8] = (char)n;
    memcpy(bytes + 10, header, n);
    return co_npy_parse("a", &(co_raw){bytes, 10 + n + n_data}, npy);
}

Test(npy, header_keys_come_in_any_order_and_products_may_not_overflow)
{
    co_npy a;
    cr_expect_eq(parse_npy("{\"shape\": (2L, 3), 'fortran_order': True, 'descr': '<i2'}\n", 12, &a),
                 CO_OK);
    cr_expect(a.ndim == 2 && a.dim[0] == 2 && a.dim[1] == 3 && a.fortran && a.kind == 'i' &&
              a.width == 2);
    cr_expect_eq(parse_npy("{'descr': '<f8', 'fortran_order': False, 'shape': (), }", 8, &a),
                 CO_OK);
    cr_expect(a.ndim == 0 && a.count == 1);
    cr_expect_eq(
        parse_npy("{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296), }",
                  8, &a),
        CO_EDATA);
    cr_expect_eq(
        parse_npy("{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999,), }", 8,
                  &a),
        CO_EDATA);
    cr_expect_eq(
        parse_npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1,), 'more': 1}", 8, &a),
        CO_EDATA);
    cr_expect_eq(parse_npy("{'descr': '<f8', 'shape': (1,)}", 8, &a), CO_EDATA);
    cr_expect_eq(
        parse_npy("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,)}", 8, &a),
        CO_EDATA);
    cr_expect_eq(parse_npy("{'descr': '<f8', 'fortran_order': False, 'shape': (2,)}", 8, &a),
                 CO_EDATA);
}

Test(npy, half_floats_are_exact)
{
    static const struct {
        uint16_t bits;
        double value;
    } known[] = {{0x3c00, 1.0},     {0xc000, -2.0},    {0x7bff, 65504.0},
                 {0x0400, 0x1p-14}, {0x0001, 0x1p-24}, {0x3555, 0.333251953125}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const unsigned char bytes[2] = {(unsigned char)known[i].bits,
                                        (unsigned char)(known[i].bits >> 8)};
        const co_npy a = {
            .kind = 'f', .width = 2, .ndim = 1, .dim = {1}, .count = 1, .data = bytes};
        cr_expect_float_eq(co_npy_real(&a, 0), known[i].value, 0);
    }
}

Test(npy, signed_numbers_are_extended_and_unsigned_ones_must_fit)
{
    unsigned char bytes[8];
    for (size_t width = 1; width <= 8; width *= 2) {
        int64_t value = 0;
        memset(bytes, 0xff, sizeof bytes);
        bytes[0] = 0xfb;
        co_npy a = {.kind = 'i', .width = width, .ndim = 1, .dim = {1}, .count = 1, .data = bytes};
        cr_expect(co_npy_int(&a, 0, &value) && value == -5);
        cr_expect_eq(co_npy_real(&a, 0), -5.0);
        a.kind = 'u';
        cr_expect_eq(co_npy_int(&a, 0, &value), width < 8);
        if (width == 1) cr_expect_eq(value, 0xfb);
    }
}

Test(npz, a_changed_value_is_noticed_by_its_checksum)
{
    unsigned char bytes[4096];
    FILE *file = fopen(fixture("f8"), "rb");
    cr_assert_not_null(file);
    const size_t n = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    const char *path = scratch_file("changed.npz");
    const unsigned char one[8] = {0, 0, 0, 0, 0, 0, 0xf0, 0x3f};
    unsigned char *at = memmem(bytes, n, one, sizeof one);
    cr_assert_not_null(at);
    at[6] = 0xe0;
    write_bytes(path, bytes, n);
    import_bad("npz", path, "", CO_EDATA, "changed.npz", "CRC-32");
}

Test(npz, y_of_several_columns_is_numbers_or_labels)
{
    co_dataset d;
    import_good("npz", fixture("numbers"), "task=regression", &d);
    cr_assert(d.n == 6 && d.n_classes == 2 && !d.y && d.task == CO_DATA_REGRESSION);
    for (int i = 0; i < 6; i++) {
        cr_expect_float_eq(((float *)d.targets)[2 * i], (float)i / 4.0f, 0);
        cr_expect_float_eq(((float *)d.targets)[2 * i + 1], -100.0f * (float)i, 0);
    }
    cr_expect_str_eq(d.classes[1], "1");
    co_dataset_fini(&d);
    import_good("npz", fixture("labels"), "task=multilabel", &d);
    cr_assert(d.n == 6 && d.n_classes == 3 && d.split[4] == 1);
    for (int i = 0; i < 6; i++)
        for (int j = 0; j < 3; j++)
            cr_expect_eq(((uint8_t *)d.targets)[3 * i + j],
                         j == 0   ? i % 2
                         : j == 1 ? i > 3
                                  : 0,
                         "%d %d", i, j);
    co_dataset_fini(&d);
    import_good("npz", fixture("half_label"), "task=regression", &d); /* y [n]: one number */
    cr_expect(d.n_classes == 1 && ((float *)d.targets)[0] == 3.5f);
    co_dataset_fini(&d);
}

Test(npz, says_which_target_is_wrong)
{
    import_bad("npz", fixture("numbers"), "", CO_EDATA, "y has 2 columns", "task=regression");
    import_bad("npz", fixture("numbers"), "task=multilabel", CO_EDATA, "y: row 1, column 0 is 0.25",
               "0 and 1");
    import_bad("npz", fixture("numbers_nan"), "task=regression", CO_EDATA,
               "y: row 4, column 1 is nan", "finite");
    import_bad("npz", fixture("columns_differ"), "task=regression", CO_EDATA,
               "y_test has 2 dimensions, 2 rows and 3 columns", "as many columns as y");
    import_bad("npz", fixture("half_label"), "task=multilabel", CO_EDATA,
               "y: row 0, column 0 is 3.5", "0 and 1");
}

Test(npy, texts_are_bytes_or_codes)
{
    static const char header[] = "{'descr': '|S3', 'fortran_order': False, 'shape': (2,)}";
    char bytes[200] = "\x93NUMPY\1";
    const size_t at = 10 + sizeof header - 1;
    co_npy a;
    bytes[8] = (char)(sizeof header - 1);
    memcpy(bytes + 10, header, sizeof header - 1);
    memcpy(bytes + at, "abcd\0\0", 6);
    cr_assert_eq(co_npy_parse_texts("a", &(co_raw){bytes, at + 6}, &a), CO_OK, "%s",
                 co_status_message());
    char *first = co_npy_text(&a, 0), *second = co_npy_text(&a, 1);
    cr_expect_str_eq(first, "abc");
    cr_expect_str_eq(second, "d");
    co_free(first);
    co_free(second);
    memcpy(strstr(bytes + 10, "|S3"), "<U3", 3);
    memcpy(bytes + at, "\xe4\0\0\0\0\xf6\1\0,\0\0\0z\0\0\0\0\0\0\0\0\0\0\0", 24);
    cr_assert_eq(co_npy_parse_texts("a", &(co_raw){bytes, at + 24}, &a), CO_OK, "%s",
                 co_status_message());
    first = co_npy_text(&a, 0), second = co_npy_text(&a, 1);
    cr_expect_str_eq(first, "\xc3\xa4\xf0\x9f\x98\x80,");
    cr_expect_str_eq(second, "z");
    co_free(first);
    co_free(second);
    cr_expect_eq(co_npy_parse_texts("a", &(co_raw){bytes, at + 23}, &a), CO_EDATA,
                 "one byte short");
    cr_expect_eq(co_npy_parse("a", &(co_raw){bytes, at + 24}, &a), CO_EDATA, "no numbers");
    memcpy(strstr(bytes + 10, "<U3"), "<i3", 3);
    cr_expect_eq(co_npy_parse_texts("a", &(co_raw){bytes, at + 6}, &a), CO_EDATA, "no texts");
}
