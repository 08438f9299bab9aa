/* The partitioner classes: exactly k classes a device, each cut evenly. */
#include "tests/harness.h"
#include "tests/partition/support.h"
#include <math.h>

Test(classes, each_device_has_k_classes_in_even_parts)
{
    enum { K = 23, C = 10 };
    co_dataset data = plain_data(5000, C);
    co_partition p = must_make("method=classes devices=23 classes_per_device=3", &data);
    int64_t *counts = count_table(&p, &data);
    for (size_t d = 0; d < K; d++) {
        int n = 0;
        for (size_t c = 0; c < C; c++) n += counts[d * C + c] > 0;
        cr_expect(n == 3, "device %zu has %d classes", d, n);
    }
    for (size_t c = 0; c < C; c++) {
        int64_t least = INT64_MAX, most = 0, total = 0;
        for (size_t d = 0; d < K; d++) {
            const int64_t n = counts[d * C + c];
            total += n;
            if (n > 0 && n < least) least = n;
            if (n > most) most = n;
        }
        cr_expect(total == 500 && most - least <= 1, "class %zu: %lld to %lld", c, (long long)least,
                  (long long)most);
    }
    co_free(counts);
    co_partition_fini(&p);
    co_dataset_fini(&data);
}

Test(classes, what_no_device_holds_is_unassigned)
{
    co_dataset data = plain_data(1000, 10);
    co_partition p = must_make("method=classes devices=2 classes_per_device=2", &data);
    int64_t *counts = count_table(&p, &data), held = 0;
    for (size_t c = 0; c < 10; c++) held += counts[c] + counts[10 + c] > 0;
    cr_expect(p.n_unassigned == 1000 - 100 * held && held <= 4 && held >= 2);
    co_free(counts);
    co_partition_fini(&p);
    cr_expect(make_partition("method=classes devices=2 classes_per_device=11", &data, &p) ==
              CO_EUSAGE);
    cr_expect(strstr(co_status_message(), "11") && strstr(co_status_message(), "10"), "%s",
              co_status_message());
    co_dataset_fini(&data);
}

/* Bit c of held[d]: device d has class c. */
static void find_held(const char *words, const co_dataset *data, unsigned *held)
{
    co_partition p = must_make(words, data);
    int64_t *counts = count_table(&p, data);
    for (size_t d = 0; d < (size_t)p.n_devices; d++) {
        held[d] = 0;
        for (size_t c = 0; c < data->n_classes; c++)
            held[d] |= (unsigned)(counts[d * data->n_classes + c] > 0) << c;
    }
    co_free(counts);
    co_partition_fini(&p);
}

Test(classes, are_assigned_as_the_word_says)
{
    enum { K = 23, C = 10, SEEDS = 400 };
    co_dataset data = plain_data(5000, C);
    double pairs[2][2] = {{0.0}};
    unsigned held[K];
    find_held("method=classes devices=23 classes_per_device=3 assignment=deterministic", &data,
              held);
    for (int d = 0; d < K; d++)
        cr_expect_eq(held[d], 1u << d % C | 1u << (d + 1) % C | 1u << (d + 2) % C, "device %d", d);
    for (int i = 0; i < SEEDS; i++)
        for (int random = 0; random < 2; random++) {
            char words[160];
            snprintf(words, sizeof words,
                     "method=classes devices=23 classes_per_device=3 assignment=%s seed=%d",
                     random ? "random" : "first", i);
            find_held(words, &data, held);
            for (int d = 0; d < K; d++) {
                cr_expect_eq(__builtin_popcount(held[d]), 3);
                if (!random)
                    cr_expect(held[d] >> d % C & 1u, "device %d has no class %d", d, d % C);
                pairs[random][0] += held[d] >> d % C & 1u;
                pairs[random][1] += held[d] >> (d + 4) % C & 1u;
            }
        }
    const double n = SEEDS * K; /* 2 / 9 of the others; 3 / 10 of all */
    cr_expect(fabs(pairs[0][1] / n - 2.0 / 9.0) < 4.0 * sqrt(2.0 * 7.0 / 81.0 / n));
    for (int j = 0; j < 2; j++)
        cr_expect(fabs(pairs[1][j] / n - 0.3) < 4.0 * sqrt(0.21 / n), "%g", pairs[1][j] / n);
    co_dataset_fini(&data);
}

/* 20 holders of each class: E sum p^2 = (alpha + 1) / (20 alpha + 1). */
Test(classes, alpha_shares_each_class_among_its_devices)
{
    enum { K = 200, C = 20, SEEDS = 100 };
    co_dataset data = plain_data(100000, C);
    double sum = 0.0, square = 0.0;
    for (int seed = 0; seed < SEEDS; seed++) {
        char words[160];
        snprintf(words, sizeof words,
                 "method=classes devices=200 assignment=deterministic alpha=0.7 seed=%d", seed);
        co_partition p = must_make(words, &data);
        int64_t *counts = count_table(&p, &data);
        double squares = 0.0;
        for (size_t d = 0; d < K; d++)
            for (size_t c = 0; c < C; c++) {
                const double part = (double)counts[d * C + c] / 5000.0;
                squares += part * part / C;
                cr_expect(part == 0.0 || c == d % C || c == (d + 1) % C);
            }
        cr_expect_eq(p.n_unassigned, 0);
        sum += squares;
        square += squares * squares;
        co_free(counts);
        co_partition_fini(&p);
    }
    const double mean = sum / SEEDS, error = sqrt((square / SEEDS - mean * mean) / SEEDS),
                 expected = 1.7 / 15.0;
    cr_expect(fabs(mean - expected) < 4.0 * error, "%g +- %g, not %g", mean, error, expected);
    co_dataset_fini(&data);
}
