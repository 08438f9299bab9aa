/* The partitioner dirichlet_device: the mixes that devices draw against moments of the Dirichlet
 * law and published distances; what the devices then take. */
#include "partition/pools.h"
#include "tests/harness.h"
#include "tests/partition/support.h"
#include <math.h>

enum { C = 20, K = 100000 };

static double js(const double *p, const double *q)
{
    double sum = 0.0;
    for (int c = 0; c < C; c++) {
        const double m = 0.5 * (p[c] + q[c]);
        if (p[c] > 0.0) sum += 0.5 * p[c] * log(p[c] / m);
        if (q[c] > 0.0) sum += 0.5 * q[c] * log(q[c] / m);
    }
    return sqrt(fmax(sum, 0.0));
}

/* 20 uniform labels, 1e5 devices: E sum q^2 = (alpha / 20 + 1) / (alpha + 1); distance is the mean
 * of JS over pairs of devices (base e, square root). */
static void check_mixes(double alpha, double distance)
{
    const co_partition_input in = {
        .seed = 9, .n_examples = 500 * C, .n_devices = K, .last = K, .size = 1};
    const int64_t size[C] = {[0 ... C - 1] = 500};
    double q[2][C], shape[C], sum = 0.0, square = 0.0, js_sum = 0.0;
    for (int64_t k = 0; k < K; k++) {
        double squares = 0.0, total = 0.0;
        co_mix_draw(&in, 0, alpha, NULL, size, C, k, shape, q[k % 2]);
        for (int c = 0; c < C; c++) {
            squares += q[k % 2][c] * q[k % 2][c];
            total += q[k % 2][c];
        }
        cr_assert(fabs(total - 1.0) < 1e-9, "device %lld: %.17g", (long long)k, total);
        sum += squares;
        square += squares * squares;
        if (k % 2) js_sum += js(q[0], q[1]);
    }
    const double mean = sum / K, error = sqrt((square / K - mean * mean) / K),
                 expected = (alpha / C + 1.0) / (alpha + 1.0), js_mean = js_sum / (K / 2);
    cr_expect(fabs(mean - expected) < 3.0 * error, "alpha %g: %.5f +- %.5f, not %.5f", alpha, mean,
              error, expected);
    cr_expect(fabs(js_mean - distance) < 0.002, "alpha %g: distance %.4f, not %.3f", alpha, js_mean,
              distance);
}

Test(dirichlet_device, mixes_have_the_moments_and_distances_of_the_law)
{
    check_mixes(0.1, 0.793);
    check_mixes(1.0, 0.764);
    check_mixes(5.0, 0.637);
    check_mixes(10.0, 0.538);
    check_mixes(100.0, 0.210);
}

/* With many devices the tilt is small and what devices hold is their mix: E sum of squared label
 * shares among m = 500 examples is the law's within the rounding of the cut. */
Test(dirichlet_device, devices_hold_their_mixes)
{
    enum { DEVICES = 2000, FIRST = 200 };
    co_dataset data = plain_data(500 * DEVICES, C);
    co_partition p = must_make("method=dirichlet_device devices=2000 alpha=1", &data);
    int64_t *counts = count_table(&p, &data);
    double sum = 0.0, square = 0.0;
    for (size_t d = 0; d < FIRST; d++) {
        double squares = 0.0;
        for (size_t c = 0; c < C; c++) squares += pow((double)counts[d * C + c] / 500.0, 2.0);
        sum += squares;
        square += squares * squares;
    }
    const double mean = sum / FIRST, error = sqrt((square / FIRST - mean * mean) / FIRST);
    cr_expect(fabs(mean - 0.525) < 3.0 * error, "%.4f +- %.4f, not 0.525", mean, error);
    co_free(counts);
    co_partition_fini(&p);
    co_dataset_fini(&data);
}

Test(dirichlet_device, dry_classes_are_made_up_for_until_all_is_dealt)
{
    co_dataset data = plain_data(1003, 10);
    co_partition p = must_make("method=dirichlet_device devices=17 alpha=1e-4", &data);
    for (int64_t d = 0; d < 17; d++)
        cr_expect(train_size(&p, d) == 59, "device %lld: %lld", (long long)d,
                  (long long)train_size(&p, d));
    cr_expect(p.n_unassigned == 0);
    int64_t *counts = count_table(&p, &data);
    int n_pure = 0;
    for (size_t d = 0; d < 17; d++)
        for (size_t c = 0; c < 10; c++) n_pure += counts[d * 10 + c] == 59;
    cr_expect(n_pure >= 1, "at alpha 1e-4 some device has one class");
    co_free(counts);
    co_partition_fini(&p);
    co_dataset_fini(&data);
}

