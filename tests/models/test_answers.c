/* tests/models/test_answers.c - answers against the published definition of SQuAD's scripts
 * (tests/reference/answers.py): normal forms, scores, and means over all. COHORT_ANSWERS names a
 * larger set than the stored one. */
#include "models/tasks/answers.h"
#include "core/memory.h"
#include "tests/harness.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 1 << 20 };

static FILE *open_numbers(void)
{
    char path[1024];
    const char *root = getenv("SOURCE"), *larger = getenv("COHORT_ANSWERS");
    snprintf(path, sizeof path, "%s/tests/reference/answers.txt", root ? root : "..");
    FILE *file = fopen(larger ? larger : path, "r");
    cr_assert(file, "%s", larger ? larger : path);
    return file;
}

/* The next word of *line as bytes, in place; their number. */
static size_t take_text(char **line, char **text)
{
    char *word = strtok_r(NULL, " \n", line);
    size_t n = 0;
    cr_assert(word);
    *text = word;
    for (unsigned byte; word[0] != '-' && sscanf(word + 2 * n, "%2x", &byte) == 1; n++)
        word[n] = (char)byte;
    return n;
}

Test(answers, normal_forms_follow_the_definition)
{
    char *line = co_malloc(LINE, 1), *rest, *text, *wanted;
    co_text flat = {0}, form = {0};
    size_t n_checked = 0;
    FILE *file = open_numbers();
    while (fgets(line, LINE, file)) {
        if (strcmp(strtok_r(line, " ", &rest), "form") != 0) continue;
        const size_t n = take_text(&rest, &text), n_wanted = take_text(&rest, &wanted);
        co_answer_normal(text, n, &flat, &form);
        cr_expect(form.n == n_wanted && (n_wanted == 0 || !memcmp(form.data, wanted, n_wanted)),
                  "%.*s: %s, not %.*s", (int)n, text, form.n ? form.data : "", (int)n_wanted,
                  wanted);
        n_checked++;
    }
    fclose(file);
    co_text_fini(&flat);
    co_text_fini(&form);
    co_free(line);
    cr_expect_gt(n_checked, 20);
    cr_expect_eq(co_memory_blocks(), 0);
}

/* "score VERSION EXACT F1 GIVEN N ACCEPTED .." behind its first word. */
static void check_score(char *rest, double sums[3][3], co_answer *a)
{
    char *text;
    const int version = atoi(strtok_r(NULL, " ", &rest));
    const double exact = atof(strtok_r(NULL, " ", &rest)), f1 = atof(strtok_r(NULL, " ", &rest));
    size_t n = take_text(&rest, &text);
    co_answer_open(a, text, n, version == 2);
    for (int left = atoi(strtok_r(NULL, " \n", &rest)); left > 0; left--) {
        n = take_text(&rest, &text);
        co_answer_accept(a, text, n);
    }
    cr_assert_eq(co_answer_close(a), CO_OK);
    cr_expect(a->exact == exact && a->f1 == f1, "%g %.17g, not %g %.17g", a->exact, a->f1, exact,
              f1);
    sums[version][0] += 1.0;
    sums[version][1] += a->exact;
    sums[version][2] += a->f1;
}

static void check_total(char *rest, double sums[3][3])
{
    const int version = atoi(strtok_r(NULL, " ", &rest));
    const double n = atof(strtok_r(NULL, " ", &rest)), exact = atof(strtok_r(NULL, " ", &rest)),
                 f1 = atof(strtok_r(NULL, " \n", &rest));
    cr_expect_eq(sums[version][0], n);
    cr_expect_eq(100.0 * sums[version][1] / n, exact, "version %d", version);
    cr_expect_eq(100.0 * sums[version][2] / n, f1, "version %d", version);
}

Test(answers, scores_and_their_means_follow_the_definition_to_the_last_digit)
{
    char *line = co_malloc(LINE, 1), *rest;
    double sums[3][3] = {{0}};
    co_answer answer = {0};
    FILE *file = open_numbers();
    while (fgets(line, LINE, file)) {
        const char *word = strtok_r(line, " ", &rest);
        if (strcmp(word, "score") == 0) check_score(rest, sums, &answer);
        if (strcmp(word, "total") == 0) check_total(rest, sums);
    }
    fclose(file);
    co_answer_fini(&answer);
    co_free(line);
    cr_expect(sums[1][0] > 100 && sums[2][0] > 100);
    cr_expect_eq(co_memory_blocks(), 0);
}

Test(answers, bytes_that_are_no_utf8_are_marks_of_their_own)
{
    co_text flat = {0}, form = {0};
    co_answer_normal("the\xff the \xc3", 11, &flat, &form);
    cr_expect_str_eq(form.data, "\xff \xc3");
    co_text_fini(&flat);
    co_text_fini(&form);
}
