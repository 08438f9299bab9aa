/* The partitioner natural: users become devices. */
#include "tests/harness.h"
#include "tests/partition/support.h"

/* Users: 0 has split 0 and 1, 1 nothing, 2 split 1 alone, 3 split 2 alone, 4 split 0 alone; example
 * 7 has none. */
static co_dataset five_users(void)
{
    static const int32_t user[8] = {4, 0, 2, 0, 3, 0, 4, -1};
    static const uint8_t split[8] = {0, 1, 1, 0, 2, 0, 0, 0};
    static const char *const name[5] = {"anna", "ben", "carl", "dora", "emil"};
    co_dataset data = plain_data(8, 2);
    data.user = co_malloc(8, sizeof *data.user);
    memcpy(data.user, user, sizeof user);
    memcpy(data.split, split, sizeof split);
    data.n_users = 5;
    data.user_name = co_malloc(5, sizeof *data.user_name);
    for (int i = 0; i < 5; i++) data.user_name[i] = co_strdup(name[i]);
    return data;
}

Test(natural, split_1_becomes_the_test_part_of_the_same_user)
{
    co_dataset data = five_users();
    co_partition p = must_make("method=natural", &data);
    cr_assert(p.n_devices == 2); /* carl can only be tested: he is no device */
    cr_expect_str_eq(p.device_name[0], "anna");
    cr_expect_str_eq(p.device_name[1], "emil");
    cr_expect_arr_eq(p.train_offsets, ((int64_t[]){0, 2, 4}), sizeof(int64_t[3]));
    cr_expect_arr_eq(p.train, ((int64_t[]){3, 5, 0, 6}), sizeof(int64_t[4]));
    cr_expect_arr_eq(p.test_offsets, ((int64_t[]){0, 1, 1}), sizeof(int64_t[3]));
    cr_expect_arr_eq(p.test, ((int64_t[]){1}), sizeof(int64_t[1]));
    cr_expect(p.n_unassigned == 1 && p.unassigned[0] == 7);
    co_partition_fini(&p);
    co_dataset_fini(&data);
    cr_expect(co_memory_blocks() == 0);
}

Test(natural, with_test_fraction_split_1_stays_out)
{
    co_dataset data = five_users();
    co_partition p = must_make("method=natural test_fraction=0.5", &data);
    cr_assert(p.n_devices == 2);
    cr_expect_str_eq(p.device_name[1], "emil");
    cr_expect_arr_eq(p.train_offsets, ((int64_t[]){0, 1, 2}), sizeof(int64_t[3]));
    cr_expect_arr_eq(p.test_offsets, ((int64_t[]){0, 1, 2}), sizeof(int64_t[3]));
    cr_expect(data.split[p.test[0]] == 0 && data.user[p.test[0]] == 0);
    cr_expect(data.split[p.test[1]] == 0 && data.user[p.test[1]] == 4);
    co_partition_fini(&p);
    co_dataset_fini(&data);
}

Test(natural, without_split_1_there_is_no_test_part)
{
    co_dataset data = five_users();
    for (int i = 0; i < 8; i++)
        if (data.split[i] == 1) data.split[i] = 2;
    co_partition p = must_make("method=natural", &data);
    cr_expect(p.n_devices == 2 && !p.test_offsets && !p.test);
    co_partition_fini(&p);
    co_dataset_fini(&data);
}

Test(natural, users_without_names_give_devices_without_names)
{
    co_dataset data = mixed_data(200, 3, 10, 1);
    co_partition p = must_make("method=natural", &data);
    cr_expect(!p.device_name);
    for (int64_t d = 0; d < p.n_devices; d++)
        for (int64_t i = p.train_offsets[d]; i < p.train_offsets[d + 1]; i++)
            cr_expect(data.user[p.train[i]] == data.user[p.train[p.train_offsets[d]]]);
    co_partition_fini(&p);
    co_dataset_fini(&data);
}

Test(natural, needs_the_column_user)
{
    co_dataset data = plain_data(10, 2);
    co_partition p;
    cr_expect(make_partition("method=natural", &data, &p) == CO_EUSAGE);
    cr_expect(strstr(co_status_message(), "user"), "%s", co_status_message());
    co_dataset_fini(&data);
}

