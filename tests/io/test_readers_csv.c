/* tests/io/test_readers_csv.c - tables: RFC 4180, one-hot features, missing cells; UCI data against
 * their published counts. */
#include "tests/io/reader_support.h"

static const float *row(const co_dataset *d, int64_t i)
{
    return (const float *)d->x + (size_t)i * d->x_size;
}

Test(csv, one_hot_columns_are_sorted_and_stand_in_the_place_of_their_column)
{
    static const float want[3][5] = {{1.5f, 0, 0, 1, -1e3f}, {2, 1, 0, 0, 0}, {0.25f, 0, 1, 0, 7}};
    const char *path = write_text("t.csv", "1.5, red ,-1e3,b\n2,blue,0,a\r\n\n .25,\"green\",+7,b");
    co_dataset d;
    import_good("csv", path, "y=3", &d);
    cr_assert(d.n == 3 && d.x_size == 5);
    for (int i = 0; i < 3; i++) cr_expect_arr_eq(row(&d, i), want[i], sizeof want[i], "row %d", i);
    cr_expect(d.y[0] == 1 && d.y[1] == 0 && d.y[2] == 1);
    cr_expect_str_eq(d.classes[0], "a");
    co_dataset_fini(&d);
}

Test(csv, quotes_hold_commas_quotes_and_line_ends)
{
    const char *path = write_text(
        "q.csv", "\xef\xbb\xbfname,\"the,y\",v\n\"a,b\",1,1\n\"line\nbreak \"\"x\"\" \" ,2,2\n"
                 "\"\"\"\",1,3\n");
    co_dataset d;
    import_good("csv", path, "y=1 user=name header=true", &d);
    cr_assert(d.n == 3 && d.n_users == 3);
    cr_expect_str_eq(d.user_name[0], "\"");
    cr_expect_str_eq(d.user_name[1], "a,b");
    cr_expect_str_eq(d.user_name[2], "line\nbreak \"x\" ");
    co_dataset_fini(&d);
}

Test(csv, columns_are_found_by_name_or_number)
{
    const char *path =
        write_text("n.csv", "who,y,v,g\nann,10,1,west\nbob,9,2,east\nann,-1,3,east\n");
    co_dataset d;
    import_good("csv", path, "header=true y=y user=0 group=g", &d);
    cr_assert(d.n == 3 && d.x_size == 1);
    cr_expect(d.n_users == 2 && d.user[0] == 0 && d.user[1] == 1 && d.user[2] == 0);
    cr_expect_str_eq(d.user_name[1], "bob");
    cr_expect(d.n_groups == 2 && d.group[0] == 1 && d.group[2] == 0);
    cr_expect_str_eq(d.classes[0], "-1"); /* numerical, not byte order */
    cr_expect_str_eq(d.classes[2], "10");
    cr_expect(d.y[0] == 2 && d.y[1] == 1 && d.y[2] == 0);
    co_dataset_fini(&d);
    import_bad("csv", path, "header=true y=z", CO_EUSAGE, "y=z", "columns 0 .. 3");
    import_bad("csv", path, "y=v", CO_EUSAGE, "header=true", "");
    import_bad("csv", path, "y=4", CO_EUSAGE, "y=4", "0 .. 3");
}

