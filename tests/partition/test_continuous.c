/* The partitioner continuous: its order, its noise, and where its numbers come from. */
#include "tests/harness.h"
#include "tests/partition/support.h"
#include <math.h>

/* n numbers, whose standard deviation is far from 1, one a line. */
static const char *write_values(const double *value, int n)
{
    static char path[1100];
    snprintf(path, sizeof path, "%s", scratch_file("values.txt"));
    FILE *file = fopen(path, "w");
    cr_assert(file);
    for (int i = 0; i < n; i++) fprintf(file, "%.17g\n", value[i]);
    fclose(file);
    return path;
}

static void draw_values(double *value, int n)
{
    co_stream s = co_stream_open(8, CO_DRAW_TEST, 0, 0, 0);
    for (int i = 0; i < n; i++) value[i] = 500.0 + 20.0 * co_draw_normal(&s);
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

Test(continuous, strict_devices_hold_the_spans_of_the_sorted_values)
{
    enum { N = 1003, K = 10 };
    double value[N], sorted[N];
    char words[1300];
    co_dataset data = plain_data(N, 2);
    draw_values(value, N);
    memcpy(sorted, value, sizeof value);
    qsort(sorted, N, sizeof *sorted, compare);
    snprintf(words, sizeof words, "method=continuous devices=%d strictness=1 by=%s", K,
             write_values(value, N));
    co_partition p = must_make(words, &data);
    for (int k = 0; k < K; k++) {
        cr_expect(train_size(&p, k) == 100 || train_size(&p, k) == 101);
        for (int64_t i = p.train_offsets[k]; i < p.train_offsets[k + 1]; i++)
            cr_expect(value[p.train[i]] >= sorted[p.train_offsets[k]] &&
                      value[p.train[i]] <= sorted[p.train_offsets[k + 1] - 1]);
    }
    cr_expect_eq(p.n_unassigned, 0);
    co_partition_fini(&p);
    co_dataset_fini(&data);
}

/* With normal values the share of a device's variance between devices is that of b explained by z:
 * r^2 = s^2 / (s^2 + (1 - s)^2), times the part of a normal's variance between K spans of it. */
Test(continuous, values_explain_their_part_of_the_order)
{
    enum { N = 20000, K = 50 };
    static double value[N];
    static const double strictness[] = {0.0, 0.3, 0.5, 0.8, 1.0};
    co_dataset data = plain_data(N, 2);
    draw_values(value, N);
    const char *path = write_values(value, N);
    double total = 0.0, mean = 0.0;
    for (int i = 0; i < N; i++) mean += value[i] / N;
    for (int i = 0; i < N; i++) total += (value[i] - mean) * (value[i] - mean) / N;
    for (int j = 0; j < 5; j++) {
        char words[1300];
        const double s = strictness[j], wanted = s * s / (s * s + (1.0 - s) * (1.0 - s));
        double between = 0.0;
        snprintf(words, sizeof words, "method=continuous devices=%d strictness=%g by=%s", K, s,
                 path);
        co_partition p = must_make(words, &data);
        for (int k = 0; k < K; k++) {
            double own = 0.0;
            const double n = (double)train_size(&p, k);
            for (int64_t i = p.train_offsets[k]; i < p.train_offsets[k + 1]; i++)
                own += value[p.train[i]] / n;
            between += n / N * (own - mean) * (own - mean);
        }
        cr_expect_float_eq(between / total, wanted, 0.012, "strictness %g: %.4f, not %.4f", s,
                           between / total, wanted);
        co_partition_fini(&p);
    }
    co_dataset_fini(&data);
}

/* Equal values fall anywhere among their devices, whatever their place in the file. */
Test(continuous, ties_are_dealt_by_key)
{
    enum { N = 400 };
    co_dataset data = plain_data(N, 2);
    for (int64_t i = 0; i < N; i++) data.y[i] = i >= N / 2;
    co_partition p = must_make("method=continuous devices=4 strictness=1", &data);
    int early = 0;
    for (int64_t i = 0; i < p.train_offsets[1]; i++) early += p.train[i] < N / 4;
    cr_expect(early > 30 && early < 70, "%d of 100", early);
    for (int64_t i = 0; i < p.train_offsets[4]; i++)
        cr_expect((p.train[i] >= N / 2) == (i >= p.train_offsets[2]));
    co_partition_fini(&p);
    co_dataset_fini(&data);
}

static void expect_sorted_by(const char *by, const co_dataset *data, const double *value)
{
    char words[200];
    snprintf(words, sizeof words, "method=continuous devices=2 strictness=1 by=%s", by);
    co_partition p = must_make(words, data);
    double most = -INFINITY, least = INFINITY;
    for (int64_t i = 0; i < p.train_offsets[2]; i++) {
        const double x = value[p.train[i]];
        if (i < p.train_offsets[1]) most = fmax(most, x);
        if (i >= p.train_offsets[1]) least = fmin(least, x);
    }
    cr_expect(most <= least, "by=%s", by);
    co_partition_fini(&p);
}

Test(continuous, numbers_are_features_targets_lengths_or_classes)
{
    enum { N = 60 };
    co_dataset data = mixed_data(N, 7, 3, 2);
    int64_t offsets[N + 1] = {0};
    float targets[2 * N];
    double value[N];
    add_features(&data, 4);
    for (int j = 0; j < 3; j++) {
        char by[8];
        for (int i = 0; i < N; i++) value[i] = ((const float *)data.x)[3 * i + j];
        snprintf(by, sizeof by, "x:%d", j);
        expect_sorted_by(by, &data, value);
    }
    for (int i = 0; i < N; i++) value[i] = data.y[i];
    expect_sorted_by("y", &data, value);
    for (int i = 0; i < N; i++) {
        offsets[i + 1] = offsets[i] + (i * 37) % 41 + 1;
        value[i] = (i * 37) % 41 + 1;
        targets[2 * i] = (float)i;
        targets[2 * i + 1] = (float)((i * 23) % 59);
    }
    data.token_offsets = offsets;
    expect_sorted_by("length", &data, value);
    data.token_offsets = NULL;
    co_dataset rows = data;
    rows.y = NULL;
    rows.task = CO_DATA_REGRESSION;
    rows.targets = targets;
    rows.n_classes = 2;
    for (int i = 0; i < N; i++) value[i] = targets[2 * i + 1];
    expect_sorted_by("y:1", &rows, value);
    co_partition p;
    cr_expect(make_partition("method=continuous devices=2 strictness=1", &rows, &p) == CO_EUSAGE);
    cr_expect(strstr(co_status_message(), "2 numbers an example; by=y:J"), "%s",
              co_status_message());
    co_dataset_fini(&data);
}

static void expect_message(const char *words, const co_dataset *data, co_status status,
                           const char *message)
{
    co_partition p;
    cr_expect_eq(make_partition(words, data, &p), status, "%s", words);
    cr_expect(strstr(co_status_message(), message), "%s: %s", words, co_status_message());
}

Test(continuous, what_is_no_number_is_told_with_its_line)
{
    co_dataset data = plain_data(3, 1);
    char words[1300];
    const char *path = scratch_file("bad.txt");
    static const struct {
        const char *text, *message;
    } bad[] = {{"1\nnan\n3\n", ":2: 'nan' is no finite number"},
               {"1\n\n3\n", ":2: '' is no finite number"},
               {"1\n2\n", "has 2 lines, the data set 3 examples"},
               {"1\n2\n3\n4\n", "has 4 lines, the data set 3 examples"}};
    snprintf(words, sizeof words, "method=continuous devices=2 strictness=1 by=%s", path);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        FILE *file = fopen(path, "w");
        fputs(bad[i].text, file);
        fclose(file);
        expect_message(words, &data, CO_EDATA, bad[i].message);
    }
    expect_message("method=continuous devices=2 strictness=1 by=nothing_there", &data, CO_EFILE,
                   "by is y, y:J, x:J, length or a file");
    expect_message("method=continuous devices=2 strictness=1 by=x:0", &data, CO_EUSAGE,
                   "goes by a feature, which the data set lacks");
    expect_message("method=continuous devices=2 strictness=1 by=length", &data, CO_EUSAGE,
                   "goes by the length of a text, which the data set lacks");
    expect_message("method=continuous devices=2 strictness=0.1", &data, CO_EUSAGE,
                   "values of the 3 training examples have standard deviation 0");
    co_partition p = must_make("method=continuous devices=2 strictness=0", &data);
    co_partition_fini(&p);
    add_features(&data, 1);
    expect_message("method=continuous devices=2 strictness=1 by=x:3", &data, CO_EUSAGE,
                   "column '3' is not one of 0 to 2");
    co_dataset_fini(&data);
}
