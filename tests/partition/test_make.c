/* What all partitioners share: test parts, min_size, refusals, failures of memory. */
#include "tests/harness.h"
#include "tests/partition/support.h"
#include "core/thread.h"
#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

Test(make, test_parts_are_the_fraction_of_each_device_rounded_down)
{
    static const double fractions[] = {0.1, 0.29, 0.5, 0.999};
    co_dataset data = plain_data(10000, 10);
    co_partition whole = must_make("method=dirichlet devices=60 alpha=0.2", &data);
    for (size_t f = 0; f < 4; f++) {
        char words[128];
        snprintf(words, sizeof words, "method=dirichlet devices=60 alpha=0.2 test_fraction=%g",
                 fractions[f]);
        co_partition p = must_make(words, &data);
        for (int64_t d = 0; d < 60; d++) {
            const int64_t n = train_size(&whole, d),
                          n_test = p.test_offsets[d + 1] - p.test_offsets[d];
            const long thousandths = lrint(1000.0 * fractions[f]);
            cr_expect(n_test == thousandths * n / 1000, "%g of %lld: %lld", fractions[f],
                      (long long)n, (long long)n_test);
            cr_expect(train_size(&p, d) + n_test == n);
        }
        co_partition_fini(&p);
    }
    co_partition_fini(&whole);
    co_dataset_fini(&data);
}

/* So many examples that threads share them out where there are cores for it. */
Test(make, lists_and_statistics_do_not_depend_on_threads, .timeout = 120)
{
    static const char *const words[] = {
        "method=dirichlet devices=3000 alpha=0.3",
        "method=quantity devices=40 law=power beta=3", /* one device has most of them */
        "method=dirichlet devices=30 alpha=0.1 test_fraction=0.2"};
    co_dataset data = mixed_data((1 << 21) + 5, 10, 7, 1);
    cpu_set_t all, one;
    CPU_ZERO(&one);
    cr_assert(sched_getaffinity(0, sizeof all, &all) == 0);
    for (int c = 0; c < CPU_SETSIZE && CPU_COUNT(&one) == 0; c++)
        if (CPU_ISSET(c, &all)) CPU_SET(c, &one);
    for (size_t w = 0; w < sizeof words / sizeof *words; w++) {
        co_partition many = must_make(words[w], &data);
        cr_assert(sched_setaffinity(0, sizeof one, &one) == 0);
        cr_assert_eq(co_threads_for(1, data.n), 1);
        co_partition single = must_make(words[w], &data);
        cr_assert(sched_setaffinity(0, sizeof all, &all) == 0);
        const size_t k = (size_t)single.n_devices;
        cr_assert_eq(many.n_unassigned, single.n_unassigned);
        cr_assert_arr_eq(many.train_offsets, single.train_offsets, (k + 1) * sizeof(int64_t));
        cr_assert_eq(
            memcmp(many.train, single.train, (size_t)single.train_offsets[k] * sizeof(int64_t)), 0);
        cr_assert_arr_eq(many.stat, single.stat, single.n_stats * sizeof(double));
        co_partition_fini(&many);
        co_partition_fini(&single);
    }
    co_dataset_fini(&data);
}

/* 0.29 x 100 is 28.99.. in binary. */
Test(make, a_decimal_fraction_counts_as_written)
{
    co_dataset data = plain_data(100, 2);
    co_partition p = must_make("method=iid devices=1 test_fraction=0.29", &data);
    cr_expect(p.test_offsets[1] == 29);
    co_partition_fini(&p);
    co_dataset_fini(&data);
}

Test(make, every_example_is_tested_equally_often)
{
    enum { DRAWS = 3000 };
    co_dataset data = plain_data(10, 2);
    double n_tested[10] = {0.0};
    for (int seed = 0; seed < DRAWS; seed++) {
        char words[64];
        snprintf(words, sizeof words, "method=iid devices=1 test_fraction=0.3 seed=%d", seed);
        co_partition p = must_make(words, &data);
        for (int64_t i = 0; i < p.test_offsets[1]; i++) n_tested[p.test[i]] += 1.0;
        co_partition_fini(&p);
    }
    for (int i = 0; i < 10; i++)
        cr_expect(fabs(n_tested[i] - 0.3 * DRAWS) < 4.0 * sqrt(0.21 * DRAWS), "example %d: %g", i,
                  n_tested[i]);
    co_dataset_fini(&data);
}

