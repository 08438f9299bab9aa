/* tests/io/test_readers_idx.c - MNIST, Fashion-MNIST, any IDX files, writers: against published
 * counts and moments. */
#include "tests/io/reader_support.h"
#include <math.h>
#include <sys/stat.h>

static void count_classes(const co_dataset *d, int split, int64_t count[10])
{
    memset(count, 0, 10 * sizeof *count);
    for (int64_t i = 0; i < d->n; i++) count[d->y[i]] += d->split[i] == split;
}

/* Mean and standard deviation of the training pixels in [0, 1]. */
static void moments(const co_dataset *d, double *mean, double *deviation)
{
    const uint8_t *x = d->x;
    double sum = 0.0, squares = 0.0;
    const size_t n = 60000 * d->x_size;
    for (size_t i = 0; i < n; i++) {
        const double v = x[i] / 255.0;
        sum += v;
        squares += v * v;
    }
    *mean = sum / (double)n;
    *deviation = sqrt(squares / (double)n - *mean * *mean);
}

Test(mnist, has_the_published_counts_labels_and_moments)
{
    static const int64_t train[10] = {5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949};
    static const int64_t test[10] = {980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009};
    static const int32_t first[5] = {5, 0, 4, 1, 9}, first_test[5] = {7, 2, 1, 0, 4};
    const size_t blocks = co_memory_blocks();
    int64_t count[10];
    double mean, deviation;
    co_dataset d;
    const char *folder = shared_file("data/images/mnist");
    if (!folder) return;
    import_good("mnist", folder, "", &d);
    cr_expect_eq(d.n, 70000);
    cr_expect(d.x_type == CO_U8 && d.x_ndim == 3 && d.x_dim[0] == 1 && d.x_dim[1] == 28 &&
              d.x_dim[2] == 28);
    cr_expect_null(d.user);
    cr_expect_str_eq(d.classes[7], "7");
    count_classes(&d, 0, count);
    cr_expect_arr_eq(count, train, sizeof count);
    count_classes(&d, 1, count);
    cr_expect_arr_eq(count, test, sizeof count);
    cr_expect_arr_eq(d.y, first, sizeof first);
    cr_expect_arr_eq(d.y + 60000, first_test, sizeof first_test);
    moments(&d, &mean, &deviation);
    cr_expect_float_eq(mean, 0.1307, 5e-5);
    cr_expect_float_eq(deviation, 0.3081, 5e-5);
    co_dataset_fini(&d);
    cr_expect_eq(co_memory_blocks(), blocks);
}

Test(mnist, writers_are_the_539_of_the_training_part_and_then_others)
{
    co_dataset d;
    char option[1200];
    const char *writers = shared_file("data/images/qmnist");
    if (!writers) return;
    snprintf(option, sizeof option, "writers=%s", writers);
    const char *folder = shared_file("data/images/mnist");
    if (!folder) return;
    import_good("mnist", folder, option, &d);
    int64_t size[2000] = {0};
    int32_t highest = -1;
    long previous = -1;
    for (int64_t i = 0; i < 60000; i++) {
        size[d.user[i]]++;
        if (d.user[i] > highest) highest = d.user[i];
    }
    cr_expect_eq(highest, 538);
    for (int u = 0; u < 539; u++) {
        const long id = strtol(d.user_name[u] + strlen("writer-"), NULL, 10);
        cr_expect(size[u] >= 19 && size[u] <= 131, "writer %d has %lld images", u,
                  (long long)size[u]);
        cr_expect_gt(id, previous);
        previous = id;
    }
    cr_expect_gt(d.n_users, 539);
    for (int64_t i = 60000; i < 70000; i++)
        cr_assert(d.user[i] >= 0 && (size_t)d.user[i] < d.n_users);
    co_dataset_fini(&d);
}

Test(fashion_mnist, has_equal_classes_and_the_published_moments)
{
    int64_t count[10];
    double mean, deviation;
    co_dataset d;
    const char *folder = shared_file("data/images/fashion-mnist");
    if (!folder) return;
    import_good("fashion_mnist", folder, "", &d);
    for (int split = 0; split < 2; split++) {
        count_classes(&d, split, count);
        for (int k = 0; k < 10; k++) cr_expect_eq(count[k], split ? 1000 : 6000);
    }
    moments(&d, &mean, &deviation);
    cr_expect_float_eq(mean, 0.2860, 5e-5);
    cr_expect_float_eq(deviation, 0.3530, 5e-5);
    cr_expect_str_eq(d.classes[9], "Ankle boot");
    cr_expect_eq(d.y[0], 9); /* the first training image is an ankle boot */
    co_dataset_fini(&d);
}

