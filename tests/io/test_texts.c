/* tests/io/test_texts.c - texts to tokens: what each tokeniser cuts, vocabularies, cutting by
 * max_tokens, any bytes; by way of `import csv .. text=`. */
#include "tests/io/reader_support.h"

/* Tokens of example i by name, joined by '_'. */
static const char *tokens_of(const co_dataset *d, int64_t i)
{
    static char text[4][512];
    static int turn;
    char *out = text[turn = (turn + 1) % 4];
    *out = 0;
    for (int64_t t = d->token_offsets[i]; t < d->token_offsets[i + 1]; t++) {
        if (*out) strcat(out, "_");
        strcat(out, d->vocab[d->tokens[t]]);
    }
    return out;
}

static void import_csv(const char *text, const char *options, co_dataset *d)
{
    char all[512];
    snprintf(all, sizeof all, "y=0 text=1 %s", options);
    import_good("csv", write_text("texts.csv", text), all, d);
}

Test(texts, words_are_small_letters_digits_and_apostrophes_between_them)
{
    co_dataset d;
    import_csv("a,Don't STOP-me now! 'quoted' x86.\nb,\xC3\x89t\xC3\xA9 \xF0\x9F\x98\x80 ok\n",
               "tokens=word", &d);
    cr_expect_str_eq(tokens_of(&d, 0), "don't_stop_-_me_now_!_'_quoted_'_x86_.");
    cr_expect_str_eq(tokens_of(&d, 1), "\xC3\x89t\xC3\xA9_\xF0\x9F\x98\x80_ok");
    cr_expect_str_eq(d.vocab[0], "<unk>");
    cr_expect_eq(d.text_offsets[1], (int64_t)strlen("Don't STOP-me now! 'quoted' x86."));
    co_dataset_fini(&d);
}

Test(texts, characters_are_those_of_utf8_and_every_bad_byte_is_one)
{
    co_dataset d;
    import_csv("a,x\xF0\x9F\x98\x80\xFFy\xE2\x82\nb,\xC0\x80z\n", "tokens=char", &d);
    cr_expect_str_eq(tokens_of(&d, 0),
                     "x_\xF0\x9F\x98\x80_\xEF\xBF\xBD_y_\xEF\xBF\xBD_\xEF\xBF\xBD");
    cr_expect_eq(d.token_offsets[2] - d.token_offsets[1], 3);
    cr_expect_eq(memcmp(d.text, "x\xF0\x9F\x98\x80\xFFy", 7), 0, "raw bytes stay");
    co_dataset_fini(&d);
}

Test(texts, bytes_have_a_fixed_vocabulary)
{
    co_dataset d;
    import_csv("a,A\xFF\nb,~\n", "tokens=byte", &d);
    cr_expect_eq(d.n_vocab, 257);
    cr_expect_eq(d.tokens[0], 1 + 'A');
    cr_expect_eq(d.tokens[1], 256);
    cr_expect_str_eq(tokens_of(&d, 1), "0x7e");
    co_dataset_fini(&d);
}

Test(texts, the_vocabulary_is_what_training_has_often_enough_most_frequent_first)
{
    co_dataset d;
    const char *test = write_text("more.csv", "a,b z c c c c\n");
    char options[2048];
    snprintf(options, sizeof options, "y=0 text=1 min_count=2 test=%s", test);
    import_good("csv", write_text("texts.csv", "a,b a c b c\nb,a b d\n"), options, &d);
    cr_expect_eq(d.n_vocab, 4);
    cr_expect_str_eq(tokens_of(&d, 0), "b_a_c_b_c");
    cr_expect_str_eq(tokens_of(&d, 1), "a_b_<unk>");
    cr_expect_str_eq(tokens_of(&d, 2), "b_<unk>_c_c_c_c");
    cr_expect_str_eq(d.vocab[1], "b"); /* 3 times; a and c twice, in byte order */
    cr_expect_str_eq(d.vocab[2], "a");
    cr_expect_str_eq(d.vocab[3], "c");
    cr_expect_eq(d.split[2], 1);
    co_dataset_fini(&d);
}

Test(texts, test_examples_drawn_from_the_training_file_do_not_count)
{
    co_dataset d;
    char text[4096] = "";
    for (int i = 0; i < 40; i++) sprintf(text + strlen(text), "%d,w%dx\n", i % 2, i);
    import_csv(text, "test_fraction=0.5", &d);
    cr_expect_eq(d.n_vocab, 21);
    for (int64_t i = 0; i < d.n; i++) cr_expect_eq(d.tokens[i] == 0, d.split[i] == 1);
    co_dataset_fini(&d);
}

Test(texts, an_own_vocabulary_gives_the_numbers)
{
    co_dataset d;
    const char *vocab = write_text("vocab.txt", "<unk>\n\\n\n\\\\\nb\nunused\na\n");
    char options[2048];
    snprintf(options, sizeof options, "tokens=char vocab=%s", vocab);
    import_csv("1,\"a\nb\\c\"\n2,b\n", options, &d);
    const int32_t wanted[] = {5, 1, 3, 2, 0, 3};
    cr_expect_eq(d.n_vocab, 6);
    cr_expect_arr_eq(d.tokens, wanted, sizeof wanted);
    co_dataset_fini(&d);
    write_text("twice.txt", "a\na\n");
    snprintf(options, sizeof options, "y=0 text=1 vocab=%s", scratch_file("twice.txt"));
    import_bad("csv", scratch_file("texts.csv"), options, CO_EDATA, "twice.txt",
               ":2: 'a' stands in it twice");
    snprintf(options, sizeof options, "y=0 text=1 tokens=byte vocab=%s", vocab);
    import_bad("csv", scratch_file("texts.csv"), options, CO_EUSAGE, "tokens=byte", "leave it");
    import_bad("csv", scratch_file("texts.csv"), "y=0 text=1 tokens=wrod", CO_EUSAGE, "wrod",
               "did you mean word?");
}

