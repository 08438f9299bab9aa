/* tests/io/test_readers_pairs.c - pairs of texts: line-aligned files, tables, JSON lines; targets
 * with their marks, references of one source, splits of questions. */
#include "tests/io/reader_support.h"

static void end(void)
{
    cr_assert_eq(co_memory_blocks(), 0, "%zu blocks are not given back", co_memory_blocks());
}
TestSuite(readers_pairs, .fini = end);

/* source= and target= of two files with these texts, and more. */
static const char *options(const char *source, const char *target, const char *more)
{
    static char text[4400];
    char first[1100];
    snprintf(first, sizeof first, "%s", write_text("source.txt", source));
    snprintf(text, sizeof text, "source=%s target=%s %s", first, write_text("target.txt", target),
             more);
    return text;
}

static const char *answer(const co_dataset *d, int64_t a)
{
    static char text[256];
    snprintf(text, sizeof text, "%.*s", (int)(d->answer_bounds[a + 1] - d->answer_bounds[a]),
             (const char *)d->answers + d->answer_bounds[a]);
    return text;
}

/* The words of a target. */
static void expect_target(const co_dataset *d, int64_t i, const char *wanted)
{
    char text[512] = "";
    char *const *names = co_dataset_target_names(d);
    for (int64_t t = d->target_offsets[i]; t < d->target_offsets[i + 1]; t++)
        strcat(strcat(text, t > d->target_offsets[i] ? " " : ""), names[d->target_tokens[t]]);
    cr_expect_str_eq(text, wanted);
}

Test(readers_pairs, lines_go_together_and_targets_stand_between_marks)
{
    co_dataset d;
    import_good("pairs", NULL, options("A dog\r\ntwo cats.\n", "Ein Hund!\nzwei \xc3\x96sen", ""),
                &d);
    cr_assert(d.n == 2 && d.task == CO_DATA_SEQ2SEQ);
    expect_target(&d, 0, "<s> ein hund ! </s>");
    expect_target(&d, 1, "<s> zwei \xc3\x96sen </s>");
    cr_assert_str_eq(answer(&d, 0), "Ein Hund!"); /* as it stood */
    cr_assert_eq(d.token_offsets[1], 2);
    cr_assert(d.target_vocab && d.n_target_vocab == 8 && d.n_vocab == 6);
    cr_assert_str_eq(d.target_vocab[6], "<s>");
    cr_assert_str_eq(d.target_vocab[7], "</s>");
    cr_assert_eq(co_dataset_target_rows(&d, 0), 4);
    co_dataset_fini(&d);
}

Test(readers_pairs, a_shared_vocabulary_counts_both_and_bytes_are_shared_anyway)
{
    co_dataset d;
    import_good("pairs", NULL, options("a b\n", "b c\n", "shared=true"), &d);
    cr_assert(!d.target_vocab && d.n_target_vocab == d.n_vocab && d.n_vocab == 6);
    cr_assert_str_eq(d.vocab[1], "b", "the most frequent");
    expect_target(&d, 0, "<s> b c </s>");
    cr_assert_eq(d.target_tokens[1], d.tokens[1]);
    co_dataset_fini(&d);
    import_good("pairs", NULL, options("a\n", "a\n", "tokens=byte"), &d);
    cr_assert(d.n_vocab == 259 && d.n_target_vocab == 259);
    expect_target(&d, 0, "<s> 0x61 </s>");
    co_dataset_fini(&d);
}

