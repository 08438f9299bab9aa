/* io/data/dataset_targets.c - labels that are more than a class: numbers (regression), or any of
 * several labels (multilabel).
 *
 * y [n, k] of an example: f32 numbers, or u8 0 and 1; `classes` names the k columns. Cost: one copy
 * to gather. */
#include "core/log.h"
#include "io/data/dataset_private.h"
#include <string.h>

const char *const co_data_task_names[CO_N_DATA_TASKS] = {
    "classification", "lm", "tagging", "regression", "multilabel", "seq2seq", "span", "joint"};

bool co_dataset_has_targets(const co_dataset *data)
{
    return data->task == CO_DATA_REGRESSION || data->task == CO_DATA_MULTILABEL;
}

co_dtype co_dataset_targets_type(const co_dataset *data)
{
    return data->task == CO_DATA_REGRESSION ? CO_F32 : CO_U8;
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
    return CO_OK;
}

/* ---- file ---- */

co_status co_dataset_targets_columns(const co_file *file, co_dataset *data)
{
    co_extent extent;
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
    return CO_OK;
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
