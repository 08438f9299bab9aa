/* tests/io/test_wordpiece.c - ids beside transformers' BertTokenizerFast (tests/reference), what a
 * published vocabulary may not be, marks, cuts, tags of first pieces. */
#include "tests/io/reader_support.h"

#define SMALL "[PAD]\n[UNK]\n[CLS]\n[SEP]\nnew\nyork\n##er\n##s\nis\na\n,\nann\n"
enum { PAD, UNK, CLS, SEP, NEW, YORK, ER, S, IS, A, COMMA, ANN };

static const char *options(const char *more)
{
    static char text[2048];
    snprintf(text, sizeof text, "tokens=wordpiece vocab=%s %s", write_text("vocab.txt", SMALL),
             more);
    return text;
}

static void expect_tokens(const co_dataset *d, int64_t i, const int32_t *wanted, size_t n)
{
    const size_t at = (size_t)d->token_offsets[i];
    cr_assert_eq((size_t)d->token_offsets[i + 1] - at, n, "text %lld has %lld tokens, not %zu",
                 (long long)i, (long long)d->token_offsets[i + 1] - (long long)at, n);
    for (size_t t = 0; t < n; t++)
        cr_expect_eq(d->tokens[at + t], wanted[t], "text %lld, token %zu is %d, not %d",
                     (long long)i, t, d->tokens[at + t], wanted[t]);
}
#define EXPECT_TOKENS(d, i, ...)                                                                   \
    expect_tokens(d, i, (const int32_t[]){__VA_ARGS__},                                            \
                  sizeof((const int32_t[]){__VA_ARGS__}) / sizeof(int32_t))

/* ---- beside transformers ---- */

/* The tokens of one text of bytes[n], by the vocabulary at path. */
static void cut_bytes(const char *bytes, size_t n, const char *path, int lower, co_dataset *d)
{
    static const co_param params[] = {CO_TEXT_PARAMS("word", 0.0), {0}};
    co_texts texts = {0};
    char words[1400];
    co_node *root;
    snprintf(words, sizeof words, "{tokens: wordpiece, vocab: %s, lower: %s}", path,
             lower ? "true" : "false");
    cr_assert_eq(co_yaml_read_text(words, "test", &root), CO_OK);
    const co_config opt = {.file = "test", .map = root};
    cr_assert_eq(co_config_check(&opt, (const co_param *const[]){params}, 1), CO_OK);
    *d = (co_dataset){0};
    cr_assert_eq(co_texts_bytes(&texts, bytes, n), CO_OK);
    cr_assert_eq(co_texts_end(&texts), CO_OK);
    cr_assert_eq(co_texts_bytes(&texts, "a", 1), CO_OK); /* some text has to be there */
    cr_assert_eq(co_texts_end(&texts), CO_OK);
    cr_assert_eq(co_texts_give(&texts, "test", d), CO_OK);
    co_texts_fini(&texts);
    cr_assert_eq(co_texts_tokenise(&opt, d), CO_OK, "%s", co_status_message());
    co_node_destroy(root);
}

static size_t from_hex(const char *hex, char *bytes)
{
    size_t n = 0;
    unsigned value;
    for (; sscanf(hex + 2 * n, "%2x", &value) == 1; n++) bytes[n] = (char)value;
    return n;
}

/* A line `text LOWER HEX ID ..`. */
static void check_line(char *line, const char *path, size_t row)
{
    char *rest = line, bytes[2048];
    int32_t wanted[256];
    size_t n = 0;
    strsep(&rest, " ");
    const int lower = atoi(strsep(&rest, " "));
    const size_t n_bytes = from_hex(strsep(&rest, " "), bytes);
    for (char *id; (id = strsep(&rest, " "));) wanted[n++] = atoi(id);
    co_dataset d;
    cut_bytes(bytes, n_bytes, path, lower, &d);
    const size_t own = (size_t)d.token_offsets[1];
    cr_expect(own == n && memcmp(d.tokens, wanted, n * sizeof *wanted) == 0,
              "line %zu: %zu tokens, %zu are wanted", row, own, n);
    co_dataset_fini(&d);
}

Test(wordpiece, ids_are_those_of_transformers)
{
    char path[1200], from[1200], line[8192];
    size_t n_texts = 0;
    const char *root = getenv("SOURCE");
    snprintf(from, sizeof from, "%s/tests/reference/wordpiece.txt", root ? root : "..");
    snprintf(path, sizeof path, "%s", scratch_file("published.txt"));
    FILE *in = fopen(from, "r"), *vocab = fopen(path, "w");
    cr_assert(in && vocab, "%s", from);
    for (size_t row = 1; fgets(line, sizeof line, in); row++) {
        if (strncmp(line, "vocab ", 6) == 0) {
            fputs(line + 6, vocab);
            continue;
        }
        if (n_texts++ == 0) fclose(vocab);
        line[strcspn(line, "\n")] = 0;
        check_line(line, path, row);
    }
    fclose(in);
    cr_expect_gt(n_texts, 150);
    cr_expect_eq(co_memory_blocks(), 0);
}