Test(readers_pairs, wordpiece_has_the_marks_of_its_model)
{
    static const char published[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n##b\nc\n";
    char more[1300];
    co_dataset d;
    snprintf(more, sizeof more, "tokens=wordpiece vocab=%s", write_text("vocab.txt", published));
    import_good("pairs", NULL, options("ab c\n", "c abb x\n", more), &d);
    expect_target(&d, 0, "[CLS] c a ##b ##b [UNK] [SEP]");
    cr_assert_arr_eq(d.tokens, ((int32_t[]){2, 4, 5, 6, 3}), 5 * 4);
    co_dataset_fini(&d);
}

Test(readers_pairs, long_sources_and_targets_are_cut_and_the_mark_behind_stays)
{
    co_dataset d;
    import_good("pairs", NULL, options("a b c d e\n", "p q r s t\n", "max_tokens=4"), &d);
    expect_target(&d, 0, "<s> p q </s>");
    cr_assert_eq(d.n_tokens, 4);
    co_dataset_fini(&d);
}

Test(readers_pairs, parts_are_splits_and_files_may_be_packed)
{
    char packed[1100], more[2600];
    co_dataset d;
    snprintf(packed, sizeof packed, "%s", scratch_file("test.gz"));
    write_gzip(packed, "x\ny\n", 4);
    snprintf(more, sizeof more, "test_source=%s test_target=%s", packed, packed);
    import_good("pairs", NULL, options("a\n", "b\n", more), &d);
    cr_assert(d.n == 3 && d.split[0] == 0 && d.split[1] == 1 && d.split[2] == 1);
    cr_assert_str_eq(answer(&d, 2), "y");
    cr_assert_eq(d.tokens[1], 0, "the vocabulary is that of the training part");
    co_dataset_fini(&d);
}

static void refused(const char *format, const char *source, const char *words, co_status wanted,
                    const char *why)
{
    co_dataset d;
    const co_status st = import(format, &source, source ? 1 : 0, words, &d);
    cr_assert_eq(st, wanted, "'%s': %d, %s", why, (int)st, co_status_message());
    cr_assert(strstr(co_status_message(), why), "'%s' in '%s'", why, co_status_message());
    co_dataset_fini(&d);
}

Test(readers_pairs, what_is_wrong_with_lines_is_named)
{
    char cut[1100], more[2600];
    refused("pairs", NULL, options("a\nb\n", "c\n", ""), CO_EDATA, "source.txt");
    refused("pairs", NULL, options("a\nb\n", "c\n", ""), CO_EDATA, "has 2 lines");
    refused("pairs", NULL, options("a\nb\n", "c\n", ""), CO_EDATA, "has 1; each target belongs");
    refused("pairs", NULL, options("a\nb\n", "c\n \t\n", ""), CO_EDATA, ":2: the target is empty");
    refused("pairs", NULL, options("a\n\nb", "c\nd\ne", ""), CO_EDATA, ":2: the source is empty");
    refused("pairs", NULL, options("", "", ""), CO_EDATA, "no texts");
    refused("pairs", NULL, options("a", "b", "test_source=x"), CO_EUSAGE,
            "test_source= and test_target= go together");
    refused("pairs", "x", options("a", "b", ""), CO_EUSAGE, "files are named as source=FILE");
    refused("pairs", NULL, options("a", "b", "max_tokens=2"), CO_EUSAGE,
            "max_tokens=2: a target has a mark before and one behind it");
    refused("pairs", NULL, options("a", "b", "shared=true target_vocab=x"), CO_EUSAGE,
            "target_vocab=x: leave it with shared=true");
    refused("pairs", NULL, options("a", "b", "target_vocab=/no/such"), CO_EFILE, "/no/such");
    snprintf(cut, sizeof cut, "%s", scratch_file("cut.gz"));
    write_gzip(cut, "some words that are packed\n", 27);
    cr_assert_eq(truncate(cut, 30), 0);
    snprintf(more, sizeof more, "test_source=%s test_target=%s", cut, cut);
    refused("pairs", NULL, options("a", "b", more), CO_EDATA, "damaged or cut gzip stream");
}

/* ---- tables ---- */

#define TABLE "mr,who,ref\nx,Ann,one\nx,Bob,two\ny,Ann,\"three, four\"\n"

Test(readers_pairs, rows_of_a_table_are_pairs_with_users)
{
    co_dataset d;
    import_good("csv", write_text("pairs.csv", TABLE), "source=mr target=ref header=true user=who",
                &d);
    cr_assert(d.n == 3 && d.n_users == 2 && d.user[2] == 0 && d.task == CO_DATA_SEQ2SEQ);
    cr_assert_str_eq(answer(&d, 2), "three, four");
    co_dataset_fini(&d);
}

Test(readers_pairs, references_of_one_source_join_in_test_and_not_in_training)
{
    char words[1300], test[1100];
    co_dataset d;
    snprintf(test, sizeof test, "%s",
             write_text("test.csv", "mr,who,ref\nz,Ann,p\ny,Bob,q\nz,Bob,r\n"));
    snprintf(words, sizeof words,
             "source=mr target=ref header=true user=who references=join test=%s", test);
    import_good("csv", write_text("pairs.csv", TABLE), words, &d);
    cr_assert_eq(d.n, 5);
    cr_assert_arr_eq(d.split, ((uint8_t[]){0, 0, 0, 1, 1}), 5);
    cr_assert_arr_eq(d.answer_offsets, ((int64_t[]){0, 1, 2, 3, 5, 6}), 6 * 8);
    cr_assert_str_eq(answer(&d, 3), "p");
    cr_assert_str_eq(answer(&d, 4), "r");
    cr_assert_str_eq(answer(&d, 5), "q");
    cr_assert(d.user[3] == 0 && d.user[4] == 1);
    expect_target(&d, 3, "<s> <unk> </s>");
    cr_assert_eq(d.text[d.text_offsets[4]], 'y');
    co_dataset_fini(&d);
}

Test(readers_pairs, what_is_wrong_with_a_table_is_named)
{
    const char *path = write_text("pairs.csv", "mr,ref\nx,one\ny,\n");
    refused("csv", path, "source=mr target=ref header=true", CO_EDATA, "pairs.csv");
    refused("csv", path, "source=mr target=ref header=true", CO_EDATA, ":3: the target is empty");
    refused("csv", path, "source=mr header=true", CO_EUSAGE, "source= and target= go together");
    refused("csv", path, "source=mr target=no header=true", CO_EUSAGE, "target=no");
    refused("csv", path, "source=mr target=ref y=0 header=true", CO_EUSAGE, "y=: pairs have");
    refused("csv", path, "header=true", CO_EUSAGE, "y=COLUMN is missing");
}

Test(readers_pairs, json_lines_are_pairs)
{
    co_dataset d;
    import_good("jsonl",
                write_text("pairs.jsonl",
                           "{\"id\": 1, \"s\": \"a \\u00e9\", \"t\": \"b\", \"u\": 3}\n"
                           "{\"t\": \"c\", \"s\": \"d\", \"u\": \"x\", \"more\": [{}]}\n"),
                "source=s target=t user=u", &d);
    cr_assert(d.n == 2 && d.n_users == 2);
    cr_assert_str_eq(d.user_name[0], "3");
    cr_assert_str_eq(answer(&d, 1), "c");
    cr_assert_eq(memcmp(d.text,
                        "a \xc3\xa9"
                        "d",
                        5),
                 0);
    co_dataset_fini(&d);
    const char *path =
        write_text("pairs.jsonl", "{\"s\": \"a\", \"t\": \"b\"}\n\n{\"s\": \"a\"}\n");
    refused("jsonl", path, "source=s target=t", CO_EDATA, ":3: has no 't', which target= names");
    path = write_text("pairs.jsonl", "{\"s\": \"a\", \"t\": \" \"}\n");
    refused("jsonl", path, "source=s target=t", CO_EDATA, ":1: the target is empty");
    path = write_text("pairs.jsonl", "{\"s\": \"a\", \"t\": 5}\n");
    refused("jsonl", path, "source=s target=t", CO_EDATA, "where a string is wanted");
    path = write_text("pairs.jsonl", "{\"s\": \"a\", \"t\": \"b\"\n");
    refused("jsonl", path, "source=s target=t", CO_EDATA, "the file ends where");
}

/* ---- windows by hand ---- */

Test(readers_pairs, a_test_fraction_moves_questions_with_all_their_windows)
{
    enum { N = 40 };
    int32_t question[N];
    uint8_t split[N] = {0};
    for (int i = 0; i < N; i++) question[i] = i / 4;
    co_dataset d = {.n = N, .split = split, .question = question, .n_questions = N / 4};
    int n_test = 0;
    cr_assert_eq(co_reader_split(&d, 0.3, 0.2, 7), CO_OK);
    for (int i = 0; i < N; i++) {
        cr_expect_eq(split[i], split[i / 4 * 4]);
        n_test += split[i] == 1;
    }
    cr_assert_eq(n_test, 12, "3 of 10 questions");
}
