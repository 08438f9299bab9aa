/* tests/io/test_readers_libsvm.c - sparse rows; a9a against its published counts. Also CIFAR-10,
 * the other flat format. */
#include "tests/io/reader_support.h"

Test(libsvm, rows_become_dense_and_labels_are_ranked)
{
    static const float want[3][4] = {{0, 0.5f, 0, 0}, {1, 0, 0, -2e1f}, {0, 0, 0, 0}};
    co_dataset d;
    const char *path = write_text("s", "+1 2:.5 # a comment\n\n-1 1:1 4:-2e1 \r\n+1\n");
    import_good("libsvm", path, "", &d);
    cr_assert(d.n == 3 && d.x_size == 4);
    cr_expect_arr_eq(d.x, want, sizeof want);
    cr_expect(d.y[0] == 1 && d.y[1] == 0 && d.y[2] == 1);
    cr_expect_str_eq(d.classes[0], "-1");
    co_dataset_fini(&d);
}

Test(libsvm, indices_from_0_and_queries_as_users)
{
    static const float want[3][3] = {{0.5f, 0, 0.25f}, {0, 1, 0}, {7, 0, 0}};
    co_dataset d;
    import_good("libsvm", write_text("s", "1 qid:20 0:.5 2:.25\n0 qid:3 1:1\n1 0:7\n"),
                "first_index=0", &d);
    cr_assert(d.n == 3 && d.x_size == 3 && d.n_users == 2);
    cr_expect_arr_eq(d.x, want, sizeof want);
    cr_expect(d.user[0] == 1 && d.user[1] == 0 && d.user[2] == -1);
    cr_expect_str_eq(d.user_name[0], "3");
    cr_expect_str_eq(d.user_name[1], "20");
    co_dataset_fini(&d);
}

Test(libsvm, says_where_a_row_is_broken)
{
    import_bad("libsvm", write_text("s", "1 1:1\n1.5 1:1\n"), "", CO_EDATA, ":2: label '1.5'",
               "task=regression");
    import_bad("libsvm", write_text("s", "a 1:1\n"), "", CO_EDATA, ":1: label 'a'", "integer");
    import_bad("libsvm", write_text("s", "1 0:1\n"), "", CO_EDATA, ":1: '0:1'", "first_index=0");
    import_bad("libsvm", write_text("s", "1 -1:1\n"), "first_index=0", CO_EDATA, ":1: '-1:1'",
               "from 0");
    import_bad("libsvm", write_text("s", "1 3:1 2:1\n"), "", CO_EDATA, ":1: '2:1'", "(3)");
    import_bad("libsvm", write_text("s", "1 3:nan\n"), "", CO_EDATA, "'3:nan'", "finite");
    import_bad("libsvm", write_text("s", "1 3\n"), "", CO_EDATA, "'3' is no index:value", "");
    import_bad("libsvm", write_text("s", "1 qid:a 1:1\n"), "", CO_EDATA, "'qid:a'", "integer");
    import_bad("libsvm", write_text("s", "1 1:1 qid:3\n"), "", CO_EDATA, "'qid:3'", "integer");
    import_bad("libsvm", write_text("s", "# nothing\n"), "", CO_EDATA, "no rows", "");
    import_bad("libsvm", write_text("s", "1 5000000000:1\n"), "", CO_EDATA, "5000000000 features",
               "GiB");
    import_bad("libsvm", write_text("s", "1\n2\n"), "", CO_EDATA, "without features", "");
}

Test(libsvm, a9a_has_the_published_counts)
{
    char option[1300];
    const char *test = shared_file("data/tabular/a9a/a9a.t");
    if (!test) return;
    snprintf(option, sizeof option, "test=%s", test);
    co_dataset d;
    import_good("libsvm", shared_file("data/tabular/a9a/a9a"), option, &d);
    cr_assert(d.n == 32561 + 16281 && d.x_size == 123 && d.n_classes == 2);
    int64_t rich[2] = {0};
    for (int64_t i = 0; i < d.n; i++) rich[d.split[i]] += d.y[i];
    cr_expect(rich[0] == 7841 && rich[1] == 3846);
    const float *x = d.x;
    double sum = 0.0;
    for (size_t j = 0; j < 123; j++) sum += (double)x[j];
    cr_expect(sum == 14.0 && x[2] == 1.0f && x[82] == 1.0f);
    co_dataset_fini(&d);
}

