/* Periods by each law: alike, class by class, no sooner than the device appears, as the column
 * says; and kept by the file. */
#include "tests/harness.h"
#include "tests/partition/support.h"
#include <math.h>

static int64_t owner_of(const co_partition *p, int64_t id)
{
    for (int64_t k = 0; k < p->n_devices; k++)
        for (int64_t i = p->train_offsets[k]; i < p->train_offsets[k + 1]; i++)
            if (p->train[i] == id) return k;
    return -1;
}

Test(temporal, uniform_periods_are_alike_whatever_the_split)
{
    co_dataset data = mixed_data(20000, 10, 3, 1);
    co_partition p = must_make("method=temporal devices=50 periods=8", &data);
    double count[2][8] = {{0}}, n[2] = {0};
    cr_assert(p.n_periods == 8 && p.n_dated == data.n);
    for (int64_t i = 0; i < data.n; i++)
        count[data.split[i] > 0][p.period[i]]++, n[data.split[i] > 0]++;
    for (int s = 0; s < 2; s++) {
        double square = 0.0;
        for (int k = 0; k < 8; k++) square += pow(count[s][k] - n[s] / 8, 2.0) / (n[s] / 8);
        cr_expect(square < 26.0, "split %d: chi-square %g of 7 degrees", s, square); /* 0.0005 */
    }
    co_partition_fini(&p);
    co_dataset_fini(&data);
}

Test(temporal, with_full_drift_the_classes_come_one_after_another)
{
    co_dataset data = plain_data(3000, 5);
    co_partition p = must_make("method=temporal devices=20 law=labels periods=10", &data);
    int place[5], of_period[10] = {0};
    for (int c = 0; c < 5; c++) place[c] = -1;
    for (int64_t i = 0; i < data.n; i++) {
        int *at = &place[data.y[i]];
        if (*at < 0) *at = p.period[i] / 2;
        cr_expect(p.period[i] / 2 == *at, "class %d arrives in period %d, too", data.y[i],
                  p.period[i]);
        of_period[p.period[i]]++;
    }
    for (int a = 0; a < 5; a++)
        for (int b = 0; b < a; b++) cr_expect(place[a] != place[b]);
    for (int k = 0; k < 10; k++)
        cr_expect(abs(of_period[k] - 300) < 70, "period %d: %d", k, of_period[k]);
    co_partition_fini(&p);
    p = must_make("method=temporal devices=20 law=labels periods=10 drift=0.5", &data);
    int n_moved = 0;
    for (int64_t i = 0; i < data.n; i++) n_moved += p.period[i] / 2 != place[data.y[i]];
    cr_expect(abs(n_moved - 1200) < 150, "%d of 3000 arrive elsewhere",
              n_moved); /* half of them, 4 times in 5 */
    co_partition_fini(&p);
    co_dataset_fini(&data);
}

Test(temporal, new_devices_have_nothing_before_they_appear)
{
    co_dataset data = plain_data(4000, 4);
    co_partition p =
        must_make("method=temporal devices=10 law=devices periods=10 test_fraction=0.2", &data);
    int first[10], seen[10] = {0};
    for (int k = 0; k < 10; k++) first[k] = 10;
    for (int64_t k = 0; k < 10; k++)
        for (int64_t i = p.train_offsets[k]; i < p.train_offsets[k + 1]; i++) {
            const int period = p.period[p.train[i]];
            if (period < first[k]) first[k] = period;
        }
    for (int k = 0; k < 10; k++) seen[first[k]]++;
    for (int k = 0; k < 10; k++)
        cr_expect_eq(seen[k], 1, "%d devices appear in period %d", seen[k], k);
    for (int64_t k = 0; k < 10; k++)
        for (int64_t i = p.test_offsets[k]; i < p.test_offsets[k + 1]; i++)
            cr_expect(p.period[p.test[i]] >= first[k]);
    co_partition_fini(&p);
    co_dataset_fini(&data);
}

Test(temporal, the_column_group_says_the_period)
{
    co_dataset data = mixed_data(300, 6, 3, 2);
    co_partition p;
    cr_assert_eq(make_partition("method=temporal devices=7 law=group", &data, &p), CO_EUSAGE);
    cr_expect(strstr(co_status_message(), "column `group`"), "%s", co_status_message());
    add_features(&data, 1);
    p = must_make("method=temporal devices=7 law=group", &data);
    cr_expect_eq(p.n_periods, 3);
    for (int64_t i = 0; i < data.n; i++) cr_expect_eq(p.period[i], data.group[i]);
    co_partition_fini(&p);
    data.group[17] = -1;
    cr_expect_eq(make_partition("method=temporal devices=7 law=group", &data, &p), CO_EUSAGE);
    cr_expect(strstr(co_status_message(), "example 17"), "%s", co_status_message());
    co_dataset_fini(&data);
}

Test(temporal, sizes_follow_zipf_and_the_file_keeps_the_periods)
{
    co_dataset data = plain_data(1000, 4), other = plain_data(999, 4);
    co_partition p = must_make("method=temporal devices=4 sizes=zipf exponent=1 periods=3", &data),
                 read;
    int64_t size[4];
    for (int k = 0; k < 4; k++) size[k] = train_size(&p, k);
    for (int rank = 1; rank <= 4; rank++) {
        int n = 0;
        for (int k = 0; k < 4; k++) n += fabs((double)size[k] - 480.0 / rank) <= 1.0;
        cr_expect_eq(n, 1, "one device of %d examples", 480 / rank);
    }
    cr_expect(owner_of(&p, 999) >= 0);
    const char *path = scratch_file("temporal.h5");
    cr_assert_eq(co_partition_write(&p, &data, path, 1, "test: 1\n"), CO_OK, "%s",
                 co_status_message());
    cr_assert_eq(co_partition_read(path, NULL, &read), CO_OK, "%s", co_status_message());
    cr_expect(read.n_periods == 3 && read.n_dated == 1000);
    cr_expect(memcmp(read.period, p.period, 1000 * sizeof *p.period) == 0);
    read.period[5] = 3;
    cr_expect_eq(co_partition_check(&read, &data, "file"), CO_EDATA);
    cr_expect(strstr(co_status_message(), "example 5 is 3"), "%s", co_status_message());
    cr_expect_eq(co_partition_check(&read, &other, "file"), CO_EDATA);
    co_partition_fini(&read);
    co_partition_fini(&p);
    co_dataset_fini(&data);
    co_dataset_fini(&other);
    cr_expect_eq(co_memory_blocks(), 0);
}
