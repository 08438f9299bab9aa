/* tests/io/test_readers_missing.c - import csv: missing cells by each way, scaling fitted to the
 * training part, separators. */
#include "tests/io/reader_support.h"
#include <math.h>

static float at(const co_dataset *d, int64_t i, size_t j)
{
    return ((const float *)d->x)[(size_t)i * d->x_size + j];
}

#define CELLS "1,a,0\nNA,a,1\n3,?,0\nnan,b,1\n5,b,NaN\n,b,1\n8,N/A,0\nnull,a,1\n12,b,0\n"

Test(missing, the_usual_spellings_are_missing_and_dropped_with_a_line)
{
    co_dataset d;
    const char *line = told(write_text("m.csv", CELLS), "y=2 missing=drop", &d);
    cr_expect(strstr(line, "missing=drop: 7 of 9 rows went"), "%s", line);
    cr_expect(d.n == 2 && d.x_size == 3 && d.n_classes == 1, "%d rows, %zu features", (int)d.n,
              d.x_size);
    cr_expect(at(&d, 1, 0) == 12.0f && at(&d, 1, 2) == 1.0f);
    co_dataset_fini(&d);
    import_bad("csv", write_text("m.csv", CELLS), "y=2", CO_EDATA, ":2: column 0: 'NA' is missing",
               "mean");
    import_bad("csv", write_text("m.csv", "1,0\n2,nan\n"), "y=1", CO_EDATA,
               ":2: column 1: 'nan' is missing", "");
}

Test(missing, numbers_are_filled_and_words_have_zeros)
{
    static const struct {
        const char *how;
        float want;
    } ways[] = {{"mean", 6.0f}, {"median", 5.5f}, {"zero", 0.0f}}; /* of 1, 3, 8, 12 */
    for (size_t k = 0; k < 3; k++) {
        char option[64];
        co_dataset d;
        snprintf(option, sizeof option, "y=2 missing=%s", ways[k].how);
        const char *line = told(write_text("m.csv", CELLS), option, &d);
        cr_expect(strstr(line, "1 of 9 rows went"), "%s", line); /* the label is missing */
        cr_expect(strstr(line, "6 missing cells in 2 columns are filled"), "%s", line);
        cr_assert(d.n == 8 && d.x_size == 3 && d.n_classes == 2);
        cr_expect(at(&d, 0, 0) == 1.0f && at(&d, 0, 1) == 1.0f && at(&d, 0, 2) == 0.0f);
        cr_expect_eq(at(&d, 1, 0), ways[k].want);
        cr_expect(at(&d, 2, 0) == 3.0f && at(&d, 2, 1) == 0.0f && at(&d, 2, 2) == 0.0f);
        cr_expect_eq(at(&d, 4, 0), ways[k].want);
        co_dataset_fini(&d);
    }
}

Test(missing, the_mean_is_of_the_training_part_alone)
{
    char option[1300];
    co_dataset d;
    snprintf(option, sizeof option, "y=1 missing=mean test=%s",
             write_text("b.csv", "1000,0\n?,1\n"));
    import_good("csv", write_text("a.csv", "1,0\n3,1\n?,0\n"), option, &d);
    cr_expect(at(&d, 2, 0) == 2.0f && at(&d, 4, 0) == 2.0f && at(&d, 3, 0) == 1000.0f);
    co_dataset_fini(&d);
    char text[4000] = ""; /* the part that is drawn: row i has i, the last row has none */
    for (int i = 0; i < 40; i++) snprintf(text + strlen(text), 32, "%d,%d\n", i, i % 2);
    strcat(text, "?,0\n");
    import_good("csv", write_text("c.csv", text), "y=1 missing=mean test_fraction=0.5", &d);
    double sum = 0.0, n = 0.0;
    for (int64_t i = 0; i < 40; i++)
        if (d.split[i] == 0) sum += (double)at(&d, i, 0), n += 1.0;
    cr_expect(n >= 20.0 && n <= 21.0 && fabs(sum / n - 19.5) > 1e-6);
    cr_expect_float_eq((double)at(&d, 40, 0), sum / n, 1e-5);
    co_dataset_fini(&d);
}