Test(cifar10, has_the_published_labels_and_classes)
{
    static const int32_t first[5] = {6, 9, 9, 4, 1}, first_test[5] = {3, 8, 8, 0, 6};
    static const int64_t train[10] = {1005, 974, 1032, 1016, 999, 937, 1030, 1001, 1025, 981};
    char option[1300];
    int64_t count[2][10] = {{0}};
    const char *test = shared_file("data/images/cifar10/test_batch.bin.gz");
    if (!test) return;
    snprintf(option, sizeof option, "test=%s", test);
    co_dataset d;
    import_good("cifar10", shared_file("data/images/cifar10/data_batch_1.bin.gz"), option, &d);
    cr_assert(d.n == 20000 && d.x_type == CO_U8 && d.x_dim[0] == 3 && d.x_dim[2] == 32);
    for (int64_t i = 0; i < d.n; i++) count[d.split[i]][d.y[i]]++;
    cr_expect_arr_eq(d.y, first, sizeof first);
    cr_expect_arr_eq(d.y + 10000, first_test, sizeof first_test);
    for (int k = 0; k < 10; k++) cr_expect(count[0][k] == train[k] && count[1][k] == 1000);
    const uint8_t *x = d.x;
    cr_expect(x[0] == 59 && x[1024] == 62 && x[2048] == 63); /* the frog's first pixel */
    co_dataset_fini(&d);
}

Test(cifar10, says_where_a_file_is_broken)
{
    static unsigned char file[2 * 3073];
    const char *path = scratch_file("batch");
    file[3073] = 10;
    write_bytes(path, file, sizeof file);
    import_bad("cifar10", path, "", CO_EDATA, "record 1 (byte 3073)", "label 10");
    write_bytes(path, file, sizeof file - 1);
    import_bad("cifar10", path, "", CO_EDATA, "3072 bytes over", "batch");
    write_bytes(path, file, 0);
    import_bad("cifar10", path, "", CO_EDATA, "0 bytes", "batch");
    import_bad("cifar10", NULL, "", CO_EUSAGE, "none was given", "");
}

Test(cifar100, gives_classes_superclasses_and_planes)
{
    enum { RECORD = 2 + 3072 };
    static unsigned char train[2 * RECORD], test[RECORD];
    char path[1024], option[1300];
    co_dataset d;
    for (int i = 0; i < 2; i++) {
        train[i * RECORD] = i ? 19 : 4;
        train[i * RECORD + 1] = i ? 89 : 0;
        for (int j = 0; j < 3072; j++) train[i * RECORD + 2 + j] = (unsigned char)(7 * j + i);
    }
    test[0] = 14;
    test[1] = 98;
    snprintf(path, sizeof path, "%s", scratch_file("train100"));
    write_bytes(path, train, sizeof train);
    write_bytes(scratch_file("test100"), test, sizeof test);
    snprintf(option, sizeof option, "test=%s", scratch_file("test100"));
    import_good("cifar100", path, option, &d);
    cr_assert(d.n == 3 && d.n_classes == 100 && d.n_groups == 20 && d.x_dim[0] == 3 &&
              d.x_dim[1] == 32);
    cr_expect(d.y[0] == 0 && d.y[1] == 89 && d.y[2] == 98 && d.group[0] == 4 && d.group[1] == 19 &&
              d.group[2] == 14);
    cr_expect(d.split[1] == 0 && d.split[2] == 1);
    cr_expect_str_eq(d.classes[89], "tractor");
    cr_expect_str_eq(d.group_name[19], "vehicles_2");
    cr_expect_str_eq(d.classes[98], "woman");
    cr_expect_str_eq(d.group_name[14], "people");
    for (int j = 0; j < 3072; j++)
        cr_assert_eq(((const uint8_t *)d.x)[3072 + j], (unsigned char)(7 * j + 1));
    co_dataset_fini(&d);
}

