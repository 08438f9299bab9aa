/* partition/matrix.c - the distribution is given: a table with one row a device and one column a
 * class.
 *
 * `matrix` names a CSV file of K rows of C numbers, each at least 0 (a line that begins with # is
 * passed over). unit count: examples of the class on the device; what a class has more is
 * unassigned, asking for more than there are is refused. unit class: each column is shared out in
 * proportion to its entries, as dirichlet does with drawn ones; a column of zeros leaves its class
 * unassigned. unit device: each row is a mix, w_kc = (n / K) row_kc / sum_d row_kd examples; every
 * device gets w_kc rounded down or up (rounding.c). Of a class of which the rows ask for more than
 * there are, each device gets the same part of what it asks for, and no other class in its place:
 * it has fewer examples, others are unassigned, and the cells are reported. Cost: O(n + K C) time;
 * K C doubles, and K C int32 for device. */
#include "core/elementary.h"
#include "core/log.h"
#include "core/memory.h"
#include "partition/proportions.h"
#include "partition/rounding.h"
#include "partition/table.h"
#include <math.h>
#include <string.h>

enum { DRAW_CUT, DRAW_ROUND, MAX_REPORTED = 50 };

static co_status devices(const co_config *opt, int64_t *n_devices)
{
    co_given_table t;
    CO_TRY(co_given_table_read(co_config_string(opt, "matrix"), &t));
    *n_devices = t.n_rows;
    co_given_table_fini(&t);
    return CO_OK;
}

static co_status count_entries(const co_config *opt, const co_partition_input *in,
                               const co_given_table *t, co_partition_plan *plan)
{
    const size_t g = plan->n_groups;
    for (size_t c = 0; c < g; c++) {
        double sum = 0.0;
        for (int64_t k = 0; k < t->n_rows; k++) {
            const double x = t->value[(size_t)k * g + c];
            sum += x;
            if (x != floor(x))
                return co_config_fail(opt, co_config_node(opt, "matrix"),
                                      "row %lld, column %zu is %g; unit count wants whole numbers",
                                      (long long)k, c, x);
            if (sum <= (double)plan->group_size[c] && k >= in->first && k < in->last)
                plan->count[(size_t)(k - in->first) * g + c] = (int32_t)x;
        }
        if (sum > (double)plan->group_size[c])
            return co_config_fail(opt, co_config_node(opt, "matrix"),
                                  "class %zu: the rows ask for %.0f examples, there are %lld", c,
                                  sum, (long long)plan->group_size[c]);
    }
    return CO_OK;
}

static double log_of(double x)
{
    return x > 0.0 ? co_plain_log(x) : -INFINITY;
}

static co_status cut_columns(const co_partition_input *in, const co_given_table *t,
                             co_partition_plan *plan)
{
    const size_t m = (size_t)(in->last - in->first), g = plan->n_groups;
    double *weight = co_malloc(m, sizeof *weight);
    CO_TRY(co_partition_agree(in, weight ? CO_OK : CO_FAIL(CO_ENOMEM, "%zu weights", m)));
    for (size_t c = 0; c < g; c++) {
        for (size_t i = 0; i < m; i++)
            weight[i] = log_of(t->value[((size_t)in->first + i) * g + c]);
        co_proportions_cut(in, DRAW_CUT, c, weight, plan->group_size[c], plan->count + c, g);
    }
    co_free(weight);
    return CO_OK;
}

/* ---- unit device ---- */

typedef struct {
    const co_partition_input *in;
    const co_given_table *t;
    double *part; /* [n_columns] of what is asked that can be given, at most 1 */
    int64_t *cap; /* [n_columns + 1] examples of the class; the last column is what goes without */
} mixer;

/* w_k of the device. */
static void ask(const mixer *m, int64_t device, double *w)
{
    const double *row = m->t->value + (size_t)device * m->t->n_columns;
    const int64_t size = co_partition_span(m->in->n_examples, device + 1, m->in->n_devices) -
                         co_partition_span(m->in->n_examples, device, m->in->n_devices);
    double sum = 0.0;
    for (size_t c = 0; c < m->t->n_columns; c++) sum += row[c];
    for (size_t c = 0; c < m->t->n_columns; c++)
        w[c] = sum > 0.0 ? (double)size * (row[c] / sum) : 0.0;
}

/* What can be given of it, then what is missing to a whole number of examples. */
static void wanted(const void *self, int64_t device, double *x)
{
    const mixer *m = self;
    const size_t g = m->t->n_columns;
    double asked = 0.0, given = 0.0;
    ask(m, device, x);
    for (size_t c = 0; c < g; c++) {
        asked += x[c];
        x[c] *= m->part[c];
        given += x[c];
    }
    x[g] = fmax(floor(asked + 0.5) - given, 0.0);
    if (x[g] < 1e-9) x[g] = 0.0;
}

