/* io/data/features_file.c - one read of the rows, in blocks, their means each to its example's
 * place. Memory: 4 n width bytes, and 9 bytes an example while it is read. */
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
    CO_TRY(co_file_extent(file, *name, &extent));
    if (extent.ndim != 2 || extent.dim[1] == 0)
        return CO_FAIL(CO_EDATA, "%s: %s has %zu dimensions; rows of values are wanted", path,
                       *name, extent.ndim);
    *rows = extent.dim[0];
    *width = extent.dim[1];
    return CO_OK;
}

/* The mean of n rows, zeros of none. */
static co_status put_mean(const co_file *file, const char *name, int64_t id, const double *sum,
                          int64_t n, const co_dataset *features, uint8_t *seen)
{
    if (id < 0 || id >= features->n || seen[id])
        return CO_FAIL(CO_EDATA, "%s: id %" PRId64 " %s", co_file_path(file), id,
                       id < 0 || id >= features->n ? "is none of the data set's examples"
                                                   : "has two rows");
    float *row = (float *)features->x + (size_t)id * features->x_size;
    for (size_t j = 0; j < features->x_size; j++) {
        if (!isfinite(sum[j]))
            return CO_FAIL(CO_EDATA, "%s: %s of example %" PRId64 ", value %zu is %g",
                           co_file_path(file), name, id, j, sum[j]);
        row[j] = n ? (float)(sum[j] / (double)n) : 0.0f;
    }
    seen[id] = 1;
    return CO_OK;
}

/* Which rows are whose: example i has [first[i], first[i + 1]) of them. */
typedef struct {
    int64_t *id, *first;
    size_t n;
} owners;

/* Rows stand by example, or by token with `offsets`. */
static co_status read_owners(const co_file *file, const char *name, size_t rows, owners *of)
{
    size_t n_first = 0;
    void *id = NULL, *first = NULL;
    CO_TRY(co_file_read_new(file, "id", CO_I64, &id, &of->n));
    of->id = id;
    if (co_file_has(file, "offsets")) {
        CO_TRY(co_file_read_new(file, "offsets", CO_I64, &first, &n_first));
        of->first = first;
    } else {
        of->first = co_malloc(of->n + 1, sizeof *of->first);
        if (!of->first) return CO_FAIL(CO_ENOMEM, "owners of %zu rows", rows);
        for (n_first = 0; n_first <= of->n; n_first++) of->first[n_first] = (int64_t)n_first;
    }
    bool good = n_first == of->n + 1 && of->first[0] == 0 && of->first[of->n] == (int64_t)rows;
    for (size_t i = 0; good && i < of->n; i++) good = of->first[i] <= of->first[i + 1];
    return good ? CO_OK
                : CO_FAIL(CO_EDATA, "%s: %zu ids, their offsets and %zu rows of %s do not agree",
                          co_file_path(file), of->n, rows, name);
}

typedef struct {
    const co_file *file;
    const char *name;
    const owners *of;
    const co_dataset *features;
    uint8_t *seen;
    double *sum; /* of the rows of example i */
    size_t i;
} means;

/* The examples that end before row `end`. */
static co_status end_examples(means *m, int64_t end)
{
    const owners *of = m->of;
    for (; m->i < of->n && of->first[m->i + 1] <= end; m->i++) {
        CO_TRY(put_mean(m->file, m->name, of->id[m->i], m->sum,
                        of->first[m->i + 1] - of->first[m->i], m->features, m->seen));
        memset(m->sum, 0, m->features->x_size * sizeof *m->sum);
    }
    return CO_OK;
}

/* All rows to their examples. */
static co_status read_rows(const co_file *file, const char *name, const owners *of, size_t rows,
                           const co_dataset *features, uint8_t *seen)
{
    const size_t width = features->x_size;
    size_t block;
    CO_TRY(co_file_block_rows(file, name, width * sizeof(float), &block));
    float *values = co_malloc(block * width, sizeof *values);
    means m = {file, name, of, features, seen, co_calloc(width, sizeof *m.sum), 0};
    co_status st = values && m.sum ? CO_OK : CO_FAIL(CO_ENOMEM, "rows of %s", name);
    for (size_t at = 0; at < rows && st == CO_OK; at += block) {
        const size_t n = rows - at < block ? rows - at : block;
        st = co_file_read_rows(file, name, CO_F32, at, n, values);
        for (size_t r = 0; r < n && st == CO_OK; r++) {
            st = end_examples(&m, (int64_t)(at + r));
            for (size_t j = 0; j < width; j++) m.sum[j] += (double)values[r * width + j];
        }
    }
    if (st == CO_OK) st = end_examples(&m, (int64_t)rows);
    co_free(m.sum);
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
    size_t rows;
    owners of = {0};
    *features = (co_dataset){.n = data->n, .x_type = CO_F32, .x_ndim = 1, .n_scale = 1};
    CO_TRY(find_values(file, &name, &rows, &features->x_size));
    CO_TRY(check_origin(file, data));
    features->x_dim[0] = features->x_size;
    features->split = data->split;
    features->scale = co_malloc(2, sizeof *features->scale);
    features->x = co_calloc((size_t)data->n * features->x_size, sizeof(float));
    uint8_t *seen = co_calloc((size_t)data->n, sizeof *seen);
    co_status st = read_owners(file, name, rows, &of);
    if (st == CO_OK && (!features->scale || !features->x || !seen))
        st = CO_FAIL(CO_ENOMEM, "features of %" PRId64 " examples", data->n);
    if (st == CO_OK) {
        features->scale[0] = 1.0;
        features->scale[1] = 0.0;
        features->shift = features->scale + 1;
        st = read_rows(file, name, &of, rows, features, seen);
    }
    if (st == CO_OK) st = check_cover(file, data, seen);
    co_free(seen);
    co_free(of.first);
    co_free(of.id);
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
