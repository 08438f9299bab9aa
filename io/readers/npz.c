/* io/readers/npz.c - arrays saved by numpy.savez or savez_compressed.
 *
 * x [n, ..] (up to 4 further dimensions) and y [n] or [n, 1] are required; x_train and y_train, as
 * Keras names them, do as well. x_test and y_test become split 1, or split [n] says it (0 train, 1
 * test, 2 validation). user [n] or [n + n_test]: integers, negative for none. uint8 x stays bytes
 * with scale 1/255, every other dtype becomes float32. With task=regression or multilabel y is [n,
 * k] (or [n]): k numbers, or 0 and 1 for each of k labels, named by their columns. Labels and users
 * are ranked in ascending order and named by their numbers. C and Fortran order. Cost: the file and
 * each unpacked array once in memory. */
#include "core/memory.h"
#include "core/text.h"
#include "io/readers/columns.h"
#include "io/readers/labels.h"
#include "io/readers/npy.h"
#include "io/readers/raw.h"
#include "io/readers/reader.h"
#include "io/readers/zip_file.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { X, Y, X_TEST, Y_TEST, SPLIT, USER, N_ARRAYS };
static const char *const array_names[N_ARRAYS] = {"x", "y", "x_test", "y_test", "split", "user"};
static const char *const other_names[N_ARRAYS] = {"x_train", "y_train"}; /* taken where x is not */

typedef struct {
    const char *path;
    co_raw raw[N_ARRAYS];
    co_npy array[N_ARRAYS];
    const char *name[N_ARRAYS]; /* under which each array stands there */
    bool has[N_ARRAYS];
    size_t n, n_test; /* examples in x and x_test */
    co_data_task task;
} bundle;

static co_status open_array(bundle *b, const co_raw *zip, int k)
{
    char member[16], where[1024];
    b->name[k] = array_names[k];
    for (int other = 0; other < 2 && !b->has[k] && (!other || other_names[k]); other++) {
        const char *name = other ? other_names[k] : array_names[k];
        snprintf(member, sizeof member, "%s.npy", name);
        CO_TRY(co_zip_read(b->path, zip, member, &b->raw[k]));
        b->has[k] = b->raw[k].bytes;
        if (b->has[k]) b->name[k] = name;
    }
    snprintf(where, sizeof where, "%s: %s", b->path, b->name[k]);
    return b->has[k] ? co_npy_parse(where, &b->raw[k], &b->array[k]) : CO_OK;
}

static co_status open_bundle(bundle *b)
{
    co_raw zip;
    co_status st = CO_OK;
    CO_TRY(co_raw_read(b->path, &zip));
    for (int k = 0; st == CO_OK && k < N_ARRAYS; k++) st = open_array(b, &zip, k);
    co_raw_fini(&zip);
    return st;
}

static co_status wrong_length(const bundle *b, int k, size_t want)
{
    const co_npy *a = &b->array[k];
    return CO_FAIL(CO_EDATA,
                   "%s: %s has %zu dimensions and %zu rows; %zu rows of one number are wanted",
                   b->path, b->name[k], a->ndim, a->ndim ? a->dim[0] : 0, want);
}

static bool is_column(const co_npy *a, size_t n)
{
    return a->ndim >= 1 && a->ndim <= 2 && a->dim[0] == n && a->count == n;
}

static size_t n_columns(const co_npy *a)
{
    return a->ndim == 2 ? a->dim[1] : 1;
}

/* Rows of one label, or of any number of targets. */
static bool is_labels(const bundle *b, const co_npy *a, size_t n)
{
    if (b->task == CO_DATA_CLASSIFICATION) return is_column(a, n);
    return a->ndim >= 1 && a->ndim <= 2 && a->dim[0] == n && n_columns(a) > 0;
}

static co_status wrong_labels(const bundle *b, int k, size_t want)
{
    const co_npy *a = &b->array[k];
    if (b->task == CO_DATA_CLASSIFICATION && !(a->ndim == 2 && a->dim[0] == want))
        return wrong_length(b, k, want);
    if (b->task == CO_DATA_CLASSIFICATION)
        return CO_FAIL(CO_EDATA,
                       "%s: %s has %zu columns; one class a row, or task=regression or "
                       "task=multilabel",
                       b->path, b->name[k], a->dim[1]);
    return CO_FAIL(CO_EDATA,
                   "%s: %s has %zu dimensions, %zu rows and %zu columns; %zu rows%s are wanted",
                   b->path, b->name[k], a->ndim, a->ndim ? a->dim[0] : 0, n_columns(a), want,
                   k == Y_TEST ? " with as many columns as y" : "");
}

