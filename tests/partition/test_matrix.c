/* The partitioner matrix: the given distribution is what the devices hold. */
#include "tests/harness.h"
#include "tests/partition/support.h"
#include <math.h>

static const char *write_matrix(const char *text)
{
    static char words[1200];
    const char *path = scratch_file("given.csv");
    FILE *file = fopen(path, "w");
    cr_assert(file);
    fputs(text, file);
    fclose(file);
    snprintf(words, sizeof words, "method=matrix matrix=%s", path);
    return words;
}

static void expect_counts(const char *table, const char *unit, const int64_t *wanted,
                          int64_t n_left)
{
    char words[1300];
    co_dataset data = plain_data(60, 3);
    snprintf(words, sizeof words, "%s unit=%s", write_matrix(table), unit);
    co_partition p = must_make(words, &data);
    int64_t *counts = count_table(&p, &data);
    cr_expect(p.n_devices == 2 && p.n_unassigned == n_left);
    for (int i = 0; i < 6; i++)
        cr_expect(counts[i] == wanted[i], "%s: entry %d is %lld", unit, i, (long long)counts[i]);
    co_free(counts);
    co_partition_fini(&p);
    co_dataset_fini(&data);
}

Test(matrix, counts_shares_and_mixes_are_kept)
{
    expect_counts("# a comment\n5, 0, 7\n10, 20, 0\n", "count", (int64_t[]){5, 0, 7, 10, 20, 0},
                  18);
    expect_counts("\xef\xbb\xbf"
                  "5,0,7\r\n10,20,0\r\n",
                  "count", (int64_t[]){5, 0, 7, 10, 20, 0}, 18);
    expect_counts("1,0,3\n3,0,1\n", "class", (int64_t[]){5, 0, 15, 15, 0, 5}, 20);
    expect_counts("2,1,0\n0,1,2\n", "device", (int64_t[]){20, 10, 0, 0, 10, 20}, 0);
}

Test(matrix, asking_for_more_than_there_is_is_refused)
{
    co_dataset data = plain_data(60, 3);
    co_partition p;
    char words[1300];
    snprintf(words, sizeof words, "%s unit=count", write_matrix("21,0,0\n0,0,0\n"));
    cr_expect(make_partition(words, &data, &p) == CO_EUSAGE);
    cr_expect(strstr(co_status_message(), "ask for 21 examples, there are 20"), "%s",
              co_status_message());
    co_dataset_fini(&data);
}

Test(matrix, devices_that_ask_for_one_class_get_no_other)
{
    expect_counts("1,0,0\n1,0,0\n", "device", (int64_t[]){10, 0, 0, 10, 0, 0}, 40);
    expect_counts("0,0,0\n1,1,1\n", "device", (int64_t[]){0, 0, 0, 10, 10, 10}, 30);
}

/* value[k][c] as a table; unit device. */
static co_partition make_mixes(const double *value, int64_t k, size_t n_classes,
                               const co_dataset *data)
{
    static char text[1 << 16], words[1300];
    size_t used = 0;
    for (int64_t i = 0; i < k * (int64_t)n_classes; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%.17g%c", value[i],
                                 (i + 1) % (int64_t)n_classes ? ',' : '\n');
    snprintf(words, sizeof words, "%s unit=device", write_matrix(text));
    return must_make(words, data);
}

/* Random tables against their definition, w_kc = (n / K) row_kc / sum row_k, cut to w n_c / sum_k
 * w. */
Test(matrix, what_can_be_given_is_given_up_to_rounding)
{
    enum { K = 7, C = 10, N = 7000 };
    co_dataset data = plain_data(N, C);
    for (uint64_t seed = 0; seed < 40; seed++) {
        co_stream s = co_stream_open(seed, CO_DRAW_TEST, 3, 0, 0);
        double value[K * C], asked[C] = {0};
        for (int i = 0; i < K * C; i++) value[i] = co_draw_below(&s, 3) ? co_draw_uniform(&s) : 0.0;
        for (int k = 0; k < K; k++) {
            double sum = 0.0;
            for (int c = 0; c < C; c++) sum += value[k * C + c];
            for (int c = 0; c < C; c++) asked[c] += value[k * C + c] *= 1000.0 / sum;
        }
        co_partition p = make_mixes(value, K, C, &data);
        int64_t *counts = count_table(&p, &data);
        for (int i = 0; i < K * C; i++) {
            const double x = value[i] * fmin(1.0, 700.0 / asked[i % C]);
            cr_expect(fabs((double)counts[i] - x) < 1.0, "seed %d, entry %d: %lld, not %.3f",
                      (int)seed, i, (long long)counts[i], x);
        }
        co_free(counts);
        co_partition_fini(&p);
    }
    co_dataset_fini(&data);
}

/* A table whose margins are those of the data, found by alternate scaling, and zeros in it: all is
 * given. */
Test(matrix, a_table_that_fits_leaves_nothing_over)
{
    enum { K = 20, C = 10, N = 7000 };
    co_dataset data = plain_data(N, C);
    for (uint64_t seed = 0; seed < 20; seed++) {
        co_stream s = co_stream_open(seed, CO_DRAW_TEST, 4, 0, 0);
        double value[K * C];
        for (int i = 0; i < K * C; i++)
            value[i] = co_draw_below(&s, 2) || i % C == i / C % C ? 0.1 + co_draw_uniform(&s) : 0.0;
        for (int turn = 0; turn < 4000; turn++) {
            for (int line = 0; line < K + C; line++) {
                const int first = line < K ? line * C : line - K, n = line < K ? C : K,
                          step = line < K ? 1 : C;
                double sum = 0.0;
                for (int i = 0; i < n; i++) sum += value[first + i * step];
                for (int i = 0; i < n; i++)
                    value[first + i * step] *= (line < K ? (double)N / K : (double)N / C) / sum;
            }
        }
        co_partition p = make_mixes(value, K, C, &data);
        int64_t *counts = count_table(&p, &data);
        cr_expect(p.n_unassigned <= 1, "seed %d: %lld left", (int)seed, (long long)p.n_unassigned);
        for (int i = 0; i < K * C; i++)
            cr_expect(fabs((double)counts[i] - value[i]) < 1.001,
                      "seed %d, entry %d: %lld, not %.3f", (int)seed, i, (long long)counts[i],
                      value[i]);
        co_free(counts);
        co_partition_fini(&p);
    }
    co_dataset_fini(&data);
}