Test(csv, training_and_test_files_decide_together)
{
    char option[1300];
    const char *train = write_text("train.csv", "red,0,<=50K\nblue,1,>50K\n");
    snprintf(option, sizeof option, "y=2 test=%s",
             write_text("test.csv", "|a comment as in C4.5\ngreen,5,<=50K.\n"));
    co_dataset d;
    import_good("csv", train, option, &d);
    cr_assert(d.n == 3 && d.x_size == 4 && d.n_classes == 2);
    cr_expect(d.split[1] == 0 && d.split[2] == 1);
    cr_expect_eq(row(&d, 2)[1], 1.0f); /* blue, green, red */
    cr_expect_eq(d.y[2], 0);
    co_dataset_fini(&d);
    snprintf(option, sizeof option, "y=2 test=%s",
             write_text("test.csv", "green,5,<=50K.\nred,5,>50K\n"));
    import_good("csv", train, option, &d); /* not all end in a dot: it belongs to the label */
    cr_assert_eq(d.n_classes, 3);
    cr_expect_str_eq(d.classes[0], "<=50K");
    cr_expect_str_eq(d.classes[1], "<=50K.");
    cr_expect_str_eq(d.classes[2], ">50K");
    co_dataset_fini(&d);
    snprintf(option, sizeof option, "y=0 test=%s", write_text("test.csv", "no.,2\n"));
    import_good("csv", write_text("train.csv", "yes.,1\nno.,5\n"), option,
                &d); /* the training labels have it too */
    cr_expect(d.n_classes == 2 && d.y[2] == 0);
    cr_expect_str_eq(d.classes[0], "no.");
    co_dataset_fini(&d);
}

Test(csv, missing_cells_are_refused_with_their_place_or_dropped)
{
    const char *path = write_text("m.csv", "1,a,0\n2,?,1\n,b,0\n4,c,1\n");
    co_dataset d;
    import_bad("csv", path, "y=2", CO_EDATA, ":2: column 1", "missing=drop");
    import_good("csv", path, "y=2 missing=drop", &d);
    cr_expect(d.n == 2 && d.x_size == 3 && row(&d, 1)[0] == 4.0f && row(&d, 1)[2] == 1.0f);
    co_dataset_fini(&d);
    import_bad("csv", write_text("m.csv", "?,0\n?,1\n"), "y=1 missing=drop", CO_EDATA, "every row",
               "m.csv");
}

Test(csv, says_where_a_table_is_broken)
{
    import_bad("csv", write_text("b.csv", "1,2,0\n\n3,1\n"), "y=2", CO_EDATA, "b.csv",
               ":3: 2 columns, expected 3");
    import_bad("csv", write_text("b.csv", "1,2\n3,\"1\n"), "y=1", CO_EDATA, ":2: column 1",
               "never closed");
    import_bad("csv", write_text("b.csv", "1,\"a\"b\n"), "y=1", CO_EDATA, ":1: column 1",
               "closing quote");
    import_bad("csv", write_text("b.csv", "1,0\ninf,1\n"), "y=1", CO_EDATA, ":2: column 0",
               "not finite");
    import_bad("csv", write_text("b.csv", "1,0\nnan,1\n"), "y=1 missing_words=[]", CO_EDATA,
               ":2: column 0", "not finite");
    import_bad("csv", write_text("b.csv", "1;0\n2;1\n"), "y=1", CO_EUSAGE, "one column",
               "separator=");
    import_bad("csv", write_text("b.csv", "1,0\n1e39,1\n"), "y=1", CO_EDATA, ":2: column 0",
               "32-bit");
    import_bad("csv", write_text("b.csv", "\n \n"), "y=1", CO_EDATA, "no rows", "b.csv");
    import_bad("csv", write_text("b.csv", "a,b\n"), "y=1 header=true", CO_EDATA,
               "no rows below the header", "");
    import_bad("csv", write_text("b.csv", "1\n2\n"), "y=0", CO_EDATA, "no column is left", "");
    const char *path = scratch_file("zero.csv");
    write_bytes(path, "1,\0,2\n", 6);
    import_bad("csv", path, "y=0", CO_EDATA, "byte 2 is zero", "");
}

Test(csv, adult_has_the_published_rows_and_104_features)
{
    char option[1300];
    const char *test = shared_file("data/tabular/adult/adult.test");
    if (!test) return;
    snprintf(option, sizeof option, "y=14 missing=drop group=9 test=%s", test);
    co_dataset d;
    import_good("csv", shared_file("data/tabular/adult/adult.data"), option, &d);
    int64_t n_test = 0, rich[2] = {0};
    for (int64_t i = 0; i < d.n; i++) {
        n_test += d.split[i];
        rich[d.split[i]] += d.y[i];
    }
    cr_expect_eq(d.n - n_test, 30162);
    cr_expect_eq(n_test, 15060);
    cr_expect_eq(rich[0], 7508);
    cr_expect_eq(rich[1], 3700);
    cr_expect_eq(d.n_classes, 2);
    cr_expect_str_eq(d.classes[1], ">50K");
    cr_expect_eq(d.x_size + 2, 104); /* sex is the group here */
    cr_expect_float_eq(row(&d, 0)[0], 39.0f, 0);
    co_dataset_fini(&d);
}