Test(make, devices_draw_their_test_parts_independently)
{
    co_dataset data = plain_data(20000, 1);
    co_partition p =
        must_make("method=shards devices=200 shards_per_device=1 test_fraction=0.5", &data);
    int same = 0; /* pairs of neighbours whose first example has the same fate: half of them */
    for (int64_t d = 0; d + 1 < 200; d++) {
        const bool a = p.train[p.train_offsets[d]] < p.test[p.test_offsets[d]];
        const bool b = p.train[p.train_offsets[d + 1]] < p.test[p.test_offsets[d + 1]];
        same += a == b;
    }
    cr_expect(abs(same - 100) < 30, "%d of 199", same);
    co_partition_fini(&p);
    co_dataset_fini(&data);
}

Test(make, min_size_redraws_until_it_is_met)
{
    co_dataset data = plain_data(1000, 10);
    int n_redrawn = 0;
    for (int seed = 0; seed < 20; seed++) {
        char words[128];
        snprintf(words, sizeof words, "method=dirichlet devices=10 alpha=0.5 seed=%d", seed);
        co_partition free_draw = must_make(words, &data);
        snprintf(words, sizeof words, "method=dirichlet devices=10 alpha=0.5 min_size=45 seed=%d",
                 seed);
        co_partition p = must_make(words, &data);
        for (int64_t d = 0; d < 10; d++) cr_expect(train_size(&p, d) >= 45);
        const bool met = stat_of(&free_draw, "size_min") >= 45.0;
        const bool same =
            memcmp(p.train_offsets, free_draw.train_offsets, 11 * sizeof(int64_t)) == 0;
        cr_expect(met == same, "a draw that is large enough stays, another does not");
        n_redrawn += !met;
        co_partition_fini(&p);
        co_partition_fini(&free_draw);
    }
    cr_expect(n_redrawn > 3);
    co_dataset_fini(&data);
    cr_expect(co_memory_blocks() == 0);
}

Test(make, min_size_out_of_reach_is_refused_with_the_count)
{
    co_dataset data = plain_data(1000, 10);
    co_partition p;
    cr_expect(make_partition("method=dirichlet devices=50 alpha=1e-3 min_size=10", &data, &p) ==
              CO_EUSAGE);
    cr_expect(strstr(co_status_message(), "of 50 devices"), "%s", co_status_message());
    cr_expect(strstr(co_status_message(), "larger alpha"), "%s", co_status_message());
    cr_expect(make_partition("method=iid devices=50 min_size=21", &data, &p) == CO_EUSAGE);
    cr_expect(strstr(co_status_message(), "cannot give"), "%s", co_status_message());
    cr_expect(p.n_devices == 0 && !p.train && !p.train_offsets);
    p = must_make("method=iid devices=50 min_size=20", &data);
    co_partition_fini(&p);
    co_dataset_fini(&data);
    cr_expect(co_memory_blocks() == 0);
}

Test(make, min_size_counts_users_examples_before_the_test_cut)
{
    co_dataset data = plain_data(30, 2);
    data.n_users = 3;
    data.user = co_malloc(30, sizeof *data.user);
    for (int i = 0; i < 30; i++) data.user[i] = i % 3;
    co_partition p = must_make("method=natural min_size=10 test_fraction=0.5", &data);
    co_partition_fini(&p);
    data.user[0] = 1;
    cr_expect(make_partition("method=natural min_size=10", &data, &p) == CO_EUSAGE);
    cr_expect(strstr(co_status_message(), "1 of 3 devices"), "%s", co_status_message());
    co_dataset_fini(&data);
}

