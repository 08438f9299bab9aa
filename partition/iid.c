/* partition/iid.c - every device draws from the same pool; the sizes follow a law.
 *
 * equal: spans [floor(n k / K), floor(n (k + 1) / K)): sizes differ by at most 1, and with K > n
 * the K - n empty devices are spread evenly over the ids. lognormal: weights exp(sigma z), z
 * normal. zipf: weights rank^-exponent, the ranks dealt by key. dirichlet: Dirichlet(beta). linear,
 * square, exponential: weights id + 1, (id + 1)^2, e^id (flwr-datasets). given:
 * the list `given`, one size a device; what it leaves over is unassigned. Cost: O(n + K). Source:
 * McMahan et al., AISTATS 2017, arXiv:1602.05629, section 3 (their IID split: equal). */
#include "partition/partitioner.h"
#include "partition/sizes.h"
#include <string.h>

enum { DRAW_SIZES };

static co_status take_given(const co_config *opt, const co_partition_input *in,
                            co_partition_plan *plan)
{
    const co_node *list = co_config_node(opt, "given");
    const int64_t n = list ? (int64_t)co_node_count(list) : 0;
    int64_t k = 0, total = 0, size = 0;
    if (n != in->n_devices)
        return co_config_fail(opt, list,
                              "has %lld sizes for %lld devices; sizes: given needs one each",
                              (long long)n, (long long)in->n_devices);
    for (const co_node *item = list->first; item; item = item->next, k++) {
        co_node_int(item, &size);
        total += size;
        if (total > in->n_examples)
            return co_config_fail(opt, item,
                                  "the sizes up to here need %lld examples, there are %lld",
                                  (long long)total, (long long)in->n_examples);
        if (k >= in->first && k < in->last) plan->count[k - in->first] = (int32_t)size;
    }
    return CO_OK;
}

static co_status devices(const co_config *opt, int64_t *n_devices)
{
    const co_node *list = co_config_node(opt, "given");
    *n_devices = list ? (int64_t)co_node_count(list) : 0;
    return CO_OK;
}

static co_status plan_sizes(const co_config *opt, const co_partition_input *in,
                            co_partition_plan *plan)
{
    static const struct {
        const char *word, *key; /* key: of its parameter, which else is fixed */
        co_size_law law;
        double fixed;
    } laws[] = {{"equal", NULL, CO_SIZES_EQUAL, 0.0},
                {"lognormal", "sigma", CO_SIZES_LOGNORMAL, 0.0},
                {"zipf", "exponent", CO_SIZES_ZIPF, 0.0},
                {"dirichlet", "beta", CO_SIZES_DIRICHLET, 0.0},
                {"linear", NULL, CO_SIZES_POWER, 1.0},
                {"square", NULL, CO_SIZES_POWER, 2.0},
                {"exponential", NULL, CO_SIZES_EXPONENTIAL, 1.0}};
    const char *sizes = co_config_string(opt, "sizes");
    size_t k = 0;
    CO_TRY(co_partition_agree(in, co_partition_plan_counts(in, plan)));
    if (strcmp(sizes, "given") == 0) return take_given(opt, in, plan);
    while (strcmp(laws[k].word, sizes) != 0) k++;
    return co_sizes(in, DRAW_SIZES, laws[k].law,
                    laws[k].key ? co_config_real(opt, laws[k].key) : laws[k].fixed, in->n_examples,
                    plan->count, 1);
}

static const co_param params[] = {
    {.key = "sizes",
     .type = CO_CHOICE,
     .words = "equal|lognormal|zipf|dirichlet|linear|square|exponential|given",
     .doc = "law of the devices' sizes; linear, square, exponential: by id + 1, its square, e^id"},
    {.key = "sigma",
     .type = CO_REAL,
     .def = 1.0,
     .lo = 0.0,
     .hi = 10.0,
     .doc = "sizes lognormal: standard deviation of the log size"},
    {.key = "exponent",
     .type = CO_REAL,
     .def = 1.0,
     .lo = 0.0,
     .hi = 10.0,
     .doc = "Zipf and power law: size in proportion to rank^-exponent"},
    {.key = "beta",
     .type = CO_REAL,
     .def = 1.0,
     .lo = 1e-6,
     .hi = 1e6,
     .doc = "concentration of Dirichlet sizes: small = few large devices"},
    {.key = "given",
     .type = CO_INTS,
     .lo = 0,
     .hi = 2147483647,
     .flags = CO_OPTIONAL,
     .doc = "sizes given: examples of each device"},
    {0}};
const co_partitioner co_partitioner_iid = {
    .name = "iid",
    .summary = "random shares of all examples, of equal or skewed sizes",
    .source = "McMahan et al. 2017, arXiv:1602.05629",
    .params = params,
    .needs = CO_PART_REDRAW | CO_PART_MAY_DEVICES,
    .devices = devices,
    .plan = plan_sizes};
