/* The partitioner shards: labels a device, sizes, and how shards meet. */
#include "tests/harness.h"
#include "tests/partition/support.h"
#include <math.h>

static size_t labels_on(const int64_t *counts, size_t n_classes)
{
    size_t n = 0;
    for (size_t c = 0; c < n_classes; c++) n += counts[c] > 0;
    return n;
}

Test(shards, as_in_the_paper_two_shards_of_300_with_at_most_two_labels)
{
    co_dataset data = plain_data(60000, 10);
    co_partition p = must_make("method=shards devices=100", &data);
    int64_t *counts = count_table(&p, &data);
    for (size_t d = 0; d < 100; d++) {
        cr_expect(train_size(&p, (int64_t)d) == 600);
        cr_expect(labels_on(counts + d * 10, 10) <= 2);
        for (size_t c = 0; c < 10; c++) cr_expect(counts[d * 10 + c] % 300 == 0);
    }
    co_free(counts);
    co_partition_fini(&p);
    co_dataset_fini(&data);
}

/* Sizes and labels under a setting in which nothing divides evenly. */
static void check_uneven(int64_t n, size_t n_classes, int64_t k, int64_t per_device)
{
    char words[128];
    snprintf(words, sizeof words, "method=shards devices=%lld shards_per_device=%lld seed=8",
             (long long)k, (long long)per_device);
    co_dataset data = mixed_data(n, n_classes, 3, 5);
    memset(data.split, 0, (size_t)n);
    co_partition p = must_make(words, &data);
    int64_t *counts = count_table(&p, &data);
    const int64_t n_shards = k * per_device, low = n / n_shards * per_device;
    const int64_t high = (n + n_shards - 1) / n_shards * per_device;
    int64_t n_pairs = 0;
    for (int64_t d = 0; d < k; d++) {
        const size_t n_labels = labels_on(counts + (size_t)d * n_classes, n_classes);
        n_pairs += (int64_t)n_labels;
        cr_expect(train_size(&p, d) >= low && train_size(&p, d) <= high, "%s: %lld examples", words,
                  (long long)train_size(&p, d));
        cr_expect((int64_t)n_labels <= 2 * per_device);
    }
    cr_expect(n_pairs <= n_shards + (int64_t)n_classes - 1, "%s: %lld pairs", words,
              (long long)n_pairs);
    cr_expect(p.train_offsets[k] == n && p.n_unassigned == 0);
    co_free(counts);
    co_partition_fini(&p);
    co_dataset_fini(&data);
}

Test(shards, uneven_counts_lose_nothing_and_add_at_most_one_label_a_border)
{
    check_uneven(1009, 10, 13, 2);
    check_uneven(1009, 7, 101, 3);
    check_uneven(500, 3, 7, 1);
}

Test(shards, more_shards_than_examples_scatter_single_examples)
{
    check_uneven(100, 4, 1000, 2);
    check_uneven(1, 1, 10, 5);
    check_uneven(997, 2, 700, 2);
}

/* Two shards of a device have one label with probability 19 / 199. */
Test(shards, shards_of_a_device_are_independent_of_each_other)
{
    enum { DRAWS = 300 };
    co_dataset data = plain_data(2000, 10);
    double sum = 0.0, square = 0.0;
    for (int seed = 0; seed < DRAWS; seed++) {
        char words[64];
        snprintf(words, sizeof words, "method=shards devices=100 seed=%d", seed);
        co_partition p = must_make(words, &data);
        int64_t *counts = count_table(&p, &data);
        double n_single = 0.0;
        for (size_t d = 0; d < 100; d++) n_single += labels_on(counts + d * 10, 10) == 1;
        sum += n_single;
        square += n_single * n_single;
        co_free(counts);
        co_partition_fini(&p);
    }
    const double mean = sum / DRAWS, error = sqrt((square / DRAWS - mean * mean) / DRAWS);
    cr_expect(fabs(mean - 100.0 * 19.0 / 199.0) < 3.0 * error, "%g +- %g", mean, error);
    co_dataset_fini(&data);
}

/* With 40 places for 10 examples on 20 devices: each device expects half an example. */
Test(shards, scarce_examples_reach_every_device_equally_often)
{
    enum { DRAWS = 4000, K = 20 };
    co_dataset data = plain_data(10, 2);
    double sum[K] = {0.0};
    for (int seed = 0; seed < DRAWS; seed++) {
        char words[64];
        snprintf(words, sizeof words, "method=shards devices=20 seed=%d", seed);
        co_partition p = must_make(words, &data);
        for (int64_t d = 0; d < K; d++) sum[d] += (double)train_size(&p, d);
        co_partition_fini(&p);
    }
    const double sd =
        sqrt(2.0 * 0.25 * 0.75 * 30.0 / 39.0); /* hypergeometric: 2 of 40 places, 10 filled */
    for (int d = 0; d < K; d++)
        cr_expect(fabs(sum[d] / DRAWS - 0.5) < 4.0 * sd / sqrt(DRAWS), "device %d: %g", d,
                  sum[d] / DRAWS);
    co_dataset_fini(&data);
}
