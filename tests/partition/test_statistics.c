/* Statistics against NumPy and SciPy, brute force, and hand-made extremes. */
#include "tests/harness.h"
#include "tests/partition/support.h"
#include "tests/reference/partition.h"
#include <math.h>

/* A partition of data with the given owners (0 .. n_devices - 1). */
static co_partition from_owners(const co_dataset *data, const int32_t *owner, int64_t n_devices)
{
    co_partition p = {.n_devices = n_devices};
    p.train_offsets = co_calloc((size_t)n_devices + 1, sizeof *p.train_offsets);
    p.train = co_malloc((size_t)data->n, sizeof *p.train);
    int64_t at = 0;
    for (int64_t d = 0; d < n_devices; d++) {
        for (int64_t i = 0; i < data->n; i++)
            if (owner[i] == d) p.train[at++] = i;
        p.train_offsets[d + 1] = at;
    }
    return p;
}

static double brute_distance(const int64_t *a, const int64_t *b, size_t n_classes)
{
    double na = 0.0, nb = 0.0, sum = 0.0;
    for (size_t c = 0; c < n_classes; c++) na += (double)a[c], nb += (double)b[c];
    for (size_t c = 0; c < n_classes; c++) {
        const double p = (double)a[c] / na, q = (double)b[c] / nb, m = (p + q) / 2.0;
        if (p > 0.0) sum += p * log(p / m) / 2.0;
        if (q > 0.0) sum += q * log(q / m) / 2.0;
    }
    return sqrt(fmax(sum, 0.0));
}

Test(statistics, agree_with_numpy_and_scipy)
{
    enum { N = 600, K = 40, C = 7 };
    co_dataset data = plain_data(N, C);
    int32_t owner[N];
    for (int32_t i = 0; i < N; i++) {
        const int32_t h = (i * i * 31 + 17 * i + 5) % 1009;
        owner[i] = (h % 37) * (h % 41) % K;
        owner[i] -= owner[i] % 8 == 7;
        data.y[i] = (h / 7 + owner[i] * owner[i]) % 11 % C;
    }
    co_partition p = from_owners(&data, owner, K);
    cr_assert(co_partition_statistics(&p, &data, 1) == CO_OK);
    for (size_t i = 0; i < sizeof reference_stats / sizeof *reference_stats; i++)
        cr_expect_float_eq(stat_of(&p, reference_stats[i].name), reference_stats[i].value, 1e-12,
                           "%s: %.17g, not %.17g", reference_stats[i].name,
                           stat_of(&p, reference_stats[i].name), reference_stats[i].value);
    co_partition_fini(&p);
    co_dataset_fini(&data);
    cr_expect(co_memory_blocks() == 0);
}

Test(statistics, sampled_pairs_estimate_the_mean_over_all_pairs)
{
    enum { K = 300 };
    co_dataset data = mixed_data(9000, 12, 5, 3);
    co_partition p = must_make("method=dirichlet devices=300 alpha=0.5", &data);
    int64_t *counts = count_table(&p, &data);
    double sum = 0.0, square = 0.0, n = 0.0;
    for (size_t i = 0; i < K; i++)
        for (size_t j = 0; j < i; j++) {
            if (train_size(&p, (int64_t)i) == 0 || train_size(&p, (int64_t)j) == 0) continue;
            const double d = brute_distance(counts + i * 12, counts + j * 12, 12);
            sum += d, square += d * d, n += 1.0;
        }
    const double mean = sum / n, error = sqrt((square / n - mean * mean) / 10000.0);
    cr_expect(stat_of(&p, "n_pairs") == 10000.0);
    cr_expect(n > 40000.0);
    cr_expect(stat_of(&p, "js_pair_mean") != mean, "all pairs were taken, not 10,000");
    cr_expect_float_eq(stat_of(&p, "js_pair_mean"), mean, 3.0 * error);
    co_free(counts);
    co_partition_fini(&p);
    co_dataset_fini(&data);
}