static co_status check_shapes(bundle *b)
{
    const co_npy *x = &b->array[X], *t = &b->array[X_TEST];
    if (!b->has[X] || !b->has[Y])
        return CO_FAIL(CO_EDATA,
                       "%s: no array %s; x and y (or x_train and y_train) are required: "
                       "numpy.savez(path, x=.., y=..)",
                       b->path, b->has[X] ? "y" : "x");
    if (b->has[X_TEST] != b->has[Y_TEST])
        return CO_FAIL(CO_EDATA, "%s: x_test and y_test go together; save both or neither",
                       b->path);
    if (b->has[X_TEST] && b->has[SPLIT])
        return CO_FAIL(CO_EDATA,
                       "%s: both split and x_test say which examples are for the test; keep one",
                       b->path);
    if (x->ndim < 1 || x->ndim > 5)
        return CO_FAIL(CO_EDATA, "%s: x has %zu dimensions, 1 to 5 are read", b->path, x->ndim);
    b->n = x->dim[0];
    if (!is_labels(b, &b->array[Y], b->n)) return wrong_labels(b, Y, b->n);
    if (b->has[SPLIT] && !is_column(&b->array[SPLIT], b->n)) return wrong_length(b, SPLIT, b->n);
    if (!b->has[X_TEST]) return CO_OK;
    if (t->ndim != x->ndim || t->kind != x->kind || t->width != x->width ||
        memcmp(t->dim + 1, x->dim + 1, (x->ndim - 1) * sizeof *x->dim) != 0)
        return CO_FAIL(CO_EDATA, "%s: x_test and x differ in dtype or in the shape of an example",
                       b->path);
    b->n_test = t->dim[0];
    if (!is_labels(b, &b->array[Y_TEST], b->n_test) ||
        n_columns(&b->array[Y_TEST]) != n_columns(&b->array[Y]))
        return wrong_labels(b, Y_TEST, b->n_test);
    return CO_OK;
}

static void copy_x(const co_npy *a, co_dataset *data, size_t first)
{
    if (data->x_type == CO_U8) {
        uint8_t *x = (uint8_t *)data->x + first * data->x_size;
        if (!a->fortran && a->count)
            memcpy(x, a->data, a->count);
        else
            for (size_t i = 0; i < a->count; i++) x[i] = (uint8_t)co_npy_real(a, i);
        return;
    }
    float *x = (float *)data->x + first * data->x_size;
    for (size_t i = 0; i < a->count; i++) x[i] = (float)co_npy_real(a, i);
}

static co_status fill_x(const bundle *b, co_dataset *data)
{
    const co_npy *a = &b->array[X];
    const size_t one = 1;
    char where[1024];
    snprintf(where, sizeof where, "%s: %s", b->path, b->name[X]);
    CO_TRY(co_columns_start(data, where, b->n + b->n_test,
                            a->kind == 'u' && a->width == 1 ? CO_U8 : CO_F32,
                            a->ndim > 1 ? a->ndim - 1 : 1, a->ndim > 1 ? a->dim + 1 : &one));
    copy_x(a, data, 0);
    CO_TRY(co_columns_finite(data, where, 0, b->n));
    if (!b->has[X_TEST]) return CO_OK;
    copy_x(&b->array[X_TEST], data, b->n);
    memset(data->split + b->n, 1, b->n_test);
    snprintf(where, sizeof where, "%s: x_test", b->path);
    return co_columns_finite(data, where, b->n, b->n_test);
}

static co_status take_ints(const bundle *b, int k, int64_t *out)
{
    const co_npy *a = &b->array[k];
    for (size_t i = 0; i < a->count; i++)
        if (!co_npy_int(a, i, &out[i]))
            return CO_FAIL(CO_EDATA, "%s: %s: row %zu is %g; an integer is wanted", b->path,
                           b->name[k], i, co_npy_real(a, i));
    return CO_OK;
}

static co_status take_labels(const bundle *b, int k, int64_t *out)
{
    const co_npy *a = &b->array[k];
    char where[1024], text[CO_REAL_TEXT];
    for (size_t i = 0; i < a->count; i++) {
        if (co_npy_int(a, i, &out[i])) continue;
        snprintf(where, sizeof where, "%s: %s: row %zu", b->path, b->name[k], i);
        co_format_real(co_npy_real(a, i), text);
        return co_labels_real(where, text);
    }
    return CO_OK;
}

