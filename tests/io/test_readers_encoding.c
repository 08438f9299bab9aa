/* tests/io/test_readers_encoding.c - byte order marks and line ends of other systems, for every
 * reader of texts: a UTF-8 mark is passed over, UTF-16 is refused in clear words. */
#include "io/lists/lists.h"
#include "tests/io/reader_support.h"
#include <sys/stat.h>

#define BOM "\xef\xbb\xbf"
#define LEAF                                                                                       \
    "{\"users\": [\"a\"], \"num_samples\": [1], \"user_data\": {\"a\": {\"x\": [[1]], \"y\": "     \
    "[1]}}}"

static const char utf16[] = {'\xff', '\xfe', 'a', 0, ',', 0, '1', 0, '\n', 0};

static const char *write_utf16(const char *name)
{
    const char *path = scratch_file(name);
    write_bytes(path, utf16, sizeof utf16);
    return path;
}

Test(encoding, a_mark_of_utf8_is_no_part_of_tables_and_rows)
{
    co_dataset d;
    import_good("csv", write_text("b.csv", BOM "y,x\n0,1\n"), "y=y header=true", &d);
    cr_expect(d.n == 1 && d.x_size == 1);
    co_dataset_fini(&d);
    import_good("csv", write_text("b.csv", BOM "5,1\n5,2\n"), "y=0", &d);
    cr_expect_eq(d.n_classes, 1);
    co_dataset_fini(&d);
    import_good("libsvm", write_text("b.svm", BOM "1 1:0.5\n1 2:1\n"), "", &d);
    cr_expect(d.n == 2 && d.n_classes == 1 && ((float *)d.x)[0] == 0.5f);
    co_dataset_fini(&d);
    import_good("leaf", write_text("b.json", BOM LEAF), "", &d);
    cr_expect_eq(d.n, 1);
    co_dataset_fini(&d);
}

Test(encoding, a_mark_of_utf8_is_no_part_of_the_first_word)
{
    char option[2600];
    co_dataset d;
    snprintf(option, sizeof option, "train=%s",
             write_text("b.conll", BOM "EU B-ORG\nsays O\n\nEU B-ORG\n"));
    import_good("conll", NULL, option, &d);
    cr_expect(d.n_vocab == 3 && d.tokens[0] == d.tokens[2]); /* <unk>, EU, says */
    co_dataset_fini(&d);
    snprintf(option, sizeof option, "train=%s",
             write_text("b.conll", BOM "-DOCSTART- O\n\nEU B-ORG\n"));
    import_good("conll", NULL, option, &d);
    cr_expect_eq(d.n, 1);
    co_dataset_fini(&d);
    import_good("shakespeare", write_text("b.txt", BOM "Ann:\nYes.\n\nAnn:\nNo.\n"), "", &d);
    cr_expect(d.n_users == 1 && d.n == 2);
    cr_expect_str_eq(strchr(d.user_name[0], '/'), "/Ann");
    co_dataset_fini(&d);
    snprintf(option, sizeof option, "y=0 text=1 vocab=%s", write_text("b.vocab", BOM "the\ncat\n"));
    import_good("csv", write_text("t.csv", "1,the cat\n"), option, &d);
    cr_expect(d.n_vocab == 3 && d.tokens[0] == 1 && d.tokens[1] == 2);
    co_dataset_fini(&d);
}

Test(encoding, a_mark_of_utf8_is_no_part_of_a_message)
{
    char dir[1100], path[1300];
    co_dataset d;
    snprintf(dir, sizeof dir, "%s", scratch_file("news"));
    mkdir(dir, 0777);
    snprintf(path, sizeof path, "%s/train", dir);
    mkdir(path, 0777);
    snprintf(path, sizeof path, "%s/train/sci", dir);
    mkdir(path, 0777);
    snprintf(path, sizeof path, "%s/train/sci/1", dir);
    write_bytes(path, BOM "From: ann@x.org\nSubject: one\n\ntwo\n", 38);
    import_good("newsgroups", dir, "", &d);
    cr_assert_eq(d.n_users, 1);
    cr_expect_str_eq(d.user_name[0], "ann@x.org");
    co_dataset_fini(&d);
    write_bytes(path, utf16, sizeof utf16);
    import_bad("newsgroups", dir, "", CO_EDATA, "UTF-16", "save it as UTF-8");
}

Test(encoding, lists_and_experiments_may_begin_with_the_mark)
{
    static const char *const lists[] = {BOM "[[0, 1], [2]]", BOM "{\"0\": [0, 1], \"1\": [2]}",
                                        BOM "device,example\n0,0\n0,1\n1,2\n"};
    for (size_t k = 0; k < sizeof lists / sizeof *lists; k++) {
        co_partition p;
        cr_assert_eq(co_lists_read(write_text("b.lists", lists[k]), NULL, &p), CO_OK, "%s",
                     co_status_message());
        cr_expect(p.n_devices == 2 && p.train[2] == 2);
        co_partition_fini(&p);
    }
    co_partition p;
    cr_expect_eq(co_lists_read(write_utf16("u.lists"), NULL, &p), CO_EDATA);
    cr_expect(strstr(co_status_message(), "UTF-16"), "%s", co_status_message());
    co_node *root;
    cr_assert_eq(co_yaml_read_file(write_text("b.yaml", BOM "rounds: 3\n"), &root), CO_OK, "%s",
                 co_status_message());
    cr_expect_str_eq(co_node_find(root, "rounds")->text, "3");
    co_node_destroy(root);
    cr_expect_neq(co_yaml_read_file(write_utf16("u.yaml"), &root), CO_OK);
    cr_expect(strstr(co_status_message(), "UTF-16"), "%s", co_status_message());
}