Test(statistics, other_seeds_sample_other_pairs)
{
    co_dataset data = plain_data(4000, 10);
    co_partition p = must_make("method=dirichlet devices=400 alpha=0.5", &data);
    const double first = stat_of(&p, "js_pair_mean"), global = stat_of(&p, "js_global_mean");
    cr_assert(co_partition_statistics(&p, &data, 2) == CO_OK);
    cr_expect(stat_of(&p, "js_pair_mean") != first);
    cr_expect(stat_of(&p, "js_global_mean") == global);
    cr_assert(co_partition_statistics(&p, &data, 1) == CO_OK);
    cr_expect(stat_of(&p, "js_pair_mean") == first);
    co_partition_fini(&p);
    co_dataset_fini(&data);
    cr_expect(co_memory_blocks() == 0);
}

Test(statistics, gini_and_deciles_by_brute_force)
{
    co_dataset data = mixed_data(3000, 4, 37, 9);
    co_partition p = must_make("method=natural", &data);
    const int64_t k = p.n_devices;
    double difference = 0.0, total = 0.0;
    for (int64_t i = 0; i < k; i++) {
        total += (double)train_size(&p, i);
        for (int64_t j = 0; j < k; j++)
            difference += fabs((double)(train_size(&p, i) - train_size(&p, j)));
    }
    cr_expect_float_eq(stat_of(&p, "size_gini"), difference / (2.0 * (double)k * total), 1e-12);
    for (int decile = 1; decile <= 9;
         decile++) { /* the smallest size that a share of decile/10 does not exceed */
        char name[32];
        int64_t smallest = INT64_MAX;
        for (int64_t i = 0; i < k; i++) {
            int64_t n_at_most = 0;
            for (int64_t j = 0; j < k; j++) n_at_most += train_size(&p, j) <= train_size(&p, i);
            if (10 * n_at_most >= decile * k && train_size(&p, i) < smallest)
                smallest = train_size(&p, i);
        }
        snprintf(name, sizeof name, "size_p%d0", decile);
        cr_expect(stat_of(&p, name) == (double)smallest, "%s", name);
    }
    co_partition_fini(&p);
    co_dataset_fini(&data);
}

Test(statistics, disjoint_labels_are_as_far_as_can_be)
{
    co_dataset data = plain_data(60, 3);
    int32_t owner[60];
    for (int i = 0; i < 60; i++) owner[i] = data.y[i];
    co_partition p = from_owners(&data, owner, 4);
    cr_assert(co_partition_statistics(&p, &data, 1) == CO_OK);
    cr_expect_float_eq(stat_of(&p, "js_pair_mean"), sqrt(log(2.0)), 1e-15);
    cr_expect(stat_of(&p, "n_pairs") == 3.0);
    cr_expect(stat_of(&p, "n_empty") == 1.0);
    co_partition_fini(&p);
    co_dataset_fini(&data);
}

Test(statistics, equal_devices_are_at_distance_zero)
{
    co_dataset data = plain_data(60, 3);
    int32_t owner[60];
    for (int i = 0; i < 60; i++) owner[i] = i / 6;
    co_partition p = from_owners(&data, owner, 10);
    cr_assert(co_partition_statistics(&p, &data, 1) == CO_OK);
    cr_expect(stat_of(&p, "js_pair_mean") == 0.0);
    cr_expect(stat_of(&p, "js_global_mean") == 0.0);
    cr_expect(stat_of(&p, "size_gini") == 0.0);
    cr_expect(stat_of(&p, "size_cv") == 0.0);
    co_partition_fini(&p);
    co_dataset_fini(&data);
}

Test(statistics, without_any_example_all_is_zero)
{
    co_dataset data = plain_data(5, 2);
    memset(data.split, 1, 5);
    co_partition p = must_make("method=iid devices=3", &data);
    for (size_t i = 0; i < p.n_stats; i++)
        cr_expect(p.stat[i] == (strcmp(p.stat_name[i], "n_empty") == 0 ? 3.0 : 0.0), "%s",
                  p.stat_name[i]);
    co_partition_fini(&p);
    co_dataset_fini(&data);
}

Test(statistics, a_data_set_without_labels_has_sizes_alone)
{
    co_dataset data = plain_data(50, 2);
    co_free(data.y);
    data.y = NULL;
    co_partition p = must_make("method=iid devices=7", &data);
    cr_expect(has_stat(&p, "size_p50"));
    cr_expect(!has_stat(&p, "js_global_mean"));
    cr_expect(!has_stat(&p, "js_pair_mean"));
    cr_expect(!has_stat(&p, "n_pairs"));
    co_partition_fini(&p);
    co_dataset_fini(&data);
    cr_expect(co_memory_blocks() == 0);
}
