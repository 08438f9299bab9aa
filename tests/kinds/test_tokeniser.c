/* Every tokeniser of the list under the same laws; new members join by themselves. What each cuts
 * is in tests/io/test_texts.c. */
#include "core/random.h"
#include "io/readers/texts.h"
#include "io/tokenisers/tokeniser.h"
#include "tests/harness.h"
#include "tests/kinds/options.h"
#include <ctype.h>
#include <stdio.h>

typedef struct {
    const char *bytes;
    size_t n;
} text;
#define FIFTY "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwx"
#define TEXT(words)                                                                                \
    {                                                                                              \
        words, sizeof words - 1                                                                    \
    }
/* The first is empty; among them no UTF-8, a byte 0, a token longer than is kept, what a vocabulary
 * file escapes. */
static const text texts[] = {
    TEXT(""),
    TEXT("a"),
    TEXT("To be, or not to be: that is the question."),
    TEXT("Don't STOP-me now! 'quoted' x86."),
    TEXT("\xC3\xA9t\xC3\xA9 \xE6\x97\xA5\xE6\x9C\xAC \xF0\x9F\x98\x80 na\xC3\xAFve"),
    TEXT("\xFF\xFE cut \xE2\x82"),
    TEXT("\xC0\x80\x80z \xED\xA0\x80 \xF5\x80\x80\x80"),
    TEXT("tab\tline\nreturn\r\n\\n is not a line, \\\\ two"),
    TEXT("<unk> 0x41 a <unk>"),
    TEXT("nul\0nul \0 \0"),
    TEXT(" \t\r\n\v\f "),
    TEXT("#\xEF\xBB\xBF mark"),
    TEXT(FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY "\xC3\xA9"),
    TEXT(FIFTY FIFTY FIFTY FIFTY FIFTY "abcd\xFF\xFF end")};
enum { TEXTS = sizeof texts / sizeof *texts };

#define EACH_OF_ALL(member)                                                                        \
    for (const co_plugin *const *at_ = co_kind_tokeniser.members; *at_; at_++)                     \
        for (const co_tokeniser *member = (const co_tokeniser *)*at_; member; member = NULL)
/* Of whole tokens, which lie in the text. */
#define EACH_MEMBER(member) EACH_OF_ALL(member) if (member->next)
/* Of the pieces of a published vocabulary. */
#define EACH_CUTTER(member) EACH_OF_ALL(member) if (member->cut)

/* The texts `copies` times over, tokenised. Must be ended by co_dataset_fini. */
static co_dataset tokenised(const co_tokeniser *member, int copies, const char *more)
{
    static const co_param params[] = {CO_TEXT_PARAMS("word", 0.0), {0}};
    const co_param *const table = params;
    co_dataset data = {0};
    co_texts all = {0};
    co_node *root;
    char *words = co_format("{tokens: %s%s}", member->name, more);
    const co_config opt = test_options(words, NULL, &table, 1, &root);
    for (int i = 0; i < copies * TEXTS; i++) {
        cr_assert_eq(co_texts_bytes(&all, texts[i % TEXTS].bytes, texts[i % TEXTS].n), CO_OK);
        cr_assert_eq(co_texts_end(&all), CO_OK);
    }
    cr_assert_eq(co_texts_give(&all, "test", &data), CO_OK);
    co_texts_fini(&all);
    data.task = CO_DATA_CLASSIFICATION;
    cr_assert_eq(co_texts_tokenise(&opt, &data), CO_OK, "%s: %s", member->name,
                 co_status_message());
    co_node_destroy(root);
    co_free(words);
    return data;
}

/* Walks bytes[n], a block of that size so that the sanitizers see what is read behind it: each
 * token lies behind the last, and only white space and zero bytes lie between. */
static void check_walk(const co_tokeniser *member, const char *bytes, size_t n, int number)
{
    char *copy = malloc(n ? n : 1);
    size_t at = 0, end = 0, n_tokens = 0, length;
    memcpy(copy, bytes, n);
    const char *block = n ? copy : copy + 1;
    while ((length = member->next(block, n, &at)) > 0) {
        cr_assert(at >= end && length <= n && at <= n - length,
                  "%s, text %d: token %zu of %zu at %zu, text of %zu", member->name, number,
                  n_tokens, length, at, n);
        for (; end < at; end++)
            cr_expect(isspace((unsigned char)block[end]) || !block[end],
                      "%s, text %d: byte %zu is lost", member->name, number, end);
        at = end = at + length;
        cr_assert(++n_tokens <= n);
    }
    for (; end < n; end++)
        cr_expect(isspace((unsigned char)block[end]) || !block[end],
                  "%s, text %d: byte %zu is lost", member->name, number, end);
    cr_expect_eq(member->next(block, n, &at), 0, "%s, text %d: the end stays the end", member->name,
                 number);
    cr_expect(n > 0 || n_tokens == 0, "%s: an empty text has a token", member->name);
    free(copy);
}

