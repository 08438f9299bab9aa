/* partition/matrix.c - the distribution is given: a table with one row a device and one column a class.
 *
 * `matrix` names a CSV file of K rows of C numbers, each at least 0 (a line that begins with # is passed
 * over). unit count: examples of the class on the device; what a class has more is unassigned, asking
 * for more than there are is refused. unit class: each column is shared out in proportion to its
 * entries, as dirichlet does with drawn ones; a column of zeros leaves its class unassigned. unit
 * device: each row is a mix by which the device takes n / K examples, as dirichlet_device does with drawn
 * ones. Cost: O(n + K C) time; K C doubles. */
#include "core/elementary.h"
#include "core/memory.h"
#include "io/readers/raw.h"
#include "partition/pools.h"
#include "partition/shares.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STAGE_CUT, STAGE_TAKE };

typedef struct {
    double *value; /* [n_rows][n_columns] */
    size_t n, capacity, n_columns;
    int64_t n_rows;
} table;

static co_status add_row(const char *path, int64_t line, char *text, table *t)
{
    size_t n = 0;
    for (char *at = text, *end; *at; n++) {
        const double x = strtod(at, &end);
        if (end == at || !(x >= 0.0 && x <= 1e15))
            return CO_FAIL(CO_EDATA, "%s: line %lld, entry %zu: '%.20s' is no number of 0 to 1e15", path,
                           (long long)line, n + 1, at);
        if (co_reserve((void **)&t->value, &t->capacity, t->n + 1, sizeof *t->value))
            return CO_FAIL(CO_ENOMEM, "%s: %zu numbers", path, t->n + 1);
        t->value[t->n++] = x;
        at = end + strspn(end, " \t\r");
        if (*at == ',') at++;
    }
    if (t->n_rows == 0) t->n_columns = n;
    if (n != t->n_columns)
        return CO_FAIL(CO_EDATA, "%s: line %lld has %zu numbers, the lines before have %zu", path,
                       (long long)line, n, t->n_columns);
    t->n_rows++;
    return CO_OK;
}

static co_status read_table(const char *path, table *t)
{
    co_raw raw;
    *t = (table){0};
    CO_TRY(co_raw_text(path, &raw));
    co_status st = CO_OK;
    int64_t line = 0;
    for (char *at = raw.bytes, *next; st == CO_OK && at && *at; at = next) {
        next = strchr(at, '\n');
        if (next) *next++ = '\0';
        line++;
        at += strspn(at, " \t\r");
        if (*at && *at != '#') st = add_row(path, line, at, t);
    }
    co_raw_fini(&raw);
    if (st == CO_OK && t->n_rows == 0) st = CO_FAIL(CO_EDATA, "%s: has no row of numbers", path);
    if (st != CO_OK) {
        co_free(t->value);
        t->value = NULL;
    }
    return st;
}

static co_status devices(const co_config *opt, int64_t *n_devices)
{
    table t;
    CO_TRY(read_table(co_config_string(opt, "matrix"), &t));
    *n_devices = t.n_rows;
    co_free(t.value);
    return CO_OK;
}

static co_status count_entries(const co_config *opt, const co_partition_input *in, const table *t,
                               co_partition_plan *plan)
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
                                  "class %zu: the rows ask for %.0f examples, there are %lld", c, sum,
                                  (long long)plan->group_size[c]);
    }
    return CO_OK;
}

static double log_of(double x)
{
    return x > 0.0 ? co_plain_log(x) : -INFINITY;
}

static co_status share_columns(const co_partition_input *in, const table *t, co_partition_plan *plan)
{
    const size_t m = (size_t)(in->last - in->first), g = plan->n_groups;
    double *weight = co_malloc(m, sizeof *weight);
    CO_TRY(co_partition_agree(in, weight ? CO_OK : CO_FAIL(CO_ENOMEM, "%zu weights", m)));
    for (size_t c = 0; c < g; c++) {
        for (size_t i = 0; i < m; i++) weight[i] = log_of(t->value[((size_t)in->first + i) * g + c]);
        co_share_cut(in, STAGE_CUT, c, weight, plan->group_size[c], plan->count + c, g);
    }
    co_free(weight);
    return CO_OK;
}

static void row_of(const void *self, const co_partition_input *in, int64_t device, double *q)
{
    const table *t = self;
    (void)in;
    memcpy(q, t->value + (size_t)device * t->n_columns, t->n_columns * sizeof *q);
}

static co_status check_shape(const co_config *opt, const co_partition_input *in, const table *t,
                             const co_partition_plan *plan)
{
    if (t->n_rows == in->n_devices && t->n_columns == plan->n_groups) return CO_OK;
    return co_config_fail(opt, co_config_node(opt, "matrix"),
                          "has %lld rows of %zu numbers; %lld devices and %zu classes are wanted",
                          (long long)t->n_rows, t->n_columns, (long long)in->n_devices, plan->n_groups);
}

static co_status plan_matrix(const co_config *opt, const co_partition_input *in, co_partition_plan *plan)
{
    const char *unit = co_config_string(opt, "unit");
    table t;
    co_status st = read_table(co_config_string(opt, "matrix"), &t);
    if (st == CO_OK) st = check_shape(opt, in, &t, plan);
    st = co_partition_agree(in, st);
    if (st == CO_OK && strcmp(unit, "device") == 0)
        st = co_pool_plan(in, STAGE_TAKE, row_of, &t, plan);
    else if (st == CO_OK) {
        st = co_partition_agree(in, co_partition_plan_counts(in, plan));
        if (st == CO_OK)
            st = strcmp(unit, "class") == 0 ? share_columns(in, &t, plan)
                                            : count_entries(opt, in, &t, plan);
    }
    co_free(t.value);
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
     .doc = "entries are parts of the class, of the device, or numbers of examples"},
    {0}};
const co_partitioner co_partitioner_matrix = {
    .name = "matrix",
    .summary = "a given table of devices x classes",
    .params = params,
    .needs = CO_PART_NEEDS_LABELS | CO_PART_MAY_DEVICES,
    .devices = devices,
    .plan = plan_matrix};
