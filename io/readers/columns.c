/* io/readers/columns.c - room, ranks and names.
 *
 * Ranks: sort a copy, drop repetitions, look every value up by bisection: O(n log n) time, n words.
 */
#include "io/readers/columns.h"
#include "core/memory.h"
#include "io/readers/raw.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DENSE_LIMIT ((size_t)16 << 30)

co_status co_columns_start(co_dataset *data, const char *where, size_t n, co_dtype type,
                           size_t ndim, const size_t *dim)
{
    size_t size = 1, count;
    CO_ASSERT(ndim >= 1 && ndim <= 4 && (type == CO_U8 || type == CO_F32));
    for (size_t i = 0; i < ndim; i++)
        if (__builtin_mul_overflow(size, dim[i], &size))
            return CO_FAIL(CO_EDATA, "%s: the size of one example overflows", where);
    if (n == 0 || size == 0)
        return CO_FAIL(CO_EDATA, "%s: %s", where, n ? "examples without features" : "no examples");
    if (__builtin_mul_overflow(size, n, &count) || count > SIZE_MAX / 16 || n > INT64_MAX / 16)
        return CO_FAIL(CO_EDATA, "%s: %zu examples of %zu elements are too many", where, n, size);
    data->n = (int64_t)n;
    data->x_type = type;
    data->x_ndim = ndim;
    data->x_size = size;
    memcpy(data->x_dim, dim, ndim * sizeof *dim);
    data->n_scale = 1;
    data->x = co_calloc(count, type == CO_U8 ? 1 : sizeof(float));
    data->scale = co_malloc(1, sizeof(double));
    data->shift = co_calloc(1, sizeof(double));
    data->y = co_calloc(n, sizeof *data->y);
    data->split = co_calloc(n, 1);
    if (!data->x || !data->scale || !data->shift || !data->y || !data->split)
        return CO_FAIL(CO_ENOMEM, "%s: out of memory for %zu examples of %zu elements", where, n,
                       size);
    data->scale[0] = type == CO_U8 ? 1.0 / 255.0 : 1.0;
    return CO_OK;
}

co_status co_columns_fit(const char *where, size_t n, size_t features)
{
    size_t cells;
    if (!__builtin_mul_overflow(n, features, &cells) && cells <= DENSE_LIMIT / sizeof(float))
        return CO_OK;
    return CO_FAIL(
        CO_EDATA,
        "%s: %zu examples of %zu features take %.1f GiB as dense floats, at most 16 are taken; "
        "use fewer rows or features",
        where, n, features, (double)n * (double)features * 4.0 / 1073741824.0);
}

