/* partition/classes.c - exactly k classes a device.
 *
 * Only classes with examples count. The classes go round: the devices, in keyed order, take turns
 * at one class after the other, k - 1 further distinct ones are drawn by key. The examples of a
 * class are cut evenly among the devices that hold it (sizes differ by at most 1). A class that no
 * device holds, possible when K < C, is left over: `unassigned`. k larger than the number of
 * classes is refused. Cost: O(n + K (k + C)). Source: Li et al., ICDE 2022, arXiv:2102.02079,
 * section 4.1 (#C = k). */
#include "core/memory.h"
#include "partition/partitioner.h"

enum { DRAW_TURN, DRAW_MORE };

/* Visits the classes of every device in the order of the turns: with counts NULL the holders of
 * each class are counted, else the devices of this rank get their parts. */
typedef struct {
    const co_partition_input *in;
    co_partition_plan *plan;
    int64_t *turn, *present; /* devices in keyed order; classes with examples */
    int64_t n_present, k;
    int64_t *chosen, *scratch;
    int64_t *n_holders, *next; /* [n_groups] */
} chooser;

static void take(chooser *c, int64_t device, int64_t present, bool deal)
{
    const int64_t g = c->present[present];
    if (!deal) {
        c->n_holders[g]++;
        return;
    }
    const int64_t n = c->plan->group_size[g], i = c->next[g]++;
    if (device < c->in->first || device >= c->in->last) return;
    c->plan->count[(size_t)(device - c->in->first) * c->plan->n_groups + (size_t)g] =
        (int32_t)(co_partition_span(n, i + 1, c->n_holders[g]) -
                  co_partition_span(n, i, c->n_holders[g]));
}

static void visit(chooser *c, bool deal)
{
    for (int64_t t = 0; t < c->in->n_devices; t++) {
        const int64_t device = c->turn[t], own = t % c->n_present;
        take(c, device, own, deal);
        if (c->k == 1) continue;
        co_stream stream = co_partition_stream(c->in, DRAW_MORE, (uint64_t)device, 0);
        co_draw_subset(&stream, c->n_present - 1, (size_t)c->k - 1, c->chosen, c->scratch);
        for (int64_t j = 0; j < c->k - 1; j++)
            take(c, device, c->chosen[j] < own ? c->chosen[j] : c->chosen[j] + 1, deal);
    }
}

static co_status chooser_init(const co_config *opt, chooser *c)
{
    const size_t g = c->plan->n_groups, k = (size_t)c->in->n_devices;
    c->k = co_config_int(opt, "classes_per_device");
    c->turn = co_malloc(k, sizeof *c->turn);
    c->present = co_malloc(g, sizeof *c->present);
    c->n_holders = co_calloc(g, sizeof *c->n_holders);
    c->next = co_calloc(g, sizeof *c->next);
    c->chosen = co_malloc((size_t)c->k, sizeof *c->chosen);
    c->scratch = co_malloc(co_draw_subset_scratch((size_t)c->k), sizeof *c->scratch);
    if (!c->turn || !c->present || !c->n_holders || !c->next || !c->chosen || !c->scratch)
        return CO_FAIL(CO_ENOMEM, "turns of %zu devices", k);
    for (size_t i = 0; i < g; i++)
        if (c->plan->group_size[i] > 0) c->present[c->n_present++] = (int64_t)i;
    if (c->n_present > 0 && c->k > c->n_present)
        return co_config_fail(opt, co_config_node(opt, "classes_per_device"),
                              "%lld classes a device, but only %lld have training examples",
                              (long long)c->k, (long long)c->n_present);
    for (size_t i = 0; i < k; i++) c->turn[i] = (int64_t)i;
    co_stream stream = co_partition_stream(c->in, DRAW_TURN, 0, 0);
    co_draw_shuffle(&stream, c->turn, k);
    return co_partition_plan_counts(c->in, c->plan);
}

static co_status plan_classes(const co_config *opt, const co_partition_input *in,
                              co_partition_plan *plan)
{
    chooser c = {.in = in, .plan = plan};
    const co_status st = chooser_init(opt, &c);
    if (st == CO_OK && c.n_present > 0) {
        visit(&c, false);
        visit(&c, true);
    }
    co_free(c.turn);
    co_free(c.present);
    co_free(c.n_holders);
    co_free(c.next);
    co_free(c.chosen);
    co_free(c.scratch);
    return st;
}

static const co_param params[] = {{.key = "classes_per_device",
                                   .type = CO_INT,
                                   .def = 2,
                                   .lo = 1,
                                   .hi = 1e6,
                                   .doc = "different classes on each device"},
                                  {0}};
const co_partitioner co_partitioner_classes = {
    .name = "classes",
    .summary = "exactly so many classes a device, each class cut evenly among its devices",
    .source = "Li et al. 2022, arXiv:2102.02079",
    .params = params,
    .needs = CO_PART_NEEDS_LABELS,
    .plan = plan_classes};
