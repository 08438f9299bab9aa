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

static double root_mean_square_variation(const char *law, int draws, co_dataset *data)
{
    double sum = 0.0;
    for (int seed = 0; seed < draws; seed++) {
        char words[160];
        snprintf(words, sizeof words, "method=%s seed=%d", law, seed);
        co_partition p = must_make(words, data);
        sum += pow(stat_of(&p, "size_cv"), 2.0);
        cr_expect(p.train_offsets[p.n_devices] == data->n && p.n_unassigned == 0);
        co_partition_fini(&p);
    }
    return sqrt(sum / draws);
}

Test(iid, lognormal_and_dirichlet_sizes_vary_as_their_laws_say)
{
    co_dataset data = plain_data(200000, 2);
    const double dirichlet =
        root_mean_square_variation("iid devices=100 sizes=dirichlet beta=2", 60, &data);
    cr_expect_float_eq(dirichlet, sqrt(99.0 / 201.0), 0.03, "%g", dirichlet);
    /* weights exp(sigma z): variation of the weights sqrt(exp(sigma^2) - 1) = 0.2911 */
    const double normal =
        root_mean_square_variation("iid devices=1000 sizes=lognormal sigma=0.285", 10, &data);
    cr_expect_float_eq(normal, sqrt(exp(0.285 * 0.285) - 1.0), 0.01, "%g", normal);
    co_dataset_fini(&data);
}

Test(iid, zipf_sizes_fall_with_the_rank)
{
    co_dataset data = plain_data(100000, 2);
    co_partition p = must_make("method=iid devices=10 sizes=zipf exponent=1", &data);
    double harmonic = 0.0;
    for (int i = 1; i <= 10; i++) harmonic += 1.0 / i;
    cr_expect(fabs(stat_of(&p, "size_max") - 1e5 / harmonic) <= 1.0);
    cr_expect(fabs(stat_of(&p, "size_min") - 1e4 / harmonic) <= 1.0);
    cr_expect(fabs(stat_of(&p, "size_p50") - 1e5 / harmonic / 6.0) <= 1.0);
    co_partition_fini(&p);
    co_dataset_fini(&data);
}

Test(iid, given_sizes_are_kept_and_the_surplus_is_unassigned)
{
    co_dataset data = plain_data(20, 2);
    co_partition p;
    co_config opt = {.file = "test", .map = word_map("method=iid sizes=given")};
    const co_param *tables[] = {co_partition_params, co_partitioner_find("iid")->params};
    co_node *list = co_node_create(CO_NODE_LIST, "given", NULL);
    for (int i = 0; i < 3; i++)
        co_node_append(list,
                       co_node_create(CO_NODE_SCALAR, NULL, ((const char *[]){"5", "0", "11"})[i]));
    co_node_append(opt.map, list);
    cr_assert(co_config_check(&opt, tables, 2) == CO_OK, "%s", co_status_message());
    cr_assert(co_partition_make(&opt, 1, &data, &p) == CO_OK, "%s", co_status_message());
    cr_expect_arr_eq(p.train_offsets, ((int64_t[]){0, 5, 5, 16}), sizeof(int64_t[4]));
    cr_expect(p.n_unassigned == 4);
    co_partition_fini(&p);
    data.n = 15; /* now they need more than there are */
    cr_expect(co_partition_make(&opt, 1, &data, &p) == CO_EUSAGE);
    cr_expect(strstr(co_status_message(), "16"), "%s", co_status_message());
    co_node_destroy(opt.map);
    co_dataset_fini(&data);
    cr_expect(co_memory_blocks() == 0);
}