/* ---- vocabularies and options ---- */

Test(wordpiece, a_vocabulary_keeps_its_numbers_and_names)
{
    co_dataset d;
    import_good("csv", write_text("texts.csv", "0,\"New Yorkers, X\"\n1,\n"), options("y=0 text=1"),
                &d);
    EXPECT_TOKENS(&d, 0, CLS, NEW, YORK, ER, S, COMMA, UNK, SEP);
    EXPECT_TOKENS(&d, 1, CLS, SEP);
    cr_expect_eq(d.n_vocab, 12);
    cr_expect_str_eq(d.vocab[0], "[PAD]");
    cr_expect_str_eq(d.vocab[ANN], "ann");
    co_dataset_fini(&d);
}

Test(wordpiece, a_vocabulary_with_faults_is_refused_in_one_message)
{
    char all[2048], text[400], texts[1100];
    snprintf(texts, sizeof texts, "%s", write_text("texts.csv", "0,a\n1,b\n"));
    snprintf(all, sizeof all, "y=0 text=1 tokens=wordpiece vocab=%s", scratch_file("bad.txt"));
    write_text("bad.txt", "[UNK]\na\n\na\n[CLS]\nb\xFF\n");
    import_bad("csv", texts, all, CO_EDATA, "is no vocabulary of a model",
               "line 3 is empty; line 4 repeats line 2 ('a'); line 6 is not UTF-8; [SEP] is "
               "missing; give");
    write_text("bad.txt", "a\na\na\na\na\n");
    import_bad("csv", texts, all, CO_EDATA, "line 5 repeats line 1", "; and 3 more; give");
    memset(text, 'x', 300);
    strcpy(text + 300, "\n[UNK]\n[CLS]\n[SEP]\n");
    write_text("bad.txt", text);
    import_bad("csv", texts, all, CO_EDATA, "line 1 has 300 bytes", "more than 255");
    write_text("bad.txt", "\n\n");
    import_bad("csv", texts, all, CO_EDATA, "[UNK] is missing; [CLS] is missing", "[SEP]");
    unlink(scratch_file("bad.txt"));
    import_bad("csv", texts, all, CO_EFILE, "bad.txt", "opened");
}

Test(wordpiece, options_of_other_tokenisers_are_refused)
{
    const char *texts = write_text("texts.csv", "0,a\n1,b\n");
    import_bad("csv", texts, "y=0 text=1 tokens=wordpiece", CO_EUSAGE, "needs vocab=", "vocab.txt");
    import_bad("csv", texts, options("y=0 text=1 lowercase=true"), CO_EUSAGE, "lower=true|false",
               "lowercase=");
    import_bad("csv", texts, options("y=0 text=1 min_count=2"), CO_EUSAGE, "leave min_count", "");
    import_bad("csv", texts, options("y=0 text=1 max_tokens=1"), CO_EUSAGE, "[CLS] and [SEP]", "2");
    import_bad("csv", texts, "y=0 text=1 tokens=word lower=true", CO_EUSAGE, "lowercase=true|false",
               "tokens=word");
}

/* ---- cuts ---- */

Test(wordpiece, a_cut_text_keeps_both_marks_and_is_told)
{
    co_dataset d;
    const char *texts = write_text("texts.csv", "0,new york is a\n1,is a\n");
    const char *said = told(texts, options("y=0 text=1 max_tokens=4"), &d);
    EXPECT_TOKENS(&d, 0, CLS, NEW, YORK, SEP);
    EXPECT_TOKENS(&d, 1, CLS, IS, A, SEP);
    cr_expect(strstr(said, "1 texts are longer than max_tokens=4: cut, 2 tokens are left out"),
              "%s", said);
    co_dataset_fini(&d);
    import_good("csv", texts, options("y=0 text=1 max_tokens=2"), &d);
    EXPECT_TOKENS(&d, 0, CLS, SEP);
    co_dataset_fini(&d);
}

Test(wordpiece, shares_out_of_vocabulary_count_the_unknown_mark)
{
    co_dataset d;
    const char *said = told(write_text("texts.csv", "0,new zzz\xFF\n"), options("y=0 text=1"), &d);
    cr_expect(strstr(said, "training: 4 tokens, 25.00 % out of vocabulary (12 tokens)"), "%s",
              said);
    cr_expect(strstr(said, "1 bytes are no UTF-8: passed over"), "%s", said);
    co_dataset_fini(&d);
}

