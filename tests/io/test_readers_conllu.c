/* tests/io/test_readers_conllu.c - CoNLL-U: comments, ranges, empty nodes, documents, columns; and
 * tags as they stand in any file. */
#include "tests/io/reader_support.h"

#define REST "\t_\t_\t0\tdep\t_\t_\n"
static const char text[] =
    "# newdoc id = first\n# sent_id = 1\n# text = I can't.\n1\tI\tI\tPRON" REST
    "2-3\tcan't\t_\t_" REST "2\tca\tcan\tAUX" REST "3\tn't\tnot\tPART" REST "3.1\tgo\tgo\tVERB" REST
    "4\t.\t.\tPUNCT" REST "\n"
    "# newpar\n# sent_id = 2\n1\t#tag\t#tag\tNOUN" REST "2\tNew York\tNew York\tPROPN" REST "\n"
    "# newdoc id = second\n1\tI\tI\tPRON" REST "\n# newdoc\n1\tI\tI\tPRON" REST;

Test(conllu, words_are_those_of_the_sentence_and_documents_are_users)
{
    char option[1300];
    co_dataset d;
    snprintf(option, sizeof option, "train=%s scheme=plain", write_text("u.conllu", text));
    import_good("conll", NULL, option, &d);
    cr_assert(d.n == 4 && d.n_tokens == 8 && d.task == CO_DATA_TAGGING, "%d %zu", (int)d.n,
              d.n_tokens);
    cr_expect_eq(memcmp(d.text, "I ca n't .#tag New_YorkII", 25), 0);
    static const char *const tags[] = {"PRON", "AUX",   "PART", "PUNCT",
                                       "NOUN", "PROPN", "PRON", "PRON"};
    for (int t = 0; t < 8; t++) cr_expect_str_eq(d.classes[d.token_y[t]], tags[t]);
    cr_expect_str_eq(d.classes[0], "AUX");
    cr_assert_eq(d.n_users, 3);
    cr_expect_str_eq(d.user_name[0], "first");
    cr_expect_str_eq(d.user_name[1], "second");
    cr_expect(d.user[0] == 0 && d.user[1] == 0 && d.user[2] == 1 && d.user[3] == 2);
    co_dataset_fini(&d);
}

Test(conllu, the_column_is_counted_from_0)
{
    char option[1300];
    co_dataset d;
    snprintf(option, sizeof option, "train=%s scheme=plain column=7", write_text("u.conllu", text));
    import_good("conll", NULL, option, &d);
    cr_expect(d.n_classes == 1);
    cr_expect_str_eq(d.classes[0], "dep");
    co_dataset_fini(&d);
    snprintf(option, sizeof option, "train=%s scheme=plain column=1", scratch_file("u.conllu"));
    import_bad("conll", NULL, option, CO_EUSAGE, "column=1", "the word itself");
    snprintf(option, sizeof option, "train=%s", scratch_file("u.conllu"));
    import_bad("conll", NULL, option, CO_EDATA, ":4: tag 'PRON'", "scheme=plain");
    snprintf(option, sizeof option, "train=%s scheme=plain",
             write_text("bad.conllu", "1\tI\tI\tPRON" REST "x\tI\tI\tPRON" REST));
    import_bad("conll", NULL, option, CO_EDATA, ":2: 'x'", "a word's number");
}

Test(conllu, other_files_keep_their_words_that_begin_with_a_hash)
{
    char option[1300];
    co_dataset d;
    snprintf(option, sizeof option, "train=%s", write_text("t.conll", "#tag\tO\nhere\tB-loc\n"));
    import_good("conll", NULL, option, &d);
    cr_expect(d.n_tokens == 2 && d.n_users == 0 && !d.user);
    co_dataset_fini(&d);
}

Test(conllu, the_english_web_treebank_has_its_published_counts)
{
    char option[2600];
    int64_t nouns = 0, n_dev = 0;
    co_dataset d;
    const char *dev = shared_file("data/tagging/ud_english_ewt/en_ewt-ud-dev.conllu");
    if (!dev) return;
    snprintf(option, sizeof option, "train=%s scheme=plain", dev);
    snprintf(option + strlen(option), 1200, " dev=%s",
             shared_file("data/tagging/ud_english_ewt/en_ewt-ud-test.conllu"));
    import_good("conll", NULL, option, &d);
    for (int64_t i = 0; i < d.n; i++) n_dev += d.split[i] == 0;
    for (int64_t t = 0; t < d.token_offsets[n_dev]; t++)
        nouns += strcmp(d.classes[d.token_y[t]], "NOUN") == 0;
    cr_expect(n_dev == 2001 && d.n == 2001 + 2077);
    cr_expect_eq(d.n_users, 318 + 316);
    cr_expect_eq(d.token_offsets[n_dev], 25147);
    cr_expect_eq(nouns, 4210);
    co_dataset_fini(&d);
}
