/* partition/features.c - devices see the same things through worse and worse sensors.
 *
 * The examples are dealt evenly, as iid does; device k of K adds normal noise of standard deviation
 * noise (k + 1) / K to the features whenever it reads an example. The levels stand in the partition
 * (device_noise); co_partition_add_noise applies them. Cost: O(n + K); K doubles.
 * Source: Li et al., ICDE 2022, arXiv:2102.02079, section 4.2 (noise-based feature imbalance; there
 * sigma is a variance, here a standard deviation). */
#include "core/memory.h"
#include "core/random.h"
#include "partition/sizes.h"

enum { DRAW_SIZES };

void co_partition_add_noise(const double *device_noise, uint64_t seed, int64_t device,
                            const int64_t *ids, size_t n, size_t x_size, float *x, float *scratch)
{
    if (!device_noise || device_noise[device] == 0.0) return;
    const float level = (float)device_noise[device];
    for (size_t i = 0; i < n; i++) {
        const co_stream stream = co_stream_open(seed, CO_DRAW_PARTITION, CO_PART_STAGE_NOISE,
                                                (uint64_t)device, (uint64_t)ids[i]);
        co_fill_normal(&stream, 0, x_size, scratch);
        for (size_t j = 0; j < x_size; j++) x[i * x_size + j] += level * scratch[j];
    }
}

static co_status plan_noise(const co_config *opt, const co_partition_input *in,
                            co_partition_plan *plan)
{
    const double most = co_config_real(opt, "noise");
    plan->noise = co_malloc((size_t)in->n_devices, sizeof *plan->noise);
    CO_TRY(co_partition_agree(
        in, plan->noise ? co_partition_plan_counts(in, plan)
                        : CO_FAIL(CO_ENOMEM, "noise of %lld devices", (long long)in->n_devices)));
    for (int64_t k = 0; k < in->n_devices; k++)
        plan->noise[k] = most * ((double)(k + 1) / (double)in->n_devices);
    return co_sizes(in, DRAW_SIZES, CO_SIZES_EQUAL, 0.0, in->n_examples, plan->count, 1);
}

static const co_param params[] = {
    {.key = "noise",
     .type = CO_REAL,
     .def = 0.1,
     .lo = 0.0,
     .hi = 1e6,
     .doc = "standard deviation of the last device's noise, in units of the scaled features"},
    {0}};
const co_partitioner co_partitioner_features = {
    .name = "features",
    .summary = "even random shares; a noise level on the features that grows with the device",
    .source = "Li et al. 2022, arXiv:2102.02079",
    .params = params,
    .plan = plan_noise};
