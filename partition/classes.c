/* partition/classes.c - exactly k classes a device.
 *
 * Only classes with examples count. Which classes a device has, by `assignment`:
 *   turns: the devices, in keyed order, take turns at one class after the other; k - 1 further
 *     distinct ones are drawn by key;
 *   first: the same in the order of their ids, so that device d has class d mod C;
 *   deterministic: classes d mod C, (d + 1) mod C, ..;
 *   random: k distinct ones drawn by key.
 * The last three are flwr-datasets' class_assignment_mode of PathologicalPartitioner, which cuts
 * each class evenly as we do (and refuses a class of fewer examples than devices; here some get
 * none).
 *
 * The examples of a class are cut evenly among the devices that hold it (sizes differ by at most
 * 1), or with alpha in proportions p ~ Dir(alpha, .., alpha) over them, as dirichlet.c cuts (Li &
 * Lyu, NeurIPS 2023, arXiv:2311.03154, appendix: extended Dirichlet strategy). A class that no
 * device holds, possible when K < C, is left over: `unassigned`. k larger than the number of
 * classes is refused. With `sizes` other than equal classes_sizes.c finds the cells. Cost: O(n + K
 * (k + C)). Source: Li et al., ICDE 2022, arXiv:2102.02079, section 4.1 (#C = k). */
#include "core/memory.h"
#include "partition/classes.h"
#include "partition/proportions.h"
#include "partition/sizes.h"
#include <math.h>
#include <string.h>

enum { DRAW_TURN, DRAW_MORE, DRAW_SIZES = 4, DRAW_PARTS = 6 };

typedef enum { TURNS, FIRST, RANDOM, DETERMINISTIC } assignment;

/* Visits the classes of every device in the order of the turns. */
typedef struct {
    const co_partition_input *in;
    co_partition_plan *plan;
    assignment how;
    int64_t *turn, *present; /* devices in their order; classes with examples */
    int64_t n_present, k;
    int64_t *chosen, *scratch;
    int64_t *n_holders, *next; /* [n_groups] */
    int32_t *held;             /* [n_devices][k], or NULL: not wanted */
} chooser;

/* The numbers (among the present ones) of the k classes of the device whose turn is t: chosen. */
static void choose(chooser *c, int64_t t)
{
    const int64_t device = c->turn[t], own = t % c->n_present;
    co_stream stream = co_partition_stream(c->in, DRAW_MORE, (uint64_t)device, 0);
    if (c->how == RANDOM) {
        co_draw_subset(&stream, c->n_present, (size_t)c->k, c->chosen, c->scratch);
        return;
    }
    c->chosen[0] = own;
    if (c->how == DETERMINISTIC)
        for (int64_t j = 1; j < c->k; j++) c->chosen[j] = (own + j) % c->n_present;
    else if (c->k > 1)
        co_draw_subset(&stream, c->n_present - 1, (size_t)c->k - 1, c->chosen + 1, c->scratch);
    for (int64_t j = 1; c->how != DETERMINISTIC && j < c->k; j++)
        if (c->chosen[j] >= own) c->chosen[j]++;
}

/* Counts the holders of each class. */
static void count_holders(chooser *c)
{
    for (int64_t t = 0; t < c->in->n_devices; t++) {
        choose(c, t);
        for (int64_t j = 0; j < c->k; j++) {
            const int64_t g = c->present[c->chosen[j]];
            c->n_holders[g]++;
            if (c->held) c->held[c->turn[t] * c->k + j] = (int32_t)g;
        }
    }
}

/* The devices of this rank get their parts. */
static void cut_evenly(chooser *c)
{
    for (int64_t t = 0; t < c->in->n_devices; t++) {
        const int64_t device = c->turn[t];
        const bool own = device >= c->in->first && device < c->in->last;
        choose(c, t);
        for (int64_t j = 0; j < c->k; j++) {
            const int64_t g = c->present[c->chosen[j]], n = c->plan->group_size[g],
                          i = c->next[g]++;
            if (!own) continue;
            c->plan->count[(size_t)(device - c->in->first) * c->plan->n_groups + (size_t)g] =
                (int32_t)(co_partition_span(n, i + 1, c->n_holders[g]) -
                          co_partition_span(n, i, c->n_holders[g]));
        }
    }
}

static co_status chooser_init(const co_config *opt, chooser *c)
{
    const size_t g = c->plan->n_groups, k = (size_t)c->in->n_devices;
    const char *how = co_config_string(opt, "assignment");
    c->how = strcmp(how, "first") == 0    ? FIRST
             : strcmp(how, "random") == 0 ? RANDOM
             : strcmp(how, "turns") == 0  ? TURNS
                                          : DETERMINISTIC;
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
    if (c->how == TURNS) co_draw_shuffle(&stream, c->turn, k);
    if (co_config_has(opt, "alpha") || !co_sizes_are_equal(opt)) {
        c->held = co_malloc(k * (size_t)c->k, sizeof *c->held);
        if (!c->held) return CO_FAIL(CO_ENOMEM, "classes of %zu devices", k);
    }
    return co_partition_plan_counts(c->in, c->plan);
}

