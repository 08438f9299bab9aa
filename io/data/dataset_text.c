/* io/data/dataset_text.c - the text parts of a data set: tokens with offsets (CSR), vocabulary,
 * tags and the raw bytes.
 *
 * An example is a list of tokens of any length, also empty. A run needs tokens, offsets and tags:
 * they stand in one block, which is shared memory when loaded for a run; the raw bytes stay in the
 * file. lm: of an example of L tokens the first L - 1 are read and the last L - 1 predicted. Cost:
 * one pass to check, one copy to gather. */
#include "core/memory.h"
#include "io/data/dataset_private.h"
#include <string.h>

const char *const co_data_task_names[CO_N_DATA_TASKS] = {"classification", "lm", "tagging",
                                                         "regression", "multilabel"};

/* ---- check ---- */

static co_status check_offsets(const char *path, const char *what, const int64_t *offsets,
                               int64_t n, size_t end)
{
    if (offsets[0] != 0)
        return CO_FAIL(CO_EDATA, "%s: %s begins with %lld; it has to begin with 0", path, what,
                       (long long)offsets[0]);
    for (int64_t i = 0; i < n; i++)
        if (offsets[i + 1] < offsets[i])
            return CO_FAIL(CO_EDATA, "%s: %s, row %lld is %lld, less than the one before", path,
                           what, (long long)i + 1, (long long)offsets[i + 1]);
    if (offsets[n] != (int64_t)end)
        return CO_FAIL(CO_EDATA, "%s: %s ends with %lld; there are %zu elements", path, what,
                       (long long)offsets[n], end);
    return CO_OK;
}

static co_status check_range(const char *path, const char *what, const int32_t *value, size_t n,
                             size_t limit)
{
    for (size_t i = 0; i < n; i++)
        if (value[i] < 0 || (size_t)value[i] >= limit)
            return CO_FAIL(CO_EDATA, "%s: %s, row %zu is %d; 0 to %lld is allowed", path, what, i,
                           value[i], (long long)limit - 1);
    return CO_OK;
}

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
    if (!data->tokens) return CO_OK;
    CO_TRY(check_offsets(path, "token_offsets", data->token_offsets, data->n, data->n_tokens));
    CO_TRY(check_range(path, "tokens", data->tokens, data->n_tokens, data->n_vocab));
    if (data->task == CO_DATA_TAGGING && !data->token_y)
        return CO_FAIL(CO_EDATA, "%s: its task is tagging, but it holds no token_y", path);
    if (data->token_y)
        CO_TRY(check_range(path, "token_y", data->token_y, data->n_tokens, data->n_classes));
    if (!data->text) return CO_OK;
    return check_offsets(path, "text_offsets", data->text_offsets, data->n,
                         (size_t)data->text_offsets[data->n]);
}

/* ---- file ---- */

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

static co_status expect_size(const co_file *file, const char *name, size_t wanted)
{
    size_t n = 0;
    CO_TRY(list_size(file, name, &n));
    if (n == wanted) return CO_OK;
    return CO_FAIL(CO_EDATA, "%s: %s has %zu elements; %zu are wanted", co_file_path(file), name, n,
                   wanted);
}

co_status co_dataset_text_columns(const co_file *file, co_dataset *data)
{
    size_t n_offsets = 0;
    CO_TRY(list_size(file, "tokens", &data->n_tokens));
    CO_TRY(list_size(file, "token_offsets", &n_offsets));
    data->n = (int64_t)n_offsets - 1;
    if (data->task == CO_DATA_TAGGING) CO_TRY(expect_size(file, "token_y", data->n_tokens));
    if (!co_file_has(file, "vocab"))
        return CO_FAIL(CO_EDATA, "%s: holds tokens, but no vocab", co_file_path(file));
    CO_TRY(co_file_read_strings(file, "vocab", &data->vocab, &data->n_vocab));
    if (data->n_vocab) return CO_OK;
    return CO_FAIL(CO_EDATA, "%s: its vocab is empty", co_file_path(file));
}

co_status co_dataset_text_fill(const co_file *file, co_dataset *data)
{
    CO_TRY(expect_size(file, "token_offsets", (size_t)data->n + 1));
    CO_TRY(co_file_read(file, "token_offsets", CO_I64, 0, data->token_offsets));
    CO_TRY(co_file_read(file, "tokens", CO_I32, 0, data->tokens));
    if (data->task == CO_DATA_TAGGING)
        CO_TRY(co_file_read(file, "token_y", CO_I32, 0, data->token_y));
    return CO_OK;
}

static co_status read_text(const co_file *file, co_dataset *data)
{
    size_t n_bytes, n;
    if (!co_file_has(file, "text")) return CO_OK;
    CO_TRY(expect_size(file, "text_offsets", (size_t)data->n + 1));
    CO_TRY(co_file_read_new(file, "text", CO_U8, (void **)&data->text, &n_bytes));
    CO_TRY(co_file_read_new(file, "text_offsets", CO_I64, (void **)&data->text_offsets, &n));
    if (data->text_offsets[data->n] == (int64_t)n_bytes) return CO_OK;
    return CO_FAIL(CO_EDATA, "%s: text_offsets ends with %lld; text has %zu bytes",
                   co_file_path(file), (long long)data->text_offsets[data->n], n_bytes);
}

co_status co_dataset_text_read(const co_file *file, co_dataset *data)
{
    const bool tags = data->task == CO_DATA_TAGGING;
    data->token_offsets = co_malloc((size_t)data->n + 1, sizeof *data->token_offsets);
    data->tokens = co_malloc(data->n_tokens, sizeof *data->tokens);
    data->token_y = tags ? co_malloc(data->n_tokens, sizeof *data->token_y) : NULL;
    if (!data->token_offsets || !data->tokens || (tags && !data->token_y))
        return CO_FAIL(CO_ENOMEM, "%s: out of memory for %zu tokens", co_file_path(file),
                       data->n_tokens);
    CO_TRY(co_dataset_text_fill(file, data));
    CO_TRY(read_text(file, data));
    return co_dataset_check(data, co_file_path(file));
}

/* ---- for a run ---- */

size_t co_dataset_text_bytes(const co_dataset *data)
{
    const size_t lists = data->task == CO_DATA_TAGGING ? 2 : 1;
    return ((size_t)data->n + 1) * sizeof(int64_t) + lists * data->n_tokens * sizeof(int32_t);
}

void co_dataset_text_place(co_dataset *data, void *block)
{
    data->token_offsets = block;
    data->tokens = (int32_t *)(data->token_offsets + data->n + 1);
    data->token_y = data->task == CO_DATA_TAGGING ? data->tokens + data->n_tokens : NULL;
}

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
        else if (data->task == CO_DATA_TAGGING)
            memcpy(y + at, data->token_y + from, n * sizeof *y);
        else if (data->task == CO_DATA_CLASSIFICATION)
            y[i] = data->y[ids[i]];
        at += n;
        offsets[i + 1] = (int64_t)at;
    }
}
