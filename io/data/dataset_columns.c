/* io/data/dataset_columns.c - the table of columns, and what is the same for each of them.
 *
 * Cost: reading and checking are one pass over a column; the checks of numbers are vectorised. */
#include "core/clones.h"
#include "core/memory.h"
#include "io/data/dataset_private.h"
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define CO_LINE(field, file_name, element, stored, rows_per, where, allowed, text)                 \
    {.name = file_name,                                                                            \
     .at = offsetof(co_dataset, field),                                                            \
     .type = stored,                                                                               \
     .per = rows_per,                                                                              \
     .place = where,                                                                               \
     .values = allowed},
const co_column co_columns[CO_N_COLUMNS] = {CO_DATASET_COLUMNS(CO_LINE)};
#undef CO_LINE

void *co_column_get(const co_dataset *data, const co_column *column)
{
    void *values;
    memcpy(&values, (const char *)data + column->at, sizeof values);
    return values;
}

void co_column_set(co_dataset *data, const co_column *column, void *values)
{
    memcpy((char *)data + column->at, &values, sizeof values);
}

size_t *co_column_n_names(co_dataset *data, const co_column *column)
{
    switch (column->per) {
    case CO_PER_CLASS: return &data->n_classes;
    case CO_PER_TAG_NAME: return &data->n_tags;
    case CO_PER_WORD: return &data->n_vocab;
    case CO_PER_TARGET_WORD: return &data->n_target_vocab;
    case CO_PER_LETTER_NAME: return &data->n_char_vocab;
    case CO_PER_QUESTION: return &data->n_questions;
    case CO_PER_USER: return &data->n_users;
    default: CO_ASSERT(column->per == CO_PER_GROUP); return &data->n_groups;
    }
}

/* ---- shape ---- */

size_t co_column_rows(const co_dataset *data, const co_column *column)
{
    const size_t n = (size_t)data->n;
    const bool text = data->n_vocab > 0, targets = co_dataset_has_targets(data);
    const bool tags = data->task == CO_DATA_TAGGING || data->task == CO_DATA_JOINT;
    const bool windows = data->task == CO_DATA_SPAN;
    const size_t n_bytes = data->n_text                 ? data->n_text
                           : text && data->text_offsets ? (size_t)data->text_offsets[n]
                                                        : 0;
    switch (column->per) {
    case CO_PER_X: return data->x_size ? n : 0;
    case CO_PER_TARGETS: return targets ? n : 0;
    case CO_PER_LABEL: return targets ? 0 : n;
    case CO_PER_EXAMPLE: return n;
    case CO_PER_TOKEN: return text ? data->n_tokens : 0;
    case CO_PER_TAG: return text && tags ? data->n_tokens : 0;
    case CO_PER_PLACE: return windows ? data->n_tokens : 0;
    case CO_PER_LETTER: return data->n_chars;
    case CO_PER_LETTER_BOUND: return data->n_chars ? data->n_tokens + 1 : 0;
    case CO_PER_TARGET_TOKEN: return data->n_target_tokens;
    case CO_PER_TARGET_BOUND: return data->n_target_tokens ? n + 1 : 0;
    case CO_PER_ANSWER_BYTE: return data->n_answer_bytes;
    case CO_PER_ANSWER_BOUND: return data->n_answers ? data->n_answers + 1 : 0;
    case CO_PER_ANSWERS: return data->n_answers ? n + 1 : 0;
    case CO_PER_SPAN:
    case CO_PER_WINDOW: return windows ? n : 0;
    case CO_PER_QUESTION_BYTE: return data->n_question_bytes;
    case CO_PER_QUESTION_BOUND: return data->n_question_bytes ? data->n_questions + 1 : 0;
    case CO_PER_TEXT_BOUND: return text ? n + 1 : 0;
    case CO_PER_RAW_BOUND: return text && (n_bytes || !data->text_offsets) ? n + 1 : 0;
    case CO_PER_RAW_BYTE: return n_bytes;
    case CO_PER_CLASS: return data->n_classes;
    case CO_PER_TAG_NAME: return data->n_tags;
    case CO_PER_WORD: return data->n_vocab;
    case CO_PER_TARGET_WORD: return data->n_target_vocab;
    case CO_PER_LETTER_NAME: return data->n_char_vocab;
    case CO_PER_QUESTION: return data->n_questions;
    case CO_PER_USER: return data->n_users;
    default: return data->n_groups;
    }
}

co_column_place co_column_where(const co_dataset *data, const co_column *column)
{
    const bool raw = column->per == CO_PER_RAW_BYTE || column->per == CO_PER_RAW_BOUND;
    return raw && data->n_text ? CO_ON_NODE : column->place;
}

