/* The partitioner quantity against the moments of its laws. */
#include "tests/harness.h"
#include "tests/partition/support.h"
#include <math.h>

/* Mean over 200 partitions of the squared coefficient of variation against (K - 1) / (K beta + 1).
 */
static void check_variation(double beta)
{
    enum { K = 100, TIMES = 200 };
    co_dataset data = plain_data(20000, 2);
    double sum = 0.0, square = 0.0;
    for (int t = 0; t < TIMES; t++) {
        char words[128];
        snprintf(words, sizeof words, "method=quantity devices=%d beta=%g seed=%d", K, beta, t + 1);
        co_partition p = must_make(words, &data);
        const double cv = stat_of(&p, "size_cv");
        sum += cv * cv;
        square += cv * cv * cv * cv;
        co_partition_fini(&p);
    }
    const double mean = sum / TIMES, error = sqrt((square / TIMES - mean * mean) / TIMES),
                 expected = (K - 1.0) / (K * beta + 1.0);
    cr_expect(fabs(mean - expected) < 3.0 * error, "beta %g: %.5f +- %.5f, not %.5f", beta, mean,
              error, expected);
    co_dataset_fini(&data);
}

Test(quantity, sizes_vary_as_the_dirichlet_law_says)
{
    check_variation(0.1);
    check_variation(0.5);
    check_variation(5.0);
}

Test(quantity, power_law_sizes_are_the_ranks_powers)
{
    co_dataset data = plain_data(100000, 2);
    co_partition p = must_make("method=quantity devices=50 law=power exponent=1.5", &data);
    double total = 0.0;
    bool used[51] = {false};
    for (int r = 1; r <= 50; r++) total += pow(r, -1.5);
    for (int64_t d = 0; d < 50; d++) {
        int rank = 1; /* the one whose expected size is nearest */
        const double share = (double)train_size(&p, d) / 1e5;
        for (int r = 2; r <= 50; r++)
            if (fabs(pow(r, -1.5) / total - share) < fabs(pow(rank, -1.5) / total - share))
                rank = r;
        cr_expect(fabs(pow(rank, -1.5) / total * 1e5 - share * 1e5) <= 1.0 && !used[rank],
                  "rank %d", rank);
        used[rank] = true;
    }
    co_partition_fini(&p);
    co_dataset_fini(&data);
}
