/* partition/iid.c - every device draws from the same pool.
 *
 * A keyed permutation of the n examples is cut into K spans [floor(n k / K), floor(n (k + 1) / K)):
 * sizes differ by at most 1, and with K > n the K - n empty devices are spread evenly over the ids.
 * Cost: O(n + K) time, n int64 beside the owners.
 * Source: McMahan et al., AISTATS 2017, arXiv:1602.05629, section 3 (their IID split). */
#include "partition/partitioner.h"
#include "core/memory.h"

static co_status assign(const co_config *opt, const co_partition_input *in, int32_t *owner,
                        int64_t *n_devices, char ***device_name)
{
    (void)opt, (void)n_devices, (void)device_name;
    const int64_t n = in->n_examples, k = in->n_devices;
    int64_t *order = co_malloc((size_t)n, sizeof *order);
    if (!order) return CO_FAIL(CO_ENOMEM, "order of %lld examples", (long long)n);
    for (int64_t i = 0; i < n; i++) order[i] = i;
    co_stream stream = co_partition_stream(in, 0, 0, 0);
    co_draw_shuffle(&stream, order, (size_t)n);
    for (int64_t device = 0, j = 0; device < k; device++)
        for (const int64_t end = co_partition_span(n, device + 1, k); j < end; j++)
            owner[order[j]] = (int32_t)device;
    co_free(order);
    return CO_OK;
}

static const co_param params[] = {{.key = "sizes",
                                   .type = CO_CHOICE,
                                   .words = "equal",
                                   .doc = "examples a device: equal (they differ by at most 1)"},
                                  {0}};
const co_partitioner co_partitioner_iid = {.name = "iid",
                                           .summary = "equal random shares of all examples",
                                           .source = "McMahan et al. 2017, arXiv:1602.05629",
                                           .params = params,
                                           .assign = assign};