Test(make, refusals_name_the_key)
{
    co_dataset data = mixed_data(50, 2, 5, 1);
    co_partition p;
    cr_expect(make_partition("devices=5", &data, &p) == CO_EUSAGE);
    cr_expect(strstr(co_status_message(), "method"), "%s", co_status_message());
    cr_expect(make_partition("method=iid", &data, &p) == CO_EUSAGE);
    cr_expect(strstr(co_status_message(), "devices"), "%s", co_status_message());
    cr_expect(make_partition("method=natural devices=3", &data, &p) == CO_EUSAGE);
    cr_expect(strstr(co_status_message(), "devices"), "%s", co_status_message());
    cr_expect(make_partition("method=iid devices=0", &data, &p) == CO_EUSAGE);
    cr_expect(make_partition("method=iid devices=2147483648", &data, &p) == CO_EUSAGE);
    cr_expect(make_partition("method=iid devices=2 test_fraction=1", &data, &p) == CO_EUSAGE);
    co_free(data.y);
    data.y = NULL;
    cr_expect(make_partition("method=dirichlet alpha=1 devices=3", &data, &p) == CO_EUSAGE);
    cr_expect(strstr(co_status_message(), "labels"), "%s", co_status_message());
    co_dataset_fini(&data);
    cr_expect(co_memory_blocks() == 0);
}

/* Sixty examples without any block of the counted memory, whose faults are set up at its first use.
 */
static co_dataset static_data(void)
{
    static int32_t y[60], user[60];
    static uint8_t split[60];
    for (int i = 0; i < 60; i++) {
        y[i] = i % 4;
        user[i] = i % 7;
        split[i] = i % 11 == 0;
    }
    return (co_dataset){
        .n = 60, .y = y, .n_classes = 4, .user = user, .n_users = 7, .split = split};
}

/* A process whose n-th allocation fails. 0: none did; 1: the failure was told and everything given
 * back. */
static int fail_nth(const char *words, int nth)
{
    const pid_t child = fork();
    if (child == 0) {
        const co_dataset data = static_data();
        co_partition p;
        char fault[32];
        snprintf(fault, sizeof fault, "alloc:0:%d", nth);
        setenv("CO_FAULT", fault, 1);
        co_config opt = {.file = "test", .section = "partition", .map = word_map(words)};
        if (!opt.map) _exit(1);
        const co_partitioner *member = co_partitioner_find(co_node_find(opt.map, "method")->text);
        const co_param *tables[] = {co_partition_params, member->params};
        if (co_config_check(&opt, tables, 2) != CO_OK) _exit(1);
        const size_t before = co_memory_blocks();
        const co_status st = co_partition_make(&opt, 1, &data, &p);
        if (st == CO_OK) _exit(0);
        _exit(st != CO_ENOMEM ? 2 : co_memory_blocks() != before ? 3 : 1);
    }
    int code = 0;
    cr_assert(waitpid(child, &code, 0) == child && WIFEXITED(code));
    return WEXITSTATUS(code);
}

static void walk_failures(const char *words)
{
    int nth = 1, code = 1;
    for (; nth < 300 && code == 1; nth++) code = fail_nth(words, nth);
    cr_expect(code == 0 && nth > 30, "%s: allocation %d ends with %d", words, nth - 1, code);
}

Test(make, any_allocation_may_fail)
{
    walk_failures("method=iid devices=5 test_fraction=0.2");
    walk_failures("method=dirichlet devices=5 alpha=1");
    walk_failures("method=shards devices=50");
    walk_failures("method=shards devices=6 shard_size=3");
    walk_failures("method=classes classes_per_device=3 sizes=given given=[9,8,7,6]");
    walk_failures("method=natural");
}

Test(make, test_devices_have_nothing_to_train_on)
{
    co_dataset data = plain_data(1000, 10);
    co_partition p = must_make("method=iid devices=20 test_devices=0.3 test_fraction=0.1", &data);
    int n_whole = 0;
    for (int64_t d = 0; d < 20; d++) {
        const int64_t n_test = p.test_offsets[d + 1] - p.test_offsets[d],
                      n_train = train_size(&p, d);
        n_whole += n_test == 50 && n_train == 0;
        cr_expect((n_test == 50 && n_train == 0) || (n_test == 5 && n_train == 45));
    }
    cr_expect(n_whole == 6);
    co_partition_fini(&p);
    co_dataset_fini(&data);
}
