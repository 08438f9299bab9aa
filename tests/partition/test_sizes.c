/* Option sizes of methods that go by labels: what devices get against the law or the list. */
#include "tests/harness.h"
#include "tests/partition/support.h"
#include <math.h>

enum { C = 10, K = 40, N = 20000 };

/* Labels that are not alike: a fourth has class c with 2 (c + 1) / (C (C + 1)). */
static co_dataset stairs(void)
{
    co_dataset data = plain_data(N, C);
    for (int64_t i = 0; i < N / 4; i++) {
        int64_t at = i % (C * (C + 1) / 2), c = 0;
        while (at > c) at -= ++c;
        data.y[i] = (int32_t)c;
    }
    return data;
}

static const char *const methods[] = {"dirichlet_device alpha=0.5", "shards", "classes",
                                      "classes classes_per_device=3 alpha=0.5",
                                      "classes classes_per_device=9 assignment=random"};
enum { N_METHODS = sizeof methods / sizeof *methods };

Test(sizes, linear_and_square_give_their_sizes_to_every_method)
{
    co_dataset data = stairs();
    for (int i = 0; i < 2 * N_METHODS; i++) {
        char words[200];
        double total = 0.0;
        const int power = 1 + i / N_METHODS;
        snprintf(words, sizeof words, "method=%s devices=40 sizes=%s", methods[i % N_METHODS],
                 power == 1 ? "linear" : "square");
        co_partition p = must_make(words, &data);
        for (int k = 0; k < K; k++) total += pow(k + 1, power);
        for (int k = 0; k < K; k++) /* classes: each of at most 9 cells is rounded */
            cr_expect(fabs((double)train_size(&p, k) - N * pow(k + 1, power) / total) < 9.0,
                      "%s: device %d has %lld", words, k, (long long)train_size(&p, k));
        cr_expect_eq(p.n_unassigned, 0, "%s", words);
        co_partition_fini(&p);
    }
    co_dataset_fini(&data);
}

/* A file of sizes, with CR LF and a last line without an end. */
static const char *write_sizes(const char *end)
{
    const char *path = scratch_file("sizes.txt");
    FILE *file = fopen(path, "w");
    cr_assert(file);
    for (int k = 0; k < K; k++) fprintf(file, k % 2 ? "%d\r\n" : "%d\n", k == 7 ? 0 : 10 * k + 3);
    fprintf(file, "%s", end);
    fclose(file);
    return path;
}

Test(sizes, a_file_gives_exact_sizes_and_the_number_of_devices)
{
    co_dataset data = stairs();
    const char *path = write_sizes("");
    for (int i = 0; i < N_METHODS; i++) {
        char words[400];
        int64_t total = 0;
        snprintf(words, sizeof words, "method=%s sizes=%s", methods[i], path);
        co_partition p = must_make(words, &data);
        cr_assert_eq(p.n_devices, K);
        for (int k = 0; k < K; k++) {
            const int64_t size = k == 7 ? 0 : 10 * k + 3;
            total += size;
            cr_expect_eq(train_size(&p, k), size, "%s: device %d", words, k);
        }
        cr_expect_eq(p.n_unassigned, N - total);
        co_partition_fini(&p);
    }
    co_dataset_fini(&data);
}

/* Given sizes leave 16 of 20 examples over: what is dealt is alike in all classes. */
Test(sizes, what_given_sizes_leave_over_is_of_all_classes)
{
    static const char *const words[] = {"method=dirichlet_device alpha=500", "method=shards"};
    co_dataset data = plain_data(N, C);
    char list[400] = "";
    for (int k = 0; k < K; k++) snprintf(list + strlen(list), 8, "%s100", k ? "," : "");
    for (int i = 0; i < 2; i++) {
        char all[600];
        snprintf(all, sizeof all, "%s sizes=given given=[%s]", words[i], list);
        co_partition p = must_make(all, &data);
        int64_t *counts = count_table(&p, &data);
        for (size_t c = 0; c < C; c++) {
            int64_t n = 0;
            for (size_t k = 0; k < K; k++) n += counts[k * C + c];
            cr_expect(llabs(n - 400) <= 100, "%s: class %zu: %lld", words[i], c, (long long)n);
        }
        co_free(counts);
        co_partition_fini(&p);
    }
    co_dataset_fini(&data);
}

