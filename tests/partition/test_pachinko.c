/* The partitioner pachinko: mixes of superclasses and of the classes within them by their laws. */
#include "tests/harness.h"
#include "tests/partition/support.h"
#include <math.h>

enum { K = 4000, FIRST = 400, EACH = 100, C = 20, G = 5 };

/* Of m draws by a mix: E sum (n / m)^2 = E sum q^2 (1 - 1/m) + 1/m. */
static double after_draws(double squares, double m)
{
    return squares * (1.0 - 1.0 / m) + 1.0 / m;
}

/* The first tenth of the devices draw while all classes have plenty. */
Test(pachinko, superclasses_and_classes_follow_their_laws)
{
    const double alpha = 0.5, fine = 2.0;
    co_dataset data = plain_data(K * EACH, C);
    data.n_groups = G;
    data.group = co_malloc((size_t)data.n, sizeof *data.group);
    for (int64_t i = 0; i < data.n; i++) data.group[i] = data.y[i] % G;
    co_partition p = must_make("method=pachinko devices=4000 alpha=0.5 fine_alpha=2", &data);
    int64_t *counts = count_table(&p, &data);
    double coarse = 0.0, square = 0.0, within = 0.0, expected_within = 0.0;
    for (size_t d = 0; d < FIRST; d++) {
        double of_group[G] = {0}, squares = 0.0;
        cr_assert(train_size(&p, (int64_t)d) == EACH);
        for (size_t c = 0; c < C; c++) of_group[c % G] += (double)counts[d * C + c];
        for (size_t g = 0; g < G; g++) squares += pow(of_group[g] / EACH, 2.0);
        for (size_t g = 0; g < G; g++) {
            if (of_group[g] < 20.0) continue;
            for (size_t c = g; c < C; c += G)
                within += pow((double)counts[d * C + c] / of_group[g], 2.0);
            expected_within += after_draws((fine + 1.0) / (C / G * fine + 1.0), of_group[g]);
        }
        coarse += squares;
        square += squares * squares;
    }
    const double mean = coarse / FIRST, error = sqrt((square / FIRST - mean * mean) / FIRST),
                 expected = after_draws((alpha + 1.0) / (G * alpha + 1.0), EACH);
    cr_expect(fabs(mean - expected) < 3.0 * error, "%.4f +- %.4f, not %.4f", mean, error, expected);
    cr_expect(fabs(within / expected_within - 1.0) < 0.03, "%.4f of the law",
              within / expected_within);
    cr_expect(p.n_unassigned == 0);
    co_free(counts);
    co_partition_fini(&p);
    co_dataset_fini(&data);
}