Test(cifar100, says_which_label_is_out_of_range)
{
    static unsigned char file[2 * 3074];
    const char *path = scratch_file("batch100");
    file[3074] = 20;
    write_bytes(path, file, sizeof file);
    import_bad("cifar100", path, "", CO_EDATA, "record 1 (byte 3074)", "superclass 20");
    file[3074] = 0;
    file[3075] = 100;
    write_bytes(path, file, sizeof file);
    import_bad("cifar100", path, "", CO_EDATA, "record 1 (byte 3075)", "label 100");
    write_bytes(path, file, 3073);
    import_bad("cifar100", path, "", CO_EDATA, "3073 bytes over", "cifar100");
}

Test(libsvm, several_labels_a_row)
{
    static const uint8_t want[4][3] = {{1, 0, 1}, {0, 0, 0}, {0, 1, 0}, {0, 0, 0}};
    co_dataset d;
    import_good("libsvm", write_text("s", "1,7 1:1\n 2:.5\n3 1:2 # c\n1:1\n"), "task=multilabel",
                &d);
    cr_assert(d.n == 4 && d.x_size == 2 && d.n_classes == 3 && !d.y);
    cr_expect_arr_eq(d.targets, want, sizeof want);
    cr_expect(((float *)d.x)[3] == 0.5f && ((float *)d.x)[6] == 1.0f);
    cr_expect_str_eq(d.classes[2], "7");
    co_dataset_fini(&d);
    import_bad("libsvm", write_text("s", "1,2 1:1\n1,b 1:1\n"), "task=multilabel", CO_EDATA,
               ":2: label 'b'", "1,3,7");
    import_bad("libsvm", write_text("s", "1, 1:1\n"), "task=multilabel", CO_EDATA, ":1: label ''",
               "");
    import_bad("libsvm", write_text("s", "1:1\n2:1\n"), "task=multilabel", CO_EDATA,
               "no row has a label", "");
    import_bad("libsvm", write_text("s", "1,2 1:1\n"), "", CO_EDATA, ":1: label '1,2'",
               "task=multilabel");
}

Test(libsvm, labels_of_both_files_are_the_columns)
{
    char option[1300];
    co_dataset d;
    snprintf(option, sizeof option, "task=multilabel test=%s", write_text("t", "9 1:1\n"));
    import_good("libsvm", write_text("s", "2,4 1:1\n4 1:3\n"), option, &d);
    static const uint8_t want[3][3] = {{1, 1, 0}, {0, 1, 0}, {0, 0, 1}};
    cr_assert(d.n == 3 && d.n_classes == 3 && d.split[2] == 1);
    cr_expect_arr_eq(d.targets, want, sizeof want);
    co_dataset_fini(&d);
}

Test(libsvm, labels_stand_before_queries_and_indices_from_0)
{
    static const uint8_t want[3][2] = {{1, 1}, {0, 0}, {0, 1}};
    co_dataset d;
    import_good("libsvm", write_text("s", "1,3.0 qid:4 0:1\nqid:5 1:2\n3 0:4\n"),
                "task=multilabel first_index=0", &d);
    cr_assert(d.n == 3 && d.x_size == 2 && d.n_classes == 2 && d.n_users == 2);
    cr_expect_arr_eq(d.targets, want, sizeof want);
    cr_expect(d.user[1] == 1 && d.user[2] == -1 && ((float *)d.x)[3] == 2.0f);
    co_dataset_fini(&d);
    import_good("libsvm", write_text("s", "1.5 qid:4 1:1\n2 qid:3 1:2\n"), "task=regression", &d);
    cr_expect(d.n_users == 2 && d.user[0] == 1 && ((float *)d.targets)[1] == 2.0f);
    co_dataset_fini(&d);
}

Test(libsvm, a_label_is_a_number)
{
    static const float want[2] = {0.25f, -3e2f};
    co_dataset d;
    import_good("libsvm", write_text("s", ".25 1:1\n-3e2 2:1\n"), "task=regression", &d);
    cr_assert(d.n == 2 && d.n_classes == 1 && d.task == CO_DATA_REGRESSION);
    cr_expect_arr_eq(d.targets, want, sizeof want);
    co_dataset_fini(&d);
    import_bad("libsvm", write_text("s", "inf 1:1\n"), "task=regression", CO_EDATA,
               ":1: label 'inf'", "finite");
    import_bad("libsvm", write_text("s", "1e39 1:1\n"), "task=regression", CO_EDATA,
               ":1: label '1e39'", "32-bit");
}
