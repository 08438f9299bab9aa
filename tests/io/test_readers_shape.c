/* tests/io/test_readers_shape.c - images with channels last, flat rows that are images, the names
 * that Keras gives. */
#include "tests/io/reader_support.h"
#include <stdlib.h>

static const char *fixture(const char *name)
{
    static char path[1200];
    const char *root = getenv("SOURCE");
    snprintf(path, sizeof path, "%s/tests/reference/npz/%s.npz", root ? root : ".", name);
    return path;
}

static bool has_shape(const co_dataset *d, size_t a, size_t b, size_t c)
{
    return d->x_ndim == 3 && d->x_dim[0] == a && d->x_dim[1] == b && d->x_dim[2] == c;
}

/* Element [i][h][w][c] of the fixtures of shape [4, 8, 9, 3]. */
static int made(size_t i, size_t h, size_t w, size_t c)
{
    return (int)((((i * 8 + h) * 9 + w) * 3 + c) % 251);
}

static void expect_planes(const co_dataset *d)
{
    cr_assert(has_shape(d, 3, 8, 9));
    for (size_t i = 0; i < 4; i++)
        for (size_t c = 0; c < 3; c++)
            for (size_t h = 0; h < 8; h++)
                for (size_t w = 0; w < 9; w++) {
                    const size_t at = ((i * 3 + c) * 8 + h) * 9 + w;
                    const int got =
                        d->x_type == CO_U8 ? ((uint8_t *)d->x)[at] : (int)((float *)d->x)[at];
                    cr_assert_eq(got, made(i, h, w, c));
                }
}

Test(shape, channels_last_are_recognised_or_said)
{
    co_dataset d;
    import_good("npz", fixture("nhwc"), "", &d);
    expect_planes(&d);
    co_dataset_fini(&d);
    import_good("npz", fixture("nhwc_f4"), "layout=NHWC", &d);
    expect_planes(&d);
    co_dataset_fini(&d);
    import_good("npz", fixture("nhwc"), "layout=NCHW", &d);
    cr_expect(has_shape(&d, 8, 9, 3) && ((uint8_t *)d.x)[1] == 1);
    co_dataset_fini(&d);
    import_bad("npz", fixture("f4"), "layout=NHWC", CO_EUSAGE, "1 dimensions", "shape=HxWxC");
}

Test(shape, the_names_of_keras_are_read_and_bytes_are_images)
{
    co_dataset d;
    import_good("npz", fixture("keras"), "", &d);
    cr_assert(has_shape(&d, 1, 8, 9) && d.n == 4 && d.x_type == CO_U8);
    cr_expect(d.split[2] == 0 && d.split[3] == 1 && d.n_classes == 3);
    cr_expect_eq(((uint8_t *)d.x)[3 * 72 + 5], made(3, 0, 5, 0));
    co_dataset_fini(&d);
}

Test(shape, idx_of_channels_last)
{
    enum { N = 2 * 8 * 9 * 3 };
    static unsigned char pixels[N], file[N + 32];
    char path[1200], option[2600];
    co_dataset d;
    for (int i = 0; i < N; i++) pixels[i] = (unsigned char)(i % 251);
    write_bytes(scratch_file("rgb"), file,
                make_idx(file, 0x08, 4, (unsigned[]){2, 8, 9, 3}, pixels, N));
    snprintf(path, sizeof path, "%s", scratch_file("rgb"));
    write_bytes(scratch_file("rgb_y"), file, make_idx(file, 0x08, 1, (unsigned[]){2}, "ab", 2));
    snprintf(option, sizeof option, "images=%s labels=%s", path, scratch_file("rgb_y"));
    import_good("idx", NULL, option, &d);
    cr_assert(has_shape(&d, 3, 8, 9));
    cr_expect_eq(((uint8_t *)d.x)[216 + 72 + 10], made(1, 1, 1, 1));
    co_dataset_fini(&d);
}

Test(shape, flat_rows_of_every_reader_become_images)
{
    co_dataset d;
    import_good("csv", write_text("f.csv", "1,2,3,4,5,6,0\n7,8,9,10,11,12,1\n"), "y=6 shape=1x2x3",
                &d);
    cr_expect(has_shape(&d, 1, 2, 3) && ((float *)d.x)[11] == 12.0f);
    co_dataset_fini(&d);
    import_good("csv", scratch_file("f.csv"), "y=6 shape=1x2x3 layout=NHWC",
                &d); /* one row of two pixels of three */
    const float want[6] = {1, 4, 2, 5, 3, 6};
    cr_expect(has_shape(&d, 3, 1, 2));
    cr_expect_arr_eq(d.x, want, sizeof want);
    co_dataset_fini(&d);
    import_good("libsvm", write_text("f.svm", "1 6:6\n0 1:1\n"), "shape=1x2x3", &d);
    cr_expect(has_shape(&d, 1, 2, 3));
    co_dataset_fini(&d);
    import_good("npz", fixture("f4"), "shape=1x2x2", &d);
    cr_expect(has_shape(&d, 1, 2, 2));
    co_dataset_fini(&d);
    import_good(
        "leaf",
        write_text("f.json", "{\"user_data\": {\"a\": {\"x\": [[1, 2, 3, 4]], \"y\": [1]}}}"),
        "shape=1x2x2", &d);
    cr_expect(has_shape(&d, 1, 2, 2));
    co_dataset_fini(&d);
}

Test(shape, what_does_not_fit_is_refused)
{
    import_bad("npz", fixture("f4"), "shape=1x2x3", CO_EUSAGE, "shape=1x2x3", "4 numbers");
    import_bad("npz", fixture("f4"), "shape=2x", CO_EUSAGE, "shape=2x", "1x28x28");
    import_bad("npz", fixture("f4"), "shape=4294967296x4294967297", CO_EUSAGE, "4 numbers", "");
    import_bad("csv", write_text("t.csv", "1,a b\n"), "y=0 text=1 shape=1x2", CO_EUSAGE,
               "shape=1x2", "no rows of numbers");
}
