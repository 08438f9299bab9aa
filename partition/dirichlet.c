/* partition/dirichlet.c - every class is shared out in Dirichlet proportions.
 *
 * For each class c with n_c examples: p ~ Dir(alpha, .., alpha) over the K devices, P_k = p_0 + ..
 * + p_k, and u uniform in [0, 1). Device k gets the examples floor(n_c P_{k-1} + u) .. floor(n_c
 * P_k + u) - 1 of the class in keyed random order. No example is lost, and each device expects
 * exactly n_c p_k examples. Mean over draws of sum_k p_k^2: (alpha + 1) / (K alpha + 1). Cost: O(n
 * + K C) time, one gamma draw for each device and class; n int64 and 2 K double beside the owners.
 * Source: Yurochkin et al., ICML 2019, arXiv:1905.12022, section 4 (proportions per class); Hsu et
 * al., 2019, arXiv:1909.06335, draw per device instead. Where we differ: the usual cut is at
 * floor(n_c P_k), which gives the last device an example of every class whatever its proportion;
 * the keyed offset u removes that. The usual endless redraw until every device has 10 examples is
 * the option min_size, off by default and bounded. */
#include "partition/partitioner.h"
#include "core/memory.h"
#include <math.h>

enum { STAGE_SHARES };

static void deal(const int64_t *items, int64_t n, const double *p, int64_t k, double offset,
                 int32_t *owner)
{
    double cumulated = 0.0;
    for (int64_t device = 0, j = 0; device < k && j < n; device++) {
        cumulated += p[device];
        const double cut = floor((double)n * cumulated + offset);
        const int64_t end = device == k - 1 || cut > (double)n ? n : (int64_t)cut;
        for (; j < end; j++) owner[items[j]] = (int32_t)device;
    }
}

static co_status assign(const co_config *opt, const co_partition_input *in, int32_t *owner,
                        int64_t *n_devices, char ***device_name)
{
    (void)n_devices, (void)device_name;
    const size_t k = (size_t)in->n_devices;
    int64_t *order = NULL, *first = NULL;
    double *concentration = co_malloc(k, sizeof *concentration), *p = co_malloc(k, sizeof *p);
    co_status st = CO_OK;
    if (!concentration || !p) {
        st = CO_FAIL(CO_ENOMEM, "proportions of %zu devices", k);
        goto out;
    }
    CO_TRY_OUT(co_partition_by_label(in, &order, &first));
    for (size_t i = 0; i < k; i++) concentration[i] = co_config_real(opt, "alpha");
    for (size_t c = 0; c < in->data->n_classes; c++) {
        const int64_t n = first[c + 1] - first[c];
        if (n == 0) continue;
        co_stream stream = co_partition_stream(in, STAGE_SHARES, 0, c);
        const double offset = co_draw_uniform(&stream);
        co_draw_dirichlet(&stream, concentration, k, p);
        deal(order + first[c], n, p, in->n_devices, offset, owner);
    }
out:
    co_free(concentration);
    co_free(p);
    co_free(order);
    co_free(first);
    return st;
}

static const co_param params[] = {
    {.key = "alpha",
     .type = CO_REAL,
     .lo = 1e-6,
     .hi = 1e6,
     .flags = CO_REQUIRED,
     .doc = "concentration: small = few classes a device, large = all alike"},
    {0}};
const co_partitioner co_partitioner_dirichlet = {
    .name = "dirichlet",
    .summary = "each class shared out in Dirichlet(alpha) proportions",
    .source = "Yurochkin et al. 2019, arXiv:1905.12022",
    .params = params,
    .needs = CO_PART_NEEDS_LABELS | CO_PART_REDRAW,
    .assign = assign};