static co_status fill_classes(const bundle *b, int64_t *scratch, co_dataset *data)
{
    CO_TRY(take_labels(b, Y, scratch));
    if (b->has[Y_TEST]) CO_TRY(take_labels(b, Y_TEST, scratch + b->n));
    return co_columns_classes(data, scratch);
}

static co_status take_targets(const bundle *b, int k, size_t first, co_dataset *data)
{
    const co_npy *a = &b->array[k];
    const size_t n = n_columns(a);
    for (size_t i = 0; i < a->count; i++)
        if (!co_columns_put_target(data, first + i / n, i % n, co_npy_real(a, i)))
            return CO_FAIL(CO_EDATA, "%s: %s: row %zu, column %zu is %g; %s", b->path, b->name[k],
                           i / n, i % n, co_npy_real(a, i), co_columns_wanted(data));
    return CO_OK;
}

static co_status fill_targets(const bundle *b, co_dataset *data)
{
    CO_TRY(co_columns_targets(data, b->path, b->task, n_columns(&b->array[Y])));
    CO_TRY(co_columns_numbered("", NULL, data->n_classes, &data->classes));
    CO_TRY(take_targets(b, Y, 0, data));
    return b->has[Y_TEST] ? take_targets(b, Y_TEST, b->n, data) : CO_OK;
}

static co_status fill_split(const bundle *b, int64_t *scratch, co_dataset *data)
{
    CO_TRY(take_ints(b, SPLIT, scratch));
    for (size_t i = 0; i < b->n; i++) {
        if (scratch[i] < 0 || scratch[i] > 2)
            return CO_FAIL(CO_EDATA,
                           "%s: split: row %zu is %" PRId64 "; 0 is train, 1 test, 2 validation",
                           b->path, i, scratch[i]);
        data->split[i] = (uint8_t)scratch[i];
    }
    return CO_OK;
}

static co_status fill_users(const bundle *b, int64_t *scratch, co_dataset *data)
{
    const size_t n = b->n + b->n_test, given = b->array[USER].count;
    int64_t *distinct = NULL;
    if (!is_column(&b->array[USER], b->n) && !is_column(&b->array[USER], n))
        return wrong_length(b, USER, n);
    CO_TRY(take_ints(b, USER, scratch));
    for (size_t i = given; i < n; i++) scratch[i] = -1;
    data->user = co_malloc(n, sizeof *data->user);
    if (!data->user) return CO_FAIL(CO_ENOMEM, "%s: out of memory for %zu users", b->path, n);
    co_status st = co_columns_rank(scratch, n, true, data->user, &distinct, &data->n_users);
    if (st == CO_OK) st = co_columns_numbered("", distinct, data->n_users, &data->user_name);
    co_free(distinct);
    return st;
}

static co_status build(bundle *b, co_dataset *data)
{
    CO_TRY(open_bundle(b));
    CO_TRY(check_shapes(b));
    CO_TRY(fill_x(b, data));
    int64_t *scratch = co_malloc((size_t)data->n, sizeof *scratch);
    if (!scratch)
        return CO_FAIL(CO_ENOMEM, "%s: out of memory for %zu labels", b->path, (size_t)data->n);
    co_status st =
        b->task == CO_DATA_CLASSIFICATION ? fill_classes(b, scratch, data) : fill_targets(b, data);
    if (st == CO_OK && b->has[SPLIT]) st = fill_split(b, scratch, data);
    if (st == CO_OK && b->has[USER]) st = fill_users(b, scratch, data);
    co_free(scratch);
    return st;
}

static co_status read(const co_config *opt, const char *const *sources, size_t n_sources,
                      co_dataset *data)
{
    if (n_sources != 1) return CO_FAIL(CO_EUSAGE, "npz takes one file, %zu were given", n_sources);
    bundle b = {.path = sources[0], .task = co_columns_task(co_config_string(opt, "task"))};
    const co_status st = build(&b, data);
    for (int k = 0; k < N_ARRAYS; k++) co_raw_fini(&b.raw[k]);
    return st == CO_OK ? co_columns_source(data, "npz", sources, 1) : st;
}

static const co_param params[] = {CO_TASK_PARAM, {0}};
const co_reader co_reader_npz = {
    .name = "npz",
    .summary =
        "arrays x, y [x_test, y_test, split, user] saved by numpy.savez; x_train, y_train do too",
    .source = "NumPy enhancement proposal 1 (.npy)",
    .params = params,
    .usage = "npz FILE [task=regression|multilabel]",
    .read = read};