Test(natural, refuses_data_where_nobody_is_a_user)
{
    co_dataset data = mixed_data(20, 2, 4, 1);
    for (int i = 0; i < 20; i++) data.user[i] = -1;
    co_partition p;
    cr_expect(make_partition("method=natural", &data, &p) == CO_EUSAGE);
    co_dataset_fini(&data);
    cr_expect(co_memory_blocks() == 0);
}

/* Ten users of sizes 1 .. 10. */
static co_dataset stairs(void)
{
    co_dataset data = plain_data(55, 5);
    data.n_users = 10;
    data.user = co_malloc(55, sizeof *data.user);
    for (int i = 0, user = 0, n = 0; i < 55; i++, n++) {
        if (n > user) user++, n = 0;
        data.user[i] = user;
    }
    return data;
}

Test(natural, users_are_grouped_evenly_and_stay_whole)
{
    co_dataset data = stairs();
    co_partition p = must_make("method=natural users_per_device=3", &data);
    int device_of[10], n_users[4] = {0};
    cr_assert(p.n_devices == 4);
    for (int u = 0; u < 10; u++) device_of[u] = -1;
    for (int d = 0; d < 4; d++)
        for (int64_t i = p.train_offsets[d]; i < p.train_offsets[d + 1]; i++) {
            const int user = data.user[p.train[i]];
            cr_expect(device_of[user] < 0 || device_of[user] == d, "user %d is torn", user);
            n_users[d] += device_of[user] < 0;
            device_of[user] = d;
        }
    for (int d = 0; d < 4; d++)
        cr_expect(n_users[d] == 2 || n_users[d] == 3, "%d users", n_users[d]);
    cr_expect(p.n_unassigned == 0 && !p.device_name);
    co_partition_fini(&p);
    co_dataset_fini(&data);
}

Test(natural, sizes_have_a_least_and_a_most)
{
    co_dataset data = stairs();
    co_partition p = must_make("method=natural min_examples=4 max_examples=6", &data);
    cr_assert(p.n_devices == 7); /* users of 4 .. 10 */
    for (int64_t d = 0; d < 7; d++) cr_expect(train_size(&p, d) == (d < 2 ? 4 + d : 6));
    cr_expect(p.n_unassigned == 6 + 1 + 2 + 3 + 4);
    co_partition_fini(&p);
    co_dataset_fini(&data);
}

/* Sizes, in users, of the groups of ten users. */
static int group_sizes(const char *words, int64_t n_users[10])
{
    co_dataset data = stairs();
    co_partition p = must_make(words, &data);
    const int n_groups = (int)p.n_devices;
    for (int d = 0; d < n_groups; d++) {
        unsigned users = 0;
        for (int64_t i = p.train_offsets[d]; i < p.train_offsets[d + 1]; i++)
            users |= 1u << data.user[p.train[i]];
        n_users[d] = __builtin_popcount(users);
    }
    co_partition_fini(&p);
    co_dataset_fini(&data);
    return n_groups;
}

Test(natural, users_that_remain_go_where_rest_says)
{
    int64_t n[10];
    cr_expect_eq(group_sizes("method=natural users_per_device=4 rest=smaller", n), 3);
    cr_expect(n[0] == 4 && n[1] == 4 && n[2] == 2);
    cr_expect_eq(group_sizes("method=natural users_per_device=4 rest=bigger", n), 2);
    cr_expect(n[0] == 5 && n[1] == 5);
    cr_expect_eq(group_sizes("method=natural users_per_device=4 rest=drop", n), 2);
    cr_expect(n[0] == 4 && n[1] == 4);
    cr_expect_eq(group_sizes("method=natural users_per_device=5 rest=strict", n), 2);
    cr_expect_eq(group_sizes("method=natural users_per_device=11 rest=smaller", n), 1);
    cr_expect_eq(n[0], 10);
    co_dataset data = stairs();
    must_refuse("method=natural users_per_device=4 rest=strict", &data,
                "10 users do not make whole groups of 4, 2 remain");
    must_refuse("method=natural users_per_device=11 rest=bigger", &data,
                "10 users make no group of 11");
    must_refuse("method=natural users_per_device=11 rest=drop", &data,
                "10 users make no group of 11");
    co_dataset_fini(&data);
    cr_expect_eq(co_memory_blocks(), 0);
}
