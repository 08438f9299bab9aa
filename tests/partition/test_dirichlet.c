/* The partitioner dirichlet against moments of the Dirichlet law. */
#include "tests/harness.h"
#include "tests/partition/support.h"
#include <math.h>

/* The classes are independent draws: mean over them of sum_k share^2 against (alpha + 1) / (K alpha
 * + 1). */
static void check_squares(double alpha)
{
    enum { K = 20, C = 400, PER_CLASS = 2000 };
    char words[128];
    snprintf(words, sizeof words, "method=dirichlet devices=%d alpha=%g seed=4", K, alpha);
    co_dataset data = plain_data(C * PER_CLASS, C);
    co_partition p = must_make(words, &data);
    int64_t *counts = count_table(&p, &data);
    double sum = 0.0, square = 0.0;
    for (size_t c = 0; c < C; c++) {
        double squares = 0.0;
        for (size_t d = 0; d < K; d++) squares += pow((double)counts[d * C + c] / PER_CLASS, 2.0);
        sum += squares;
        square += squares * squares;
    }
    const double mean = sum / C, expected = (alpha + 1.0) / (K * alpha + 1.0);
    const double error = sqrt(fmax(square / C - mean * mean, 0.0) / C);
    cr_expect(fabs(mean - expected) <= 3.0 * error + 1e-3 * fmin(alpha, 1e-3),
              "alpha %g: %.6f +- %.6f, not %.6f", alpha, mean, error, expected);
    co_free(counts);
    co_partition_fini(&p);
    co_dataset_fini(&data);
}

Test(dirichlet, squared_shares_have_the_expected_sum)
{
    check_squares(0.01);
    check_squares(0.1);
    check_squares(0.5);
    check_squares(1.0);
    check_squares(10.0);
}

Test(dirichlet, every_device_expects_the_same_share)
{
    enum {
        K = 50,
        C = 4000,
        PER_CLASS = 20
    }; /* few examples a class: rounding decides most of it */
    co_dataset data = plain_data(C * PER_CLASS, C);
    co_partition p = must_make("method=dirichlet devices=50 alpha=1 seed=2", &data);
    int64_t *counts = count_table(&p, &data);
    for (size_t d = 0; d < K; d++) {
        double sum = 0.0, square = 0.0;
        for (size_t c = 0; c < C; c++) {
            const double n = (double)counts[d * C + c];
            sum += n;
            square += n * n;
        }
        const double mean = sum / C, error = sqrt((square / C - mean * mean) / C);
        cr_expect(fabs(mean - (double)PER_CLASS / K) < 4.0 * error,
                  "device %zu: %g +- %g examples of a class", d, mean, error);
    }
    co_free(counts);
    co_partition_fini(&p);
    co_dataset_fini(&data);
}

Test(dirichlet, tiny_alpha_gives_a_class_to_one_device)
{
    enum { K = 100, C = 50 };
    co_dataset data = plain_data(C * 200, C);
    co_partition p = must_make("method=dirichlet devices=100 alpha=1e-4", &data);
    int64_t *counts = count_table(&p, &data);
    size_t n_whole = 0;
    for (size_t i = 0; i < K * C; i++) n_whole += counts[i] == 200;
    /* a class lies on 1 + K alpha (1/1 + .. + 1/200) = 1.06 devices: 3 of 50 are split */
    cr_expect(n_whole >= C - 9, "%zu of %d classes lie on one device", n_whole, C);
    co_free(counts);
    co_partition_fini(&p);
    co_dataset_fini(&data);
}

Test(dirichlet, huge_alpha_gives_all_devices_the_same)
{
    enum { K = 10, C = 5 };
    co_dataset data = plain_data(C * 1000, C);
    co_partition p = must_make("method=dirichlet devices=10 alpha=1e6", &data);
    int64_t *counts = count_table(&p, &data);
    for (size_t i = 0; i < K * C; i++)
        cr_expect(llabs(counts[i] - 100) <= 1, "%lld", (long long)counts[i]);
    co_free(counts);
    co_partition_fini(&p);
    co_dataset_fini(&data);
}

Test(dirichlet, classes_without_examples_are_no_obstacle)
{
    co_dataset data = plain_data(100, 4);
    for (int i = 0; i < 100; i++) data.y[i] = i % 2 ? 3 : 1;
    co_partition p = must_make("method=dirichlet devices=5 alpha=0.3", &data);
    cr_expect(p.train_offsets[5] == 100);
    co_partition_fini(&p);
    co_dataset_fini(&data);
}

Test(dirichlet, alpha_is_required_and_positive)
{
    co_dataset data = plain_data(10, 2);
    co_partition p;
    cr_expect(make_partition("method=dirichlet devices=5", &data, &p) == CO_EUSAGE);
    cr_expect(strstr(co_status_message(), "alpha"));
    cr_expect(make_partition("method=dirichlet devices=5 alpha=0", &data, &p) == CO_EUSAGE);
    co_dataset_fini(&data);
}

/* alpha of device k is k + 1: E p_k = (k + 1) / 15, Var p_k = m (1 - m) / (15 + 1). */
Test(dirichlet, a_list_has_one_concentration_a_device)
{
    enum { K = 5, SEEDS = 400, CLASSES = 4 };
    co_dataset data = plain_data(8000, CLASSES);
    double sum[K] = {0.0}, square[K] = {0.0};
    for (int seed = 0; seed < SEEDS; seed++) {
        char words[100];
        snprintf(words, sizeof words, "method=dirichlet devices=5 alpha=[1,2,3,4,5] seed=%d", seed);
        co_partition p = must_make(words, &data);
        int64_t *counts = count_table(&p, &data);
        for (size_t i = 0; i < K * CLASSES; i++) {
            const double part = (double)counts[i] / 2000.0;
            sum[i / CLASSES] += part;
            square[i / CLASSES] += part * part;
        }
        co_free(counts);
        co_partition_fini(&p);
    }
    for (int k = 0; k < K; k++) {
        const double n = SEEDS * CLASSES, mean = sum[k] / n, m = (k + 1) / 15.0,
                     variance = square[k] / n - mean * mean, wanted = m * (1.0 - m) / 16.0;
        cr_expect(fabs(mean - m) < 4.0 * sqrt(wanted / n), "device %d: %g, not %g", k, mean, m);
        cr_expect(fabs(variance / wanted - 1.0) < 0.2, "device %d: %g, not %g", k, variance,
                  wanted);
    }
    must_refuse("method=dirichlet devices=3 alpha=[1,2]", &data, "2 numbers for 3 devices");
    must_refuse("method=dirichlet devices=2 alpha=[1,-2]", &data, "alpha[1]");
    co_dataset_fini(&data);
}

Test(dirichlet, a_list_of_equal_numbers_is_the_number)
{
    co_dataset data = plain_data(1000, 4);
    co_partition a = must_make("method=dirichlet devices=4 alpha=0.3", &data),
                 b = must_make("method=dirichlet devices=4 alpha=[0.3,0.3,0.3,0.3]", &data);
    cr_expect_arr_eq(a.train_offsets, b.train_offsets, 5 * sizeof(int64_t));
    cr_expect_arr_eq(a.train, b.train, 1000 * sizeof(int64_t));
    co_partition_fini(&a);
    co_partition_fini(&b);
    co_dataset_fini(&data);
}