Test(missing, a_column_without_training_values_is_0)
{
    co_dataset d;
    const char *line = told(write_text("m.csv", "1,?,0\n2,NA,1\n"), "y=2 missing=median", &d);
    cr_expect(strstr(line, "column 1 has no value in the training part"), "%s", line);
    cr_expect(d.x_size == 2 && at(&d, 0, 1) == 0.0f && at(&d, 1, 1) == 0.0f);
    co_dataset_fini(&d);
}

Test(missing, the_words_can_be_named)
{
    co_dataset d;
    import_good("csv", write_text("m.csv", "1,a,0\n-9,NA,1\nnone,a,1\n"),
                "y=2 missing=zero missing_words=[-9,None]", &d);
    cr_expect(d.x_size == 3 && at(&d, 1, 0) == 0.0f && at(&d, 2, 0) == 0.0f &&
              at(&d, 1, 1) == 1.0f);
    co_dataset_fini(&d);
}

Test(missing, users_that_lose_every_row_are_named)
{
    co_dataset d;
    const char *line = told(write_text("m.csv", "1,0,ann\n?,1,bob\n?,0,ann\n?,1,cy\n2,1,?\n"),
                            "y=1 user=2 missing=drop", &d);
    cr_expect(strstr(line, "4 of 5 rows went"), "%s", line);
    cr_expect(strstr(line, "2 of 3 users have no row left (bob, cy)"), "%s", line);
    cr_expect_eq(d.n_users, 1);
    co_dataset_fini(&d);
}

Test(missing, four_hospitals_stay_when_cells_are_filled)
{
    static const char *const names[4] = {"cleveland", "hungarian", "switzerland", "va"};
    static const int64_t published[4] = {303, 294, 123, 200};
    char path[4][1100];
    const char *sources[4];
    int64_t n[4] = {0};
    co_dataset d;
    for (int k = 0; k < 4; k++) {
        char below[100];
        snprintf(below, sizeof below, "data/tabular/heart_disease/processed.%s.data", names[k]);
        const char *found = shared_file(below);
        if (!found) return;
        snprintf(path[k], sizeof path[k], "%s", found);
        sources[k] = path[k];
    }
    cr_assert_eq(import("csv", sources, 4,
                        "y=13 user=file missing=median scale=standard test_fraction=0.2", &d),
                 CO_OK, "%s", co_status_message());
    cr_expect(d.n == 920 && d.x_size == 13 && d.n_classes == 5 && d.n_users == 4);
    for (int64_t i = 0; i < d.n; i++) n[d.user[i]]++;
    for (int k = 0; k < 4; k++) cr_expect_eq(n[k], published[k]);
    co_dataset_fini(&d);
}

Test(scale, standard_and_minmax_are_fitted_to_training_rows)
{
    char option[1300], standard[1300];
    co_dataset d;
    const char *train =
        write_text("a.csv", "1,7,u,0\n3,7,v,1\n8,7,u,0\n"); /* mean 4, deviation sqrt(26 / 3) */
    snprintf(option, sizeof option, "y=3 scale=minmax test=%s", write_text("b.csv", "15,9,v,1\n"));
    snprintf(standard, sizeof standard, "y=3 scale=standard test=%s", scratch_file("b.csv"));
    import_good("csv", train, standard, &d);
    for (int64_t i = 0; i < 4; i++) {
        const double x[4] = {1, 3, 8, 15};
        cr_expect_float_eq((double)at(&d, i, 0), (x[i] - 4.0) / sqrt(26.0 / 3.0), 1e-6);
    }
    cr_expect(at(&d, 0, 1) == 0.0f && at(&d, 3, 1) == 2.0f); /* constant: shifted alone */
    cr_expect(at(&d, 0, 2) == 1.0f && at(&d, 0, 3) == 0.0f); /* one-hot stays */
    co_dataset_fini(&d);
    import_good("csv", train, option, &d);
    cr_expect(at(&d, 0, 0) == 0.0f && at(&d, 2, 0) == 1.0f && at(&d, 3, 0) == 2.0f);
    cr_expect_float_eq((double)at(&d, 1, 0), 2.0 / 7.0, 1e-7);
    co_dataset_fini(&d);
}

