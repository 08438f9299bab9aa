/* partition/values.c - numbers from targets, features, lengths and files. Cost: O(n); 8 bytes an
 * example. */
#include "partition/values.h"
#include "core/memory.h"
#include "io/readers/raw.h"
#include <string.h>

bool co_partition_needs_x(const co_partitioner *member, const co_config *opt)
{
    if (member->needs & CO_PART_NEEDS_FEATURES) return !co_config_has(opt, "features");
    return (member->needs & CO_PART_BY_VALUE) && co_config_has(opt, "by") &&
           strncmp(co_config_string(opt, "by"), "x:", 2) == 0;
}

static co_status lacks(const co_config *opt, const char *what)
{
    const co_node *by = co_config_node(opt, "by");
    return co_config_fail(opt, by ? by : co_config_node(opt, "method"),
                          "goes by %s, which the data set lacks; by is y, y:J, x:J, length or a "
                          "file with a number a line",
                          what);
}

/* J of "y:J", below n. */
static co_status column_of(const co_config *opt, const char *text, size_t n, int64_t *column)
{
    if (co_raw_int(text, column) && *column >= 0 && (uint64_t)*column < n) return CO_OK;
    return co_config_fail(opt, co_config_node(opt, "by"), "column '%.20s' is not one of 0 to %zu",
                          text, n - 1);
}

/* Column `column` of rows that `gather` makes. */
static co_status gather_column(const co_dataset *data, size_t width, int64_t column,
                               void gather(const co_dataset *, const int64_t *, size_t, float *),
                               double *value)
{
    float *row = co_malloc(width, sizeof *row);
    if (!row) return CO_FAIL(CO_ENOMEM, "a row of %zu numbers", width);
    for (int64_t i = 0; i < data->n; i++) {
        gather(data, &i, 1, row);
        value[i] = (double)row[column];
    }
    co_free(row);
    return CO_OK;
}

static co_status take_y(const co_config *opt, const char *by, const co_dataset *data, double *value)
{
    int64_t column = 0;
    if (co_dataset_has_targets(data)) {
        if (by[1] == ':') {
            CO_TRY(column_of(opt, by + 2, data->n_classes, &column));
        } else if (data->n_classes > 1) {
            const co_node *node = co_config_node(opt, "by");
            return co_config_fail(opt, node ? node : co_config_node(opt, "method"),
                                  "the data set has %zu numbers an example; by=y:J takes number J, "
                                  "from 0",
                                  data->n_classes);
        }
        return gather_column(data, data->n_classes, column, co_dataset_gather_targets, value);
    }
    if (!data->y) return lacks(opt, "y");
    if (by[1] == ':') CO_TRY(column_of(opt, by + 2, 1, &column));
    for (int64_t i = 0; i < data->n; i++) value[i] = data->y[i];
    return CO_OK;
}

static co_status take_x(const co_config *opt, const char *by, const co_dataset *data, double *value)
{
    int64_t column = 0;
    if (!data->x) return lacks(opt, "a feature");
    CO_TRY(column_of(opt, by + 2, data->x_size, &column));
    return gather_column(data, data->x_size, column, co_dataset_gather, value);
}

static co_status take_file(const char *path, const co_dataset *data, double *value)
{
    co_raw raw;
    int64_t n = 0;
    co_status st = co_raw_text(path, &raw);
    if (st == CO_EFILE)
        return CO_FAIL(CO_EFILE,
                       "%s: cannot be read; by is y, y:J, x:J, length or a file with a number a "
                       "line",
                       path);
    CO_TRY(st);
    for (char *at = raw.bytes, *next; st == CO_OK && at && *at; at = next, n++) {
        double x = 0.0;
        next = strchr(at, '\n');
        if (next) *next++ = '\0';
        at[strcspn(at, "\r")] = '\0';
        if (!co_raw_real(at, &x))
            st = CO_FAIL(CO_EDATA, "%s:%lld: '%.20s' is no finite number; each example needs one",
                         path, (long long)n + 1, at);
        else if (n < data->n)
            value[n] = x;
    }
    co_raw_fini(&raw);
    if (st == CO_OK && n != data->n)
        st = CO_FAIL(CO_EDATA, "%s: has %lld lines, the data set %lld examples; one line each",
                     path, (long long)n, (long long)data->n);
    return st;
}

static co_status take(const co_config *opt, const co_dataset *data, double *value)
{
    const char *by = co_config_has(opt, "by") ? co_config_string(opt, "by") : "y";
    if (strcmp(by, "y") == 0 || strncmp(by, "y:", 2) == 0) return take_y(opt, by, data, value);
    if (strncmp(by, "x:", 2) == 0) return take_x(opt, by, data, value);
    if (strcmp(by, "length") != 0) return take_file(by, data, value);
    if (!data->token_offsets) return lacks(opt, "the length of a text");
    for (int64_t i = 0; i < data->n; i++)
        value[i] = (double)(data->token_offsets[i + 1] - data->token_offsets[i]);
    return CO_OK;
}

co_status co_partition_values(const co_config *opt, const co_dataset *data, double **value)
{
    *value = co_malloc((size_t)data->n, sizeof **value);
    if (!*value) return CO_FAIL(CO_ENOMEM, "values of %lld examples", (long long)data->n);
    const co_status st = take(opt, data, *value);
    if (st == CO_OK) return CO_OK;
    co_free(*value);
    *value = NULL;
    return st;
}