/* part and cap. w: [n_columns]. */
static void find_parts(mixer *m, const int64_t *group_size, double *w)
{
    const size_t g = m->t->n_columns;
    memset(m->part, 0, g * sizeof *m->part);
    for (int64_t k = 0; k < m->in->n_devices; k++) {
        ask(m, k, w);
        for (size_t c = 0; c < g; c++) m->part[c] += w[c];
    }
    for (size_t c = 0; c < g; c++) {
        const double n = (double)group_size[c], sum = m->part[c];
        m->part[c] = sum > n * (1.0 + 1e-12) ? n / sum : 1.0;
        m->cap[c] = group_size[c];
    }
    m->cap[g] = m->in->n_examples;
}

/* Tells the cells that get less than they ask for. all: [n_devices][n_columns + 1]. w: [n_columns].
 */
static void report(const mixer *m, const int32_t *all, double *w)
{
    const size_t g = m->t->n_columns;
    size_t n_classes = 0, n_cells = 0;
    for (size_t c = 0; c < g; c++) n_classes += m->part[c] < 1.0;
    if (n_classes == 0) return;
    co_warn("matrix: the rows ask for more examples of %zu of %zu classes than there are; each "
            "device gets the "
            "same part of what it asks for, and no other class in its place:",
            n_classes, g);
    for (int64_t k = 0; k < m->in->n_devices; k++) {
        ask(m, k, w);
        for (size_t c = 0; c < g; c++) {
            if (!(m->part[c] < 1.0 && w[c] > 0.0)) continue;
            if (++n_cells <= MAX_REPORTED)
                co_log("  device %lld, class %zu: wanted %.6g, given %d", (long long)k, c, w[c],
                       all[(size_t)k * (g + 1) + c]);
        }
    }
    if (n_cells > MAX_REPORTED) co_log("  .. and %zu more", n_cells - MAX_REPORTED);
}

static co_status mix_rows(const co_partition_input *in, const co_given_table *t,
                          co_partition_plan *plan)
{
    const size_t g = plan->n_groups, k = (size_t)in->n_devices;
    mixer m = {in, t, co_malloc(g, sizeof *m.part), co_malloc(g + 1, sizeof *m.cap)};
    double *w = co_malloc(g + 1, sizeof *w);
    int32_t *all = co_malloc(k * (g + 1), sizeof *all); /* less than the table's bytes */
    co_status st =
        m.part && m.cap && w && all ? CO_OK : CO_FAIL(CO_ENOMEM, "counts of %zu rows of %zu", k, g);
    if (st == CO_OK) {
        find_parts(&m, plan->group_size, w);
        st = co_round_table(in, DRAW_ROUND, wanted, &m, g + 1, m.cap, all);
    }
    if (st == CO_OK) {
        for (int64_t i = in->first; i < in->last; i++)
            memcpy(plan->count + (size_t)(i - in->first) * g, all + (size_t)i * (g + 1),
                   g * sizeof *all);
        report(&m, all, w);
    }
    co_free(m.part);
    co_free(m.cap);
    co_free(w);
    co_free(all);
    return st;
}

static co_status check_shape(const co_config *opt, const co_partition_input *in,
                             const co_given_table *t, const co_partition_plan *plan)
{
    if (t->n_rows == in->n_devices && t->n_columns == plan->n_groups) return CO_OK;
    return co_config_fail(opt, co_config_node(opt, "matrix"),
                          "has %lld rows of %zu numbers; %lld devices and %zu classes are wanted",
                          (long long)t->n_rows, t->n_columns, (long long)in->n_devices,
                          plan->n_groups);
}

static co_status plan_matrix(const co_config *opt, const co_partition_input *in,
                             co_partition_plan *plan)
{
    const char *unit = co_config_string(opt, "unit");
    co_given_table t;
    co_status st = co_given_table_read(co_config_string(opt, "matrix"), &t);
    if (st == CO_OK) st = check_shape(opt, in, &t, plan);
    st = co_partition_agree(in, st);
    if (st == CO_OK) st = co_partition_agree(in, co_partition_plan_counts(in, plan));
    if (st == CO_OK && strcmp(unit, "device") == 0)
        st = mix_rows(in, &t, plan);
    else if (st == CO_OK)
        st = strcmp(unit, "class") == 0 ? cut_columns(in, &t, plan)
                                        : count_entries(opt, in, &t, plan);
    co_given_table_fini(&t);
    return st;
}

static const co_param params[] = {
    {.key = "matrix",
     .type = CO_STRING,
     .flags = CO_REQUIRED,
     .doc = "CSV file: one row a device, one column a class, numbers of at least 0"},
    {.key = "unit",
     .type = CO_CHOICE,
     .words = "class|device|count",
     .doc = "entries are parts of the class, of the device (n / devices examples each; what a "
            "class lacks is "
            "cut for all alike and reported), or numbers of examples"},
    {0}};
const co_partitioner co_partitioner_matrix = {.name = "matrix",
                                              .summary = "a given table of devices x classes",
                                              .params = params,
                                              .needs = CO_PART_NEEDS_LABELS | CO_PART_MAY_DEVICES,
                                              .devices = devices,
                                              .plan = plan_matrix};
