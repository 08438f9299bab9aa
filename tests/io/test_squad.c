/* tests/io/test_squad.c - windows beside transformers' (tests/reference), answers, articles, what
 * SQuAD's files may not say. */
#include "tests/io/reader_support.h"

static void end(void)
{
    cr_assert_eq(co_memory_blocks(), 0, "%zu blocks are not given back", co_memory_blocks());
}
TestSuite(squad, .fini = end);

static const char *import_text(const char *text)
{
    return write_text("squad.json", text);
}

/* ---- beside transformers ---- */

typedef struct {
    char vocab[1100];
    co_dataset data; /* of the question at hand */
    int64_t window;
    size_t row, n_questions, n_windows;
} reference;

static size_t from_hex(const char *hex, char *bytes)
{
    size_t n = 0;
    unsigned value;
    for (; sscanf(hex + 2 * n, "%2x", &value) == 1; n++) bytes[n] = (char)value;
    bytes[n] = 0;
    return n;
}

static void end_question(reference *r)
{
    if (!r->data.n) return;
    cr_expect_eq(r->window, r->data.n, "line %zu: %lld windows, %lld are wanted", r->row,
                 (long long)r->data.n, (long long)r->window);
    co_dataset_fini(&r->data);
}

static void take_question(reference *r, char *rest)
{
    static char question[2048], context[8192], answer[2048], json[16384];
    char options[1400], answers[2200] = "";
    const int most = atoi(strsep(&rest, " ")), stride = atoi(strsep(&rest, " ")),
              start = atoi(strsep(&rest, " "));
    from_hex(strsep(&rest, " "), question);
    from_hex(strsep(&rest, " "), context);
    from_hex(strsep(&rest, " "), answer);
    if (start >= 0)
        snprintf(answers, sizeof answers, "{\"text\": \"%s\", \"answer_start\": %d}", answer,
                 start);
    snprintf(json, sizeof json,
             "{\"data\": [{\"title\": \"t\", \"paragraphs\": [{\"context\": \"%s\", \"qas\": "
             "[{\"id\": \"q\", \"question\": \"%s\", \"answers\": [%s]}]}]}]}",
             context, question, answers);
    snprintf(options, sizeof options, "tokens=wordpiece vocab=%s max_tokens=%d stride=%d", r->vocab,
             most, stride);
    import_good("squad", import_text(json), options, &r->data);
    r->window = 0;
    r->n_questions++;
}

static void take_window(reference *r, char *rest)
{
    const co_dataset *d = &r->data;
    const int first = atoi(strsep(&rest, " ")), last = atoi(strsep(&rest, " "));
    cr_assert(r->window < d->n, "line %zu: %lld windows", r->row, (long long)d->n);
    size_t t = (size_t)d->token_offsets[r->window];
    const size_t stop = (size_t)d->token_offsets[r->window + 1];
    cr_expect(d->span[2 * r->window] == first && d->span[2 * r->window + 1] == last,
              "line %zu: span %d to %d, %d to %d is wanted", r->row, d->span[2 * r->window],
              d->span[2 * r->window + 1], first, last);
    for (char *word; (word = strsep(&rest, " ")); t++) {
        int id = 0, from = 0, to = 0;
        cr_assert_eq(sscanf(word, "%d:%d:%d", &id, &from, &to), 3);
        cr_assert(t < stop, "line %zu: too few tokens", r->row);
        cr_expect(d->tokens[t] == id && d->token_char[2 * t] == from &&
                      d->token_char[2 * t + 1] == to,
                  "line %zu: token %d of bytes %d to %d, %s is wanted", r->row, d->tokens[t],
                  d->token_char[2 * t], d->token_char[2 * t + 1], word);
    }
    cr_expect_eq(t, stop, "line %zu: too many tokens", r->row);
    r->window++;
    r->n_windows++;
}