/* A folder with MNIST's four names: n training and 2 test images of 2x2, label i % 10 but the given
 * one at `bad`. */
static const char *make_folder(int n, int bad, int bad_label)
{
    static char folder[1024];
    unsigned char file[512], body[256], label[64];
    char path[1200];
    const char *const names[4] = {"train-images.idx3-ubyte", "train-labels-idx1-ubyte.gz",
                                  "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte"};
    snprintf(folder, sizeof folder, "%s", scratch_file("folder"));
    mkdir(folder, 0755);
    for (int k = 0; k < 4; k++) {
        const unsigned m = k < 2 ? (unsigned)n : 2, dim[3] = {m, 2, 2};
        for (unsigned i = 0; i < 4 * m; i++) body[i] = (unsigned char)(i + 100 * (k == 2));
        for (unsigned i = 0; i < m; i++)
            label[i] = (unsigned char)(k == 1 && (int)i == bad ? bad_label : (int)i % 10);
        const size_t length = k % 2 ? make_idx(file, 0x08, 1, dim, label, m)
                                    : make_idx(file, 0x08, 3, dim, body, 4 * m);
        snprintf(path, sizeof path, "%s/%s", folder, names[k]);
        if (strstr(names[k], ".gz"))
            write_gzip(path, file, length);
        else
            write_bytes(path, file, length);
    }
    return folder;
}

Test(mnist, reads_packed_plain_and_dotted_names_alike)
{
    co_dataset d;
    import_good("mnist", make_folder(12, -1, 0), "", &d);
    const uint8_t *x = d.x;
    cr_expect_eq(d.n, 14);
    cr_expect_eq(x[47], 47);
    cr_expect_eq(x[48], 100);
    cr_expect_eq(d.split[11], 0);
    cr_expect_eq(d.split[12], 1);
    cr_expect_eq(strncmp(d.source, "mnist folder-", 13), 0, "%s", d.source);
    co_dataset_fini(&d);
}

Test(mnist, names_the_row_of_a_label_outside_the_classes)
{
    import_bad("mnist", make_folder(12, 11, 10), "", CO_EDATA, "train-labels-idx1-ubyte.gz: row 11",
               "label 10");
}

Test(mnist, a_missing_file_repeats_the_four_names)
{
    const char *folder = scratch_file("empty");
    mkdir(folder, 0755);
    import_bad("mnist", folder, "", CO_EFILE, "train-images-idx3-ubyte", "t10k-labels-idx1-ubyte");
    import_bad("mnist", NULL, "", CO_EUSAGE, "one folder", "");
}

/* QMNIST files for make_folder(12): writer of training image i is 9 - i % 3, of the test images 8
 * and 3. */
static const char *make_writers(int wrong_row)
{
    static char folder[1024];
    unsigned char file[1024], body[512];
    char path[1200];
    snprintf(folder, sizeof folder, "%s", scratch_file("writers"));
    mkdir(folder, 0755);
    for (int k = 0; k < 2; k++) {
        const unsigned dim[2] = {k ? 3 : 12, 8};
        memset(body, 0, sizeof body);
        for (int i = 0; i < (int)dim[0]; i++) {
            body[32 * i + 3] = (unsigned char)(i % 10 + (!k && i == wrong_row));
            body[32 * i + 11] = (unsigned char)(k ? 8 - 5 * i : 9 - i % 3);
        }
        if (k) body[32 * 2 + 8] = 0xff; /* a row behind MNIST's images may hold anything */
        snprintf(path, sizeof path, "%s/qmnist-%s-labels-idx2-int.gz", folder,
                 k ? "test" : "train");
        write_gzip(path, file, make_idx(file, 0x0c, 2, dim, body, 32 * dim[0]));
    }
    return folder;
}

Test(mnist, ranks_training_writers_first)
{
    static const int32_t users[14] = {2, 1, 0, 2, 1, 0, 2, 1, 0, 2, 1, 0, 1, 3};
    static const char *const names[4] = {"writer-7", "writer-8", "writer-9", "writer-3"};
    co_dataset d;
    char option[1200];
    snprintf(option, sizeof option, "writers=%s", make_writers(-1));
    import_good("mnist", make_folder(12, -1, 0), option, &d);
    cr_expect_eq(d.n_users, 4);
    cr_expect_arr_eq(d.user, users, sizeof users);
    for (int u = 0; u < 4; u++) cr_expect_str_eq(d.user_name[u], names[u]);
    co_dataset_fini(&d);
}