Test(sizes, devices_keep_their_k_classes_whatever_their_size)
{
    co_dataset data = stairs();
    const char *path = write_sizes("");
    for (int i = 0; i < 20; i++) {
        char words[400];
        snprintf(words, sizeof words,
                 "method=classes devices=40 classes_per_device=%d sizes=%s %s "
                 "seed=%d",
                 2 + i % 3, i % 2 ? path : "linear", i % 4 < 2 ? "alpha=3" : "", i);
        co_partition p = must_make(words, &data);
        int64_t *counts = count_table(&p, &data);
        for (size_t k = 0; k < K; k++) {
            int n = 0;
            for (size_t c = 0; c < C; c++) n += counts[k * C + c] > 0;
            cr_expect(n <= 2 + i % 3, "%s: device %zu has %d classes", words, k, n);
        }
        co_free(counts);
        co_partition_fini(&p);
    }
    co_dataset_fini(&data);
}

Test(sizes, what_cannot_be_given_is_refused_with_its_figures)
{
    co_dataset data = plain_data(100, 5);
    char words[500];
    must_refuse("method=shards sizes=given given=[10,20] devices=3", &data,
                "2 sizes for 3 devices");
    must_refuse("method=shards sizes=given given=[10,20,71]", &data, "101 examples, there are 100");
    must_refuse("method=shards sizes=given", &data, "devices");
    must_refuse("method=iid devices=3 given=[1,2,3]", &data, "goes with sizes=given");
    must_refuse("method=dirichlet_device alpha=1 devices=3 sizes=lognormall", &data,
                "'lognormall'");
    must_refuse("method=classes sizes=given given=[60,3]", &data, "has 20 examples");
    const char *path = write_sizes("12x\n");
    snprintf(words, sizeof words, "method=classes sizes=%s", path);
    must_refuse(words, &data, "line 41: '12x'");
    path = write_sizes("");
    snprintf(words, sizeof words, "method=classes sizes=%s", path);
    must_refuse(words, &data, "line 5: with its 43 the sizes need 115 examples, there are 100");
    co_dataset_fini(&data);
    cr_expect_eq(co_memory_blocks(), 0);
}

Test(sizes, shards_have_the_size_that_is_asked_for)
{
    co_dataset data = plain_data(1003, C);
    co_partition p = must_make("method=shards devices=9 shard_size=50", &data);
    for (int k = 0; k < 9; k++) cr_expect_eq(train_size(&p, k), 100);
    cr_expect_eq(p.n_unassigned, 103);
    co_partition_fini(&p);
    for (int keep = 0; keep < 2; keep++) { /* 20 shards of 50, and one of 3 */
        char words[200];
        snprintf(words, sizeof words,
                 "method=shards devices=8 shards_per_device=0 shard_size=50 "
                 "keep_incomplete=%s",
                 keep ? "true" : "false");
        p = must_make(words, &data);
        int n_short = 0;
        for (int k = 0; k < 8; k++) {
            const int64_t whole = 50 * (2 + (k < 20 + keep - 16)), size = train_size(&p, k);
            n_short += size == whole - 47;
            cr_expect(size == whole || size == whole - 47, "device %d: %lld", k, (long long)size);
        }
        cr_expect_eq(n_short, keep);
        cr_expect_eq(p.n_unassigned, keep ? 0 : 3);
        co_partition_fini(&p);
    }
    must_refuse("method=shards devices=8 shard_size=500", &data,
                "16 shards, the 1003 examples make 2");
    must_refuse("method=shards devices=8 shard_size=5 sizes=zipf", &data, "shard_size");
    must_refuse("method=shards devices=8 shards_per_device=0", &data, "shard_size");
    must_refuse("method=shards devices=8 keep_incomplete=true", &data, "shard_size");
    co_dataset_fini(&data);
    cr_expect_eq(co_memory_blocks(), 0);
}
