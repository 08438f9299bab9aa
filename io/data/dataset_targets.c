/* io/data/dataset_targets.c - labels that are more than a class: numbers (regression), or any of
 * several labels (multilabel).
 *
 * y [n, k] of an example: f32 numbers, or u8 0 and 1; `classes` names the k columns. They stand
 * behind x, or the tokens, in one block, which is shared memory when loaded for a run. Cost: one
 * pass to check, one copy to gather. */
#include "core/log.h"
#include "core/memory.h"
#include "io/data/dataset_private.h"
#include <math.h>
#include <string.h>

bool co_dataset_has_targets(const co_dataset *data)
{
    return data->task == CO_DATA_REGRESSION || data->task == CO_DATA_MULTILABEL;
}

static co_dtype type_of(const co_dataset *data)
{
    return data->task == CO_DATA_REGRESSION ? CO_F32 : CO_U8;
}

size_t co_dataset_target_bytes(const co_dataset *data)
{
    return co_dataset_has_targets(data)
               ? (size_t)data->n * data->n_classes * co_dtype_size(type_of(data), 0)
               : 0;
}

co_status co_dataset_targets_check(const co_dataset *data, const char *path)
{
    const size_t k = data->n_classes;
    size_t all;
    if (!co_dataset_has_targets(data)) return CO_OK;
    if (k == 0)
        return CO_FAIL(CO_EDATA, "%s: its task is %s, but it holds no y", path,
                       co_data_task_names[data->task]);
    if (data->y)
        return CO_FAIL(CO_EDATA, "%s: its task is %s, but y holds a class an example", path,
                       co_data_task_names[data->task]);
    if (__builtin_mul_overflow((size_t)data->n * 4, k, &all))
        return CO_FAIL(CO_EDATA, "%s: y has %zu columns: too many", path, k);
    for (size_t i = 0; data->targets && i < (size_t)data->n * k; i++) {
        if (data->task == CO_DATA_REGRESSION && !isfinite(((const float *)data->targets)[i]))
            return CO_FAIL(CO_EDATA,
                           "%s: y, row %zu, column %zu is %g; remove or replace what is not finite",
                           path, i / k, i % k, (double)((const float *)data->targets)[i]);
        if (data->task == CO_DATA_MULTILABEL && ((const uint8_t *)data->targets)[i] > 1)
            return CO_FAIL(CO_EDATA,
                           "%s: y, row %zu, column %zu is %u; multilabel takes 0 (without the "
                           "label) and 1 (with it)",
                           path, i / k, i % k, ((const uint8_t *)data->targets)[i]);
    }
    return CO_OK;
}

/* ---- file ---- */

co_status co_dataset_targets_add(co_content *content, const co_dataset *data)
{
    const co_extent extent = {
        .type = type_of(data), .ndim = 2, .dim = {(size_t)data->n, data->n_classes}};
    return data->targets ? co_content_add(content, "y", &extent, data->targets) : CO_OK;
}

static co_status default_names(const co_file *file, co_dataset *data)
{
    data->classes = co_calloc(data->n_classes, sizeof *data->classes);
    for (size_t c = 0; data->classes && c < data->n_classes; c++)
        if (!(data->classes[c] = co_format("%zu", c)))
            return CO_FAIL(CO_ENOMEM, "%s: out of memory for names", co_file_path(file));
    return data->classes ? CO_OK
                         : CO_FAIL(CO_ENOMEM, "%s: out of memory for names", co_file_path(file));
}

co_status co_dataset_targets_columns(const co_file *file, co_dataset *data)
{
    co_extent extent;
    size_t n_names = 0;
    if (!co_file_has(file, "y"))
        return CO_FAIL(CO_EDATA, "%s: its task is %s, but it holds no y", co_file_path(file),
                       co_data_task_names[data->task]);
    CO_TRY(co_file_extent(file, "y", &extent));
    if (extent.ndim < 1 || extent.ndim > 2 || extent.dim[0] != (size_t)data->n ||
        (extent.ndim == 2 && extent.dim[1] == 0))
        return CO_FAIL(CO_EDATA, "%s: y has %zu dimensions and %zu rows; %s wants [%lld, k]",
                       co_file_path(file), extent.ndim, extent.ndim ? extent.dim[0] : 0,
                       co_data_task_names[data->task], (long long)data->n);
    data->n_classes = extent.ndim == 2 ? extent.dim[1] : 1;
    if (data->task == CO_DATA_REGRESSION && extent.type == CO_F64)
        co_warn("%s: y is stored as float64 or float16 and converted to float32",
                co_file_path(file));
    if (!co_file_has(file, "classes")) return default_names(file, data);
    const size_t k = data->n_classes;
    data->n_classes = 0;
    const co_status st = co_file_read_strings(file, "classes", &data->classes, &n_names);
    data->n_classes = n_names;
    if (st != CO_OK || n_names == k) return st;
    return CO_FAIL(CO_EDATA, "%s: classes has %zu names, y %zu columns", co_file_path(file),
                   n_names, k);
}

co_status co_dataset_targets_fill(const co_file *file, co_dataset *data)
{
    return data->targets ? co_file_read(file, "y", type_of(data), 0, data->targets) : CO_OK;
}

co_status co_dataset_targets_read(const co_file *file, co_dataset *data)
{
    const size_t bytes = co_dataset_target_bytes(data);
    if (bytes == 0) return CO_OK;
    data->targets = co_malloc(bytes, 1);
    if (!data->targets)
        return CO_FAIL(CO_ENOMEM, "%s: out of memory for %zu labels of %lld examples",
                       co_file_path(file), data->n_classes, (long long)data->n);
    return co_dataset_targets_fill(file, data);
}

/* ---- for a run ---- */

void co_dataset_gather_targets(const co_dataset *data, const int64_t *ids, size_t n_ids, float *out)
{
    const size_t k = data->n_classes;
    for (size_t i = 0; i < n_ids; i++) {
        CO_ASSERT(ids[i] >= 0 && ids[i] < data->n);
        const size_t from = (size_t)ids[i] * k;
        if (data->task == CO_DATA_REGRESSION)
            memcpy(out + i * k, (const float *)data->targets + from, k * sizeof *out);
        else
            for (size_t j = 0; j < k; j++)
                out[i * k + j] = (float)((const uint8_t *)data->targets)[from + j];
    }
}

void co_dataset_center_targets(const co_dataset *data, double *center)
{
    for (size_t j = 0; j < data->n_classes; j++) center[j] = 0.0;
    for (size_t i = 0; i < (size_t)data->n; i++)
        for (size_t j = 0; j < data->n_classes; j++)
            center[j] += (double)((const float *)data->targets)[i * data->n_classes + j];
    for (size_t j = 0; j < data->n_classes; j++) center[j] /= (double)data->n;
}