/* Largest label share of the devices [first, first + 10). */
static double mean_largest(const int64_t *counts, size_t n_classes, size_t first)
{
    double sum = 0.0;
    for (size_t d = first; d < first + 10; d++) {
        int64_t most = 0, all = 0;
        for (size_t c = 0; c < n_classes; c++) {
            const int64_t n = counts[d * n_classes + c];
            all += n;
            most = n > most ? n : most;
        }
        sum += (double)most / (double)all;
    }
    return sum / 10.0;
}

/* 100 devices of 100 examples, 150 seeds: the last ten are as near to the law as the first ten. */
Test(dirichlet_device, the_place_of_a_device_does_not_matter)
{
    enum { SEEDS = 150, CLASSES = 10 };
    co_dataset data = plain_data(10000, CLASSES);
    double sum = 0.0, square = 0.0, all = 0.0;
    for (int seed = 0; seed < SEEDS; seed++) {
        char words[80];
        snprintf(words, sizeof words, "method=dirichlet_device devices=100 alpha=0.5 seed=%d",
                 seed);
        co_partition p = must_make(words, &data);
        int64_t *counts = count_table(&p, &data);
        const double last = mean_largest(counts, CLASSES, 90),
                     gap = last - mean_largest(counts, CLASSES, 0);
        sum += gap;
        square += gap * gap;
        all += last / SEEDS;
        co_free(counts);
        co_partition_fini(&p);
    }
    const double mean = sum / SEEDS, error = sqrt((square / SEEDS - mean * mean) / SEEDS);
    cr_expect(fabs(mean) < 3.0 * error, "last ten - first ten: %.4f +- %.4f", mean, error);
    cr_expect(fabs(all - 0.783) < 0.025, "last ten %.4f, the law of the mixes 0.783", all);
    co_dataset_fini(&data);
}

/* One label more than the others: a fourth of the examples; sizes and labels come out whole. */
Test(dirichlet_device, every_margin_is_kept)
{
    co_stream s = co_stream_open(4, CO_DRAW_TEST, 0, 0, 0);
    for (int turn = 0; turn < 60; turn++) {
        char words[120];
        const int64_t n = 1 + (int64_t)co_draw_below(&s, 3000),
                      k = 1 + (int64_t)co_draw_below(&s, 200);
        co_dataset data = mixed_data(n, 1 + co_draw_below(&s, 20), 3, (uint64_t)turn);
        int64_t n_train = 0;
        for (int64_t i = 0; i < n; i++) n_train += data.split[i] == 0;
        snprintf(words, sizeof words, "method=dirichlet_device devices=%lld alpha=%g", (long long)k,
                 pow(10.0, 4.0 * co_draw_uniform(&s) - 3.0));
        co_partition p = must_make(words, &data);
        cr_expect(p.n_unassigned == 0, "%s", words);
        for (int64_t d = 0; d < k; d++)
            cr_expect(train_size(&p, d) == n_train / k || train_size(&p, d) == n_train / k + 1,
                      "%s", words);
        co_partition_fini(&p);
        co_dataset_fini(&data);
    }
}

/* Class c has concentration alpha_c, and the examples are in the same proportions: the tilt is
 * near 1, and devices hold E q_c = alpha_c / 10, Var q_c = m (1 - m) / 11. */
Test(dirichlet_device, a_list_has_one_concentration_a_class)
{
    enum { DEVICES = 2000, CLASSES = 4 };
    co_dataset data = plain_data(100 * DEVICES, CLASSES);
    for (int64_t i = 0; i < data.n; i++)
        data.y[i] = (int32_t)(i % 10 < 1 ? 0 : i % 10 < 3 ? 1 : i % 10 < 6 ? 2 : 3);
    co_partition p = must_make("method=dirichlet_device devices=2000 alpha=[1,2,3,4]", &data);
    int64_t *counts = count_table(&p, &data);
    for (size_t c = 0; c < CLASSES; c++) {
        double sum = 0.0, square = 0.0;
        for (size_t d = 0; d < DEVICES; d++) {
            const double part = (double)counts[d * CLASSES + c] / 100.0;
            sum += part / DEVICES;
            square += part * part / DEVICES;
        }
        const double m = (double)(c + 1) / 10.0, wanted = m * (1.0 - m) / 11.0;
        cr_expect(fabs((square - sum * sum) / wanted - 1.0) < 0.15, "class %zu: %g, not %g", c,
                  square - sum * sum, wanted);
    }
    co_free(counts);
    co_partition_fini(&p);
    must_refuse("method=dirichlet_device devices=3 alpha=[1,2]", &data, "2 numbers for 4 classes");
    co_dataset_fini(&data);
}
