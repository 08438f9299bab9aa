/* partition/distribution.c - k classes a device, in the parts of a given table of classes x
 * columns.
 *
 * C classes with training examples, K devices, a multiple of C. Device p has the classes p, p + 1,
 * .., p + k - 1 (modulo C), so that each class stands on k K / C devices. Row c of the table has
 * their entries, by ascending device. unit class: each device of class c first gets m =
 * min_per_class examples; of the n_c - m k K / C others it gets floor(its part of the row), and
 * what rounding leaves goes to one device of the class, drawn by key. unit count: entries are
 * numbers of examples, rounded down; what a class has more is unassigned. Cost: O(K k) and the
 * table on each rank. Source: flwr-datasets 0.6.1, DistributionPartitioner (after the MNIST split
 * of Li et al., MLSys 2020, arXiv:1812.06127). Where we differ: which examples of a class a device
 * gets is drawn by key, not taken from the file's order. */
#include "core/memory.h"
#include "partition/partitioner.h"
#include "partition/table.h"
#include <math.h>
#include <string.h>

enum { DRAW_REST };

typedef struct {
    const co_partition_input *in;
    co_given_table t;
    int64_t k;        /* classes_per_device */
    int64_t *present; /* [n_rows] the classes with training examples */
} shape;

/* The column of class (r + j) mod n, j < k, on the devices r, r + n, ..: how many of the class's
 * devices come before, in one turn of n. */
static int64_t column_in_turn(int64_t r, int64_t j, int64_t k, int64_t n)
{
    const int64_t c = (r + j) % n;
    if (c >= k - 1) return k - 1 - j;
    return r <= c ? r : r - n + k;
}

static co_status devices(const co_config *opt, int64_t *n_devices)
{
    co_given_table t;
    const int64_t k = co_config_int(opt, "classes_per_device");
    CO_TRY(co_given_table_read(co_config_string(opt, "table"), &t));
    const int64_t columns = (int64_t)t.n_columns;
    *n_devices = columns / k * t.n_rows;
    co_given_table_fini(&t);
    if (columns % k == 0) return CO_OK;
    return co_config_fail(opt, co_config_node(opt, "table"),
                          "has %lld columns, no multiple of classes_per_device %lld",
                          (long long)columns, (long long)k);
}

static co_status check_shape(const co_config *opt, const shape *s, int64_t n_present)
{
    const long long n = n_present, k = s->k, d = s->in->n_devices;
    if (n > 0 && k > n)
        return co_config_fail(opt, co_config_node(opt, "classes_per_device"),
                              "%lld classes a device, but only %lld have training examples", k, n);
    if (n > 0 && d % n != 0)
        return co_config_fail(
            opt, co_config_node(opt, co_config_has(opt, "devices") ? "devices" : "table"),
            "%lld devices are no multiple of the %lld classes with training "
            "examples",
            d, n);
    if (n > 0 && s->t.n_rows == n && (long long)s->t.n_columns == d / n * k) return CO_OK;
    return co_config_fail(opt, co_config_node(opt, "table"),
                          "has %lld rows of %zu numbers; %lld classes with training examples and "
                          "%lld devices of %lld classes each want %lld rows of %lld",
                          (long long)s->t.n_rows, s->t.n_columns, n, d, k, n, n ? d / n * k : 0);
}

/* Turns row c into numbers of examples of a class of n, whole and of sum n at most. */
static co_status scale_row(const co_config *opt, const shape *s, int64_t c, int64_t n)
{
    const size_t columns = s->t.n_columns;
    const int64_t least = co_config_int(opt, "min_per_class"), rest = n - least * (int64_t)columns;
    double *row = s->t.value + (size_t)c * columns, sum = 0.0;
    int64_t given = 0;
    for (size_t i = 0; i < columns; i++) sum += row[i];
    if (rest < (int64_t)columns)
        return co_config_fail(
            opt, co_config_node(opt, least ? "min_per_class" : "table"),
            "class %lld has %lld examples for %zu devices; it needs at least %lld "
            "for each, and one",
            (long long)s->present[c], (long long)n, columns, (long long)least);
    if (!(sum > 0.0))
        return co_config_fail(opt, co_config_node(opt, "table"), "row %lld has no number above 0",
                              (long long)c);
    for (size_t i = 0; i < columns; i++) {
        row[i] = (double)least + floor(row[i] / sum * (double)rest);
        given += (int64_t)row[i];
    }
    co_stream stream = co_partition_stream(s->in, DRAW_REST, (uint64_t)c, 0);
    row[co_draw_below(&stream, columns)] += (double)(n - given);
    return CO_OK;
}