static void chooser_fini(chooser *c)
{
    co_free(c->turn);
    co_free(c->present);
    co_free(c->n_holders);
    co_free(c->next);
    co_free(c->chosen);
    co_free(c->scratch);
    co_free(c->held);
}

/* Logs of the holders' weights within each class: [n_devices][k], the same on all ranks. */
static void weigh(const chooser *c, const co_config *opt, double *weight)
{
    const size_t n = (size_t)(c->in->n_devices * c->k);
    if (!co_config_has(opt, "alpha")) {
        memset(weight, 0, n * sizeof *weight);
        return;
    }
    const double alpha = co_config_real(opt, "alpha");
    for (size_t i = 0; i < n; i++)
        co_proportions_draw(c->in, DRAW_PARTS, (uint64_t)c->held[i], alpha, (int64_t)i / c->k, 1,
                            &weight[i]);
}

/* Every class in Dirichlet proportions among its holders. */
static co_status cut_by_weight(const chooser *c, const co_config *opt)
{
    const size_t g = c->plan->n_groups, k = (size_t)c->k, first = (size_t)c->in->first,
                 m = (size_t)c->in->last - first;
    double *weight = co_malloc((size_t)c->in->n_devices * k, sizeof *weight),
           *of_class = co_malloc(m, sizeof *of_class);
    co_status st = co_partition_agree(
        c->in, weight && of_class ? CO_OK : CO_FAIL(CO_ENOMEM, "weights of %zu devices", m));
    if (st == CO_OK) weigh(c, opt, weight);
    for (size_t j = 0; st == CO_OK && j < g; j++) {
        if (c->n_holders[j] == 0) continue;
        for (size_t d = 0; d < m; d++) {
            of_class[d] = -INFINITY;
            for (size_t i = (first + d) * k; i < (first + d + 1) * k; i++)
                if (c->held[i] == (int32_t)j) of_class[d] = weight[i];
        }
        co_proportions_cut(c->in, DRAW_PARTS, j, of_class, c->plan->group_size[j],
                           c->plan->count + j, g);
    }
    co_free(weight);
    co_free(of_class);
    return st;
}

static co_status cut_to_sizes(const chooser *c, const co_config *opt)
{
    co_classes_held h = {.in = c->in, .plan = c->plan, .k = (size_t)c->k, .held = c->held};
    co_status st = co_sizes_of_all(opt, c->in, DRAW_SIZES, &h.size);
    if (st != CO_OK) return st;
    h.weight = co_malloc((size_t)(c->in->n_devices * c->k), sizeof *h.weight);
    if (h.weight) weigh(c, opt, h.weight);
    st = h.weight ? co_classes_fit(&h, opt)
                  : CO_FAIL(CO_ENOMEM, "weights of %lld devices", (long long)c->in->n_devices);
    co_free(h.weight);
    co_free(h.size);
    return st;
}

static co_status plan_classes(const co_config *opt, const co_partition_input *in,
                              co_partition_plan *plan)
{
    chooser c = {.in = in, .plan = plan};
    const bool equal = co_sizes_are_equal(opt), plain = equal && !co_config_has(opt, "alpha");
    co_status st = chooser_init(opt, &c);
    if (!plain) st = co_partition_agree(in, st);
    if (st == CO_OK && c.n_present > 0) {
        count_holders(&c);
        if (plain)
            cut_evenly(&c);
        else
            st = equal ? cut_by_weight(&c, opt) : cut_to_sizes(&c, opt);
    }
    chooser_fini(&c);
    return st;
}

static const co_param params[] = {
    {.key = "classes_per_device",
     .type = CO_INT,
     .def = 2,
     .lo = 1,
     .hi = 1e6,
     .doc = "different classes on each device"},
    {.key = "assignment",
     .type = CO_CHOICE,
     .words = "turns|first|random|deterministic",
     .doc = "classes of device d of C classes: turns (devices in keyed order take one class after "
            "the other, the others drawn), first (d mod C, the others drawn), random (all drawn), "
            "deterministic (d, d + 1, .. mod C)"},
    {.key = "alpha",
     .type = CO_REAL,
     .lo = 1e-6,
     .hi = 1e6,
     .flags = CO_OPTIONAL,
     .doc = "each class in Dirichlet(alpha) proportions among its devices, in place of evenly"},
    CO_SIZES_PARAMS,
    {0}};
const co_partitioner co_partitioner_classes = {
    .name = "classes",
    .summary = "exactly so many classes a device, each class cut evenly among its devices, or by "
               "Dirichlet(alpha)",
    .source = "Li et al. 2022, arXiv:2102.02079",
    .params = params,
    .needs = CO_PART_NEEDS_LABELS | CO_PART_REDRAW | CO_PART_MAY_DEVICES,
    .devices = co_sizes_devices,
    .plan = plan_classes};
