/* io/data/dataset_file.c - a data set as a file, ours or as a Python user writes one.
 *
 * Ours: the columns of columns.h (x with attributes scale and shift); root attribute task. By hand
 * any integer y and split will do, float64 and integer x become float32 (one warning), scale
 * and shift may be datasets, and what is missing has a default: all examples train, classes "0",
 * "1" .., scale 1/255 for uint8 and 1 for floats. */
#include "io/data/dataset_private.h"
#include "core/log.h"
#include "core/memory.h"
#include "io/content.h"
#include <inttypes.h>
#include <math.h>
#include <sys/statvfs.h>
#include <stdio.h>
#include <string.h>

#define FORMAT "cohort-dataset"
#define MAX_IMPLIED_CLASSES                                                                        \
    (1 << 20) /* without `classes`; a stray label must not make 2^31 names */

/* ---- writing ---- */

static co_status write_all(co_file *file, co_dataset *data, uint64_t seed, const char *config)
{
    char text[24];
    co_content content = {0};
    CO_TRY(co_file_set_head(file, seed, config, data->source));
    CO_TRY(co_file_set_text(file, "task", co_data_task_names[data->task]));
    snprintf(text, sizeof text, "%" PRIu64, seed);
    co_status st = co_columns_add(&content, data);
    if (st == CO_OK) st = co_content_place(&content, file);
    if (st == CO_OK)
        st = co_content_write(&content, file, FORMAT, &(co_content_attribute){"seed", text}, 1,
                              data->digest);
    co_content_fini(&content);
    return st;
}

/* A data set that is copied in blocks may be larger than what the disk has left: better said before
 * than after hours. */
static co_status check_disk(const co_dataset *data, const char *path)
{
    struct statvfs disk;
    char needed[32], left[32], *folder = co_strdup(path);
    if (!folder) return CO_FAIL(CO_ENOMEM, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash) slash[slash == folder] = 0;
    const bool known = statvfs(slash ? folder : ".", &disk) == 0;
    co_free(folder);
    double bytes = 0.0;
    for (int k = 0; k < CO_N_COLUMNS; k++)
        if (co_column_is_large(&co_columns[k]))
            bytes += (double)co_column_bytes(data, &co_columns[k]);
    const double room = known ? (double)disk.f_bavail * (double)disk.f_frsize : (double)INFINITY;
    if (!data->x_file || bytes <= room) return CO_OK;
    co_format_bytes(bytes, needed, sizeof needed);
    co_format_bytes(room, left, sizeof left);
    return CO_FAIL(CO_EFILE,
                   "%s: its examples take %s, the disk has %s free; choose another one with -o",
                   path, needed, left);
}

co_status co_dataset_write(co_dataset *data, const char *path, uint64_t seed, const char *config)
{
    co_file *file;
    CO_TRY(check_disk(data, path));
    CO_TRY(co_dataset_check(data, path));
    CO_TRY(co_file_create(path, FORMAT, &file));
    const co_status st = write_all(file, data, seed, config);
    if (st == CO_OK) return co_file_publish(file, 0644);
    co_file_close(file);
    return st;
}

/* ---- reading ---- */

static co_status bad(const co_file *file, const char *what)
{
    return CO_FAIL(CO_EDATA, "%s: %s", co_file_path(file), what);
}

static co_status no_memory(const co_file *file)
{
    return CO_FAIL(CO_ENOMEM, "%s: out of memory for its columns", co_file_path(file));
}

/* task of the root or of y: absent means classification. */
static co_status read_task(const co_file *file, co_dataset *data)
{
    const char *name = co_file_has_attr(file, "task") ? "task" : "y@task";
    if (!co_file_has_attr(file, name)) return CO_OK;
    char *task;
    int k = 0;
    CO_TRY(co_file_get_text(file, name, &task));
    while (k < CO_N_DATA_TASKS && strcmp(task, co_data_task_names[k]) != 0) k++;
    data->task = (co_data_task)k;
    const co_status st = k < CO_N_DATA_TASKS
                             ? CO_OK
                             : CO_FAIL(CO_EDATA,
                                       "%s: its task is '%.60s'; this program reads "
                                       "classification, lm, tagging, regression, multilabel, "
                                       "seq2seq, span and joint",
                                       co_file_path(file), task);
    co_free(task);
    return st;
}