Test(mnist, refuses_writers_whose_class_differs)
{
    char option[1200];
    snprintf(option, sizeof option, "writers=%s", make_writers(5));
    import_bad("mnist", make_folder(12, -1, 0), option, CO_EDATA, "row 5: class 6",
               "labels this image 5");
}

static void idx_option(char option[4096], const char *images, const char *labels)
{
    snprintf(option, 4096, "images=%s labels=%s", images, labels);
}

Test(idx, reads_big_endian_floats_and_ranks_labels)
{
    static const float values[4] = {1.5f, -2.0f, 0.0f, 1e-3f};
    static const unsigned char labels[4] = {0xff, 0xfe, 0x01, 0x00}; /* -2, 256 as int16 */
    unsigned char body[16], file[64];
    char option[4096];
    co_dataset d;
    for (int i = 0; i < 4; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], 4);
        for (int b = 0; b < 4; b++) body[4 * i + b] = (unsigned char)(bits >> (24 - 8 * b));
    }
    const char *images = scratch_file("f32"), *label_path = scratch_file("i16");
    write_bytes(images, file, make_idx(file, 0x0d, 2, (const unsigned[]){2, 2}, body, 16));
    write_bytes(label_path, file, make_idx(file, 0x0b, 1, (const unsigned[]){2}, labels, 4));
    idx_option(option, images, label_path);
    import_good("idx", NULL, option, &d);
    cr_expect(d.x_type == CO_F32 && d.x_ndim == 1 && d.x_dim[0] == 2);
    cr_expect_arr_eq(d.x, values, sizeof values);
    cr_expect(d.y[0] == 0 && d.y[1] == 1);
    cr_expect_str_eq(d.classes[0], "-2");
    cr_expect_str_eq(d.classes[1], "256");
    co_dataset_fini(&d);
    memcpy(body + 4, "\x7f\xc0\0\0", 4);
    write_bytes(images, file, make_idx(file, 0x0d, 2, (const unsigned[]){2, 2}, body, 16));
    import_bad("idx", NULL, option, CO_EDATA, "row 0, element 1 is nan", "f32");
}

Test(idx, says_what_is_wrong_with_a_header)
{
    unsigned char file[64];
    char option[4096];
    const char *images = scratch_file("images"), *labels = scratch_file("labels");
    write_bytes(labels, file, make_idx(file, 0x08, 1, (const unsigned[]){2}, "\1\2", 2));
    idx_option(option, images, labels);
    write_bytes(images, "\0\0\x08", 3);
    import_bad("idx", NULL, option, CO_EDATA, "3 bytes", "magic");
    write_bytes(images, "\0\1\x08\3\0\0\0\2", 8);
    import_bad("idx", NULL, option, CO_EDATA, "magic 0x00010803", "images");
    write_bytes(images, file, make_idx(file, 0x08, 3, (const unsigned[]){2, 2, 2}, "12345678", 7));
    import_bad("idx", NULL, option, CO_EDATA, "7 bytes follow the header", "promises 2 items");
    write_bytes(images, file,
                make_idx(file, 0x0e, 4, (const unsigned[]){~0u, ~0u, ~0u, ~0u}, "12345678", 8));
    import_bad("idx", NULL, option, CO_EDATA, "overflows", "8 bytes follow");
    write_bytes(images, file, make_idx(file, 0x08, 2, (const unsigned[]){3, 1}, "123", 3));
    import_bad("idx", NULL, option, CO_EDATA, "3 images", "2 labels");
    import_bad("idx", NULL, "images=/nowhere/x labels=/nowhere/y", CO_EFILE, "/nowhere/x",
               "No such file");
}

Test(idx, notices_a_cut_or_changed_gzip_stream)
{
    unsigned char file[600], packed[700];
    char option[4096];
    for (int i = 0; i < 400; i++) file[100 + i] = (unsigned char)(i * i * 7 + i / 3);
    const size_t n =
        make_idx(file, 0x08, 2, (const unsigned[]){4, 100}, memcpy(packed, file + 100, 400), 400);
    const char *images = scratch_file("packed"), *labels = scratch_file("labels");
    write_gzip(images, file, n);
    FILE *f = fopen(images, "rb");
    const size_t length = fread(packed, 1, sizeof packed, f);
    fclose(f);
    write_bytes(labels, file, make_idx(file, 0x08, 1, (const unsigned[]){4}, "\1\2\1\2", 4));
    idx_option(option, images, labels);
    write_bytes(images, packed, length - 6);
    import_bad("idx", NULL, option, CO_EDATA, "gzip stream", "packed");
    packed[length - 7] ^= 1; /* the CRC */
    write_bytes(images, packed, length);
    import_bad("idx", NULL, option, CO_EDATA, "gzip stream", "packed");
}
