/* tests/io/test_readers_text.c - shakespeare, newsgroups, conll: small files of every form, and the
 * published counts. */
#include "tests/io/reader_support.h"
#include <stdlib.h>
#include <sys/stat.h>

static char *text_of(const co_dataset *d, int64_t i)
{
    static char out[512];
    snprintf(out, sizeof out, "%.*s", (int)(d->text_offsets[i + 1] - d->text_offsets[i]),
             (const char *)d->text + d->text_offsets[i]);
    return out;
}

static const char play[] =
    "\tA PLAY\n\nANN\ta cook.\n\nACT I\n\nSCENE I\tA kitchen.\n\n\n"
    "\t[Enter ANN and\n\tBOB]\n\nANN\tSalt [Aside] here,\n\tand there.\n\n"
    "\t[Exit]\n\n\tCome back!\n\nTWIN\nOF YORK\tNo.\n\n\n\tA PLAY\n\n\nACT II\n\n"
    "ANN\tTwo.\n\nANN\tThree.\n\nANN\tFour.\n\nANN\tFive.\n";

Test(shakespeare, speeches_have_roles_and_neither_directions_nor_headings)
{
    co_dataset d;
    import_good("shakespeare", write_text("play.txt", play), "max_tokens=0", &d);
    cr_expect_eq(d.n, 6);
    cr_expect_eq(d.task, CO_DATA_LM);
    cr_expect_str_eq(text_of(&d, 0), "Salt  here,\nand there.\nCome back!");
    cr_expect_str_eq(text_of(&d, 1), "No.");
    cr_expect_str_eq(strchr(d.user_name[0], '/'), "/ANN");
    cr_expect_str_eq(strchr(d.user_name[1], '/'), "/TWIN OF YORK");
    for (int64_t i = 0; i < d.n; i++) cr_expect_eq(d.split[i], i == 5, "the last fifth of ANN's");
    co_dataset_fini(&d);
}

Test(shakespeare, names_with_a_colon_stand_above_their_speech)
{
    co_dataset d;
    import_good("shakespeare",
                write_text("tiny.txt", "First Citizen:\nHear me:\nspeak.\n\nAll:\nSpeak!\n"), "",
                &d);
    cr_expect_eq(d.n, 2);
    cr_expect_str_eq(text_of(&d, 0), "Hear me:\nspeak.");
    cr_expect_str_eq(strchr(d.user_name[1], '/'), "/All");
    co_dataset_fini(&d);
    import_bad("shakespeare", write_text("poem.txt", "No longer mourn\nfor me\n"), "", CO_EDATA,
               "poem.txt", "no texts");
}

Test(shakespeare, long_speeches_become_pieces_that_overlap_by_one_token)
{
    co_dataset d;
    import_good("shakespeare", write_text("tiny.txt", "A:\nabcdefgh\n\nB:\nxy\n"), "max_tokens=3",
                &d);
    cr_expect_eq(d.n, 4); /* abcd defg gh, xy */
    const int64_t offsets[] = {0, 4, 8, 10, 12};
    cr_expect_arr_eq(d.token_offsets, offsets, sizeof offsets);
    cr_expect_eq(d.tokens[3], d.tokens[4]);
    cr_expect_eq(d.tokens[7], d.tokens[8]);
    cr_expect_str_eq(text_of(&d, 1), "def");
    cr_expect_str_eq(text_of(&d, 2), "gh");
    cr_expect(d.user[2] == 0 && d.user[3] == 1);
    size_t rows = 0;
    for (int64_t i = 0; i < d.n; i++) rows += co_dataset_rows(&d, i);
    cr_expect_eq(rows, 7 + 1, "every token but the first of a speech is predicted once");
    co_dataset_fini(&d);
}

Test(conll, tags_of_either_scheme_become_classes)
{
    co_dataset d;
    char options[2048];
    const char *path =
        write_text("tags.conll", "-DOCSTART- O\n\nNew B-LOC\nYork I-LOC\nis O\n\n\nAnn I-PER\n");
    snprintf(options, sizeof options, "train=%s", path);
    import_good("conll", NULL, options, &d);
    const int32_t bio[] = {1, 2, 0, 4}, io[] = {1, 1, 0, 2};
    cr_expect_eq(d.n, 2);
    cr_expect_eq(d.n_classes, 5);
    cr_expect_str_eq(d.classes[3], "B-PER");
    cr_expect_arr_eq(d.token_y, bio, sizeof bio);
    cr_expect_str_eq(d.vocab[d.tokens[0]], "New");
    co_dataset_fini(&d);
    strcat(options, " scheme=io max_tokens=2");
    import_good("conll", NULL, options, &d);
    cr_expect_eq(d.n_tokens, 3);
    cr_expect_eq(d.n_classes, 3);
    cr_expect_eq(d.token_y[0], io[0]);
    cr_expect_eq(d.token_y[2], io[3], "tags are cut with their words");
    co_dataset_fini(&d);
}

