/* Data sets: ours through a file and past the outside checker; those of a Python user; what is
 * wrong is named with its row. */
#include "io/data/dataset.h"
#include "tests/io/io_helpers.h"
#include <criterion/criterion.h>
#include <hdf5.h>
#include <math.h>

static void end(void)
{
    cr_assert_eq(co_memory_blocks(), 0, "%zu blocks are not given back", co_memory_blocks());
    cr_assert_eq(H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL), 0,
                 "HDF5 handles are left open");
}
TestSuite(dataset, .fini = end);

static void must(co_status st)
{
    cr_assert_eq(st, CO_OK, "%s", co_status_message());
}

static void *copy(const void *from, size_t n, size_t size)
{
    void *to = co_malloc(n, size);
    memcpy(to, from, n * size);
    return to;
}

/* n images of 2 channels, 3 x 5, with users; scale per channel. */
static co_dataset images(int64_t n)
{
    co_dataset d = {
        .n = n, .x_type = CO_U8, .x_ndim = 3, .x_dim = {2, 3, 5}, .x_size = 30, .n_scale = 2};
    const size_t rows = (size_t)n;
    uint8_t *x = co_malloc(rows, 30);
    d.x = x;
    d.scale = copy((double[]){1.0 / 255.0, 0.1}, 2, 8);
    d.shift = copy((double[]){-0.5, 3.0}, 2, 8);
    d.y = co_malloc(rows, 4);
    d.split = co_malloc(rows, 1);
    d.user = co_malloc(rows, 4);
    d.n_classes = 3;
    d.classes = co_calloc(3, sizeof(char *));
    for (int c = 0; c < 3; c++) d.classes[c] = co_format("class %d", c);
    d.n_users = 4;
    d.user_name = co_calloc(4, sizeof(char *));
    for (int u = 0; u < 4; u++) d.user_name[u] = co_format("writer-%d", u);
    d.source = co_strdup("made by a test");
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < 30; j++) x[i * 30 + j] = (uint8_t)(i * 7 + j * 13);
        d.y[i] = (int32_t)(i % 3);
        d.split[i] = i % 5 == 4;
        d.user[i] = (int32_t)(i % 5) - 1;
    }
    return d;
}

static void same_dataset(const co_dataset *a, const co_dataset *b)
{
    const size_t n = (size_t)a->n;
    cr_assert(a->n == b->n && a->x_type == b->x_type && a->x_ndim == b->x_ndim &&
              a->x_size == b->x_size);
    cr_assert_arr_eq(a->x_dim, b->x_dim, a->x_ndim * sizeof *a->x_dim);
    cr_assert_arr_eq(a->x, b->x, n * a->x_size * co_dtype_size(a->x_type, 0));
    cr_assert_eq(a->n_scale, b->n_scale);
    cr_assert_arr_eq(a->scale, b->scale, 8 * a->n_scale);
    cr_assert_arr_eq(a->shift, b->shift, 8 * a->n_scale);
    cr_assert_arr_eq(a->y, b->y, 4 * n);
    cr_assert_arr_eq(a->split, b->split, n);
    cr_assert_arr_eq(a->user, b->user, 4 * n);
    cr_assert(!a->group && !b->group && !a->group_name && !b->group_name);
    cr_assert(a->n_classes == b->n_classes && a->n_users == b->n_users);
    for (size_t c = 0; c < a->n_classes; c++) cr_assert_str_eq(a->classes[c], b->classes[c]);
    for (size_t u = 0; u < a->n_users; u++) cr_assert_str_eq(a->user_name[u], b->user_name[u]);
    cr_assert_str_eq(a->source, b->source);
    cr_assert_str_eq(a->digest, b->digest);
}

Test(dataset, comes_back_from_its_file_and_passes_the_checker)
{
    const char *path = scratch_file("images.h5");
    co_dataset made = images(101), read, columns;
    must(co_dataset_write(&made, path, 3, "name: test\n"));
    cr_assert_eq(strlen(made.digest), 32);
    must(co_dataset_read(path, &read));
    same_dataset(&made, &read);
    must(co_dataset_read_columns(path, &columns));
    cr_assert(!columns.x && columns.x_size == 30);
    cr_assert_str_eq(columns.digest, made.digest);
    cr_assert(checker_agrees(path, made.digest));
    co_dataset_fini(&made);
    co_dataset_fini(&read);
    co_dataset_fini(&columns);
}