Test(tokeniser, tokens_lie_in_the_text_one_behind_the_other)
{
    EACH_MEMBER(member)
    {
        co_stream s = co_stream_open(8, CO_DRAW_TEST, 0, 0, 0);
        for (int i = 0; i < TEXTS; i++) check_walk(member, texts[i].bytes, texts[i].n, i);
        for (int i = 0; i < 3000; i++) {
            char noise[40];
            const size_t n = (size_t)co_draw_below(&s, sizeof noise + 1);
            for (size_t k = 0; k < n; k++)
                noise[k] = (char)(co_draw_below(&s, 3) ? co_draw_u32(&s) : 0x20u);
            check_walk(member, noise, n, 1000 + i);
        }
    }
}

Test(tokeniser, ids_are_within_the_vocabulary_and_equal_texts_have_equal_ids)
{
    EACH_MEMBER(member)
    {
        co_dataset d = tokenised(member, 2, "");
        cr_expect_str_eq(d.vocab[0], "<unk>");
        cr_expect_eq(d.token_offsets[0], 0);
        cr_expect_eq((size_t)d.token_offsets[d.n], d.n_tokens);
        cr_expect(d.token_offsets[1] == 0, "%s: the empty text has tokens", member->name);
        for (size_t t = 0; t < d.n_tokens; t++)
            cr_expect(d.tokens[t] > 0 && (size_t)d.tokens[t] < d.n_vocab,
                      "%s: id %d of %zu, all are known", member->name, d.tokens[t], d.n_vocab);
        const int64_t half = d.token_offsets[TEXTS];
        for (int64_t i = 0; i <= TEXTS; i++)
            cr_expect_eq(d.token_offsets[i + TEXTS], half + d.token_offsets[i]);
        cr_expect_arr_eq(d.tokens, d.tokens + half, (size_t)half * sizeof *d.tokens, "%s",
                         member->name);
        d.y = co_calloc((size_t)d.n, sizeof *d.y);
        d.classes = co_calloc(1, sizeof *d.classes);
        d.classes[0] = co_strdup("0"), d.n_classes = 1;
        cr_expect_eq(co_dataset_check(&d, "test"), CO_OK, "%s: %s", member->name,
                     co_status_message());
        co_dataset_fini(&d);
        cr_expect_eq(co_memory_blocks(), 0);
    }
}

/* The vocabulary as a file, as io/tokenisers/vocabulary.h says. */
static void save_vocabulary(const co_dataset *d, const char *path)
{
    FILE *out = fopen(path, "w");
    cr_assert(out);
    for (size_t v = 0; v < d->n_vocab; v++) {
        for (const char *c = d->vocab[v]; *c; c++) {
            const char *special = strchr("\n\t\r\\", *c);
            if (special)
                fprintf(out, "\\%c", "ntr\\"[special - strchr("\n\t\r\\", '\n')]);
            else
                fputc(*c, out);
        }
        fputc('\n', out);
    }
    fclose(out);
}

Test(tokeniser, a_vocabulary_that_was_saved_gives_the_same_ids)
{
    EACH_MEMBER(member)
    {
        if (member->every_byte) continue; /* takes no file */
        co_dataset d = tokenised(member, 1, "");
        const char *path = scratch_file("vocabulary.txt");
        save_vocabulary(&d, path);
        char *more = co_format(", vocab: %s", path);
        co_dataset again = tokenised(member, 1, more);
        cr_assert_eq(again.n_vocab, d.n_vocab, "%s: %zu names, not %zu", member->name,
                     again.n_vocab, d.n_vocab);
        for (size_t v = 0; v < d.n_vocab; v++)
            cr_expect_str_eq(again.vocab[v], d.vocab[v], "%s", member->name);
        cr_assert_eq(again.n_tokens, d.n_tokens);
        cr_expect_arr_eq(again.tokens, d.tokens, d.n_tokens * sizeof *d.tokens, "%s", member->name);
        co_free(more);
        co_dataset_fini(&d);
        co_dataset_fini(&again);
        remove(path);
    }
    cr_expect_eq(co_memory_blocks(), 0);
}

Test(tokeniser, rare_names_are_out_of_vocabulary_and_long_texts_are_cut)
{
    EACH_MEMBER(member)
    {
        co_dataset all = tokenised(member, 1, ""), rare = tokenised(member, 1, ", min_count: 3"),
                   cut = tokenised(member, 1, ", max_tokens: 4");
        cr_assert_eq(rare.n_tokens, all.n_tokens);
        for (size_t t = 0; t < all.n_tokens; t++) {
            int64_t count = 0;
            for (size_t u = 0; u < all.n_tokens; u++) count += all.tokens[u] == all.tokens[t];
            const bool known = member->every_byte || count >= 3;
            cr_expect(known ? strcmp(rare.vocab[rare.tokens[t]], all.vocab[all.tokens[t]]) == 0
                            : rare.tokens[t] == 0,
                      "%s: '%s', %lld times", member->name, all.vocab[all.tokens[t]],
                      (long long)count);
        }
        for (int64_t i = 0; i < all.n; i++) {
            const int64_t n = all.token_offsets[i + 1] - all.token_offsets[i], left = n < 4 ? n : 4;
            cr_expect_eq(cut.token_offsets[i + 1] - cut.token_offsets[i], left, "%s", member->name);
            cr_expect(memcmp(cut.tokens + cut.token_offsets[i], all.tokens + all.token_offsets[i],
                             (size_t)left * sizeof *cut.tokens) == 0,
                      "%s", member->name);
        }
        co_dataset_fini(&all);
        co_dataset_fini(&rare);
        co_dataset_fini(&cut);
    }
    cr_expect_eq(co_memory_blocks(), 0);
}