Test(conll, a_bad_tag_or_column_names_its_line)
{
    char options[2048];
    snprintf(options, sizeof options, "train=%s", write_text("tags.conll", "a\tO\nb\tE-LOC\n"));
    import_bad("conll", NULL, options, CO_EDATA, ":2: tag", "E-LOC");
    snprintf(options, sizeof options, "train=%s column=2", scratch_file("tags.conll"));
    import_bad("conll", NULL, options, CO_EDATA, ":1: ", "column 2");
    snprintf(options, sizeof options, "train=%s tokens=char", write_text("tags.conll", "a\tO\n"));
    import_bad("conll", NULL, options, CO_EUSAGE, "tokens=char", "blank");
}

static void message(const char *below, const char *text)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", scratch_file("news"), below);
    for (char *c = path + 1; *c; c++)
        if (*c == '/') {
            *c = 0;
            mkdir(path, 0755);
            *c = '/';
        }
    write_bytes(path, text, strlen(text));
}

Test(newsgroups, a_tree_and_its_tar_file_give_the_same_data)
{
    co_dataset a, b;
    char root[1024], command[4096];
    snprintf(root, sizeof root, "%s", scratch_file("news"));
    message("by-test/sci.space/9", "From: x@y.z (X)\nSubject: Re: up\n\nTest body\n");
    message("by-train/rec.autos/1", "From: Ann <ANN@a.org>\nSubject: cars\n\nBody\n\nmore\n");
    message("by-train/sci.space/2", "Subject: none\nFrom: ann@a.org\n\n");
    import_good("newsgroups", root, "", &a);
    snprintf(command, sizeof command, "tar czf '%s.tgz' -C '%s' --sort=name by-test by-train", root,
             root);
    cr_assert_eq(system(command), 0);
    snprintf(command, sizeof command, "%s.tgz", root);
    import_good("newsgroups", command, "", &b);
    cr_expect_eq(a.n, 3);
    cr_expect_str_eq(text_of(&a, 0), " cars\nBody\n\nmore\n");
    cr_expect_str_eq(a.user_name[0], "ann@a.org");
    cr_expect(a.user[0] == 0 && a.user[1] == 0 && a.user[2] == 1);
    cr_expect(a.split[0] == 0 && a.split[1] == 0 && a.split[2] == 1);
    cr_expect(a.y[0] == 0 && a.y[1] == 1 && a.y[2] == 1);
    cr_expect(a.n == b.n && a.n_tokens == b.n_tokens);
    cr_expect_eq(memcmp(a.tokens, b.tokens, a.n_tokens * 4), 0);
    cr_expect_eq(memcmp(a.y, b.y, (size_t)a.n * 4), 0);
    co_dataset_fini(&a);
    co_dataset_fini(&b);
    import_bad(
        "newsgroups",
        write_text(
            "no.tar",
            "this is no tar file, though it is long enough to "
            "hold a header: ...................................................................."
            "....................................................................................."
            "....................................................................................."
            "....................................................................................."
            "....................................................................................."
            "...................................................................................."
            "."),
        "", CO_EDATA, "no.tar", "no tar header");
}

Test(published, counts_are_those_of_the_publishers)
{
    co_dataset d;
    const char *path = shared_file("data/text_classification/20news-bydate.tar.gz");
    if (path) {
        import_good("newsgroups", path, "min_count=5 max_tokens=64", &d);
        size_t n_train = 0;
        for (int64_t i = 0; i < d.n; i++) n_train += d.split[i] == 0;
        cr_expect(d.n == 18846 && n_train == 11314 && d.n_classes == 20);
        co_dataset_fini(&d);
    }
    path = shared_file("data/tagging/wnut17/wnut17train.conll");
    if (path) {
        char options[2048];
        snprintf(options, sizeof options, "train=%s", path);
        import_good("conll", NULL, options, &d);
        cr_expect(d.n == 3394 && d.n_tokens == 62730 && d.n_classes == 13);
        co_dataset_fini(&d);
    }
    path = shared_file("data/text_classification/ag_news_test.csv");
    if (path) {
        import_good("csv", path, "y=0 text=[1,2]", &d);
        cr_expect(d.n == 7600 && d.n_classes == 4);
        co_dataset_fini(&d);
    }
}