Test(squad, windows_are_those_of_transformers, .timeout = 120)
{
    static char vocab[4096];
    reference r = {0};
    char path[1100], *line = NULL;
    size_t room = 0;
    const char *root = getenv("SOURCE");
    snprintf(path, sizeof path, "%s/tests/reference/windows.txt", root ? root : ".");
    FILE *file = fopen(path, "r");
    cr_assert(file, "%s", path);
    for (r.row = 1; getline(&line, &room, file) > 0; r.row++) {
        line[strcspn(line, "\n")] = 0;
        if (strncmp(line, "vocab ", 6) == 0) {
            strcat(strcat(vocab, line + 6), "\n");
            continue;
        }
        if (!r.vocab[0]) snprintf(r.vocab, sizeof r.vocab, "%s", write_text("vocab.txt", vocab));
        if (strncmp(line, "question ", 9) == 0) {
            end_question(&r);
            take_question(&r, line + 9);
        } else {
            take_window(&r, line + 7);
        }
    }
    end_question(&r);
    fclose(file);
    free(line);
    cr_assert(r.n_questions > 40 && r.n_windows > 100, "%zu, %zu", r.n_questions, r.n_windows);
}

/* ---- what the file says ---- */

#define ANSWER(text, at) "{\"text\": \"" text "\", \"answer_start\": " #at "}"
#define QUESTION(id, text, answers)                                                                \
    "{\"answers\": [" answers "], \"question\": \"" text "\", \"id\": \"" id "\"}"
#define PARAGRAPH(questions, context) "{\"qas\": [" questions "], \"context\": \"" context "\"}"
#define ARTICLE(title, paragraphs) "{\"paragraphs\": [" paragraphs "], \"title\": \"" title "\"}"
#define SQUAD(articles) "{\"version\": \"1.1\", \"data\": [" articles "]}"
#define ONE(answers)                                                                               \
    SQUAD(ARTICLE("Cats",                                                                          \
                  PARAGRAPH(QUESTION("q1", "Who sat?", answers), "The c\\u00e4t sat. It is red")))

Test(squad, an_article_is_a_user_and_the_first_answer_is_learnt)
{
    co_dataset d;
    import_good(
        "squad",
        import_text(SQUAD(ARTICLE(
            "Cats",
            PARAGRAPH(
                QUESTION("q1", "who sat?",
                         ANSWER("c\\u00e4t", 4) "," ANSWER(
                             "The c\\u00e4t", 0)) "," QUESTION("q2", "is it red", ANSWER("sat", 8)),
                "The c\\u00e4t sat.")) "," ARTICLE("Dogs",
                                                   PARAGRAPH(
                                                       QUESTION("q3", "what?", ""),
                                                       "A dog")) "," ARTICLE("Cats",
                                                                             PARAGRAPH(
                                                                                 QUESTION(
                                                                                     "q4", "it?",
                                                                                     ANSWER("red",
                                                                                            6)),
                                                                                 "It is red")))),
        "max_tokens=0", &d);
    cr_assert_eq(d.n, 4);
    cr_assert(d.n_users == 2 && d.user[0] == 0 && d.user[2] == 1 && d.user[3] == 0);
    cr_assert_str_eq(d.user_name[1], "Dogs");
    cr_assert_str_eq(d.question_name[2], "q3");
    cr_assert_eq(d.n_answers, 4);
    cr_assert_arr_eq(d.answer_offsets, ((int64_t[]){0, 2, 3, 3, 4}), 5 * 8);
    cr_assert_eq(memcmp(d.answers, "c\xc3\xa4tThe c\xc3\xa4tsatred", 18), 0);
    /* who sat ? <sep> the cät sat . */
    cr_assert_arr_eq(d.token_offsets, ((int64_t[]){0, 8, 16, 21, 27}), 5 * 8);
    cr_assert_arr_eq(d.span, ((int32_t[]){5, 5, 6, 6, -1, -1, 5, 5}), 8 * 4);
    cr_assert_str_eq(d.vocab[d.n_vocab - 1], "<sep>");
    cr_assert_eq(d.tokens[3], (int32_t)d.n_vocab - 1);
    cr_assert_arr_eq(d.token_char,
                     ((int32_t[]){-1, -1, -1, -1, -1, -1, -1, -1, 0, 3, 4, 8, 9, 12, 12, 13}),
                     16 * 4);
    co_dataset_fini(&d);
}