Test(csv, hospitals_are_users_by_file)
{
    static const char *const names[4] = {"cleveland", "hungarian", "switzerland", "va"};
    char path[4][1100];
    const char *sources[4];
    co_dataset d;
    for (int k = 0; k < 4; k++) {
        char below[100];
        snprintf(below, sizeof below, "data/tabular/heart_disease/processed.%s.data", names[k]);
        const char *found = shared_file(below);
        if (!found) return;
        snprintf(path[k], sizeof path[k], "%s", found);
        sources[k] = path[k];
    }
    cr_assert_eq(import("csv", sources, 4, "y=13 user=file missing=drop", &d), CO_OK, "%s",
                 co_status_message());
    cr_expect_eq(d.n, 299); /* 297 complete rows of Cleveland, as published, and two others */
    cr_expect(d.x_size == 13 && d.n_classes == 5);
    cr_expect_str_eq(d.user_name[0], "processed.cleveland.data");
    cr_expect_eq(d.user[296], 0);
    cr_expect_eq(d.user[297], 1);
    co_dataset_fini(&d);
}

Test(csv, optdigits_is_a_table_of_numbers)
{
    char option[1300];
    const char *test = shared_file("data/images/optdigits/optdigits.tes");
    if (!test) return;
    snprintf(option, sizeof option, "y=64 test=%s", test);
    co_dataset d;
    import_good("csv", shared_file("data/images/optdigits/optdigits.tra"), option, &d);
    cr_expect(d.n == 3823 + 1797 && d.x_size == 64 && d.n_classes == 10);
    int64_t zeros = 0;
    for (int64_t i = 0; i < 3823; i++) zeros += d.y[i] == 0;
    cr_expect_eq(zeros, 376); /* optdigits.names */
    co_dataset_fini(&d);
}

Test(csv, several_columns_of_y_are_numbers)
{
    static const float want[3][2] = {{-1.5f, 40}, {0, 1e-3f}, {7, 2}};
    const char *path =
        write_text("r.csv", "who,a,motor,b,total\n1,5,-1.5,6,40\n2,7,0,8,1e-3\n1,9,7,1,2\n");
    co_dataset d;
    import_good("csv", path, "header=true y=[motor,total] user=who task=regression", &d);
    cr_assert(d.n == 3 && d.x_size == 2 && d.n_classes == 2 && !d.y &&
              d.task == CO_DATA_REGRESSION);
    cr_expect_arr_eq(d.targets, want, sizeof want);
    cr_expect(row(&d, 0)[1] == 6.0f && row(&d, 2)[0] == 9.0f && d.n_users == 2);
    cr_expect_str_eq(d.classes[1], "total");
    co_dataset_fini(&d);
    import_good("csv", write_text("r.csv", "1,2.5\n3,4\n"), "y=1 task=regression", &d);
    cr_assert(d.n_classes == 1 && d.x_size == 1);
    cr_expect_float_eq(((float *)d.targets)[0], 2.5f, 0.0f);
    cr_expect_str_eq(d.classes[0], "1");
    co_dataset_fini(&d);
}

