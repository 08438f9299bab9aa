/* io/data/dataset_text.c - the text parts of a data set: tokens with offsets (CSR), vocabulary,
 * tags and the raw bytes.
 *
 * An example is a list of tokens of any length, also empty; the raw bytes stay in the file in a
 * run. A vocabulary may have no names; its size is then in the file. lm: of an example of L tokens
 * the first L - 1 are read and the last L - 1 predicted. Cost: one pass to check, one copy to
 * gather. */
#include "core/memory.h"
#include "io/data/dataset_private.h"
#include <string.h>

#define VOCAB_SIZE "vocab_size" /* stands in the file in place of vocab: i64 [1] */
_Static_assert(sizeof(size_t) == sizeof(int64_t), "n_vocab is written as int64");

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
    const bool tags = data->task == CO_DATA_TAGGING || data->task == CO_DATA_JOINT;
    if (data->tokens && tags && !data->token_y)
        return CO_FAIL(CO_EDATA, "%s: its task is %s, but it holds no token_y", path,
                       co_data_task_names[data->task]);
    if (data->task == CO_DATA_JOINT && !data->y)
        return CO_FAIL(CO_EDATA, "%s: its task is joint, but it holds no y", path);
    return CO_OK;
}

/* Or as the tokens tell: the largest and one more. */
static co_status count_words(const co_file *file, co_dataset *data)
{
    size_t block;
    int32_t largest = 0;
    CO_TRY(co_file_block_rows(file, "tokens", sizeof(int32_t), &block));
    int32_t *tokens = co_malloc(block, sizeof *tokens);
    co_status st = tokens ? CO_OK : CO_FAIL(CO_ENOMEM, "%s: %zu tokens", co_file_path(file), block);
    for (size_t at = 0; st == CO_OK && at < data->n_tokens; at += block) {
        const size_t left = data->n_tokens - at, n = left < block ? left : block;
        st = co_file_read_rows(file, "tokens", CO_I32, at, n, tokens);
        for (size_t t = 0; st == CO_OK && t < n; t++)
            if (tokens[t] > largest) largest = tokens[t];
    }
    co_free(tokens);
    data->n_vocab = (size_t)largest + 1;
    return st;
}

co_status co_dataset_vocab_add(co_content *content, const co_dataset *data)
{
    const co_extent one = {.type = CO_I64, .ndim = 1, .dim = {1}};
    if (data->n_vocab && !data->vocab)
        CO_TRY(co_content_add(content, VOCAB_SIZE, &one, &data->n_vocab));
    if (!data->n_target_vocab || data->target_vocab || data->n_target_vocab == data->n_vocab)
        return CO_OK;
    return co_content_add(content, CO_TARGET_VOCAB_SIZE, &one, &data->n_target_vocab);
}

co_status co_dataset_text_columns(const co_file *file, co_dataset *data)
{
    size_t n_offsets = 0;
    CO_TRY(co_dataset_list_size(file, "tokens", &data->n_tokens));
    CO_TRY(co_dataset_list_size(file, "token_offsets", &n_offsets));
    data->n = (int64_t)n_offsets - 1;
    CO_TRY(co_dataset_pairs_columns(file, data));
    if (co_file_has(file, "vocab")) return CO_OK;
    return co_file_has(file, VOCAB_SIZE) ? co_dataset_read_size(file, VOCAB_SIZE, &data->n_vocab)
                                         : count_words(file, data);
}

/* ---- for a run ---- */

size_t co_dataset_rows(const co_dataset *data, int64_t id)
{
    const size_t n = (size_t)(data->token_offsets[id + 1] - data->token_offsets[id]);
    return data->task == CO_DATA_LM && n > 0 ? n - 1 : n;
}

size_t co_dataset_scored(const co_dataset *data, int64_t id)
{
    const size_t rows = co_dataset_rows(data, id);
    if (data->task == CO_DATA_SEQ2SEQ) return co_dataset_target_rows(data, id);
    if (data->task != CO_DATA_TAGGING && data->task != CO_DATA_JOINT) return rows;
    const int32_t *y = data->token_y + data->token_offsets[id];
    size_t n = 0;
    for (size_t r = 0; r < rows; r++) n += y[r] >= 0;
    return n;
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
        else if (data->task == CO_DATA_JOINT)
            for (size_t r = 0; r < n; r++) {
                y[2 * (at + r)] = data->token_y[from + r];
                y[2 * (at + r) + 1] = data->y[ids[i]];
            }
        else if (data->task == CO_DATA_CLASSIFICATION)
            y[i] = data->y[ids[i]];
        else if (data->task == CO_DATA_SPAN)
            for (size_t k = 0; k < 2; k++)
                y[2 * i + k] = data->span[2 * ids[i] + (int64_t)k] < 0
                                   ? 0
                                   : data->span[2 * ids[i] + (int64_t)k];
        at += n;
        offsets[i + 1] = (int64_t)at;
    }
}