co_extent co_column_extent(const co_dataset *data, const co_column *column)
{
    co_extent extent = {.type = column->type, .ndim = 1, .dim = {co_column_rows(data, column)}};
    if (column->per == CO_PER_X) {
        extent.type = data->x_type;
        extent.ndim = data->x_ndim + 1;
        for (size_t i = 0; i < data->x_ndim; i++) extent.dim[i + 1] = data->x_dim[i];
    } else if (column->per == CO_PER_TARGETS) {
        extent.type = co_dataset_targets_type(data);
        extent.ndim = 2;
        extent.dim[1] = data->n_classes;
    } else if (column->per == CO_PER_SPAN || column->per == CO_PER_PLACE) {
        extent.ndim = 2;
        extent.dim[1] = 2;
    }
    return extent;
}

size_t co_column_bytes(const co_dataset *data, const co_column *column)
{
    const co_extent extent = co_column_extent(data, column);
    return co_extent_count(&extent) * co_dtype_size(extent.type, 0);
}

bool co_column_is_large(const co_column *column)
{
    switch (column->per) {
    case CO_PER_X:
    case CO_PER_TOKEN:
    case CO_PER_TAG:
    case CO_PER_PLACE:
    case CO_PER_LETTER:
    case CO_PER_TARGET_TOKEN:
    case CO_PER_ANSWER_BYTE:
    case CO_PER_QUESTION_BYTE:
    case CO_PER_RAW_BYTE: return true;
    default: return false;
    }
}

size_t co_dataset_x_bytes(const co_dataset *data)
{
    size_t at = 0;
    for (int k = 0; k < CO_N_COLUMNS; k++)
        if (co_column_where(data, &co_columns[k]) == CO_ON_NODE)
            at += (co_column_bytes(data, &co_columns[k]) + 63) / 64 * 64;
    return at;
}

void co_dataset_place(co_dataset *data, void *block)
{
    char *at = block;
    for (int k = 0; k < CO_N_COLUMNS; k++) {
        if (co_column_where(data, &co_columns[k]) != CO_ON_NODE) continue;
        const size_t bytes = co_column_bytes(data, &co_columns[k]);
        co_column_set(data, &co_columns[k], bytes ? at : NULL);
        at += (bytes + 63) / 64 * 64;
    }
}

/* ---- file ---- */

co_status co_column_check_shape(const co_file *file, const co_dataset *data,
                                const co_column *column)
{
    const co_extent wanted = co_column_extent(data, column);
    co_extent extent;
    CO_TRY(co_file_extent(file, column->name, &extent));
    if (column->per == CO_PER_X || column->per == CO_PER_TARGETS)
        return CO_OK; /* they said themselves what they are */
    if (extent.ndim == wanted.ndim && extent.dim[0] == wanted.dim[0] &&
        (wanted.ndim == 1 || extent.dim[1] == wanted.dim[1]))
        return CO_OK;
    if (wanted.ndim > 1)
        return CO_FAIL(CO_EDATA, "%s: %s has %zu dimensions and %zu rows; [%zu, %zu] is wanted",
                       co_file_path(file), column->name, extent.ndim,
                       extent.ndim ? extent.dim[0] : 0, wanted.dim[0], wanted.dim[1]);
    return CO_FAIL(CO_EDATA,
                   "%s: %s has %zu dimensions and %zu rows; one dimension of %zu rows is wanted",
                   co_file_path(file), column->name, extent.ndim, extent.ndim ? extent.dim[0] : 0,
                   wanted.dim[0]);
}

co_status co_column_read(const co_file *file, co_dataset *data, const co_column *column)
{
    const co_extent extent = co_column_extent(data, column);
    void *values = co_column_get(data, column);
    if (extent.dim[0] == 0) return CO_OK;
    if (!co_file_has(file, column->name) && column->place == CO_ON_RANK) return CO_OK;
    if (!co_file_has(file, column->name))
        return CO_FAIL(CO_EDATA, "%s: holds %s, but no %s", co_file_path(file),
                       data->n_vocab ? "tokens" : "x", column->name);
    CO_TRY(co_column_check_shape(file, data, column));
    if (!values) values = co_malloc(co_extent_count(&extent), co_dtype_size(extent.type, 0));
    if (!values)
        return CO_FAIL(CO_ENOMEM, "%s: out of memory for %s, %zu rows", co_file_path(file),
                       column->name, extent.dim[0]);
    co_column_set(data, column, values);
    return co_file_read(file, column->name, extent.type, 0, values);
}