/* A name is UTF-8 of at most CO_TOKEN_BYTES bytes and stays as it is when it is cleaned again. */
Test(tokeniser, names_are_clean)
{
    EACH_MEMBER(member)
    {
        co_dataset d = tokenised(member, 1, "");
        for (size_t v = 1; v < d.n_vocab; v++) {
            char again[CO_TOKEN_BYTES + 3];
            co_token_flaws flaws = {0};
            const size_t n = strlen(d.vocab[v]),
                         used = co_token_clean(d.vocab[v], n, member->lowercase, again, &flaws);
            cr_expect(n > 0 && n <= CO_TOKEN_BYTES && used == n &&
                          memcmp(again, d.vocab[v], n) == 0 && !flaws.n_bad && !flaws.n_cut,
                      "%s: '%s'", member->name, d.vocab[v]);
        }
        co_dataset_fini(&d);
    }
}

/* A vocabulary of the member's marks, every byte's letter and the pieces of them. */
static void publish(const co_tokeniser *member, const char *path)
{
    FILE *out = fopen(path, "w");
    cr_assert(out);
    fprintf(out, "[PAD]\n%s\n%s\n%s\n", member->first, member->unknown, member->last);
    for (int c = 33; c < 127; c++) fprintf(out, "%c\n##%c\n", c, c);
    fclose(out);
}

Test(tokeniser, pieces_lie_between_marks_within_the_vocabulary_and_in_the_text)
{
    EACH_CUTTER(member)
    {
        cr_expect(!member->next, "%s: one of both", member->name);
        char *path = co_strdup(scratch_file("published.txt")),
             *more = co_format(", vocab: %s", path);
        publish(member, path);
        co_dataset d = tokenised(member, 2, more);
        const int64_t half = d.token_offsets[TEXTS];
        cr_expect_eq(d.n_vocab, 4 + 2 * 94);
        for (int64_t i = 0; i < d.n; i++) {
            const int64_t first = d.token_offsets[i], last = d.token_offsets[i + 1] - 1;
            cr_assert(first < last);
            cr_expect_str_eq(d.vocab[d.tokens[first]], member->first);
            cr_expect_str_eq(d.vocab[d.tokens[last]], member->last);
        }
        for (size_t t = 0; t < d.n_tokens; t++)
            cr_expect(d.tokens[t] > 0 && (size_t)d.tokens[t] < d.n_vocab, "%s", member->name);
        cr_expect_arr_eq(d.tokens, d.tokens + half, (size_t)half * sizeof *d.tokens, "%s",
                         member->name);
        co_dataset_fini(&d);
        co_free(more);
        co_free(path);
        cr_expect_eq(co_memory_blocks(), 0);
    }
}

/* Random bytes in a block of their size, so that the sanitizers see what is read behind it. */
Test(tokeniser, pieces_of_any_bytes_lie_in_the_text_in_order)
{
    EACH_CUTTER(member)
    {
        static const char *const none[] = {NULL};
        co_vocabulary vocabulary = {0};
        char path[1100];
        snprintf(path, sizeof path, "%s", scratch_file("published.txt"));
        publish(member, path);
        cr_assert_eq(co_vocabulary_read_published(&vocabulary, path, none), CO_OK);
        co_stream s = co_stream_open(9, CO_DRAW_TEST, 0, 0, 0);
        for (int i = 0; i < 3000; i++) {
            const size_t n = (size_t)co_draw_below(&s, 400);
            char *noise = malloc(n ? n : 1);
            co_subwords out = {.unknown = 2};
            co_token_flaws flaws = {0};
            for (size_t k = 0; k < n; k++)
                noise[k] = (char)(co_draw_below(&s, 9) ? co_draw_u32(&s) : 0x20u);
            cr_assert_eq(member->cut(&vocabulary, i & 1, noise, n, 7, &out, &flaws), CO_OK);
            for (size_t t = 0; t < out.n; t++)
                cr_expect(out.start[t] >= (t ? out.start[t - 1] : 7) &&
                              out.start[t] < 7 + (int64_t)n && out.end[t] > out.start[t] &&
                              out.end[t] <= 7 + (int64_t)n && out.id[t] > 0 &&
                              (size_t)out.id[t] < vocabulary.n_names,
                          "%s", member->name);
            co_subwords_fini(&out);
            free(noise);
        }
        co_vocabulary_fini(&vocabulary);
        cr_expect_eq(co_memory_blocks(), 0);
    }
}

Test(tokeniser, options_have_texts)
{
    EACH_OF_ALL(member) test_option_texts((const co_plugin *)member, NULL);
}