Test(encoding, utf16_is_refused_in_clear_words)
{
    char option[1300];
    import_bad("csv", write_utf16("u.csv"), "y=0", CO_EDATA, "UTF-16", "save it as UTF-8");
    import_bad("libsvm", write_utf16("u.svm"), "", CO_EDATA, "UTF-16", "save it as UTF-8");
    import_bad("leaf", write_utf16("u.json"), "", CO_EDATA, "UTF-16", "save it as UTF-8");
    import_bad("shakespeare", write_utf16("u.txt"), "", CO_EDATA, "UTF-16", "save it as UTF-8");
    snprintf(option, sizeof option, "train=%s", write_utf16("u.conll"));
    import_bad("conll", NULL, option, CO_EDATA, "UTF-16", "save it as UTF-8");
    snprintf(option, sizeof option, "y=0 text=1 vocab=%s", write_utf16("u.vocab"));
    import_bad("csv", write_text("t.csv", "1,a\n"), option, CO_EDATA, "UTF-16", "save it as UTF-8");
    const char *path = scratch_file("u32.csv");
    write_bytes(path, "\0\0\xfe\xff\0\0\0a", 8);
    import_bad("csv", path, "y=0", CO_EDATA, "UTF-32", "");
    write_bytes(path, "a\0,\0", 4);
    import_bad("csv", path, "y=0", CO_EDATA, "byte 1 is zero", "not UTF-8");
}

Test(encoding, lines_may_end_in_cr_alone_or_before_lf)
{
    static const char *const tables[] = {"1,0\r2,1\r", "1,0\r\n2,1\r\n\r\n", "1,0\n2,1\n\n \n"};
    for (size_t k = 0; k < 3; k++) {
        co_dataset d;
        import_good("csv", write_text("cr.csv", tables[k]), "y=1", &d);
        cr_expect(d.n == 2 && d.n_classes == 2 && d.x_size == 1 && ((float *)d.x)[1] == 2.0f, "%zu",
                  k);
        co_dataset_fini(&d);
        import_good("libsvm",
                    write_text("cr.svm", k == 0 ? "1 1:2\r0 1:3\r" : "1 1:2\r\n0 1:3\r\n"), "", &d);
        cr_expect(d.n == 2 && d.x_size == 1 && ((float *)d.x)[1] == 3.0f, "%zu", k);
        co_dataset_fini(&d);
    }
}

Test(encoding, names_in_another_encoding_are_refused_and_texts_are_not)
{
    co_dataset d;
    import_bad("csv", write_text("l.csv", "1,caf\xe9\n2,b\n"), "y=1", CO_EDATA,
               "class 'caf\xe9' is not UTF-8 (byte e9)", "encoding=latin1");
    import_good("csv", scratch_file("l.csv"), "y=0 text=1", &d);
    cr_expect_eq(d.n, 2);
    co_dataset_fini(&d);
    import_good("csv", write_text("l.csv", "1,caf\xc3\xa9\n2,b\n"), "y=1", &d);
    cr_expect_str_eq(d.classes[1], "caf\xc3\xa9");
    co_dataset_fini(&d);
    import_bad("csv", write_text("l.csv", "1,caf\xe9,0\n2,b,1\n"), "y=2 user=1", CO_EDATA,
               "user 'caf\xe9'", "encoding=latin1");
}

Test(encoding, a_vocabulary_may_end_in_empty_lines)
{
    char option[1300];
    co_dataset d;
    snprintf(option, sizeof option, "y=0 text=1 vocab=%s",
             write_text("b.vocab", "the\r\ncat\r\n\r\n\r\n"));
    import_good("csv", write_text("t.csv", "1,the cat\n"), option, &d);
    cr_expect(d.n_vocab == 3 && d.tokens[1] == 2);
    co_dataset_fini(&d);
    snprintf(option, sizeof option, "y=0 text=1 vocab=%s", write_text("b.vocab", "the\n\ncat\n"));
    import_bad("csv", scratch_file("t.csv"), option, CO_EDATA, ":2: a token of 0 bytes", "");
}

Test(encoding, lists_may_spell_whole_numbers_as_floats)
{
    static const char *const lists[] = {"[[0.0, 1], [2e0]]",
                                        "device,example\n0,0.0\n0,1.0\n1,2.0\n"};
    for (size_t k = 0; k < sizeof lists / sizeof *lists; k++) {
        co_partition p;
        cr_assert_eq(co_lists_read(write_text("f.lists", lists[k]), NULL, &p), CO_OK, "%s",
                     co_status_message());
        cr_expect(p.n_devices == 2 && p.train[1] == 1 && p.train[2] == 2);
        co_partition_fini(&p);
    }
}
