/* partition/pachinko.c - classes in superclasses: each device draws a mix of superclasses, and
 * within each a mix of its classes.
 *
 * Device k draws Dirichlet(alpha) over the superclasses and, for each, Dirichlet(fine_alpha) over
 * its classes, then n / K examples one by one: a superclass, a class in it, an example of it
 * without replacement. A class that has run dry leaves its superclass, and a superclass without
 * classes leaves too; the others' parts are scaled up. Devices draw in the order of their ids; no
 * example is lost. `coarse` gives the superclass of each class; without it the data set's column
 * `group` does (CIFAR-100: the coarse label), when all examples of a class are in one group. Cost:
 * O(n log C + K C), alike on every rank. Source: Reddi et al., ICLR 2021, arXiv:2003.00295,
 * appendix F (Pachinko allocation of Li & McCallum 2006; alpha 0.1, beta 10 there, 100 examples a
 * device). */
#include "core/memory.h"
#include "partition/partitioner.h"
#include <string.h>

enum { DRAW_MIX, DRAW_TAKE };

typedef struct {
    size_t n_classes, n_coarse;
    int32_t *coarse;     /* [n_classes] superclass; -1: the class has no examples */
    int64_t *left;       /* [n_classes] */
    double *root, *leaf; /* [n_coarse], [n_classes] mixes of the device at hand */
    double *open, *sum;  /* [n_coarse] mass of classes that are left; [n_classes] cumulated parts */
    double *shape, *part; /* [n_classes] scratch */
} machine;

static void machine_fini(machine *m)
{
    co_free(m->coarse);
    co_free(m->left);
    co_free(m->root);
    co_free(m->leaf);
    co_free(m->open);
    co_free(m->sum);
    co_free(m->shape);
    co_free(m->part);
}

static co_status machine_init(const co_partition_plan *plan, machine *m)
{
    const size_t c = m->n_classes = plan->n_groups;
    m->coarse = co_malloc(c, sizeof *m->coarse);
    m->left = co_malloc(c, sizeof *m->left);
    m->root = co_malloc(c, sizeof *m->root);
    m->leaf = co_malloc(c, sizeof *m->leaf);
    m->open = co_malloc(c, sizeof *m->open);
    m->sum = co_malloc(c, sizeof *m->sum);
    m->shape = co_malloc(c, sizeof *m->shape);
    m->part = co_malloc(c, sizeof *m->part);
    if (!m->coarse || !m->left || !m->root || !m->leaf || !m->open || !m->sum || !m->shape ||
        !m->part)
        return CO_FAIL(CO_ENOMEM, "mixes of %zu classes", c);
    memcpy(m->left, plan->group_size, c * sizeof *m->left);
    for (size_t i = 0; i < c; i++) m->coarse[i] = -1;
    return CO_OK;
}

static co_status coarse_from_list(const co_config *opt, const co_partition_plan *plan, machine *m)
{
    const co_node *list = co_config_node(opt, "coarse");
    const size_t n = co_node_count(list);
    size_t c = 0;
    if (n != m->n_classes)
        return co_config_fail(opt, list, "has %zu entries for %zu classes", n, m->n_classes);
    for (const co_node *item = list->first; item; item = item->next, c++) {
        int64_t value = 0;
        co_node_int(item, &value);
        if (value >= (int64_t)m->n_classes)
            return co_config_fail(opt, item, "superclass %lld; 0 to %zu can be told apart",
                                  (long long)value, m->n_classes - 1);
        m->coarse[c] = plan->group_size[c] > 0 ? (int32_t)value : -1;
        if ((size_t)value >= m->n_coarse) m->n_coarse = (size_t)value + 1;
    }
    return CO_OK;
}

static co_status coarse_from_groups(const co_config *opt, const co_partition_input *in, machine *m)
{
    const co_dataset *data = in->data;
    const co_node *method = co_config_node(opt, "method");
    if (!data->group || data->n_groups > m->n_classes)
        return co_config_fail(
            opt, method,
            "pachinko needs superclasses: coarse=[..] with one number for each of the "
            "%zu classes, or a data set whose column `group` has them",
            m->n_classes);
    m->n_coarse = data->n_groups;
    for (int64_t i = 0; i < data->n; i++) {
        if (!co_partition_is_train(in, i)) continue;
        int32_t *coarse = &m->coarse[data->y[i]];
        if (*coarse < 0) *coarse = data->group[i];
        if (*coarse != data->group[i] || *coarse < 0)
            return co_config_fail(
                opt, method,
                "class %d stands in group %d and, at example %lld, in group %d; give "
                "coarse=[..]",
                data->y[i], *coarse, (long long)i, data->group[i]);
    }
    return CO_OK;
}

