/* The partitioner iid: equal sizes, and labels as drawn without replacement. */
#include "tests/harness.h"
#include "tests/partition/support.h"
#include <math.h>

static void check_sizes(int64_t n, int64_t k)
{
    char words[64];
    snprintf(words, sizeof words, "method=iid devices=%lld", (long long)k);
    co_dataset data = plain_data(n, 3);
    co_partition p = must_make(words, &data);
    for (int64_t d = 0; d < k; d++)
        cr_expect(train_size(&p, d) == n / k || train_size(&p, d) == n / k + 1, "%lld of %lld",
                  (long long)d, (long long)k);
    cr_expect(p.train_offsets[k] == n);
    co_partition_fini(&p);
    co_dataset_fini(&data);
}

Test(iid, sizes_differ_by_at_most_one)
{
    check_sizes(1000, 7);
    check_sizes(1000, 1000);
    check_sizes(10, 97);
    check_sizes(5, 1);
}

/* Labels follow the ids here, so that a poor permutation shows as well. */
Test(iid, label_counts_vary_as_draws_without_replacement)
{
    enum { N = 5000, K = 100, C = 10 };
    co_dataset data = plain_data(N, C);
    for (int i = 0; i < N; i++) data.y[i] = i / (N / C);
    co_partition p = must_make("method=iid devices=100", &data);
    int64_t *counts = count_table(&p, &data);
    const double n = N / K, share = 1.0 / C;
    const double variance = n * share * (1.0 - share) * (N - n) / (N - 1.0);
    double sum = 0.0;
    for (size_t i = 0; i < K * C; i++) sum += pow((double)counts[i] - n * share, 2.0) / variance;
    cr_expect_float_eq(sum / (K * C), 1.0, 0.15);
    co_free(counts);
    co_partition_fini(&p);
    co_dataset_fini(&data);
}

Test(iid, only_equal_sizes_are_offered)
{
    co_dataset data = plain_data(10, 2);
    co_partition p = must_make("method=iid devices=2 sizes=equal", &data);
    co_partition_fini(&p);
    cr_expect(make_partition("method=iid devices=2 sizes=lognormal", &data, &p) == CO_EUSAGE);
    co_dataset_fini(&data);
}
