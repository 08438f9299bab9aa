/* The partitioner features: levels in the partition, noise by key at each reading. */
#include "tests/harness.h"
#include "tests/partition/support.h"
#include <math.h>

Test(features, levels_rise_evenly_to_the_given_one)
{
    co_dataset data = plain_data(100, 10);
    co_partition p = must_make("method=features devices=4 noise=0.8", &data);
    for (int d = 0; d < 4; d++)
        cr_expect(fabs(p.device_noise[d] - 0.2 * (d + 1)) < 1e-12 && train_size(&p, d) == 25);
    co_partition_fini(&p);
    co_dataset_fini(&data);
}

Test(features, noise_has_its_level_and_is_the_same_at_each_reading)
{
    enum { N = 40, D = 2000 };
    const double level[2] = {0.0, 0.5};
    int64_t ids[N];
    float *x = co_calloc(N * D, sizeof *x), *again = co_calloc(N * D, sizeof *again),
          *scratch = co_calloc(D, sizeof *scratch);
    double sum = 0.0, square = 0.0, product = 0.0;
    for (int i = 0; i < N; i++) ids[i] = 3 * i;
    co_partition_add_noise(level, 7, 0, ids, N, D, x, scratch);
    for (int i = 0; i < N * D; i++) cr_assert(x[i] == 0.0f);
    co_partition_add_noise(level, 7, 1, ids, N, D, x, scratch);
    for (int i = N - 1; i >= 0; i--) /* one by one, in another order */
        co_partition_add_noise(level, 7, 1, ids + i, 1, D, again + i * D, scratch);
    cr_expect(memcmp(x, again, N * D * sizeof *x) == 0);
    for (int i = 0; i < N * D; i++) {
        sum += (double)x[i];
        square += (double)x[i] * (double)x[i];
        if (i >= D) product += (double)x[i] * (double)x[i - D];
    }
    cr_expect(fabs(sum / (N * D)) < 4.0 * 0.5 / sqrt(N * D));
    cr_expect(fabs(square / (N * D) - 0.25) < 4.0 * 0.25 * sqrt(2.0 / (N * D)));
    cr_expect(fabs(product / (N * D)) < 4.0 * 0.25 / sqrt(N * D)); /* examples are independent */
    co_free(x);
    co_free(again);
    co_free(scratch);
}
