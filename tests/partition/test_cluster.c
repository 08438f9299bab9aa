/* The partitioner cluster: it deals the clusters that are there. */
#include "tests/harness.h"
#include "tests/partition/support.h"

/* Three far blobs, one a label; shares at alpha 1e-6 give each cluster to one device. */
Test(cluster, far_blobs_are_the_clusters)
{
    co_dataset data = plain_data(600, 3);
    add_features(&data, 2);
    co_partition p = must_make("method=cluster devices=5 clusters=3 alpha=1e-6 per=cluster", &data);
    int64_t *counts = count_table(&p, &data);
    for (size_t c = 0; c < 3; c++) {
        int holders = 0;
        for (size_t d = 0; d < 5; d++) holders += counts[d * 3 + c] > 0;
        cr_expect(holders == 1, "label %zu stands at %d devices", c, holders);
    }
    co_free(counts);
    co_partition_fini(&p);
    cr_expect(make_partition("method=cluster devices=5 clusters=601 alpha=1", &data, &p) ==
              CO_EUSAGE);
    cr_expect(strstr(co_status_message(), "601 clusters of 600"), "%s", co_status_message());
    co_dataset_fini(&data);
}
