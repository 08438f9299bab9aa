/* io/data/dataset_text.c - the text parts of a data set: tokens with offsets (CSR), vocabulary,
 * tags and the raw bytes.
 *
 * An example is a list of tokens of any length, also empty; the raw bytes stay in the file in a
 * run. lm: of an example of L tokens the first L - 1 are read and the last L - 1 predicted. Cost:
 * one pass to check, one copy to gather. */
#include "io/data/dataset_private.h"
#include <string.h>

const char *const co_data_task_names[CO_N_DATA_TASKS] = {"classification", "lm", "tagging",
                                                         "regression", "multilabel"};

co_status co_dataset_text_check(const co_dataset *data, const char *path)
{
    if (data->n_vocab == 0) {
        if (data->task == CO_DATA_CLASSIFICATION || co_dataset_has_targets(data)) return CO_OK;
        return CO_FAIL(CO_EDATA, "%s: its task is %s, but it holds no tokens", path,
                       co_data_task_names[data->task]);
    }
    if (data->x_size) return CO_FAIL(CO_EDATA, "%s: holds both x and tokens; keep one", path);
    if (data->n_tokens < 1 || data->n_tokens > (size_t)INT64_MAX / 64)
        return CO_FAIL(CO_EDATA, "%s: holds %zu tokens", path, data->n_tokens);
    if (data->tokens && data->task == CO_DATA_TAGGING && !data->token_y)
        return CO_FAIL(CO_EDATA, "%s: its task is tagging, but it holds no token_y", path);
    return CO_OK;
}

/* Elements of a list that has to be there. */
static co_status list_size(const co_file *file, const char *name, size_t *n)
{
    co_extent extent;
    if (!co_file_has(file, name))
        return CO_FAIL(CO_EDATA, "%s: holds tokens, but no %s", co_file_path(file), name);
    CO_TRY(co_file_extent(file, name, &extent));
    if (extent.ndim != 1)
        return CO_FAIL(CO_EDATA, "%s: %s has %zu dimensions; one is wanted", co_file_path(file),
                       name, extent.ndim);
    *n = extent.dim[0];
    return CO_OK;
}

co_status co_dataset_text_columns(const co_file *file, co_dataset *data)
{
    size_t n_offsets = 0;
    CO_TRY(list_size(file, "tokens", &data->n_tokens));
    CO_TRY(list_size(file, "token_offsets", &n_offsets));
    data->n = (int64_t)n_offsets - 1;
    if (co_file_has(file, "vocab")) return CO_OK;
    return CO_FAIL(CO_EDATA, "%s: holds tokens, but no vocab", co_file_path(file));
}

/* ---- for a run ---- */

size_t co_dataset_rows(const co_dataset *data, int64_t id)
{
    const size_t n = (size_t)(data->token_offsets[id + 1] - data->token_offsets[id]);
    return data->task == CO_DATA_LM && n > 0 ? n - 1 : n;
}

void co_dataset_gather_tokens(const co_dataset *data, const int64_t *ids, size_t n_ids,
                              int64_t *offsets, int32_t *tokens, int32_t *y)
{
    size_t at = 0;
    offsets[0] = 0;
    for (size_t i = 0; i < n_ids; i++) {
        CO_ASSERT(ids[i] >= 0 && ids[i] < data->n);
        const size_t from = (size_t)data->token_offsets[ids[i]], n = co_dataset_rows(data, ids[i]);
        memcpy(tokens + at, data->tokens + from, n * sizeof *tokens);
        if (data->task == CO_DATA_LM && n)
            memcpy(y + at, data->tokens + from + 1, n * sizeof *y);
        else if (data->task == CO_DATA_MASKED)
            memcpy(y + at, tokens + at, n * sizeof *y);
        else if (data->task == CO_DATA_TAGGING)
            memcpy(y + at, data->token_y + from, n * sizeof *y);
        else if (data->task == CO_DATA_CLASSIFICATION)
            y[i] = data->y[ids[i]];
        at += n;
        offsets[i + 1] = (int64_t)at;
    }
}
