/* partition/temporal.c - random shares of all examples, each of which arrives in one of P periods.
 *
 * Sizes as in iid.c. Then each example of the data set, whatever its split, gets a period by a law:
 *   uniform: any of them alike;
 *   labels (drift of labels): with probability `drift` floor(P (rank + v) / C), where rank is the
 * place of the example's class in a keyed order of the C classes and v uniform on [0, 1): the
 * classes come one after another; else any; devices (new devices): device k appears in period
 * floor(P rank / K), the ranks dealt by key; its examples arrive in any period from then on; those
 * of no device in any period; group: the column `group` of the data set, in its order; P is the
 * number of groups. A run goes through the periods; devices.memory says what a device keeps. Cost:
 * O(n + K), 4 bytes an example in the file. Source: Dupuy et al. 2022, arXiv:2202.03925 (continual
 * data on devices); the laws are ours. */
#include "core/memory.h"
#include "partition/partitioner.h"
#include "partition/sizes.h"
#include <string.h>

enum { DRAW_SIZES, DRAW_ORDER = 8, DRAW_PERIOD };

static co_status plan_sizes(const co_config *opt, const co_partition_input *in,
                            co_partition_plan *plan)
{
    const bool zipf = strcmp(co_config_string(opt, "sizes"), "zipf") == 0;
    CO_TRY(co_partition_agree(in, co_partition_plan_counts(in, plan)));
    return co_sizes(in, DRAW_SIZES, zipf ? CO_SIZES_ZIPF : CO_SIZES_EQUAL,
                    co_config_real(opt, "exponent"), in->n_examples, plan->count, 1);
}

/* What the laws work on. */
typedef struct {
    const co_config *opt;
    const co_partition_input *in;
    co_partition *p;
    int64_t *rank; /* of the classes, or of the devices */
} arrivals;

/* Places 0 .. n - 1 in a keyed order. */
static co_status draw_ranks(arrivals *a, int64_t n)
{
    a->rank = co_malloc((size_t)n, sizeof *a->rank);
    if (!a->rank) return CO_FAIL(CO_ENOMEM, "order of %lld arrivals", (long long)n);
    for (int64_t i = 0; i < n; i++) a->rank[i] = i;
    co_stream s = co_partition_stream(a->in, DRAW_ORDER, 0, 0);
    co_draw_shuffle(&s, a->rank, (size_t)n);
    return CO_OK;
}

static co_stream stream_of(const arrivals *a, int64_t id)
{
    return co_partition_stream(a->in, DRAW_PERIOD, (uint64_t)id, 0);
}

static int64_t any_from(const arrivals *a, int64_t id, int64_t first)
{
    co_stream s = stream_of(a, id);
    return first + (int64_t)co_draw_below(&s, (uint64_t)(a->p->n_periods - first));
}

static int64_t by_label(const arrivals *a, int64_t id, double drift)
{
    co_stream s = stream_of(a, id);
    const double n = (double)a->p->n_periods, u = co_draw_uniform(&s), v = co_draw_uniform(&s);
    const double place =
        u < drift ? ((double)a->rank[a->in->data->y[id]] + v) / (double)a->in->data->n_classes : v;
    return (int64_t)(n * place);
}

static void follow_devices(const arrivals *a, const int64_t *offsets, const int64_t *ids)
{
    const co_partition *p = a->p;
    for (int64_t k = 0; offsets && k < p->n_devices; k++)
        for (int64_t i = offsets[k]; i < offsets[k + 1]; i++)
            p->period[ids[i]] =
                (int32_t)any_from(a, ids[i], p->n_periods * a->rank[k] / p->n_devices);
}

static co_status by_group(const arrivals *a)
{
    const co_dataset *data = a->in->data;
    const co_node *law = co_config_node(a->opt, "law");
    if (!data->group || data->n_groups == 0)
        return co_config_fail(a->opt, law,
                              "group needs the column `group`, which these %lld examples lack",
                              (long long)data->n);
    a->p->n_periods = (int64_t)data->n_groups;
    for (int64_t i = 0; i < data->n; i++) {
        if (data->group[i] < 0)
            return co_config_fail(a->opt, law, "example %lld has no group: it arrives in no period",
                                  (long long)i);
        a->p->period[i] = data->group[i];
    }
    return CO_OK;
}

static co_status by_labels(arrivals *a)
{
    const co_dataset *data = a->in->data;
    if (!data->y || data->n_classes == 0)
        return co_config_fail(a->opt, co_config_node(a->opt, "law"),
                              "labels needs a class an example (y), which these %lld examples lack",
                              (long long)data->n);
    CO_TRY(draw_ranks(a, (int64_t)data->n_classes));
    const double drift = co_config_real(a->opt, "drift");
    for (int64_t i = 0; i < data->n; i++) a->p->period[i] = (int32_t)by_label(a, i, drift);
    return CO_OK;
}

static co_status by_law(arrivals *a)
{
    const char *law = co_config_string(a->opt, "law");
    co_partition *p = a->p;
    if (strcmp(law, "group") == 0) return by_group(a);
    p->n_periods = co_config_int(a->opt, "periods");
    if (strcmp(law, "labels") == 0) return by_labels(a);
    for (int64_t i = 0; i < a->in->data->n; i++) p->period[i] = (int32_t)any_from(a, i, 0);
    if (strcmp(law, "uniform") == 0) return CO_OK;
    CO_TRY(draw_ranks(a, p->n_devices));
    follow_devices(a, p->train_offsets, p->train);
    follow_devices(a, p->test_offsets, p->test);
    return CO_OK;
}

static co_status add_periods(const co_config *opt, const co_partition_input *in, co_partition *p)
{
    arrivals a = {.opt = opt, .in = in, .p = p};
    p->n_dated = in->data->n;
    p->period = co_malloc((size_t)p->n_dated, sizeof *p->period);
    const co_status st =
        p->period ? by_law(&a)
                  : CO_FAIL(CO_ENOMEM, "periods of %lld examples", (long long)p->n_dated);
    for (int64_t i = 1; st == CO_OK && in->data->question && i < in->data->n; i++)
        if (in->data->question[i] == in->data->question[i - 1]) p->period[i] = p->period[i - 1];
    co_free(a.rank);
    return st;
}

static const co_param params[] = {
    {.key = "law",
     .type = CO_CHOICE,
     .words = "uniform|labels|devices|group",
     .doc = "when examples arrive: any period alike; class by class; with devices that appear one "
            "after another; by the "
            "column group"},
    {.key = "periods",
     .type = CO_INT,
     .def = 10,
     .lo = 1,
     .hi = 1e6,
     .doc = "number of periods (law group: the groups)"},
    {.key = "drift",
     .type = CO_REAL,
     .def = 1.0,
     .lo = 0.0,
     .hi = 1.0,
     .doc = "law labels: part of the examples that arrive with their class"},
    {.key = "sizes", .type = CO_CHOICE, .words = "equal|zipf", .doc = "law of the devices' sizes"},
    {.key = "exponent",
     .type = CO_REAL,
     .def = 1.0,
     .lo = 0.0,
     .hi = 10.0,
     .doc = "Zipf and power law: size in proportion to rank^-exponent"},
    {0}};
const co_partitioner co_partitioner_temporal = {
    .name = "temporal",
    .summary = "random shares whose examples arrive in periods: uniform, drift of labels, new "
               "devices, a column",
    .source = "Dupuy et al. 2022, arXiv:2202.03925",
    .params = params,
    .needs = CO_PART_REDRAW,
    .plan = plan_sizes,
    .complete = add_periods};