/* Type and shape of x; the first dimension sets n. */
static co_status read_x_shape(const co_file *file, co_dataset *data)
{
    co_extent extent;
    CO_TRY(co_file_extent(file, "x", &extent));
    if (extent.type == CO_STR) return bad(file, "x holds text; it has to be numbers");
    if (extent.ndim < 1 || extent.ndim > 5)
        return bad(file, "x needs 1 to 5 dimensions, examples first");
    data->n = (int64_t)extent.dim[0];
    data->x_type = extent.type == CO_U8 ? CO_U8 : CO_F32;
    data->x_size = 1;
    data->x_ndim = extent.ndim > 1 ? extent.ndim - 1 : 1;
    data->x_dim[0] = 1; /* x [n]: one value an example */
    for (size_t i = 1; i < extent.ndim; i++) data->x_size *= data->x_dim[i - 1] = extent.dim[i];
    if (data->x_size == 0) return bad(file, "x has a dimension of 0");
    if (extent.type != data->x_type)
        co_warn("%s: x is stored as %s and converted to float32", co_file_path(file),
                extent.type == CO_F64 ? "float64 or float16" : "integers other than uint8");
    return CO_OK;
}

/* values[*n] of the attribute x@name, of the dataset name, or the default. */
static co_status read_reals(const co_file *file, const char *name, const char *attribute,
                            double absent, double **values, size_t *n)
{
    if (co_file_has_attr(file, attribute)) return co_file_get_reals(file, attribute, values, n);
    if (co_file_has(file, name)) return co_file_read_new(file, name, CO_F64, (void **)values, n);
    *values = co_malloc(1, sizeof **values);
    if (!*values) return no_memory(file);
    **values = absent;
    *n = 1;
    return CO_OK;
}

/* A single value for all n. */
static co_status repeat(const co_file *file, double **values, size_t n)
{
    double *all = co_malloc(n, sizeof *all);
    if (!all) return no_memory(file);
    for (size_t i = 0; i < n; i++) all[i] = **values;
    co_free(*values);
    *values = all;
    return CO_OK;
}

static co_status read_scale(const co_file *file, co_dataset *data)
{
    size_t n_shift = 0;
    const double scale = data->x_type == CO_U8 ? 1.0 / 255.0 : 1.0;
    CO_TRY(read_reals(file, "scale", "x@scale", scale, &data->scale, &data->n_scale));
    CO_TRY(read_reals(file, "shift", "x@shift", 0.0, &data->shift, &n_shift));
    const size_t channels = data->x_dim[0];
    if ((data->n_scale != 1 && data->n_scale != channels) || (n_shift != 1 && n_shift != channels))
        return CO_FAIL(
            CO_EDATA,
            "%s: scale has %zu values and shift %zu; one, or one for each of the %zu channels",
            co_file_path(file), data->n_scale, n_shift, channels);
    if (n_shift < data->n_scale) return repeat(file, &data->shift, data->n_scale);
    if (data->n_scale < n_shift) {
        CO_TRY(repeat(file, &data->scale, n_shift));
        data->n_scale = n_shift;
    }
    return CO_OK;
}

/* Names "0", "1" .. for n classes. */
static co_status number_classes(const co_file *file, co_dataset *data, size_t n)
{
    data->n_classes = 0;
    data->classes = co_calloc(n, sizeof *data->classes);
    if (!data->classes) return no_memory(file);
    data->n_classes = n;
    for (size_t c = 0; c < n; c++)
        if (!(data->classes[c] = co_format("%zu", c))) return no_memory(file);
    return CO_OK;
}

static co_status default_classes(const co_file *file, co_dataset *data)
{
    int32_t largest = 0;
    for (int64_t i = 0; i < data->n; i++) {
        if (data->y[i] >= MAX_IMPLIED_CLASSES)
            return CO_FAIL(
                CO_EDATA,
                "%s: y, row %lld is %d; without a dataset `classes` at most %d classes are taken",
                co_file_path(file), (long long)i, data->y[i], MAX_IMPLIED_CLASSES);
        if (data->y[i] > largest) largest = data->y[i];
    }
    return number_classes(file, data, (size_t)largest + 1);
}

/* Users or groups without names: as many as the numbers tell. */
static void count_members(const int32_t *member, int64_t n, char *const *names, size_t *n_members)
{
    int32_t largest = -1;
    for (int64_t i = 0; member && !names && i < n; i++)
        if (member[i] > largest) largest = member[i];
    if (member && !names) *n_members = (size_t)(largest + 1LL);
}

/* What to do about numbers, or several columns, where a class is wanted; as labels.h says it. */
static co_status advise_task(void)
{
    char why[512];
    snprintf(why, sizeof why, "%s", co_status_message());
    return CO_FAIL(CO_EDATA,
                   "%s; real values are learnt with task=regression, 0 and 1 for several labels "
                   "with task=multilabel: the "
                   "attribute `task` of the file",
                   why);
}

