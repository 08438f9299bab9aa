/* tests/io/test_readers_labels.c - one rule for labels in every reader: whole numbers in any
 * spelling are one class, words are classes, real numbers are refused. */
#include "tests/io/reader_support.h"
#include <stdlib.h>

static void expect_classes(const co_dataset *d, const char *names, const int32_t *y)
{
    char all[512] = "";
    for (size_t c = 0; c < d->n_classes; c++)
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", c ? " " : "", d->classes[c]);
    cr_expect_str_eq(all, names);
    for (int64_t i = 0; i < d->n; i++) cr_expect_eq(d->y[i], y[i], "row %d: %d", (int)i, d->y[i]);
}

static const int32_t spelt[] = {1, 1, 1, 1, 1, 0, 0, 2};
#define NAMES "-2 5 10" /* numerical: 10 behind 5 */

Test(labels, whole_numbers_in_any_spelling_are_one_class_in_csv)
{
    co_dataset d;
    import_good("csv", write_text("y.csv", "1,5\n1,5.0\n1,05\n1,+5\n1,5e0\n1,-2\n1,-2.00\n1,1e1\n"),
                "y=1", &d);
    expect_classes(&d, NAMES, spelt);
    co_dataset_fini(&d);
}

Test(labels, the_test_file_may_spell_them_otherwise)
{
    static const int32_t want[] = {0, 1, 2, 0, 1, 2};
    char option[1300];
    co_dataset d;
    snprintf(option, sizeof option, "y=y header=true test=%s",
             write_text("b.csv", "x,y\n1,0.0\n2,1.0\n3,2.0\n"));
    import_good("csv", write_text("a.csv", "x,y\n1,0\n2,1\n3,2\n"), option, &d);
    expect_classes(&d, "0 1 2", want);
    co_dataset_fini(&d);
}

Test(labels, whole_numbers_in_any_spelling_are_one_class_in_libsvm)
{
    co_dataset d;
    import_good("libsvm",
                write_text("y.svm",
                           "5 1:1\n5.0 1:1\n05 1:1\n+5 1:1\n5e0 1:1\n-2 1:1\n-2.00 1:1\n1e1 1:1\n"),
                "", &d);
    expect_classes(&d, NAMES, spelt);
    co_dataset_fini(&d);
}

Test(labels, whole_numbers_in_any_spelling_are_one_class_in_leaf)
{
    static const int32_t want[] = {1, 1, 1, 0, 0, 2};
    co_dataset d;
    import_good("leaf",
                write_text("y.json", "{\"users\": [\"a\"], \"num_samples\": [6.0], \"user_data\": "
                                     "{\"a\": {\"x\": [[1], [1], [1], "
                                     "[1], [1], [1]], \"y\": [5, 5.0, 5e0, -2, -2.0, 1e1]}}}"),
                "", &d);
    expect_classes(&d, NAMES, want);
    co_dataset_fini(&d);
}

Test(labels, whole_floats_are_classes_in_npz_and_idx)
{
    static const int32_t want[] = {2, 0, 2, 1}, both[] = {1, 0};
    char path[1200], option[2600];
    unsigned char file[64];
    co_dataset d;
    const char *root = getenv("SOURCE");
    snprintf(path, sizeof path, "%s/tests/reference/npz/nhwc.npz", root ? root : ".");
    import_good("npz", path, "", &d);
    expect_classes(&d, "-1 2 5", want);
    co_dataset_fini(&d);
    size_t n = make_idx(file, 0x08, 3, (unsigned[]){2, 1, 1}, "ab", 2);
    snprintf(path, sizeof path, "%s", scratch_file("images"));
    write_bytes(path, file, n);
    n = make_idx(file, 0x0d, 2, (unsigned[]){2, 1}, "\x40\xa0\0\0\xc0\0\0\0",
                 8); /* [2, 1] floats 5, -2 */
    write_bytes(scratch_file("labels"), file, n);
    snprintf(option, sizeof option, "images=%s labels=%s", path, scratch_file("labels"));
    import_good("idx", NULL, option, &d);
    expect_classes(&d, "-2 5", both);
    co_dataset_fini(&d);
    n = make_idx(file, 0x0d, 1, (unsigned[]){2}, "\x40\xa0\0\0\x3f\0\0\0", 8); /* 5, 0.5 */
    write_bytes(scratch_file("labels"), file, n);
    import_bad("idx", NULL, option, CO_EDATA, "row 1: label '0.5'", "task=regression");
}

Test(labels, real_numbers_are_refused_with_their_place_and_advice)
{
    import_bad("csv", write_text("y.csv", "1,3\n1,28.199\n"), "y=1", CO_EDATA, ":2: label '28.199'",
               "task=regression");
    import_bad("libsvm", write_text("y.svm", "3 1:1\n-0.5 1:1\n"), "", CO_EDATA, ":2: label '-0.5'",
               "task=regression");
    import_bad(
        "leaf",
        write_text("y.json", "{\"user_data\": {\"a\": {\"x\": [[1], [1]], \"y\": [1, 0.25]}}}"), "",
        CO_EDATA, "y of example 1: label '0.25'", "task=regression");
}

Test(labels, words_are_classes_as_they_stand_and_numbers_among_them_have_one_spelling)
{
    static const int32_t want[] = {2, 0, 1, 1, 3};
    co_dataset d;
    import_good("csv", write_text("y.csv", "1,b\n1,0.5\n1,7.0\n1,07\n1,v1.0\n"), "y=1", &d);
    expect_classes(&d, "0.5 7 b v1.0", want);
    co_dataset_fini(&d);
}

Test(labels, users_and_groups_have_the_same_numbers)
{
    co_dataset d;
    import_good("csv", write_text("u.csv", "1,0,10,1.5\n1,0,2.0,1.50\n1,0,2,b\n"),
                "y=1 user=2 group=3", &d);
    cr_expect(d.n_users == 2 && d.user[0] == 1 && d.user[1] == 0 && d.user[2] == 0);
    cr_expect_str_eq(d.user_name[1], "10");
    cr_expect_eq(d.n_groups, 3); /* names stay as they stand */
    co_dataset_fini(&d);
}

Test(labels, whole_numbers_that_look_like_a_measure_are_told)
{
    char text[8000] = "";
    co_dataset d;
    for (int i = 0; i < 300; i++) snprintf(text + strlen(text), 24, "1,%d\n", i % 150 * 7);
    const char *line = told(write_text("y.csv", text), "y=1", &d);
    cr_expect(strstr(line, "150 different numbers for 300 examples") &&
                  strstr(line, "task=regression"),
              "%s", line);
    co_dataset_fini(&d);
}
