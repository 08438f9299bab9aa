/* tests/models/test_text_scores.c - BLEU and ROUGE against sacrebleu and rouge-score
 * (tests/reference/text_scores.py): texts with every sign that their rules know, and 1,000 changed
 * lines of Multi30k where the public data are there. */
#include "models/decoding/text_scores.h"
#include "core/memory.h"
#include "tests/models/build.h"
#include <math.h>
#include <zlib.h>

enum { MOST_REFERENCES = 3, LINE = 4096, MOST_LINES = 1100, MOST_WORDS = 400, N_SCORES = 4 };

static FILE *open_numbers(void)
{
    char path[1024];
    const char *root = getenv("SOURCE");
    snprintf(path, sizeof path, "%s/tests/reference/text_scores.txt", root ? root : "..");
    FILE *file = fopen(path, "r");
    cr_assert(file, "%s", path);
    return file;
}

/* Next four numbers against the sums: equal far beyond what anybody prints. */
static void compare(FILE *file, const double *sums, const char *what)
{
    for (size_t k = 0; k < N_SCORES; k++) {
        double wanted;
        const double got = co_text_metrics[k].finish(sums, 0);
        cr_assert_eq(fscanf(file, "%lf", &wanted), 1);
        cr_expect_lt(fabs(got - wanted), 1e-11 * (1.0 + wanted), "%s: %s %.17g for %.17g", what,
                     co_text_metrics[k].name, got, wanted);
    }
}

static void read_line(FILE *file, char *line)
{
    size_t n = 0;
    cr_assert(fgets(line, LINE, file));
    for (const char *from = line; *from && *from != '\n'; n++)
        if (from[0] == '\\' && from[1] == 'n')
            line[n] = '\n', from += 2;
        else
            line[n] = *from++;
    line[n] = 0;
}

static co_passage piece_of(const char *text)
{
    return (co_passage){text, strlen(text)};
}

Test(text_scores, are_those_of_sacrebleu_and_rouge_score)
{
    static char line[32][MOST_REFERENCES + 1][LINE];
    static double each[32][CO_TEXT_SUMS], all[CO_TEXT_SUMS];
    FILE *file = open_numbers();
    co_text_scorer *scorer;
    int n, n_references;
    cr_assert_eq(co_text_scorer_create(&scorer), CO_OK);
    cr_assert_eq(fscanf(file, "stored %d ", &n), 1);
    cr_assert_leq(n, 32);
    for (int i = 0; i < n; i++) {
        co_passage references[MOST_REFERENCES];
        cr_assert_eq(fscanf(file, "text %d", &n_references), 1);
        cr_assert_eq(fgetc(file), '\n');
        for (int r = 0; r <= n_references; r++) read_line(file, line[i][r]);
        for (int r = 0; r < n_references; r++) references[r] = piece_of(line[i][r + 1]);
        for (int twice = 0; twice < 2; twice++)
            cr_assert_eq(co_text_scores_add(scorer, piece_of(line[i][0]), (size_t)n_references,
                                            references, twice ? all : each[i]),
                         CO_OK);
    }
    compare(file, all, "all");
    for (int i = 0; i < n; i++) compare(file, each[i], line[i][0]);
    fclose(file);
    co_text_scorer_destroy(scorer);
    cr_expect_eq(co_memory_blocks(), 0);
}

Test(text_scores, of_no_text_are_no_numbers)
{
    const double none[CO_TEXT_SUMS] = {0};
    for (size_t k = 0; k < N_SCORES; k++)
        cr_expect(isnan(co_text_metrics[k].finish(none, 0)), "%s", co_text_metrics[k].name);
    cr_expect_null(co_text_metrics[N_SCORES].name);
}

/* ---- Multi30k, changed as text_scores.py changes it ---- */

static char lines[MOST_LINES][LINE], changed[MOST_LINES][2 * LINE];