Test(texts, max_tokens_cuts_and_empty_texts_stay)
{
    co_dataset d;
    import_csv("a,one two three four\nb,\nc,five\n", "max_tokens=2", &d);
    cr_expect_eq(d.n, 3);
    cr_expect_str_eq(tokens_of(&d, 0), "one_two");
    cr_expect_str_eq(tokens_of(&d, 1), "");
    cr_expect_str_eq(tokens_of(&d, 2), "five");
    cr_expect_eq(d.n_tokens, 3);
    co_dataset_fini(&d);
    import_bad("csv", write_text("texts.csv", "a,\nb,\n"), "y=0 text=1", CO_EDATA, "texts.csv",
               "all empty");
}

Test(texts, several_columns_are_one_text_and_the_rest_is_left_out)
{
    co_dataset d;
    import_good("csv", write_text("texts.csv", "y,title,other,body\n3,Hello,,world\n4,a,7,\n"),
                "y=y text=[title,body] header=true", &d);
    cr_expect_str_eq(tokens_of(&d, 0), "hello_world");
    cr_expect_str_eq(tokens_of(&d, 1), "a");
    cr_expect_eq(d.x_size, 0);
    co_dataset_fini(&d);
}

Test(texts, words_of_up_to_255_bytes_are_whole_and_longer_ones_are_told)
{
    char text[1600], word[301], vocab[1300];
    co_dataset d;
    memset(word, 'w', 300);
    word[300] = 0;
    snprintf(text, sizeof text, "a,%.99sx %.99sy %.254sx %.254sy\nb,%.255sx %.255sy\n", word, word,
             word, word, word, word);
    import_csv(text, "tokens=word", &d);
    cr_expect(d.n_vocab == 6 && d.n_tokens == 6, "%zu", d.n_vocab); /* the last two begin alike */
    cr_expect(d.tokens[0] != d.tokens[1] && d.tokens[2] != d.tokens[3] &&
              d.tokens[4] == d.tokens[5]);
    co_dataset_fini(&d);
    snprintf(text, sizeof text, "a,%.99sx\n", word);
    snprintf(vocab, sizeof vocab, "%.99sx\n", word);
    snprintf(vocab, sizeof vocab, "vocab=%s", write_text("words.txt", vocab));
    import_csv(text, vocab, &d);
    cr_expect_eq(d.tokens[0], 1);
    co_dataset_fini(&d);
}

Test(texts, a_line_of_ten_megabytes_is_one_token_with_a_short_name_or_as_many_as_it_has)
{
    const size_t n = 10 << 20;
    char *line = malloc(n + 4);
    co_dataset d;
    memcpy(line, "a,", 2);
    memset(line + 2, 'x', n);
    line[n + 2] = '\n';
    write_bytes(scratch_file("long.csv"), line, n + 3);
    import_good("csv", scratch_file("long.csv"), "y=0 text=1", &d);
    cr_expect_eq(d.n_tokens, 1);
    cr_expect_eq(strlen(d.vocab[1]), 255);
    co_dataset_fini(&d);
    import_good("csv", scratch_file("long.csv"), "y=0 text=1 tokens=char max_tokens=1000", &d);
    cr_expect_eq(d.n_tokens, 1000);
    co_dataset_fini(&d);
    free(line);
    remove(scratch_file("long.csv"));
}

Test(texts, tokens_go_through_the_file_and_into_batches)
{
    co_dataset d, back;
    char path[1024];
    snprintf(path, sizeof path, "%s", scratch_file("tokens.h5"));
    import_csv("a,x y z\nb,\na,z z\n", "", &d);
    cr_assert_eq(co_dataset_write(&d, path, 1, ""), CO_OK, "%s", co_status_message());
    cr_assert_eq(co_dataset_read(path, &back), CO_OK, "%s", co_status_message());
    cr_expect_str_eq(tokens_of(&back, 0), "x_y_z");
    cr_expect_eq(memcmp(back.text, d.text, (size_t)d.text_offsets[d.n]), 0);
    const int64_t ids[] = {2, 1, 0};
    int64_t offsets[4];
    int32_t tokens[5], y[5];
    co_dataset_gather_tokens(&back, ids, 3, offsets, tokens, y);
    cr_expect(offsets[1] == 2 && offsets[2] == 2 && offsets[3] == 5);
    cr_expect_eq(memcmp(tokens + 2, back.tokens, 12), 0);
    cr_expect(y[0] == 0 && y[1] == 1 && y[2] == 0);
    back.task = CO_DATA_LM;
    co_dataset_gather_tokens(&back, ids, 3, offsets, tokens, y);
    cr_expect(offsets[1] == 1 && offsets[2] == 1 && offsets[3] == 3);
    cr_expect_eq(y[0], back.tokens[4]);
    cr_expect_eq(memcmp(y + 1, back.tokens + 1, 8), 0);
    cr_expect_eq(co_dataset_rows(&back, 1), 0);
    co_dataset_fini(&back);
    d.tokens[1] = (int32_t)d.n_vocab;
    cr_expect_eq(co_dataset_check(&d, "t"), CO_EDATA);
    cr_expect(strstr(co_status_message(), "tokens, row 1"));
    d.tokens[1] = 1;
    d.token_offsets[1] = 9;
    cr_expect_eq(co_dataset_check(&d, "t"), CO_EDATA);
    cr_expect(strstr(co_status_message(), "token_offsets, row 2"));
    co_dataset_fini(&d);
    remove(path);
    cr_expect_eq(co_memory_blocks(), 0);
}