Test(dataset, gather_is_x_times_scale_plus_shift_in_float)
{
    co_dataset d = images(50);
    static float out[4 * 30];
    const int64_t ids[4] = {49, 0, 7, 7};
    co_dataset_gather(&d, ids, 4, out);
    for (size_t i = 0; i < 4; i++)
        for (size_t j = 0; j < 30; j++) {
            const volatile float product =
                (float)((uint8_t *)d.x)[(size_t)ids[i] * 30 + j] * (float)d.scale[j / 15];
            cr_assert_eq(out[i * 30 + j], product + (float)d.shift[j / 15]);
        }
    d.n_scale = 1;
    co_dataset_gather(&d, ids, 4, out);
    cr_assert_eq(out[29],
                 (float)((uint8_t *)d.x)[49 * 30 + 29] * (float)d.scale[0] + (float)d.shift[0]);
    co_dataset_fini(&d);
}

Test(dataset, gather_of_floats_by_default_changes_nothing)
{
    float x[6] = {0.1f, -2.0f, 3e30f, 0.0f, 1e-40f, 7.0f}, out[3];
    double one = 1.0, zero = 0.0;
    const co_dataset d = {.n = 2,
                          .x_type = CO_F32,
                          .x_ndim = 1,
                          .x_dim = {3},
                          .x_size = 3,
                          .x = x,
                          .n_scale = 1,
                          .scale = &one,
                          .shift = &zero};
    co_dataset_gather(&d, (int64_t[]){1}, 1, out);
    cr_assert_arr_eq(out, x + 3, sizeof out);
}

/* The message names the file and holds the words. */
static void must_refuse(co_status st, const char *path, const char *words)
{
    cr_assert_eq(st, CO_EDATA, "code %d, %s", (int)st, co_status_message());
    cr_assert(strstr(co_status_message(), path) && strstr(co_status_message(), words), "'%s' in %s",
              words, co_status_message());
}

Test(dataset, check_names_row_and_value)
{
    co_dataset d = images(20);
    must(co_dataset_check(&d, "f.h5"));
    d.y[7] = 3;
    must_refuse(co_dataset_check(&d, "f.h5"), "f.h5", "y, row 7 is 3");
    d.y[7] = -1;
    must_refuse(co_dataset_check(&d, "f.h5"), "f.h5", "y, row 7 is -1");
    d.y[7] = 0;
    d.split[19] = 3;
    must_refuse(co_dataset_check(&d, "f.h5"), "f.h5", "split, row 19 is 3");
    d.split[19] = 2;
    d.user[0] = 4;
    must_refuse(co_dataset_check(&d, "f.h5"), "f.h5", "user, row 0 is 4");
    d.user[0] = -2;
    must_refuse(co_dataset_check(&d, "f.h5"), "f.h5", "user, row 0 is -2");
    d.user[0] = -1;
    d.scale[1] = INFINITY;
    must_refuse(co_dataset_check(&d, "f.h5"), "f.h5", "channel 1");
    d.scale[1] = 1.0;
    d.x_dim[0] = 3;
    must_refuse(co_dataset_check(&d, "f.h5"), "f.h5", "x holds 30 values");
    d.x_dim[0] = 2;
    d.n_scale = 3;
    must_refuse(co_dataset_check(&d, "f.h5"), "f.h5", "3 values");
    d.n_scale = 2;
    must_refuse(co_dataset_write(&(co_dataset){0}, "f.h5", 1, ""), "f.h5", "no example");
    must(co_dataset_check(&d, "f.h5"));
    co_dataset_fini(&d);
}

Test(dataset, values_that_are_not_finite_are_named)
{
    float x[6] = {0, 1, 2, 3, 4, 5};
    uint8_t split[2] = {0};
    double one = 1.0, zero = 0.0;
    const co_dataset d = {.n = 2,
                          .x_type = CO_F32,
                          .x_ndim = 1,
                          .x_dim = {3},
                          .x_size = 3,
                          .x = x,
                          .n_scale = 1,
                          .scale = &one,
                          .shift = &zero,
                          .split = split};
    must(co_dataset_check(&d, "f.h5"));
    x[4] = NAN;
    must_refuse(co_dataset_check(&d, "f.h5"), "f.h5", "row 1, value 1 is nan");
    x[4] = -INFINITY;
    must_refuse(co_dataset_check(&d, "f.h5"), "f.h5", "row 1, value 1 is -inf");
}