Test(csv, several_columns_of_y_are_labels)
{
    static const uint8_t want[2][2] = {{0, 1}, {1, 1}};
    co_dataset d;
    import_good("csv", write_text("m.csv", "x,red,big\n1,0,1.0\n2,1,1\n"),
                "header=true y=[big,red] task=multilabel", &d);
    cr_assert(d.n == 2 && d.n_classes == 2 && d.x_size == 1);
    cr_expect(((uint8_t *)d.targets)[0] == want[0][1] && ((uint8_t *)d.targets)[1] == want[0][0]);
    cr_expect_str_eq(d.classes[0], "big");
    co_dataset_fini(&d);
    import_good("csv", write_text("m.csv", "good news,1,0\nbad news,0,1\n"),
                "text=0 y=[1,2] task=multilabel", &d);
    cr_assert(d.n == 2 && d.n_vocab > 0 && d.n_classes == 2);
    cr_expect(((uint8_t *)d.targets)[3] == 1);
    co_dataset_fini(&d);
}

Test(csv, says_which_cell_is_no_target)
{
    const char *path = write_text("b.csv", "x,a,b\n1,0,1\n2,inf,0.5\n");
    import_bad("csv", path, "header=true y=[a,b] task=regression", CO_EDATA,
               ":3: column 1 (a): 'inf'", "finite number");
    import_bad("csv", path, "header=true y=[b,a] task=multilabel", CO_EDATA,
               ":3: column 2 (b): '0.5'", "neither 0 nor 1");
    import_bad("csv", path, "header=true y=[a,b]", CO_EUSAGE, "y names 2 columns",
               "task=multilabel");
    import_bad("csv", path, "header=true y=[a,a] task=regression", CO_EUSAGE,
               "y: column 1 is named twice", "");
    import_bad("csv", path, "header=true y=[a,c] task=regression", CO_EUSAGE, "y=c",
               "columns 0 .. 2");
    import_bad("csv", path, "header=true y=[] task=regression", CO_EUSAGE, "y", "");
    import_bad("csv", write_text("b.csv", "1,1e39\n"), "y=1 task=regression", CO_EDATA,
               ":1: column 1: '1e39'", "32 bits");
}

Test(csv, a_missing_target_costs_its_row_and_targets_are_not_scaled)
{
    static const float want[3][2] = {{10, 20}, {50, 60}, {90, 0}};
    const char *path = write_text("m.csv", "1,10,20\n4,?,40\n,50,60\n7,80,\n5,90,0\n");
    co_dataset d;
    import_good("csv", path, "y=[1,2] task=regression missing=mean scale=standard", &d);
    cr_assert(d.n == 3 && d.x_size == 1 && d.n_classes == 2);
    cr_expect_arr_eq(d.targets, want, sizeof want);
    cr_expect(row(&d, 0)[0] < -1.2f && row(&d, 1)[0] == 0.0f && row(&d, 2)[0] > 1.2f);
    co_dataset_fini(&d);
    import_good("csv", path, "y=[1,2] task=regression missing=drop", &d);
    cr_expect(d.n == 2 && ((float *)d.targets)[2] == 90.0f);
    co_dataset_fini(&d);
    import_bad("csv", path, "y=[1,2] task=regression", CO_EDATA, ":2: column 1: '?' is missing",
               "missing=drop");
    path = write_text("m.csv", "1,1,0\n4,,1\n2,0,1\n");
    import_good("csv", path, "y=[1,2] task=multilabel missing=zero", &d);
    cr_expect(d.n == 2 && ((uint8_t *)d.targets)[3] == 1);
    co_dataset_fini(&d);
    import_bad("csv", write_text("r.csv", "1,2.5\n2,1\n"), "y=1", CO_EDATA, "label '2.5'",
               "task=regression");
}

Test(csv, parkinsons_has_the_published_counts)
{
    co_dataset d;
    const char *path = shared_file("data/tabular/parkinsons/parkinsons_updrs.data");
    if (!path) return;
    import_good("csv", path,
                "header=true y=[motor_UPDRS,total_UPDRS] user=subject# task=regression", &d);
    cr_assert(d.n == 5875 && d.n_users == 42 && d.x_size == 19 && d.n_classes == 2);
    cr_expect(((float *)d.targets)[0] == 28.199f && ((float *)d.targets)[1] == 34.398f);
    co_dataset_fini(&d);
}
