/* The partitioner distribution: which classes a device has, and how many examples of each. */
#include "tests/harness.h"
#include "tests/partition/support.h"
#include <math.h>

static const char *write_table(const char *text, const char *options)
{
    static char words[1300];
    const char *path = scratch_file("classes.csv");
    FILE *file = fopen(path, "w");
    cr_assert(file);
    fputs(text, file);
    fclose(file);
    snprintf(words, sizeof words, "method=distribution table=%s %s", path, options);
    return words;
}

static void expect_refusal(const char *words, const co_dataset *data, const char *message)
{
    co_partition p;
    cr_expect_eq(make_partition(words, data, &p), CO_EUSAGE, "%s", words);
    cr_expect(strstr(co_status_message(), message), "%s", co_status_message());
}

/* Figures worked out by hand: 4 classes of 30; devices 0 .. 7 of 3 classes, so 6 columns. */
Test(distribution, numbers_of_examples_go_to_the_devices_of_the_class_in_turn)
{
    static const int64_t wanted[8][4] = {{1, 7, 13, 0},  {0, 8, 14, 19}, {2, 0, 15, 20},
                                         {3, 9, 0, 21},  {4, 10, 16, 0}, {0, 11, 17, 22},
                                         {5, 0, 18, 23}, {6, 12, 0, 24}};
    co_dataset data = plain_data(120 * 6, 4);
    co_partition p = must_make(write_table("1,2,3,4,5,6.9\n7,8,9,10,11,12\n"
                                           "13,14,15,16,17,18\n19,20,21,22,23,24\n",
                                           "unit=count classes_per_device=3"),
                               &data);
    int64_t *counts = count_table(&p, &data);
    cr_assert_eq(p.n_devices, 8);
    for (int k = 0; k < 8; k++)
        for (int c = 0; c < 4; c++)
            cr_expect_eq(counts[k * 4 + c], wanted[k][c], "device %d, class %d: %lld", k, c,
                         (long long)counts[k * 4 + c]);
    cr_expect_eq(p.n_unassigned, 720 - 300);
    co_free(counts);
    co_partition_fini(&p);
    co_dataset_fini(&data);
}

/* Of column i: m + floor(part (n - m columns)), and what is left to one of them. */
static void expect_row(const int64_t *given, const double *row, int columns, int64_t n, int64_t m)
{
    double sum = 0.0;
    int64_t total = 0, rest = n - m * columns;
    int n_larger = 0;
    for (int i = 0; i < columns; i++) sum += row[i];
    for (int i = 0; i < columns; i++) {
        const int64_t least = m + (int64_t)floor(row[i] / sum * (double)(n - m * columns));
        cr_expect(given[i] >= least, "column %d: %lld, not %lld", i, (long long)given[i],
                  (long long)least);
        rest -= least - m;
        total += given[i];
        n_larger += given[i] > least;
    }
    cr_expect(total == n && n_larger <= 1 && (n_larger == 1) == (rest > 0));
}

Test(distribution, parts_of_a_class_add_up_and_the_rest_goes_to_one_device)
{
    enum { C = 5, TURNS = 3, K = C * TURNS, EACH = 2, COLUMNS = TURNS * EACH, N = 2000 };
    int first_has_rest = 0;
    for (uint64_t seed = 0; seed < 60; seed++) {
        co_dataset data = plain_data(N, C);
        co_stream s = co_stream_open(seed, CO_DRAW_TEST, 4, 0, 0);
        double row[C][COLUMNS];
        char text[2000] = "", options[100];
        for (int c = 0; c < C; c++)
            for (int i = 0; i < COLUMNS; i++) {
                row[c][i] = co_draw_uniform(&s);
                snprintf(text + strlen(text), sizeof text - strlen(text), "%.17g%c", row[c][i],
                         i + 1 < COLUMNS ? ',' : '\n');
            }
        snprintf(options, sizeof options, "min_per_class=7 seed=%d", (int)seed);
        co_partition p = must_make(write_table(text, options), &data);
        int64_t *counts = count_table(&p, &data);
        cr_assert(p.n_devices == K && p.n_unassigned == 0);
        for (int c = 0; c < C; c++) {
            int64_t given[COLUMNS];
            int n = 0;
            for (int k = 0; k < K; k++) {
                const bool has = k % C == c || (k + 1) % C == c;
                cr_assert(has == (counts[k * C + c] > 0), "device %d, class %d", k, c);
                if (has) given[n++] = counts[k * C + c];
            }
            cr_assert_eq(n, COLUMNS);
            expect_row(given, row[c], COLUMNS, N / C, 7);
            first_has_rest += given[0] > 7 + (int64_t)floor(row[c][0] /
                                                            (row[c][0] + row[c][1] + row[c][2] +
                                                             row[c][3] + row[c][4] + row[c][5]) *
                                                            (double)(N / C - 7 * COLUMNS));
        }
        co_free(counts);
        co_partition_fini(&p);
        co_dataset_fini(&data);
    }
    /* binomial of 300 and 1/6: 50, standard deviation 6.5 */
    cr_expect(first_has_rest > 24 && first_has_rest < 76, "%d of 300", first_has_rest);
}

Test(distribution, classes_without_examples_have_no_row)
{
    co_dataset data = plain_data(60, 3);
    data.n_classes = 4;
    for (int64_t i = 0; i < data.n; i++) data.y[i] += data.y[i] >= 1;
    co_partition p = must_make(write_table("1\n1\n1\n", "classes_per_device=1"), &data);
    int64_t *counts = count_table(&p, &data);
    static const int64_t wanted[12] = {20, 0, 0, 0, 0, 0, 20, 0, 0, 0, 0, 20};
    for (int i = 0; i < 12; i++) cr_expect_eq(counts[i], wanted[i], "entry %d", i);
    co_free(counts);
    co_partition_fini(&p);
    co_dataset_fini(&data);
}

Test(distribution, tables_that_do_not_fit_are_refused_with_the_shape_that_would)
{
    co_dataset data = plain_data(60, 3);
    expect_refusal(write_table("1,1\n1,1\n", ""), &data, "2 devices are no multiple of the 3");
    expect_refusal(write_table("1,1,1\n1,1,1\n1,1,1\n", ""), &data,
                   "3 columns, no multiple of classes_per_device 2");
    expect_refusal(write_table("1,1\n1,1\n1,1\n", "devices=6"), &data,
                   "3 rows of 2 numbers; 3 classes with training examples and 6 devices of 2 "
                   "classes each want 3 rows of 4");
    expect_refusal(write_table("1,1\n1,1\n1,1\n", "devices=7"), &data, "7 devices are no multiple");
    expect_refusal(write_table("1,1,1,1\n1,1,1,1\n1,1,1,1\n", "classes_per_device=4"), &data,
                   "4 classes a device, but only 3");
    expect_refusal(write_table("1,1\n0,0\n1,1\n", ""), &data, "row 1 has no number above 0");
    expect_refusal(write_table("1,1\n1,1\n1,1\n", "min_per_class=10"), &data,
                   "class 0 has 20 examples for 2 devices; it needs at least 10");
    expect_refusal(write_table("15,1\n15,6\n1,1\n", "unit=count"), &data,
                   "row 1 asks for 21 examples of class 1, there are 20");
    expect_refusal(write_table("1,1\n1,1\n1,1\n", "unit=count min_per_class=1"), &data,
                   "1 is for unit class");
    co_dataset_fini(&data);
}