static co_status count_row(const co_config *opt, const shape *s, int64_t c, int64_t n)
{
    double *row = s->t.value + (size_t)c * s->t.n_columns, sum = 0.0;
    for (size_t i = 0; i < s->t.n_columns; i++) sum += row[i] = floor(row[i]);
    if (sum <= (double)n) return CO_OK;
    return co_config_fail(opt, co_config_node(opt, "table"),
                          "row %lld asks for %.0f examples of class %lld, there are %lld",
                          (long long)c, sum, (long long)s->present[c], (long long)n);
}

static void deal_columns(const shape *s, co_partition_plan *plan)
{
    const int64_t n = s->t.n_rows;
    for (int64_t p = s->in->first; p < s->in->last; p++)
        for (int64_t j = 0; j < s->k; j++) {
            const int64_t c = (p + j) % n,
                          column = p / n * s->k + column_in_turn(p % n, j, s->k, n);
            plan->count[(size_t)(p - s->in->first) * plan->n_groups + (size_t)s->present[c]] =
                (int32_t)s->t.value[(size_t)c * s->t.n_columns + (size_t)column];
        }
}

static co_status make_counts(const co_config *opt, shape *s, co_partition_plan *plan)
{
    const bool count = strcmp(co_config_string(opt, "unit"), "count") == 0;
    int64_t n_present = 0;
    s->present = co_malloc(plan->n_groups, sizeof *s->present);
    if (!s->present) return CO_FAIL(CO_ENOMEM, "%zu classes", plan->n_groups);
    for (size_t g = 0; g < plan->n_groups; g++)
        if (plan->group_size[g] > 0) s->present[n_present++] = (int64_t)g;
    CO_TRY(check_shape(opt, s, n_present));
    if (count && co_config_int(opt, "min_per_class") > 0)
        return co_config_fail(opt, co_config_node(opt, "min_per_class"),
                              "%lld is for unit class; with unit count the table has all examples",
                              (long long)co_config_int(opt, "min_per_class"));
    for (int64_t c = 0; c < n_present; c++)
        CO_TRY((count ? count_row : scale_row)(opt, s, c, plan->group_size[s->present[c]]));
    deal_columns(s, plan);
    return CO_OK;
}

static co_status plan_table(const co_config *opt, const co_partition_input *in,
                            co_partition_plan *plan)
{
    shape s = {.in = in, .k = co_config_int(opt, "classes_per_device")};
    co_status st = co_partition_plan_counts(in, plan);
    if (st == CO_OK) st = co_given_table_read(co_config_string(opt, "table"), &s.t);
    if (st == CO_OK) st = make_counts(opt, &s, plan);
    co_given_table_fini(&s.t);
    co_free(s.present);
    return st;
}

static const co_param params[] = {
    {.key = "table",
     .type = CO_STRING,
     .flags = CO_REQUIRED,
     .doc = "CSV file: one row a class with training examples, one column for each of the devices "
            "/ classes x classes_per_device that hold the class, numbers of at least 0"},
    {.key = "classes_per_device",
     .type = CO_INT,
     .def = 2,
     .lo = 1,
     .hi = 1e6,
     .doc = "classes on each device: device p has p, p + 1, .. modulo their number"},
    {.key = "min_per_class",
     .type = CO_INT,
     .def = 0,
     .lo = 0,
     .hi = 2147483647,
     .doc = "unit class: examples of each of its classes that a device gets before the table's "
            "parts"},
    {.key = "unit",
     .type = CO_CHOICE,
     .words = "class|count",
     .doc = "entries are parts of the class, or numbers of examples"},
    {0}};
const co_partitioner co_partitioner_distribution = {
    .name = "distribution",
    .summary = "neighbouring classes a device, in the parts of a given table of classes x columns",
    .source = "flwr-datasets 0.6.1, DistributionPartitioner",
    .params = params,
    .needs = CO_PART_NEEDS_LABELS | CO_PART_MAY_DEVICES,
    .devices = devices,
    .plan = plan_table};