/* Whether the names belong to something that is there. */
static bool wants_names(const co_dataset *data, const co_column *column)
{
    switch (column->per) {
    case CO_PER_CLASS:
        return data->y || data->task == CO_DATA_TAGGING || co_dataset_has_targets(data);
    case CO_PER_TAG_NAME: return data->task == CO_DATA_JOINT;
    case CO_PER_WORD: return data->n_tokens > 0;
    case CO_PER_TARGET_WORD: return data->n_target_tokens > 0;
    case CO_PER_LETTER_NAME: return data->n_chars > 0;
    case CO_PER_QUESTION: return data->question;
    case CO_PER_USER: return data->user;
    default: return data->group;
    }
}

static co_status read_names(const co_file *file, co_dataset *data, const co_column *column)
{
    char **names;
    size_t n;
    if (!co_file_has(file, column->name) || !wants_names(data, column)) return CO_OK;
    CO_TRY(co_file_read_strings(file, column->name, &names, &n));
    co_column_set(data, column, names);
    *co_column_n_names(data, column) = n;
    return CO_OK;
}

/* The columns that each rank has, in the order of the table; those whose rows others tell after
 * them. */
static co_status read_small(const co_file *file, co_dataset *data)
{
    for (int k = 0; k < CO_N_COLUMNS; k++) {
        const co_column *column = &co_columns[k];
        if (column->place != CO_ON_RANK || column->type == CO_STR) continue;
        const co_status st = co_column_read(file, data, column);
        if (st == CO_EDATA && column->per == CO_PER_LABEL) return advise_task();
        CO_TRY(st);
    }
    for (int k = 0; k < CO_N_COLUMNS; k++)
        if (co_columns[k].type == CO_STR) CO_TRY(read_names(file, data, &co_columns[k]));
    return CO_OK;
}

/* What stands for columns that are not there. n_targets: columns of targets, which the names of
 * classes have to fit; 0 for other tasks. */
static co_status set_defaults(const co_file *file, co_dataset *data, size_t n_targets)
{
    if (n_targets && !data->classes) CO_TRY(number_classes(file, data, n_targets));
    if (n_targets && data->n_classes != n_targets)
        return CO_FAIL(CO_EDATA, "%s: classes has %zu names, y %zu columns", co_file_path(file),
                       data->n_classes, n_targets);
    if (data->y && !data->classes) CO_TRY(default_classes(file, data));
    if (data->task == CO_DATA_TAGGING && !data->classes)
        return bad(file, "holds tags but no `classes`; name them there (O, B-PER ..)");
    if (data->task == CO_DATA_JOINT && !data->tags)
        return bad(file, "holds tags but no `tags`; name them there (O, B-PER ..)");
    if (data->n_tokens && data->n_vocab == 0) return bad(file, "its vocab is empty");
    if (data->n_target_tokens && data->n_target_vocab == 0) data->n_target_vocab = data->n_vocab;
    if (data->n_chars && !data->char_vocab)
        return bad(file, "holds chars but no `char_vocab`; name the letters there");
    if (!data->split) data->split = co_calloc((size_t)data->n, 1); /* the one place: all train */
    if (!data->split) return no_memory(file);
    count_members(data->user, data->n, data->user_name, &data->n_users);
    count_members(data->group, data->n, data->group_name, &data->n_groups);
    count_members(data->question, data->n, data->question_name, &data->n_questions);
    return CO_OK;
}

/* n from x, or from y where it stands alone. */
static co_status read_shape(const co_file *file, co_dataset *data)
{
    co_extent extent;
    if (co_file_has(file, "x")) return read_x_shape(file, data);
    if (co_file_has(file, "tokens")) return co_dataset_text_columns(file, data);
    if (!co_file_has(file, "y"))
        return bad(file, "holds neither x, tokens nor y; a data set needs one of them");
    CO_TRY(co_file_extent(file, "y", &extent));
    data->n = extent.ndim ? (int64_t)extent.dim[0] : 0;
    return CO_OK;
}

/* Bytes that programs can still take on this node; 0 when the system does not say. */
static double available_bytes(void)
{
    FILE *file = fopen("/proc/meminfo", "r");
    char line[256];
    double kib = 0.0;
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "MemAvailable: %lf kB", &kib) == 1) break;
    if (file) fclose(file);
    return 1024.0 * kib;
}

