/* Bounds that are printed stay bounds: rounded up for an upper one, down for a lower one, by less
 * than a unit of the last digit. */
#include "core/random.h"
#include "report/print.h"
#include "tests/harness.h"
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

Test(print, rounded_bounds_stay_bounds)
{
    co_stream s = co_stream_open(1, CO_DRAW_TEST, 0, 0, 0);
    for (int i = 0; i < 20000; i++) {
        const double x = exp(20.0 * co_draw_normal(&s));
        for (int digits = 1; digits <= 7; digits++) {
            const double up = co_round_digits(x, digits, true),
                         down = co_round_digits(x, digits, false);
            cr_expect(down <= x && x <= up, "%.17g to %d digits: %.17g and %.17g", x, digits, down,
                      up);
            cr_expect(up - down <= 1.000001 * pow(10.0, floor(log10(x)) - digits + 1),
                      "%.17g, %d digits", x, digits);
        }
    }
}

/* What co_print_wrapped makes of a text, until the next call. */
static const char *wrapped(const char *text)
{
    static char got[4000];
    FILE *out = fmemopen(got, sizeof got, "w");
    co_print_wrapped(out, "%s", text);
    fclose(out);
    return got;
}

Test(print, long_lines_go_on_below_their_last_column)
{
    char text[400] = "  key  number  0.1  ";
    for (int k = 0; k < 40; k++) strcat(text, "word ");
    const char *got = wrapped(strcat(text, "\nshort  line\n\n"));
    size_t n_words = 0;
    const char *line = got;
    for (int k = 0; *line && *line != 's'; k++, line = strchr(line, '\n') + 1) {
        const size_t n = strcspn(line, "\n");
        cr_expect(n <= CO_LINE_WIDTH && n > CO_LINE_WIDTH - 6 - 40 * (line[n + 1] == 's'),
                  "line %d has %zu columns", k, n);
        cr_expect(k == 0 || strspn(line, " ") == 20, "line %d begins at %zu", k, strspn(line, " "));
        for (size_t i = 0; i + 4 <= n; i++) n_words += strncmp(line + i, "word", 4) == 0;
    }
    cr_expect_eq(n_words, 40);
    cr_expect_str_eq(line, "short  line\n\n");
}

Test(print, a_word_longer_than_a_line_stays_whole_and_short_texts_stay_as_they_are)
{
    char text[200] = "a ";
    memset(text + 2, 'x', 150);
    const char *got = wrapped(text);
    cr_expect_eq(strlen(strrchr(got, ' ') + 1), 151, "%s", got); /* with the end of the line */
    static const char *const kept = "usage: cohort\n\n  a  b\n";
    got = wrapped(kept);
    cr_expect_str_eq(got, kept);
}

Test(print, what_has_few_digits_is_kept)
{
    static const double kept[] = {0.0, 1.0, 2.0, 0.5, 0.1, 1e-5, 123.0, 1e300};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        cr_expect_eq(co_round_digits(kept[i], 5, true), kept[i]);
        cr_expect_eq(co_round_digits(kept[i], 5, false), kept[i]);
    }
    cr_expect(isinf(co_round_digits(INFINITY, 5, true)));
}