static int by_value(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static co_status too_many(size_t n)
{
    return CO_FAIL(CO_EDATA, "%zu distinct labels or names: at most %d are taken", n, INT32_MAX);
}

co_status co_columns_rank(const int64_t *value, size_t n, bool skip_negative, int32_t *index,
                          int64_t **distinct, size_t *n_distinct)
{
    int64_t *sorted = co_malloc(n, sizeof *sorted);
    if (!sorted) return CO_FAIL(CO_ENOMEM, "out of memory for ranking %zu labels", n);
    size_t kept = 0, m = 0;
    for (size_t i = 0; i < n; i++)
        if (!skip_negative || value[i] >= 0) sorted[kept++] = value[i];
    if (kept) qsort(sorted, kept, sizeof *sorted, by_value);
    for (size_t i = 0; i < kept; i++)
        if (m == 0 || sorted[m - 1] != sorted[i]) sorted[m++] = sorted[i];
    *distinct = sorted;
    *n_distinct = m;
    if (m > INT32_MAX) return too_many(m);
    for (size_t i = 0; i < n; i++) {
        const int64_t *at = m ? bsearch(&value[i], sorted, m, sizeof *sorted, by_value) : NULL;
        index[i] = at ? (int32_t)(at - sorted) : -1;
    }
    return CO_OK;
}

static co_status rank_words(const char *const *text, size_t n, int32_t *index, char ***names,
                            size_t *n_names)
{
    const char **sorted = co_malloc(n, sizeof *sorted);
    if (!sorted) return CO_FAIL(CO_ENOMEM, "out of memory for ranking %zu names", n);
    size_t m = 0;
    memcpy(sorted, text, n * sizeof *sorted);
    if (n) qsort(sorted, n, sizeof *sorted, by_text);
    for (size_t i = 0; i < n; i++)
        if (m == 0 || strcmp(sorted[m - 1], sorted[i]) != 0) sorted[m++] = sorted[i];
    for (size_t i = 0; i < n && m <= INT32_MAX; i++)
        index[i] = (int32_t)((const char **)bsearch(&text[i], sorted, m, sizeof *sorted, by_text) -
                             sorted);
    *n_names = m;
    const co_status st = m <= INT32_MAX ? co_columns_copy_names(sorted, m, names) : too_many(m);
    co_free(sorted);
    return st;
}

co_status co_columns_rank_text(const char *const *text, size_t n, int32_t *index, char ***names,
                               size_t *n_names)
{
    int64_t *value = co_malloc(n, sizeof *value), *distinct = NULL;
    co_status st;
    if (!value) return CO_FAIL(CO_ENOMEM, "out of memory for ranking %zu names", n);
    size_t i = 0;
    while (i < n && co_raw_whole(text[i], &value[i])) i++;
    if (i < n) {
        st = rank_words(text, n, index, names, n_names);
    } else {
        st = co_columns_rank(value, n, false, index, &distinct, n_names);
        if (st == CO_OK) st = co_columns_numbered("", distinct, *n_names, names);
    }
    co_free(distinct);
    co_free(value);
    return st;
}

static co_status drop_names(char **names, size_t n)
{
    co_strings_free(names, n);
    return CO_FAIL(CO_ENOMEM, "out of memory for names");
}

co_status co_columns_numbered(const char *prefix, const int64_t *value, size_t n, char ***names)
{
    char **made = co_calloc(n, sizeof *made);
    if (!made) return CO_FAIL(CO_ENOMEM, "out of memory for %zu names", n);
    for (size_t i = 0; i < n; i++) {
        made[i] = co_format("%s%" PRId64, prefix, value ? value[i] : (int64_t)i);
        if (!made[i]) return drop_names(made, n);
    }
    *names = made;
    return CO_OK;
}

co_status co_columns_copy_names(const char *const *from, size_t n, char ***names)
{
    char **made = co_calloc(n, sizeof *made);
    if (!made) return CO_FAIL(CO_ENOMEM, "out of memory for %zu names", n);
    for (size_t i = 0; i < n; i++) {
        made[i] = co_strdup(from[i]);
        if (!made[i]) return drop_names(made, n);
    }
    *names = made;
    return CO_OK;
}

co_status co_columns_classes(co_dataset *data, const int64_t *label)
{
    int64_t *distinct = NULL;
    co_status st =
        co_columns_rank(label, (size_t)data->n, false, data->y, &distinct, &data->n_classes);
    if (st == CO_OK) st = co_columns_numbered("", distinct, data->n_classes, &data->classes);
    co_free(distinct);
    return st;
}

co_data_task co_columns_task(const char *name)
{
    int k = 0;
    while (strcmp(co_data_task_names[k], name) != 0) k++;
    return (co_data_task)k;
}

co_status co_columns_targets(co_dataset *data, const char *where, co_data_task task, size_t k)
{
    const size_t element = task == CO_DATA_REGRESSION ? sizeof(float) : 1;
    size_t count;
    co_free(data->y);
    data->y = NULL;
    data->task = task;
    if (__builtin_mul_overflow((size_t)data->n, k, &count))
        return CO_FAIL(CO_EDATA, "%s: %zu columns of y are too many", where, k);
    data->targets = co_calloc(count, element);
    if (!data->targets)
        return CO_FAIL(CO_ENOMEM, "%s: out of memory for %zu labels of %lld examples", where, k,
                       (long long)data->n);
    data->n_classes = k;
    return CO_OK;
}

bool co_columns_put_target(co_dataset *data, size_t row, size_t column, double value)
{
    const size_t at = row * data->n_classes + column;
    if (data->task == CO_DATA_MULTILABEL) {
        if (value != 0.0 && value != 1.0) return false;
        ((uint8_t *)data->targets)[at] = value == 1.0;
        return true;
    }
    ((float *)data->targets)[at] = (float)value;
    return isfinite(((float *)data->targets)[at]);
}

const char *co_columns_wanted(const co_dataset *data)
{
    return data->task == CO_DATA_MULTILABEL
               ? "task=multilabel takes 0 and 1 alone"
               : "task=regression takes finite numbers within the range of a 32-bit float";
}

co_status co_columns_finite(const co_dataset *data, const char *where, size_t first, size_t n)
{
    if (data->x_type != CO_F32) return CO_OK;
    const float *x = (const float *)data->x + first * data->x_size;
    for (size_t i = 0; i < n * data->x_size; i++)
        if (!isfinite(x[i]))
            return CO_FAIL(
                CO_EDATA,
                "%s: row %zu, element %zu is %g (as 32-bit float); every value must be finite",
                where, i / data->x_size, i % data->x_size, (double)x[i]);
    return CO_OK;
}

co_status co_columns_source(co_dataset *data, const char *format, const char *const *paths,
                            size_t n_paths)
{
    char *text = co_strdup(format);
    for (size_t i = 0; text && i < n_paths; i++) {
        char *longer = co_format("%s%s %s", text, i ? "," : "", co_raw_name(paths[i]));
        co_free(text);
        text = longer;
    }
    if (!text) return CO_FAIL(CO_ENOMEM, "out of memory for the source's name");
    data->source = text;
    return CO_OK;
}