/* Cumulated parts of the classes that are left; false when nothing is. */
static bool weigh(machine *m)
{
    double roots = 0.0, sum = 0.0;
    memset(m->open, 0, m->n_coarse * sizeof *m->open);
    for (size_t c = 0; c < m->n_classes; c++)
        if (m->coarse[c] >= 0 && m->left[c] > 0) m->open[m->coarse[c]] += m->leaf[c] + 1e-300;
    for (size_t s = 0; s < m->n_coarse; s++)
        if (m->open[s] > 0.0) roots += m->root[s] + 1e-300;
    for (size_t c = 0; c < m->n_classes; c++) {
        const int32_t s = m->coarse[c];
        if (s >= 0 && m->left[c] > 0)
            sum += (m->root[s] + 1e-300) / roots * ((m->leaf[c] + 1e-300) / m->open[s]);
        m->sum[c] = sum;
    }
    return roots > 0.0;
}

static void draw_mixes(const co_partition_input *in, double alpha, double fine_alpha,
                       int64_t device, machine *m)
{
    co_stream stream = co_partition_stream(in, DRAW_MIX, (uint64_t)device, 0);
    for (size_t i = 0; i < m->n_coarse; i++) m->shape[i] = alpha;
    co_draw_dirichlet(&stream, m->shape, m->n_coarse, m->root);
    for (size_t i = 0; i < m->n_classes; i++) m->shape[i] = fine_alpha;
    for (size_t s = 0; s < m->n_coarse; s++) {
        size_t n = 0;
        for (size_t c = 0; c < m->n_classes; c++) n += m->coarse[c] == (int32_t)s;
        co_stream own = co_partition_stream(in, DRAW_MIX, (uint64_t)device, s + 1);
        if (n > 0) co_draw_dirichlet(&own, m->shape, n, m->part);
        for (size_t c = m->n_classes; c-- > 0;)
            if (m->coarse[c] == (int32_t)s) m->leaf[c] = m->part[--n];
    }
}

/* The first class whose cumulated part is above u. */
static size_t find_class(const machine *m, double u)
{
    size_t low = 0, high = m->n_classes - 1;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (m->sum[middle] > u)
            high = middle;
        else
            low = middle + 1;
    }
    while (low > 0 && m->left[low] == 0) low--; /* u rounded up to the whole sum */
    return low;
}

static void take(const co_partition_input *in, int64_t device, int64_t size, machine *m,
                 int32_t *count)
{
    co_stream stream = co_partition_stream(in, DRAW_TAKE, (uint64_t)device, 0);
    bool stale = true;
    for (int64_t i = 0; i < size; i++) {
        if (stale && !weigh(m)) return;
        const size_t c = find_class(m, co_draw_uniform(&stream) * m->sum[m->n_classes - 1]);
        stale = --m->left[c] == 0;
        if (count) count[c]++;
    }
}

static co_status plan_machine(const co_config *opt, const co_partition_input *in,
                              co_partition_plan *plan)
{
    machine m = {0};
    co_status st = CO_OK;
    CO_TRY_OUT(machine_init(plan, &m));
    st = co_config_has(opt, "coarse") ? coarse_from_list(opt, plan, &m)
                                      : coarse_from_groups(opt, in, &m);
    if (st == CO_OK) st = co_partition_plan_counts(in, plan);
    for (int64_t k = 0; st == CO_OK && k < in->n_devices; k++) {
        const int64_t size = co_partition_span(in->n_examples, k + 1, in->n_devices) -
                             co_partition_span(in->n_examples, k, in->n_devices);
        const bool own = k >= in->first && k < in->last;
        if (size == 0) continue;
        draw_mixes(in, co_config_real(opt, "alpha"), co_config_real(opt, "fine_alpha"), k, &m);
        take(in, k, size, &m, own ? plan->count + (size_t)(k - in->first) * m.n_classes : NULL);
    }
out:
    machine_fini(&m);
    return st;
}

static const co_param params[] = {
    {.key = "alpha",
     .type = CO_REAL,
     .def = 0.1,
     .lo = 1e-6,
     .hi = 1e6,
     .doc = "concentration: small = few classes a device, large = all alike"},
    {.key = "fine_alpha",
     .type = CO_REAL,
     .def = 10.0,
     .lo = 1e-6,
     .hi = 1e6,
     .doc = "concentration over the classes of a superclass"},
    {.key = "coarse",
     .type = CO_INTS,
     .lo = 0,
     .hi = 2147483647,
     .flags = CO_OPTIONAL,
     .doc = "superclass of each class; without it the data set's column group"},
    {0}};
const co_partitioner co_partitioner_pachinko = {
    .name = "pachinko",
    .summary = "hierarchical Dirichlet over superclasses and their classes, equal sizes",
    .source = "Reddi et al. 2021, arXiv:2003.00295",
    .params = params,
    .needs = CO_PART_NEEDS_LABELS,
    .plan = plan_machine};