static co_status check_block(const void *self, const char *name, size_t first, size_t n,
                             const void *rows)
{
    const co_dataset *data = self;
    int k = 0;
    while (strcmp(co_columns[k].name, name) != 0) k++; /* no large one shares its name */
    return co_column_check(data, &co_columns[k], co_file_path(data->x_file), first, n, rows);
}

static co_status add_column(co_content *content, const co_dataset *data, const co_column *column)
{
    const bool in_file = data->x_file && co_column_is_large(column);
    co_content_part part = {.extent = co_column_extent(data, column),
                            .data = co_column_get(data, column)};
    if (part.extent.dim[0] == 0 || (!part.data && !in_file)) return CO_OK;
    snprintf(part.name, sizeof part.name, "%s", column->name);
    if (!part.data) {
        part.source = data->x_file;
        part.check = check_block;
        part.self = data;
    }
    if (column->per == CO_PER_X) {
        part.n_reals = 2;
        part.reals[0] = (co_content_reals){"scale", data->scale, data->n_scale};
        part.reals[1] = (co_content_reals){"shift", data->shift, data->n_scale};
    }
    return co_content_add_part(content, &part);
}

co_status co_columns_add(co_content *content, const co_dataset *data)
{
    for (int k = 0; k < CO_N_COLUMNS; k++) {
        const co_column *column = &co_columns[k];
        if (column->type != CO_STR)
            CO_TRY(add_column(content, data, column));
        else if (co_column_get(data, column))
            CO_TRY(co_content_add_strings(content, column->name, co_column_get(data, column),
                                          co_column_rows(data, column)));
    }
    return co_dataset_vocab_add(content, data);
}

/* ---- check ---- */

CO_CLONES static bool all_finite(const float *v, size_t n)
{
    int bad = 0;
    for (size_t i = 0; i < n; i++) bad |= !(fabsf(v[i]) <= FLT_MAX);
    return bad == 0;
}

CO_CLONES static bool all_within(const int32_t *v, size_t n, int32_t low, int32_t high)
{
    int bad = 0;
    for (size_t i = 0; i < n; i++) bad |= (v[i] < low) | (v[i] > high);
    return bad == 0;
}

/* n rows of `row` floats. */
static co_status check_finite(const char *path, const char *name, size_t first, size_t n,
                              size_t row, const float *v)
{
    if (all_finite(v, n * row)) return CO_OK;
    size_t i = 0;
    while (isfinite(v[i])) i++;
    return CO_FAIL(CO_EDATA,
                   "%s: %s, row %zu, value %zu is %g; remove or replace what is not finite", path,
                   name, first + i / row, i % row, (double)v[i]);
}

static co_status check_flags(const char *path, size_t first, size_t n, size_t k, const uint8_t *v)
{
    for (size_t i = 0; i < n * k; i++)
        if (v[i] > 1)
            return CO_FAIL(CO_EDATA,
                           "%s: y, row %zu, column %zu is %u; multilabel takes 0 (without the "
                           "label) and 1 (with it)",
                           path, first + i / k, i % k, v[i]);
    return CO_OK;
}

static co_status check_numbers(const char *path, size_t first, size_t n, size_t k, const float *v)
{
    for (size_t i = 0; i < n * k; i++)
        if (!isfinite(v[i]))
            return CO_FAIL(CO_EDATA,
                           "%s: y, row %zu, column %zu is %g; remove or replace what is not finite",
                           path, first + i / k, i % k, (double)v[i]);
    return CO_OK;
}

static co_status check_split(const char *path, size_t first, size_t n, const uint8_t *v)
{
    for (size_t i = 0; i < n; i++)
        if (v[i] > 2)
            return CO_FAIL(
                CO_EDATA,
                "%s: split, row %zu is %u; 0 (train), 1 (test) and 2 (validation) are allowed",
                path, first + i, v[i]);
    return CO_OK;
}

/* From 0, or -1, to below limit; what: there are `limit` of. */
static co_status check_below(const char *path, const char *name, size_t first, size_t n,
                             int32_t low, size_t limit, const char *what, const int32_t *v)
{
    const int32_t high = limit > INT32_MAX ? INT32_MAX : (int32_t)limit - 1;
    if (all_within(v, n, low, high)) return CO_OK;
    size_t i = 0;
    while (v[i] >= low && v[i] <= high) i++;
    return CO_FAIL(CO_EDATA, "%s: %s, row %zu is %d; there are %zu %s, so 0 to %lld is allowed%s",
                   path, name, first + i, v[i], limit, what, (long long)limit - 1,
                   low < 0 ? ", or -1 for none" : "");
}