co_status co_dataset_check_memory(const co_dataset *data, const char *path)
{
    const double bytes = (double)co_dataset_x_bytes(data);
    if (bytes == 0.0) return CO_OK;
    const double free_bytes = co_fault("data_memory") ? bytes : available_bytes();
    if (free_bytes == 0.0 || bytes <= 0.9 * free_bytes) return CO_OK;
    char want[32], have[32];
    co_format_bytes(bytes, want, sizeof want);
    co_format_bytes(free_bytes, have, sizeof have);
    return CO_FAIL(CO_ENOMEM,
                   "%s: its examples take %s, this node has %s free, of which 90 %% may be used; "
                   "use nodes with more "
                   "memory or a smaller data set",
                   path, want, have);
}

static co_status read_columns(const co_file *file, co_dataset *data)
{
    *data = (co_dataset){0};
    CO_TRY(read_task(file, data));
    CO_TRY(read_shape(file, data));
    if (data->n < 1) return bad(file, "holds no example");
    if (data->x_size) CO_TRY(read_scale(file, data));
    if (co_dataset_has_targets(data)) CO_TRY(co_dataset_targets_columns(file, data));
    const size_t n_targets = data->n_classes;
    CO_TRY(read_small(file, data));
    CO_TRY(set_defaults(file, data, n_targets));
    if (co_file_has_attr(file, "source")) CO_TRY(co_file_get_text(file, "source", &data->source));
    return co_dataset_check(data, co_file_path(file));
}

co_status co_dataset_columns(const co_file *file, bool with_x, co_dataset *data)
{
    CO_TRY(read_columns(file, data));
    if (with_x) CO_TRY(co_dataset_check_memory(data, co_file_path(file)));
    return co_file_digest(file, data->digest);
}

static bool is_text(const co_column *column)
{
    return column->per == CO_PER_RAW_BYTE || column->per == CO_PER_RAW_BOUND;
}

/* The columns of the node and, with_raw, the raw text. open: large ones stay in the file, and their
 * shape is checked. */
static co_status read_large(const co_file *file, co_dataset *data, bool open)
{
    for (int bounds = 1; bounds >= 0; bounds--) /* they tell how many rows others have */
        for (int k = 0; k < CO_N_COLUMNS; k++) {
            const co_column *column = &co_columns[k];
            const bool raw = co_column_where(data, column) == CO_IN_FILE;
            if (column->place == CO_ON_RANK ||
                (raw && is_text(column) && !co_file_has(file, "text")))
                continue;
            if (bounds != (column->per == CO_PER_RAW_BOUND)) continue;
            if (!open || !co_column_is_large(column) || co_column_rows(data, column) == 0)
                CO_TRY(co_column_read(file, data, column));
            else if (co_file_has(file, column->name))
                CO_TRY(co_column_check_shape(file, data, column));
            else
                return CO_FAIL(CO_EDATA, "%s: holds tokens, but no %s", co_file_path(file),
                               column->name);
        }
    return co_dataset_check(data, co_file_path(file));
}

/* with_x false: of the node's columns the targets alone. */
static co_status read_all(const co_file *file, co_dataset *data, bool with_x)
{
    CO_TRY(co_dataset_columns(file, with_x, data));
    if (with_x) return read_large(file, data, false);
    for (int k = 0; k < CO_N_COLUMNS; k++)
        if (co_columns[k].per == CO_PER_TARGETS) CO_TRY(co_column_read(file, data, &co_columns[k]));
    return co_dataset_has_targets(data) ? co_dataset_check(data, co_file_path(file)) : CO_OK;
}

co_status co_dataset_open(const char *path, co_dataset *data)
{
    co_file *file;
    *data = (co_dataset){0};
    CO_TRY(co_file_open_unsealed(path, FORMAT, &file));
    co_status st = read_columns(file, data);
    if (st == CO_OK) st = read_large(file, data, true);
    if (st == CO_OK && (data->x_size || data->n_vocab))
        data->x_file = file;
    else
        co_file_close(file);
    if (st != CO_OK) co_dataset_fini(data);
    return st;
}

static co_status read_file(const char *path, co_dataset *data, bool with_x)
{
    co_file *file;
    *data = (co_dataset){0};
    CO_TRY(co_file_open(path, "cohort-dataset", true, &file));
    const co_status st = read_all(file, data, with_x);
    co_file_close(file);
    if (st != CO_OK) co_dataset_fini(data);
    return st;
}

co_status co_dataset_read_columns(const char *path, co_dataset *data)
{
    return read_file(path, data, false);
}

co_status co_dataset_read(const char *path, co_dataset *data)
{
    return read_file(path, data, true);
}