Test(wordpiece, texts_of_a_language_model_become_pieces_that_overlap_by_a_token)
{
    co_dataset d;
    import_good("shakespeare", write_text("play.txt", "ANN:\nNew Yorkers is a\n\n"),
                options("max_tokens=3"), &d);
    cr_assert_eq(d.n, 3);
    EXPECT_TOKENS(&d, 0, CLS, NEW, YORK, ER);
    EXPECT_TOKENS(&d, 1, ER, S, IS, A);
    EXPECT_TOKENS(&d, 2, A, SEP);
    cr_expect_eq(memcmp(d.text + d.text_offsets[1], "ers is ", 7), 0,
                 "a piece begins where its "
                 "bytes do");
    co_dataset_fini(&d);
}

/* ---- tags ---- */

Test(wordpiece, the_first_piece_of_a_word_has_its_tag)
{
    co_dataset d;
    char all[2048];
    const char *path = write_text("tags.conll", "New B-LOC\nYorkers, I-LOC\nis O\n\nAnn B-PER\n");
    snprintf(all, sizeof all, "train=%s", path);
    import_good("conll", NULL, options(all), &d);
    EXPECT_TOKENS(&d, 0, CLS, NEW, YORK, ER, S, COMMA, IS, SEP);
    const int32_t tags[] = {-1, 1, 2, -1, -1, -1, 0, -1, -1, 3, -1};
    cr_assert_eq(d.n_tokens, 11);
    cr_expect_arr_eq(d.token_y, tags, sizeof tags);
    cr_expect(co_dataset_rows(&d, 0) == 8 && co_dataset_scored(&d, 0) == 3);
    co_dataset_fini(&d);
}

/* A sentence of five words; the words cut away are told. */
Test(wordpiece, tags_are_cut_with_their_words)
{
    co_dataset d;
    char all[2048], path[1100];
    snprintf(path, sizeof path, "%s",
             write_text("tags.conll", "New O\nYorkers B-LOC\nis O\na O\nAnn B-PER\n"));
    snprintf(all, sizeof all, "train=%s max_tokens=6", path);
    import_good("conll", NULL, options(all), &d);
    EXPECT_TOKENS(&d, 0, CLS, NEW, YORK, ER, S, SEP);
    const int32_t tags[] = {-1, 0, 1, -1, -1, -1};
    cr_expect_arr_eq(d.token_y, tags, sizeof tags);
    co_dataset_fini(&d);
}

Test(wordpiece, a_word_without_a_piece_goes_with_its_tag_and_leaves_blanks)
{
    co_dataset d;
    char all[2048];
    const char *path = write_text("tags.conll", "Ann B-PER\n\xE2\x80\x8B I-PER\nis O\n");
    snprintf(all, sizeof all, "train=%s", path);
    import_good("conll", NULL, options(all), &d);
    EXPECT_TOKENS(&d, 0, CLS, ANN, IS, SEP);
    const int32_t tags[] = {-1, 1, 0, -1};
    cr_expect_arr_eq(d.token_y, tags, sizeof tags);
    cr_expect_eq(memcmp(d.text, "Ann     is", 10), 0);
    co_dataset_fini(&d);
    import_bad("conll", NULL, strcat(all, " tokens=word"), CO_EUSAGE, "tokens=word",
               "wordpiece are taken");
}

/* ---- ids made elsewhere ---- */

Test(wordpiece, ids_without_names_keep_the_size_of_their_vocabulary)
{
    char path[1100];
    co_dataset d, back;
    import_good("csv", write_text("texts.csv", "0,new york\n1,is\n"), options("y=0 text=1"), &d);
    co_strings_free(d.vocab, d.n_vocab);
    d.vocab = NULL;
    d.n_vocab = 70;
    snprintf(path, sizeof path, "%s", scratch_file("ids.h5"));
    cr_assert_eq(co_dataset_write(&d, path, 1, ""), CO_OK, "%s", co_status_message());
    cr_assert_eq(co_dataset_read(path, &back), CO_OK, "%s", co_status_message());
    cr_expect(back.n_vocab == 70 && !back.vocab);
    cr_expect_str_eq(back.digest, d.digest);
    co_dataset_fini(&back);
    d.n_vocab = 71;
    char first[33];
    memcpy(first, d.digest, sizeof first);
    cr_assert_eq(co_dataset_write(&d, path, 1, ""), CO_OK);
    cr_expect(strcmp(first, d.digest) != 0, "the digest has not seen the size");
    d.n_vocab = IS; /* the largest id */
    cr_expect_eq(co_dataset_write(&d, path, 1, ""), CO_EDATA);
    cr_expect(strstr(co_status_message(), "there are 8 words"), "%s", co_status_message());
    co_dataset_fini(&d);
    remove(path);
    cr_expect_eq(co_memory_blocks(), 0);
}
