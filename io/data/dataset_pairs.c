/* io/data/dataset_pairs.c - what stands beside a text: its target (seq2seq), accepted answers and
 * references, the span of an answer (span), the letters of its tokens.
 *
 * A target stands with its marks: the decoder reads all but the last token and predicts all but the
 * first. The windows of a question stand together; each has the whole context as its raw text.
 * Cost: one pass to check, one copy to gather. */
#include "io/data/dataset_private.h"
#include <string.h>

static co_status lacks(const char *path, const co_dataset *data, const char *what)
{
    return CO_FAIL(CO_EDATA, "%s: its task is %s, but it holds no %s", path,
                   co_data_task_names[data->task], what);
}

co_status co_dataset_pairs_check(const co_dataset *data, const char *path)
{
    if (data->task == CO_DATA_SEQ2SEQ && data->n_target_tokens == 0)
        return lacks(path, data, "target_tokens");
    if (data->task != CO_DATA_SPAN) return CO_OK;
    if (!data->span) return lacks(path, data, "span");
    if (!data->question) return lacks(path, data, "question");
    return CO_OK;
}

/* ---- file ---- */

/* Bounds that have to be there beside `name`; how many parts they bound. */
static co_status count_parts(const co_file *file, const char *name, const char *bounds, size_t *n)
{
    if (!co_file_has(file, bounds))
        return CO_FAIL(CO_EDATA, "%s: holds %s, but no %s", co_file_path(file), name, bounds);
    CO_TRY(co_dataset_list_size(file, bounds, n));
    *n -= *n > 0;
    return CO_OK;
}

/* Without `answers` all of them are empty. */
static co_status count_answers(const co_file *file, co_dataset *data)
{
    const bool answers = co_file_has(file, "answers");
    if (!answers && !co_file_has(file, "answer_offsets") && !co_file_has(file, "answer_bounds"))
        return CO_OK;
    CO_TRY(count_parts(file, answers ? "answers" : "answer_offsets", "answer_bounds",
                       &data->n_answers));
    return answers ? co_dataset_list_size(file, "answers", &data->n_answer_bytes) : CO_OK;
}

co_status co_dataset_pairs_columns(const co_file *file, co_dataset *data)
{
    if (co_file_has(file, "chars")) CO_TRY(co_dataset_list_size(file, "chars", &data->n_chars));
    if (data->task == CO_DATA_SEQ2SEQ) {
        CO_TRY(co_dataset_list_size(file, "target_tokens", &data->n_target_tokens));
        if (!co_file_has(file, "target_vocab") && co_file_has(file, CO_TARGET_VOCAB_SIZE))
            CO_TRY(co_dataset_read_size(file, CO_TARGET_VOCAB_SIZE, &data->n_target_vocab));
        return count_answers(file, data);
    }
    if (data->task != CO_DATA_SPAN) return CO_OK;
    CO_TRY(co_dataset_list_size(file, "text", &data->n_text));
    if (co_file_has(file, "question_text"))
        CO_TRY(co_dataset_list_size(file, "question_text", &data->n_question_bytes));
    return count_answers(file, data);
}

/* ---- check ---- */

static int64_t tokens_of(const co_dataset *data, size_t i)
{
    return data->token_offsets[i + 1] - data->token_offsets[i];
}

co_status co_dataset_spans_check(const char *path, const co_dataset *data, size_t first, size_t n,
                                 const int32_t *v)
{
    for (size_t i = 0; i < n; i++) {
        const int32_t from = v[2 * i], to = v[2 * i + 1];
        if (from == -1 && to == -1) continue;
        if (from < 0 || to < from)
            return CO_FAIL(CO_EDATA,
                           "%s: span, row %zu is %d to %d; first and last token are wanted, or -1 "
                           "and -1 where the window lacks the answer",
                           path, first + i, from, to);
        if (data->token_offsets && to >= tokens_of(data, first + i))
            return CO_FAIL(CO_EDATA, "%s: span, row %zu is %d to %d; the window has %lld tokens",
                           path, first + i, from, to, (long long)tokens_of(data, first + i));
    }
    return CO_OK;
}

/* The example that has token t, from the one before on. */
static size_t example_of(const co_dataset *data, size_t i, size_t t)
{
    while (data->token_offsets[i + 1] <= (int64_t)t) i++;
    return i;
}

co_status co_dataset_places_check(const char *path, const co_dataset *data, size_t first, size_t n,
                                  const int32_t *v)
{
    size_t i = 0;
    for (size_t t = 0; t < n; t++) {
        const int32_t from = v[2 * t], to = v[2 * t + 1];
        i = example_of(data, i, first + t);
        const int64_t bytes = data->text_offsets[i + 1] - data->text_offsets[i];
        if ((from == -1 && to == -1) || (from >= 0 && to >= from && to <= bytes)) continue;
        return CO_FAIL(
            CO_EDATA,
            "%s: token_char, row %zu is %d to %d; the text of example %zu has %lld bytes "
            "(-1 and -1: of none)",
            path, first + t, from, to, i, (long long)bytes);
    }
    return CO_OK;
}

/* ---- for a run ---- */

char *const *co_dataset_target_names(const co_dataset *data)
{
    if (data->target_vocab || data->n_target_vocab != data->n_vocab) return data->target_vocab;
    return data->vocab;
}

size_t co_dataset_target_rows(const co_dataset *data, int64_t id)
{
    return (size_t)(data->target_offsets[id + 1] - data->target_offsets[id]) - 1;
}

void co_dataset_gather_targets_text(const co_dataset *data, const int64_t *ids, size_t n_ids,
                                    int64_t *offsets, int32_t *tokens, int32_t *y)
{
    size_t at = 0;
    offsets[0] = 0;
    for (size_t i = 0; i < n_ids; i++) {
        CO_ASSERT(ids[i] >= 0 && ids[i] < data->n);
        const int32_t *target = data->target_tokens + data->target_offsets[ids[i]];
        const size_t n = co_dataset_target_rows(data, ids[i]);
        memcpy(tokens + at, target, n * sizeof *tokens);
        memcpy(y + at, target + 1, n * sizeof *y);
        at += n;
        offsets[i + 1] = (int64_t)at;
    }
}