Test(dataset, labels_alone_are_a_data_set)
{
    const char *path = scratch_file("labels.h5");
    int32_t y[4] = {0, 1, 1, 0};
    uint8_t split[4] = {0};
    co_dataset d = {.n = 4, .y = y, .n_classes = 2, .split = split}, read;
    must(co_dataset_write(&d, path, 1, NULL));
    must(co_dataset_read(path, &read));
    cr_assert(!read.x && read.x_size == 0 && read.n == 4 && read.n_classes == 2);
    cr_assert_str_eq(read.classes[1], "1");
    cr_assert_arr_eq(read.y, y, sizeof y);
    cr_assert(checker_agrees(path, d.digest));
    co_dataset_fini(&read);
}

/* ---- made by hand ---- */

static void by_hand(hid_t file, const char *name, hid_t type, int ndim, const hsize_t *dim,
                    const void *data)
{
    const hid_t space = H5Screate_simple(ndim, dim, NULL);
    const hid_t set = H5Dcreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    cr_assert(set >= 0 && H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0, "%s",
              name);
    H5Dclose(set);
    H5Sclose(space);
}

static const double reals[12] = {0.5, 1.5, -2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
static const int64_t labels[4] = {2, 0, 1, 2};

Test(dataset, float64_rows_of_a_python_user_are_read_with_defaults)
{
    const char *path = scratch_file("hand.h5");
    hid_t h5 = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    by_hand(h5, "x", H5T_NATIVE_DOUBLE, 2, (hsize_t[]){4, 3}, reals);
    by_hand(h5, "y", H5T_NATIVE_INT64, 1, (hsize_t[]){4}, labels);
    by_hand(h5, "scale", H5T_NATIVE_DOUBLE, 1, (hsize_t[]){3}, reals + 3);
    H5Fclose(h5);
    co_dataset d, sealed;
    must(co_dataset_read(path, &d));
    cr_assert(d.n == 4 && d.x_type == CO_F32 && d.x_ndim == 1 && d.x_size == 3);
    for (int i = 0; i < 12; i++) cr_assert_eq(((float *)d.x)[i], (float)reals[i]);
    cr_assert(d.n_classes == 3 && d.y[3] == 2 && d.split[0] == 0 && d.split[3] == 0 && !d.user);
    cr_assert_str_eq(d.classes[2], "2");
    cr_assert(d.n_scale == 3 && d.scale[2] == 5.0 && d.shift[2] == 0.0,
              "one shift serves three scales");
    cr_assert_eq(strlen(d.digest), 32);
    const char *copy_path = scratch_file("sealed.h5"); /* what `import h5` does */
    must(co_dataset_write(&d, copy_path, 1, ""));
    must(co_dataset_read(copy_path, &sealed));
    cr_assert(sealed.n_scale == 3 && sealed.scale[2] == 5.0);
    cr_assert(checker_agrees(copy_path, d.digest));
    co_dataset_fini(&sealed);
    co_dataset_fini(&d);
}

Test(dataset, bytes_have_a_scale_of_one_by_255)
{
    const char *path = scratch_file("bytes.h5");
    hid_t h5 = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    by_hand(h5, "x", H5T_STD_U8LE, 1, (hsize_t[]){4}, "abcd");
    H5Fclose(h5);
    co_dataset d;
    must(co_dataset_read(path, &d));
    cr_assert(d.n_scale == 1 && d.scale[0] == 1.0 / 255.0 && d.shift[0] == 0.0 && !d.y);
    cr_assert(d.x_ndim == 1 && d.x_dim[0] == 1 && d.x_size == 1);
    co_dataset_fini(&d);
}

/* Writes x, y and one more dataset by hand; reading must fail with the words. */
static void refuse_with(const char *name, hid_t type, int ndim, const hsize_t *dim,
                        const void *data, const char *words)
{
    const char *path = scratch_file("wrong.h5");
    hid_t h5 = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    if (strcmp(name, "x") != 0) by_hand(h5, "x", H5T_NATIVE_DOUBLE, 2, (hsize_t[]){4, 3}, reals);
    if (strcmp(name, "y") != 0) by_hand(h5, "y", H5T_NATIVE_INT64, 1, (hsize_t[]){4}, labels);
    by_hand(h5, name, type, ndim, dim, data);
    H5Fclose(h5);
    co_dataset d;
    must_refuse(co_dataset_read(path, &d), path, words);
    cr_assert(!d.x && !d.y && d.n == 0, "nothing is left of what failed");
}

Test(dataset, wrong_parts_made_by_hand_are_named)
{
    static const int64_t odd[4] = {0, -1, 5, 1}, large[4] = {0, 1, 2000000000, 0};
    static const double half[4] = {0, 0.5, 1, 0}, nan_row[4] = {0, 1, 1e300, 0};
    const hid_t text = H5Tcopy(H5T_C_S1);
    H5Tset_size(text, 3);
    refuse_with("y", H5T_NATIVE_INT64, 1, (hsize_t[]){4}, odd, "y, row 1 is -1");
    refuse_with("y", H5T_NATIVE_INT64, 1, (hsize_t[]){4}, large, "y, row 2 is 2000000000");
    refuse_with("y", H5T_NATIVE_DOUBLE, 1, (hsize_t[]){4}, half, "row 1: 0.5");
    refuse_with("y", H5T_NATIVE_INT64, 1, (hsize_t[]){3}, odd, "y has 1 dimensions and 3 rows");
    refuse_with("y", H5T_NATIVE_INT64, 2, (hsize_t[]){2, 2}, odd, "y has 2 dimensions");
    refuse_with("split", H5T_NATIVE_INT64, 1, (hsize_t[]){4}, odd, "split, row 1: -1");
    refuse_with("split", H5T_NATIVE_INT64, 1, (hsize_t[]){4}, (int64_t[]){0, 1, 2, 3},
                "split, row 3 is 3");
    refuse_with("user", H5T_NATIVE_INT64, 1, (hsize_t[]){4}, (int64_t[]){0, -2, 0, 0},
                "user, row 1 is -2");
    refuse_with("classes", text, 1, (hsize_t[]){2}, "abcdef", "y, row 0 is 2; there are 2 classes");
    refuse_with("classes", H5T_NATIVE_INT64, 1, (hsize_t[]){4}, odd,
                "classes should be a list of strings");
    refuse_with("x", text, 1, (hsize_t[]){2}, "abcdef", "x holds text");
    refuse_with("x", H5T_NATIVE_DOUBLE, 2, (hsize_t[]){4, 1}, nan_row,
                "row 2: 1e+300 does not fit into float32");
    refuse_with("x", H5T_NATIVE_DOUBLE, 6, (hsize_t[]){1, 1, 1, 1, 1, 1}, reals,
                "1 to 5 dimensions");
    refuse_with("scale", H5T_NATIVE_DOUBLE, 1, (hsize_t[]){2}, reals, "scale has 2 values");
    H5Tclose(text);
}

Test(dataset, another_task_is_refused)
{
    const char *path = scratch_file("task.h5");
    const int32_t y[2] = {0, 1};
    for (int where = 0; where < 2; where++) {
        co_file *file;
        co_dataset d;
        must(co_file_create(path, "cohort-dataset", &file));
        must(co_file_write(file, "y", &(co_extent){CO_I32, 0, 1, {2}}, y));
        must(co_file_set_text(file, where ? "y@task" : "task", "painting"));
        must(co_file_publish(file, 0644));
        must_refuse(co_dataset_read(path, &d), path, "painting");
    }
}

Test(dataset, missing_and_foreign_files_say_so)
{
    const char *path = scratch_file("none.h5");
    co_dataset d;
    unlink(path);
    cr_assert_eq(co_dataset_read(path, &d), CO_EFILE);
    spill(path, "x,y\n1,2\n", 8);
    must_refuse(co_dataset_read(path, &d), path, "no HDF5 file");
}

/* ---- numbers and several labels ---- */

static co_dataset with_targets(co_data_task task, void *targets)
{
    static char *names[] = {"left", "right"};
    static uint8_t split[3] = {0, 1, 0};
    static float x[3] = {1, 2, 3};
    static double scale = 1.0, shift = 0.0;
    return (co_dataset){.n = 3,
                        .task = task,
                        .x_type = CO_F32,
                        .x_ndim = 1,
                        .x_dim = {1},
                        .x_size = 1,
                        .x = x,
                        .n_scale = 1,
                        .scale = &scale,
                        .shift = &shift,
                        .targets = targets,
                        .n_classes = 2,
                        .classes = names,
                        .split = split};
}

Test(dataset, numbers_and_labels_come_back_and_are_gathered_as_floats)
{
    const char *path = scratch_file("targets.h5");
    float numbers[6] = {0.5f, -2, 1e30f, 0, 3, 4}, out[4];
    uint8_t several[6] = {1, 0, 0, 0, 1, 1};
    const int64_t ids[2] = {2, 0};
    for (int k = 0; k < 2; k++) {
        co_dataset read, d = k ? with_targets(CO_DATA_MULTILABEL, several)
                               : with_targets(CO_DATA_REGRESSION, numbers);
        must(co_dataset_write(&d, path, 1, NULL));
        must(co_dataset_read(path, &read));
        cr_assert(read.task == d.task && read.n_classes == 2 && !read.y &&
                  co_dataset_has_targets(&read));
        cr_assert_arr_eq(read.targets, d.targets, k ? 6 : 24);
        cr_assert_str_eq(read.classes[1], "right");
        cr_assert_str_eq(read.digest, d.digest);
        co_dataset_gather_targets(&read, ids, 2, out);
        cr_expect(k ? out[0] == 1 && out[1] == 1 && out[2] == 1 && out[3] == 0
                    : out[0] == 3 && out[1] == 4 && out[2] == 0.5f && out[3] == -2);
        cr_expect(checker_agrees(path, d.digest));
        co_dataset_fini(&read);
        must(co_dataset_read_columns(path, &read));
        cr_expect(!read.x && read.targets);
        co_dataset_fini(&read);
    }
    double center[2];
    const co_dataset d = with_targets(CO_DATA_REGRESSION, (float[6]){1, 10, 2, 20, 6, 60});
    co_dataset_center_targets(&d, center);
    cr_expect(center[0] == 3.0 && center[1] == 30.0);
}

Test(dataset, targets_that_do_not_fit_their_task_are_named)
{
    const char *path = scratch_file("bad_targets.h5");
    float numbers[6] = {0, 1, 2, NAN, 4, 5};
    uint8_t several[6] = {0, 1, 2, 0, 0, 0};
    co_dataset d = with_targets(CO_DATA_REGRESSION, numbers);
    must_refuse(co_dataset_write(&d, path, 1, NULL), path, "y, row 1, column 1 is nan");
    d = with_targets(CO_DATA_MULTILABEL, several);
    must_refuse(co_dataset_write(&d, path, 1, NULL), path, "y, row 1, column 0 is 2");
}

/* x and y by hand, y with its task; reading must fail with the words, or not when they are NULL. */
static void by_hand_with(const char *task, hid_t type, int ndim, const hsize_t *dim, const void *y,
                         const char *words)
{
    const char *path = scratch_file("hand_targets.h5");
    hid_t h5 = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    by_hand(h5, "x", H5T_NATIVE_DOUBLE, 2, (hsize_t[]){4, 3}, reals);
    if (y) by_hand(h5, "y", type, ndim, dim, y);
    const hid_t text = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
    H5Tset_size(text, strlen(task));
    if (*task) {
        const hid_t at = H5Acreate_by_name(h5, y ? "y" : ".", "task", text, space, H5P_DEFAULT,
                                           H5P_DEFAULT, H5P_DEFAULT);
        cr_assert(at >= 0 && H5Awrite(at, text, task) >= 0);
        H5Aclose(at);
    }
    H5Sclose(space);
    H5Tclose(text);
    H5Fclose(h5);
    co_dataset d;
    if (words) {
        must_refuse(co_dataset_read(path, &d), path, words);
        return;
    }
    must(co_dataset_read(path, &d));
    cr_expect(d.n_classes == (ndim == 2 ? dim[1] : 1) && d.targets);
    cr_expect_str_eq(d.classes[0], "0");
    co_dataset_fini(&d);
}

Test(dataset, targets_of_a_python_user_are_taken_in_any_type_that_fits)
{
    static const int64_t bits[8] = {0, 1, 1, 0, 0, 0, 1, 1}, two[4] = {0, 1, 2, 0};
    static const double nan_row[4] = {0, NAN, 1, 0};
    by_hand_with("regression", H5T_NATIVE_DOUBLE, 2, (hsize_t[]){4, 2}, reals, NULL);
    by_hand_with("regression", H5T_NATIVE_DOUBLE, 1, (hsize_t[]){4}, reals, NULL);
    by_hand_with("regression", H5T_NATIVE_INT64, 1, (hsize_t[]){4}, two, NULL);
    by_hand_with("multilabel", H5T_NATIVE_INT64, 2, (hsize_t[]){4, 2}, bits, NULL);
    by_hand_with("multilabel", H5T_NATIVE_DOUBLE, 1, (hsize_t[]){4}, reals,
                 "y, row 0: 0.5 does not fit");
    by_hand_with("multilabel", H5T_NATIVE_INT64, 1, (hsize_t[]){4}, two, "y, row 2, column 0 is 2");
    by_hand_with("regression", H5T_NATIVE_DOUBLE, 1, (hsize_t[]){4}, nan_row,
                 "y, row 1, column 0 is nan");
    by_hand_with("regression", H5T_NATIVE_DOUBLE, 2, (hsize_t[]){3, 2}, reals,
                 "y has 2 dimensions and 3 rows");
    by_hand_with("regression", H5T_NATIVE_DOUBLE, 0, NULL, NULL, "holds no y");
    by_hand_with("", H5T_NATIVE_DOUBLE, 2, (hsize_t[]){4, 2}, reals,
                 "task=multilabel: the attribute `task` of the file");
    by_hand_with("", H5T_NATIVE_DOUBLE, 1, (hsize_t[]){4}, reals,
                 "0.5 does not fit into int32; real values are learnt with task=regression");
}

/* ---- out of memory ---- */

/* Writes and reads a data set with every part, from arrays that are not allocated. */
static int write_and_read(const char *path)
{
    static float x[6] = {1, 2, 3, 4, 5, 6};
    static int32_t y[3] = {0, 1, 0}, user[3] = {0, 1, 1};
    static uint8_t split_of[3];
    static char *names[2] = {"a", "b"};
    static double scale[2] = {1, 2}, shift[2];
    co_dataset d = {.n = 3,
                    .x_type = CO_F32,
                    .x_ndim = 1,
                    .x_dim = {2},
                    .x_size = 2,
                    .x = x,
                    .n_scale = 2,
                    .scale = scale,
                    .shift = shift,
                    .y = y,
                    .n_classes = 2,
                    .classes = names,
                    .split = split_of,
                    .user = user,
                    .n_users = 2,
                    .user_name = names,
                    .group = user,
                    .n_groups = 2,
                    .source = names[0]};
    co_dataset read = {0}, numbers = with_targets(CO_DATA_REGRESSION, x);
    co_status st = co_dataset_write(&d, path, 1, "config");
    if (st == CO_OK) st = co_dataset_read(path, &read);
    co_dataset_fini(&read);
    if (st == CO_OK) st = co_dataset_write(&numbers, path, 1, "config");
    if (st == CO_OK) st = co_dataset_read(path, &read);
    co_dataset_fini(&read);
    return co_memory_blocks()                                  ? 98
           : H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL) ? 97
                                                               : (int)st;
}

Test(dataset, out_of_memory_at_any_allocation_is_an_error_that_leaves_nothing, .timeout = 120)
{
    const char *path = scratch_file("memory.h5");
    char fault[32];
    int code = -1, n = 0;
    while (code != 0 && n++ < 2000) {
        snprintf(fault, sizeof fault, "alloc:*:%d", n);
        code = in_child(fault, write_and_read, path);
        cr_assert(code == 0 || code == (int)CO_ENOMEM, "allocation %d: %d", n, code);
        cr_assert_eq(count_temporaries(path), 0, "allocation %d", n);
    }
    cr_assert(n > 50 && code == 0, "%d allocations, code %d", n, code);
}