Test(scale, adult_has_mean_0_and_deviation_1)
{
    const char *path = shared_file("data/tabular/adult/adult.data");
    co_dataset d;
    if (!path) return;
    import_good("csv", path, "y=14 missing=drop scale=standard", &d);
    for (size_t j = 0; j < d.x_size; j++) {
        double sum = 0.0, squares = 0.0;
        for (int64_t i = 0; i < d.n; i++) {
            sum += (double)at(&d, i, j);
            squares += (double)at(&d, i, j) * (double)at(&d, i, j);
        }
        if (j > 0) continue; /* age; most others are one-hot */
        cr_expect(fabs(sum / (double)d.n) < 1e-6 && fabs(squares / (double)d.n - 1.0) < 1e-6);
    }
    for (size_t i = 0; i < (size_t)d.n * d.x_size; i++)
        cr_assert_lt(fabsf(((const float *)d.x)[i]), 200.0f);
    co_dataset_fini(&d);
}

Test(scale, large_numbers_without_it_are_told)
{
    co_dataset d;
    const char *line = told(write_text("m.csv", "1,77516,0\n2,3,1\n"), "y=2", &d);
    cr_expect(strstr(line, "column 1 reaches 77516"), "%s", line);
    co_dataset_fini(&d);
}

Test(missing, columns_of_words_that_are_nearly_all_different_are_told)
{
    char text[1000] = "";
    co_dataset d;
    for (int i = 0; i < 30; i++) snprintf(text + strlen(text), 32, "1;%d,%d;%d\n", i, i % 7, i % 2);
    const char *line = told(write_text("m.csv", text), "y=2 separator=;", &d);
    cr_expect(strstr(line, "column 1 holds 30 different words") && strstr(line, "decimal comma"),
              "%s", line);
    co_dataset_fini(&d);
}

/* A file whose name ends in .tsv. */
static const char *write_tsv(const char *text)
{
    static char path[1100];
    snprintf(path, sizeof path, "%s.tsv", scratch_file("t"));
    write_bytes(path, text, strlen(text));
    return path;
}

static void expect_table(const char *path, const char *options)
{
    co_dataset d;
    import_good("csv", path, options, &d);
    cr_assert(d.n == 2 && d.x_size == 3 && d.n_classes == 2, "%s: %d %zu", options, (int)d.n,
              d.x_size);
    cr_expect(at(&d, 0, 0) == 1.0f && at(&d, 1, 0) == 2.0f && at(&d, 1, 1) == 1.0f &&
                  at(&d, 1, 2) == 0.0f,
              "%s", options);
    cr_expect(d.y[0] == 0 && d.y[1] == 1);
    co_dataset_fini(&d);
}

Test(separator, semicolons_tabs_bars_and_blanks)
{
    expect_table(write_text("s.csv", "1;\"a;b\";0\n2; a ;1\n"), "y=2 separator=;");
    expect_table(write_text("s.csv", "1;\"a;b\";0\n2; a ;1\n"), "y=2 separator=semicolon");
    expect_table(write_text("s.csv", "1|\"a|b\"|0\n2|a|1\n"), "y=2 separator=bar");
    expect_table(write_text("s.csv", "1\t\"a\tb\"\t0\r\n2\ta\t1\r\n"), "y=2 separator=tab");
    expect_table(write_tsv("1\t\"a\tb\"\t0\n2\ta\t1\n"), "y=2");
    expect_table(write_text("s.csv", "  1   \"b c\" 0 \n2\ta  1"), "y=2 separator=blank");
    import_bad("csv", write_text("s.csv", "1;0\n"), "y=1 separator=ab", CO_EUSAGE, "separator=ab",
               "one character");
}

Test(separator, the_first_line_of_spreadsheets_says_it)
{
    expect_table(write_text("s.csv", "sep=;\r\n1;\"a;b\";0\r\n2; a ;1\r\n"), "y=2");
    import_bad("csv", write_text("s.csv", "sep=;\n1;0\n2\n"), "y=1", CO_EDATA, ":3: 1 columns",
               "expected 2");
}

Test(separator, an_empty_cell_between_tabs_is_a_cell)
{
    co_dataset d;
    import_good("csv", write_tsv("a\tb\ty\n1\t\t0\n\t2\t1\n\t\t1\n"),
                "y=y header=true missing=zero", &d);
    cr_expect(d.n == 3 && d.x_size == 2 && at(&d, 0, 1) == 0.0f && at(&d, 1, 0) == 0.0f &&
              at(&d, 1, 1) == 2.0f);
    co_dataset_fini(&d);
}
