/* io/data/dataset.c - what a data set has to fulfil, and reading examples as floats.
 *
 * gather: out = (float)x * (float)scale + (float)shift, product and sum each rounded to float (no
 * fused multiply-add), so the same bits on every instruction set and whatever the cut into calls.
 * With one scale a single vectorised pass; with one scale a channel, a pass per channel. Cost: one
 * read of x, one write of out. */
#include "io/data/dataset_private.h"
#include "core/clones.h"
#include "core/memory.h"
#include <float.h>
#include <math.h>
#include <string.h>

void co_dataset_fini(co_dataset *data)
{
    for (int k = 0; k < CO_N_COLUMNS; k++) {
        const co_column *column = &co_columns[k];
        if (column->type == CO_STR)
            co_strings_free(co_column_get(data, column), co_column_rows(data, column));
        else if (co_column_where(data, column) != CO_ON_NODE || !data->in_segment)
            co_free(co_column_get(data, column));
        co_column_set(data, column, NULL); /* rows of others are told from what is there */
    }
    co_free(data->scale);
    co_free(data->shift);
    co_free(data->source);
    co_file_close(data->x_file);
    *data = (co_dataset){0};
}

/* ---- check ---- */

static co_status check_x_shape(const co_dataset *data, const char *path)
{
    size_t size = 1, all;
    if (data->x_type != CO_U8 && data->x_type != CO_F32)
        return CO_FAIL(CO_EDATA, "%s: x has to be uint8 or float32", path);
    if (data->x_ndim > 4)
        return CO_FAIL(CO_EDATA, "%s: x has %zu dimensions; at most 5 in all", path,
                       data->x_ndim + 1);
    for (size_t i = 0; i < data->x_ndim; i++)
        if (__builtin_mul_overflow(size, data->x_dim[i], &size) || size == 0)
            return CO_FAIL(CO_EDATA, "%s: x has a dimension of %zu", path, data->x_dim[i]);
    if (size != data->x_size || __builtin_mul_overflow(size * 4, (size_t)data->n, &all))
        return CO_FAIL(CO_EDATA, "%s: x holds %zu values an example, its shape says %zu", path,
                       data->x_size, size);
    return CO_OK;
}

static co_status check_scale(const co_dataset *data, const char *path)
{
    const size_t channels = data->x_ndim ? data->x_dim[0] : 1;
    if (data->n_scale != 1 && data->n_scale != channels)
        return CO_FAIL(
            CO_EDATA,
            "%s: scale and shift have %zu values; one, or one for each of the %zu channels", path,
            data->n_scale, channels);
    for (size_t i = 0; i < data->n_scale; i++)
        if (!(fabs(data->scale[i]) <= (double)FLT_MAX) ||
            !(fabs(data->shift[i]) <= (double)FLT_MAX))
            return CO_FAIL(CO_EDATA, "%s: scale %g and shift %g of channel %zu have to be finite",
                           path, data->scale[i], data->shift[i], i);
    return CO_OK;
}

co_status co_dataset_check(const co_dataset *data, const char *path)
{
    if (!path) path = "data set";
    if (data->n < 1) return CO_FAIL(CO_EDATA, "%s: holds no example", path);
    if (data->x_size == 0 && data->n_vocab == 0 && !data->y && !co_dataset_has_targets(data))
        return CO_FAIL(CO_EDATA, "%s: holds neither x, tokens nor y", path);
    if (data->x_size) CO_TRY(check_x_shape(data, path));
    if (data->x_size) CO_TRY(check_scale(data, path));
    CO_TRY(co_dataset_text_check(data, path));
    CO_TRY(co_dataset_pairs_check(data, path));
    CO_TRY(co_dataset_targets_check(data, path));
    if (!data->split) return CO_FAIL(CO_EDATA, "%s: holds no split", path);
    for (int k = 0; k < CO_N_COLUMNS; k++) {
        const void *values = co_column_get(data, &co_columns[k]);
        const size_t rows = co_column_rows(data, &co_columns[k]);
        if (values && rows) CO_TRY(co_column_check(data, &co_columns[k], path, 0, rows, values));
    }
    return CO_OK;
}

/* ---- gather ---- */

CO_CLONES static void scale_u8(const uint8_t *restrict x, size_t n, float scale, float shift,
                               float *restrict out)
{
    for (size_t i = 0; i < n; i++) out[i] = (float)x[i] * scale + shift;
}

CO_CLONES static void scale_f32(const float *restrict x, size_t n, float scale, float shift,
                                float *restrict out)
{
    for (size_t i = 0; i < n; i++) out[i] = x[i] * scale + shift;
}

/* Asks for the start of an example: a large file's examples come from far, in an order that no
 * processor foresees. */
static void ask_for(const co_dataset *data, int64_t id)
{
    enum { LINE = 64, MOST = 1024 };
    const size_t bytes = data->x_size * (data->x_type == CO_U8 ? 1 : sizeof(float));
    const char *x = (const char *)data->x + (size_t)id * bytes;
    for (size_t at = 0; at < bytes && at < MOST; at += LINE) __builtin_prefetch(x + at);
}

void co_dataset_gather(const co_dataset *data, const int64_t *ids, size_t n_ids, float *out)
{
    const size_t size = data->x_size, span = size / data->n_scale; /* values that share a scale */
    for (size_t i = 0; i < n_ids; i++) {
        CO_ASSERT(ids[i] >= 0 && ids[i] < data->n);
        if (i + 2 < n_ids) ask_for(data, ids[i + 2]);
        const size_t from = (size_t)ids[i] * size;
        for (size_t c = 0; c < data->n_scale; c++) {
            const float scale = (float)data->scale[c], shift = (float)data->shift[c];
            float *to = out + i * size + c * span;
            if (data->x_type == CO_U8)
                scale_u8((const uint8_t *)data->x + from + c * span, span, scale, shift, to);
            else
                scale_f32((const float *)data->x + from + c * span, span, scale, shift, to);
        }
    }
}