Test(squad, all_windows_of_a_question_stay_in_one_split_and_its_answers_at_the_first)
{
    co_dataset d;
    import_good(
        "squad",
        import_text(SQUAD(ARTICLE(
            "A",
            PARAGRAPH(QUESTION("q1", "x", ANSWER("k", 20)) "," QUESTION("q2", "x", ANSWER("a", 0)),
                      "a b c d e f g h i j k")) "," ARTICLE("B", PARAGRAPH(QUESTION("q3", "y",
                                                                                    ANSWER("a", 0)),
                                                                           "a b c")))),
        "max_tokens=7 stride=2 test_articles=1", &d);
    /* 5 tokens of the context a window, 3 further each: 0-4, 3-7, 6-10 */
    cr_assert_eq(d.n, 7);
    cr_assert_arr_eq(d.question, ((int32_t[]){0, 0, 0, 1, 1, 1, 2}), 7 * 4);
    cr_assert_arr_eq(d.span, ((int32_t[]){-1, -1, -1, -1, 6, 6, 2, 2, -1, -1, -1, -1, 2, 2}),
                     14 * 4);
    cr_assert_arr_eq(d.answer_offsets, ((int64_t[]){0, 1, 1, 1, 2, 2, 2, 3}), 8 * 8);
    cr_assert_neq(d.split[0], d.split[6], "one of the two articles is held out");
    for (int i = 1; i < 6; i++) cr_assert_eq(d.split[i], d.split[0]);
    cr_assert_eq(d.text_offsets[2] - d.text_offsets[1], 21, "each window has the whole context");
    co_dataset_fini(&d);
}

static void refused(const char *text, const char *options, co_status wanted, const char *words)
{
    co_dataset d;
    const char *path = import_text(text);
    const co_status st = import_one("squad", path, options, &d);
    cr_assert_eq(st, wanted, "'%s': %d, %s", words, (int)st, co_status_message());
    cr_assert(strstr(co_status_message(), words), "'%s' in '%s'", words, co_status_message());
    if (wanted == CO_EDATA) cr_assert(strstr(co_status_message(), path), "%s", co_status_message());
    co_dataset_fini(&d);
}

Test(squad, what_is_wrong_is_named_with_its_article_and_question)
{
    const char *place = "article 0, question 'q1': the answer 'sat' does not stand at answer_start "
                        "7 of its context, which has '";
    refused(ONE(ANSWER("sat", 7)), "", CO_EDATA, place);
    refused(ONE(ANSWER("sat", 70)), "", CO_EDATA,
            "at answer_start 70 of its context, which has no text there");
    refused(ONE(ANSWER("sat", -8)), "", CO_EDATA, "at answer_start -8");
    refused(ONE(ANSWER("", 3)), "", CO_EDATA, "question 'q1': answer 0 is empty");
    refused(ONE("{\"text\": \"sat\", \"answer_start\": 8}], \"is_impossible\": true, \"x\": ["), "",
            CO_EDATA, "question 'q1': is_impossible is true, but answers has 1");
    refused(ONE("], \"is_impossible\": 1, \"x\": ["), "", CO_EDATA,
            "where true or false is wanted");
    refused("{\"data\": [{\"title\": \"Cats\", \"paragraphs\": [{\"context\": \"a b\", \"qas\": "
            "[{\"id\": \"q\", \"question\": \"b\", "
            "\"answers\": [{\"text\": \"b\", \"answer_start\": 1}]}]}]}]}",
            "", CO_EDATA, "article 'Cats', question 'q'");
    refused("{\"data\": [{\"title\": \"Cats\", \"paragraphs\": [{\"qas\": []}]}]}", "", CO_EDATA,
            "article 'Cats': a paragraph lacks its context");
    refused("{\"data\": [{\"title\": \"Cats\", \"paragraphs\": [{\"context\": \"a\", \"qas\": "
            "[{\"id\": \"q\"}]}]}]}",
            "", CO_EDATA, "a question lacks its text");
    refused("{\"data\": [{\"paragraphs\": []}]}", "", CO_EDATA, "article 0: lacks its title");
    refused("{\"data\": []}", "", CO_EDATA, "holds no question");
    refused("[1]", "", CO_EDATA, "'{' is wanted");
    refused("{\"data\": [{\"title\": \"Cats\",]}", "", CO_EDATA, ":1: ");
    refused(ONE(ANSWER("sat", 8)) "x", "", CO_EDATA, "the end of the file is wanted");
    refused(ONE(ANSWER("sat", 8)), "max_tokens=6 stride=3", CO_EDATA,
            "question 'q1' has 3 tokens: max_tokens=6 leaves 2 a window for its context of 7, not "
            "more than stride=3");
    refused(ONE(ANSWER("sat", 8)), "test_articles=1", CO_EUSAGE,
            "test_articles=1: there are 1 to train on");
}