/* least: from one to the next. */
static co_status check_bounds(const char *path, const char *name, size_t n, const int64_t *v,
                              size_t end, int64_t least)
{
    if (v[0] != 0)
        return CO_FAIL(CO_EDATA, "%s: %s begins with %lld; it has to begin with 0", path, name,
                       (long long)v[0]);
    for (size_t i = 1; i < n; i++)
        if (v[i] < v[i - 1])
            return CO_FAIL(CO_EDATA, "%s: %s, row %zu is %lld, less than the one before", path,
                           name, i, (long long)v[i]);
    for (size_t i = 1; i < n; i++)
        if (v[i] - v[i - 1] < least)
            return CO_FAIL(
                CO_EDATA,
                "%s: %s: target of example %zu has %lld tokens; %lld at least, the marks "
                "before and behind it",
                path, name, i - 1, (long long)(v[i] - v[i - 1]), (long long)least);
    if (v[n - 1] != (int64_t)end)
        return CO_FAIL(CO_EDATA, "%s: %s ends with %lld; there are %zu elements", path, name,
                       (long long)v[n - 1], end);
    return CO_OK;
}

/* Windows of one question stand together. */
static co_status check_questions(const char *path, const co_dataset *data, size_t first, size_t n,
                                 const int32_t *v)
{
    CO_TRY(check_below(path, "question", first, n, 0, data->n_questions, "questions", v));
    for (size_t i = 1; i < n; i++)
        if (v[i] < v[i - 1])
            return CO_FAIL(CO_EDATA, "%s: question, row %zu is %d, less than the one before", path,
                           first + i, v[i]);
    return CO_OK;
}

co_status co_column_check(const co_dataset *data, const co_column *column, const char *path,
                          size_t first, size_t n, const void *rows)
{
    const char *name = column->name;
    const size_t k = data->n_classes;
    switch (column->values) {
    case CO_VALUES_FINITE:
        return column->per == CO_PER_X && data->x_type != CO_F32
                   ? CO_OK
                   : check_finite(path, name, first, n, column->per == CO_PER_X ? data->x_size : 1,
                                  rows);
    case CO_VALUES_TARGETS:
        return data->task == CO_DATA_MULTILABEL ? check_flags(path, first, n, k, rows)
                                                : check_numbers(path, first, n, k, rows);
    case CO_VALUES_SPLIT: return check_split(path, first, n, rows);
    case CO_VALUES_CLASS: return check_below(path, name, first, n, 0, k, "classes", rows);
    case CO_VALUES_TAG:
        return data->task == CO_DATA_JOINT
                   ? check_below(path, name, first, n, -1, data->n_tags, "tags", rows)
                   : check_below(path, name, first, n, -1, k, "classes", rows);
    case CO_VALUES_WORD: return check_below(path, name, first, n, 0, data->n_vocab, "words", rows);
    case CO_VALUES_TARGET_WORD:
        return check_below(path, name, first, n, 0, data->n_target_vocab, "words", rows);
    case CO_VALUES_LETTER:
        return check_below(path, name, first, n, 0, data->n_char_vocab, "letters", rows);
    case CO_VALUES_QUESTION: return check_questions(path, data, first, n, rows);
    case CO_VALUES_SPAN: return co_dataset_spans_check(path, data, first, n, rows);
    case CO_VALUES_PLACE: return co_dataset_places_check(path, data, first, n, rows);
    case CO_VALUES_USER: return check_below(path, name, first, n, -1, data->n_users, "users", rows);
    case CO_VALUES_GROUP:
        return check_below(path, name, first, n, -1, data->n_groups, "groups", rows);
    case CO_VALUES_TOKEN_BOUNDS: return check_bounds(path, name, n, rows, data->n_tokens, 0);
    case CO_VALUES_RAW_BOUNDS:
        return check_bounds(path, name, n, rows,
                            data->n_text ? data->n_text : (size_t)data->text_offsets[data->n], 0);
    case CO_VALUES_TARGET_BOUNDS:
        return check_bounds(path, name, n, rows, data->n_target_tokens, 2);
    case CO_VALUES_ANSWER_BOUNDS: return check_bounds(path, name, n, rows, data->n_answer_bytes, 0);
    case CO_VALUES_ANSWERS: return check_bounds(path, name, n, rows, data->n_answers, 0);
    case CO_VALUES_QUESTION_BOUNDS:
        return check_bounds(path, name, n, rows, data->n_question_bytes, 0);
    case CO_VALUES_LETTER_BOUNDS: return check_bounds(path, name, n, rows, data->n_chars, 0);
    default: return CO_OK;
    }
}
