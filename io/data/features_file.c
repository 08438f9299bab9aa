/* io/data/features_file.c - one read of the rows, in blocks, each to its example's place. Memory:
 * 4 n width bytes, and one byte an example while it is read. */
#include "io/data/features_file.h"
#include "core/log.h"
#include "core/memory.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

/* The dataset that holds the values. */
static co_status find_values(const co_file *file, const char **name, size_t *rows, size_t *width)
{
    const char *path = co_file_path(file);
    co_extent extent;
    *name = co_file_has(file, "hidden") ? "hidden" : "logits";
    if (!co_file_has(file, *name))
        return CO_FAIL(CO_EDATA,
                       "%s: holds neither hidden nor logits, but loss alone: make it by cohort "
                       "predict .. output=hidden",
                       path);
    if (co_file_has(file, "offsets"))
        return CO_FAIL(CO_EDATA,
                       "%s: its rows are tokens; features need a row an example: tap an item "
                       "behind pool_time (cohort predict .. output=hidden tap=ITEM)",
                       path);
    CO_TRY(co_file_extent(file, *name, &extent));
    if (extent.ndim != 2 || extent.dim[1] == 0)
        return CO_FAIL(CO_EDATA, "%s: %s has %zu dimensions; rows of values are wanted", path,
                       *name, extent.ndim);
    *rows = extent.dim[0];
    *width = extent.dim[1];
    return CO_OK;
}

static co_status put_row(const co_file *file, const char *name, int64_t id, const float *row,
                         const co_dataset *features, uint8_t *seen)
{
    if (id < 0 || id >= features->n || seen[id])
        return CO_FAIL(CO_EDATA, "%s: id %" PRId64 " %s", co_file_path(file), id,
                       id < 0 || id >= features->n ? "is none of the data set's examples"
                                                   : "has two rows");
    for (size_t j = 0; j < features->x_size; j++)
        if (!isfinite(row[j]))
            return CO_FAIL(CO_EDATA, "%s: %s of example %" PRId64 ", value %zu is %g",
                           co_file_path(file), name, id, j, (double)row[j]);
    memcpy((float *)features->x + (size_t)id * features->x_size, row,
           features->x_size * sizeof *row);
    seen[id] = 1;
    return CO_OK;
}

/* All rows to their places. */
static co_status read_rows(const co_file *file, const char *name, const int64_t *id, size_t rows,
                           const co_dataset *features, uint8_t *seen)
{
    size_t block;
    CO_TRY(co_file_block_rows(file, name, features->x_size * sizeof(float), &block));
    float *values = co_malloc(block * features->x_size, sizeof *values);
    co_status st = values ? CO_OK : CO_FAIL(CO_ENOMEM, "rows of %s", name);
    for (size_t at = 0; at < rows && st == CO_OK; at += block) {
        const size_t n = rows - at < block ? rows - at : block;
        st = co_file_read_rows(file, name, CO_F32, at, n, values);
        for (size_t i = 0; i < n && st == CO_OK; i++)
            st = put_row(file, name, id[at + i], values + i * features->x_size, features, seen);
    }
    co_free(values);
    return st;
}

static co_status check_cover(const co_file *file, const co_dataset *data, const uint8_t *seen)
{
    int64_t n_missing = 0, missing = 0;
    for (int64_t i = data->n - 1; i >= 0; i--)
        if (data->split[i] == 0 && !seen[i]) n_missing++, missing = i;
    if (n_missing == 0) return CO_OK;
    return CO_FAIL(CO_EDATA,
                   "%s: lacks %" PRId64 " training examples of the data set, the first is %" PRId64
                   "; make it with split=all or split=train",
                   co_file_path(file), n_missing, missing);
}

static co_status check_origin(const co_file *file, const co_dataset *data)
{
    char *digest = NULL;
    if (!co_file_has_attr(file, "data_digest")) return CO_OK;
    CO_TRY(co_file_get_text(file, "data_digest", &digest));
    if (data->digest[0] && strcmp(digest, data->digest) != 0)
        co_warn("%s: was made from another data set; its ids are taken to mean the same examples",
                co_file_path(file));
    co_free(digest);
    return CO_OK;
}

static co_status read_features(const co_file *file, const co_dataset *data, co_dataset *features)
{
    const char *name;
    size_t rows, n_ids = 0;
    void *id = NULL;
    *features = (co_dataset){.n = data->n, .x_type = CO_F32, .x_ndim = 1, .n_scale = 1};
    CO_TRY(find_values(file, &name, &rows, &features->x_size));
    CO_TRY(check_origin(file, data));
    CO_TRY(co_file_read_new(file, "id", CO_I64, &id, &n_ids));
    features->x_dim[0] = features->x_size;
    features->split = data->split;
    features->scale = co_malloc(2, sizeof *features->scale);
    features->x = co_calloc((size_t)data->n * features->x_size, sizeof(float));
    uint8_t *seen = co_calloc((size_t)data->n, sizeof *seen);
    co_status st = CO_OK;
    if (n_ids != rows)
        st = CO_FAIL(CO_EDATA, "%s: %zu ids and %zu rows of %s", co_file_path(file), n_ids, rows,
                     name);
    else if (!features->scale || !features->x || !seen)
        st = CO_FAIL(CO_ENOMEM, "features of %" PRId64 " examples", data->n);
    if (st == CO_OK) {
        features->scale[0] = 1.0;
        features->scale[1] = 0.0;
        features->shift = features->scale + 1;
        st = read_rows(file, name, id, rows, features, seen);
    }
    if (st == CO_OK) st = check_cover(file, data, seen);
    co_free(seen);
    co_free(id);
    return st;
}

co_status co_features_read(const char *path, const co_dataset *data, co_dataset *features)
{
    co_file *file = NULL;
    CO_TRY(co_file_open(path, "cohort-predictions", true, &file));
    const co_status st = read_features(file, data, features);
    co_file_close(file);
    if (st != CO_OK) co_features_fini(features);
    return st;
}

void co_features_fini(co_dataset *features)
{
    co_free(features->scale);
    co_free(features->x);
    *features = (co_dataset){0};
}
