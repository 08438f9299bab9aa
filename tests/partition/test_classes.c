/* The partitioner classes: exactly k classes a device, each cut evenly. */
#include "tests/harness.h"
#include "tests/partition/support.h"

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