static size_t read_lines(const char *shared, const char *language)
{
    char path[1024];
    size_t n = 0;
    snprintf(path, sizeof path, "%s/data/seq2seq/multi30k/test_2016_flickr.%s.gz", shared,
             language);
    gzFile file = gzopen(path, "rb");
    if (!file) return 0;
    for (; n < MOST_LINES && gzgets(file, lines[n], LINE); n++)
        lines[n][strcspn(lines[n], "\n")] = 0;
    gzclose(file);
    return n;
}

static size_t insert_word(co_passage *words, size_t n, size_t at, co_passage word)
{
    cr_assert_lt(n, MOST_WORDS);
    memmove(words + at + 1, words + at, (n - at) * sizeof *words);
    words[at] = word;
    return n + 1;
}

/* Word j of all; returns how many words the new line has then. */
static size_t change_word(uint64_t j, co_passage word, co_passage first, co_passage *out, size_t n)
{
    switch (test_bits(7000, j) % 16) {
    case 0: return n;
    case 1: return insert_word(out, insert_word(out, n, n, word), n + 1, word);
    case 2: return insert_word(out, n, n > 1 ? n - 1 : 0, word);
    case 3: return insert_word(out, n, n, first);
    case 4:
        if (word.n > 1 && !(word.text[word.n - 1] & 0x80)) word.n--;
        return insert_word(out, n, n, word);
    default: return insert_word(out, n, n, word);
    }
}

static uint64_t change_line(uint64_t j, const char *line, char *to)
{
    static char comma[MOST_WORDS][LINE / 8];
    co_passage out[MOST_WORDS], first = {0};
    size_t n = 0, n_commas = 0, at = 0;
    for (const char *word = line; word; j++) {
        const char *end = strchr(word, ' ');
        co_passage own = {word, end ? (size_t)(end - word) : strlen(word)};
        if (word == line) first = own;
        if (test_bits(7000, j) % 16 == 5) {
            char *copy = comma[n_commas++];
            snprintf(copy, sizeof *comma, "%.*s,", (int)own.n, own.text);
            own = piece_of(copy);
        }
        n = change_word(j, own, first, out, n);
        word = end ? end + 1 : NULL;
    }
    for (size_t k = 0; k < n; k++) {
        if (k > 0) to[at++] = ' ';
        memcpy(to + at, out[k].text, out[k].n);
        at += out[k].n;
    }
    to[at] = 0;
    return j;
}

/* Every line against itself, and against the one in front of it too. */
static void score_lines(FILE *file, co_text_scorer *scorer, size_t n, const char *language)
{
    for (size_t n_references = 1; n_references <= 2; n_references++) {
        double sums[CO_TEXT_SUMS] = {0};
        for (size_t i = 0; i < n; i++) {
            const co_passage references[] = {piece_of(lines[i]), piece_of(lines[(i + n - 1) % n])};
            cr_assert_eq(
                co_text_scores_add(scorer, piece_of(changed[i]), n_references, references, sums),
                CO_OK);
        }
        compare(file, sums, language);
    }
}

Test(text_scores, of_a_thousand_changed_lines_too)
{
    const char *shared = getenv("COHORT_SHARED");
    char word[LINE], language[8];
    FILE *file = open_numbers();
    co_text_scorer *scorer;
    size_t n, n_read = 0;
    cr_assert_eq(co_text_scorer_create(&scorer), CO_OK);
    while (fscanf(file, "%4095s", word) == 1) {
        if (strcmp(word, "multi30k") != 0) continue;
        uint64_t j = 0;
        cr_assert_eq(fscanf(file, "%zu %7s", &n, language), 2);
        if (!shared || read_lines(shared, language) == 0) continue;
        for (size_t i = 0; i < n; i++) j = change_line(j, lines[i], changed[i]);
        score_lines(file, scorer, n, language);
        n_read++;
    }
    fclose(file);
    co_text_scorer_destroy(scorer);
    if (n_read == 0) cr_skip_test("no public data in COHORT_SHARED");
    cr_expect_eq(n_read, 2);
}
