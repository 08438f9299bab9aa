/* io/readers/csv.c - tables of numbers and words: every column but y, user and group is a feature.
 *
 * A column is numeric (one float) when every cell of it is a finite number, else words: one-hot
 * over its distinct words in byte order. Training and test files together decide what a column is
 * and which words, labels, users and groups there are; labels are numbered in numerical order when
 * all are integers, else in byte order. user=file: each file is a user (a silo), unless the header
 * has a column of that name. If every label of the test file ends in '.' and not every one of the
 * training files does, that dot is dropped (UCI adult). An empty cell or '?' is missing;
 * missing=drop leaves its row out, and ids count the rows that stay. With text=COL (or a list of
 * them, joined by line ends) there are no features: the other columns are left out, and only label,
 * user and group can be missing. With task=regression or multilabel y is one column or a list of
 * them: finite numbers, or 0 and 1 for each label, named by the header. Cost: O(cells log words) time;
 * the text and one pointer a cell in memory. */
#include "core/log.h"
#include "core/memory.h"
#include "io/readers/columns.h"
#include "io/readers/csv_file.h"
#include "io/readers/reader.h"
#include "io/readers/texts.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NO_COLUMN SIZE_MAX
#define FILE_COLUMN (SIZE_MAX - 1) /* the user is the file */

typedef struct {
    uint32_t file;
    size_t row;
} place;

typedef struct {
    bool words;
    size_t offset;     /* of its features in x */
    const char **word; /* [n_words] sorted, borrowed cells */
    size_t n_words;
} feature;

typedef struct {
    co_csv *csv;            /* [n_files] */
    const char **file_name; /* [n_files] last part of the path */
    size_t n_files, n_train_files, n_columns;
    place *at; /* [n] the rows that stay */
    size_t n;
    size_t *y, n_y; /* columns of y; of a classification one */
    size_t user, group;
    co_data_task task;
    size_t *text; /* [n_text] columns of the text; n_text 0: features */
    size_t n_text;
    feature *feature; /* [n_columns] */
} table;

static char *cell_of(const table *t, size_t i, size_t column)
{
    return co_csv_cell(&t->csv[t->at[i].file], t->at[i].row, column);
}

/* Puts "file:line: column j" (and its name) before what is wrong with a cell. */
static co_status cell_fail(const table *t, size_t file, size_t row, size_t column, const char *what)
{
    const co_csv *csv = &t->csv[file];
    const char *name = csv->header ? csv->header[column] : "";
    return CO_FAIL(CO_EDATA, "%s:%zu: column %zu%s%s%s: '%.40s' %s", csv->path, csv->line[row],
                   column, *name ? " (" : "", name, *name ? ")" : "", co_csv_cell(csv, row, column),
                   what);
}

static bool is_missing(const char *cell)
{
    return *cell == 0 || strcmp(cell, "?") == 0;
}

static co_status read_files(const co_config *opt, const char *const *sources, table *t)
{
    const bool header = co_config_bool(opt, "header");
    for (size_t k = 0; k < t->n_files; k++) {
        const char *path = k < t->n_train_files ? sources[k] : co_config_string(opt, "test");
        co_csv *csv = &t->csv[k];
        CO_TRY(co_csv_read(path, header, csv));
        t->file_name[k] = co_raw_name(path);
        if (csv->n_columns != t->csv[0].n_columns)
            return CO_FAIL(CO_EDATA, "%s:%zu: %zu columns, expected %zu as in %s", path,
                           csv->line[0], csv->n_columns, t->csv[0].n_columns, sources[0]);
        for (size_t j = 0; header && j < csv->n_columns; j++)
            if (strcmp(csv->header[j], t->csv[0].header[j]) != 0)
                return CO_FAIL(CO_EDATA, "%s: header: column %zu is '%.40s', in %s '%.40s'", path,
                               j, csv->header[j], sources[0], t->csv[0].header[j]);
    }
    t->n_columns = t->csv[0].n_columns;
    return CO_OK;
}

static co_status pick_column(const co_config *opt, const char *key, const table *t, size_t *column)
{
    *column = NO_COLUMN;
    if (!co_config_has(opt, key)) return CO_OK;
    const char *name = co_config_string(opt, key);
    const co_csv *csv = &t->csv[0];
    bool in_header = false;
    for (size_t j = 0; csv->header && j < csv->n_columns; j++)
        in_header = in_header || strcmp(csv->header[j], name) == 0;
    if (strcmp(key, "user") == 0 && strcmp(name, "file") == 0 && !in_header) {
        *column = FILE_COLUMN;
        return CO_OK;
    }
    return co_csv_column(csv, key, name, column);
}

/* The columns that a list names. */
static co_status pick_columns(const co_config *opt, const char *key, const table *t, size_t **column, size_t *n)
{
    const co_node *list = co_config_node(opt, key);
    if (!list) return CO_OK;
    *column = co_calloc(co_node_count(list) + 1, sizeof **column);
    if (!*column) return CO_FAIL(CO_ENOMEM, "columns of %s", key);
    for (const co_node *name = list->first; name; name = name->next)
        CO_TRY(co_csv_column(&t->csv[0], key, name->text, &(*column)[(*n)++]));
    return *n ? CO_OK : CO_FAIL(CO_EUSAGE, "%s=[]: name at least one column", key);
}

static co_status pick_y(const co_config *opt, table *t)
{
    t->task = co_columns_task(co_config_string(opt, "task"));
    CO_TRY(pick_columns(opt, "y", t, &t->y, &t->n_y));
    for (size_t k = 0; k < t->n_y; k++)
        for (size_t i = 0; i < k; i++)
            if (t->y[i] == t->y[k]) return CO_FAIL(CO_EUSAGE, "y: column %zu is named twice", t->y[k]);
    if (t->n_y == 1 || t->task != CO_DATA_CLASSIFICATION) return CO_OK;
    return CO_FAIL(CO_EUSAGE, "y names %zu columns; a class is one: task=regression or task=multilabel takes several", t->n_y);
}

static bool is_y(const table *t, size_t column)
{
    size_t k = 0;
    while (k < t->n_y && t->y[k] != column) k++;
    return k < t->n_y;
}

/* Whether an empty cell of the column is missed. */
static bool matters(const table *t, size_t column)
{
    return t->n_text == 0 || is_y(t, column) || column == t->user || column == t->group;
}

/* Lists the rows that stay, training files first. */
static co_status keep_rows(table *t, bool drop)
{
    size_t capacity = 0;
    for (size_t k = 0; k < t->n_files; k++)
        for (size_t r = 0; r < t->csv[k].n_rows; r++) {
            size_t j = 0;
            while (j < t->n_columns &&
                   !(matters(t, j) && is_missing(co_csv_cell(&t->csv[k], r, j))))
                j++;
            if (j < t->n_columns && drop) continue;
            if (j < t->n_columns)
                return cell_fail(t, k, r, j, "is missing; missing=drop leaves such rows out");
            CO_TRY(co_reserve((void **)&t->at, &capacity, t->n + 1, sizeof *t->at));
            t->at[t->n++] = (place){(uint32_t)k, r};
        }
    if (t->n == 0) return CO_FAIL(CO_EDATA, "%s: every row has a missing cell", t->csv[0].path);
    return CO_OK;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static co_status collect_words(const table *t, size_t column, feature *f)
{
    size_t m = 0;
    f->words = true;
    f->word = co_malloc(t->n, sizeof *f->word);
    if (!f->word)
        return CO_FAIL(CO_ENOMEM, "%s: out of memory for column %zu", t->csv[0].path, column);
    for (size_t i = 0; i < t->n; i++) f->word[i] = cell_of(t, i, column);
    qsort(f->word, t->n, sizeof *f->word, by_text);
    for (size_t i = 0; i < t->n; i++)
        if (m == 0 || strcmp(f->word[m - 1], f->word[i]) != 0) f->word[m++] = f->word[i];
    f->n_words = m;
    return CO_OK;
}

/* nan, inf, or a number beyond the range of a double (1e999). */
static bool is_infinite(const char *cell)
{
    char *end;
    const double value = strtod(cell, &end);
    return end != cell && *end == '\0' && !isfinite(value);
}

/* Decides whether a column holds numbers or words. */
static co_status study_column(table *t, size_t column)
{
    size_t n_numbers = 0, odd = t->n, infinite = t->n;
    double value;
    for (size_t i = 0; i < t->n; i++) {
        const char *cell = cell_of(t, i, column);
        if (co_raw_real(cell, &value))
            n_numbers++;
        else if (!is_infinite(cell))
            odd = odd < t->n ? odd : i;
        else
            infinite = infinite < t->n ? infinite : i;
    }
    if (odd == t->n && infinite < t->n)
        return cell_fail(t, t->at[infinite].file, t->at[infinite].row, column, "is not finite");
    if (odd == t->n) return CO_OK;
    CO_TRY(collect_words(t, column, &t->feature[column]));
    if (n_numbers)
        co_warn("%s:%zu: column %zu mixes numbers and words ('%.40s'): taken as %zu words",
                t->csv[t->at[odd].file].path, t->csv[t->at[odd].file].line[t->at[odd].row], column,
                cell_of(t, odd, column), t->feature[column].n_words);
    return CO_OK;
}

static co_status lay_out(table *t, size_t *width)
{
    *width = 0;
    t->feature = co_calloc(t->n_columns, sizeof *t->feature);
    if (!t->feature)
        return CO_FAIL(CO_ENOMEM, "%s: out of memory for %zu columns", t->csv[0].path,
                       t->n_columns);
    for (size_t j = 0; j < t->n_columns; j++) {
        if (is_y(t, j) || j == t->user || j == t->group) continue;
        CO_TRY(study_column(t, j));
        t->feature[j].offset = *width;
        *width += t->feature[j].words ? t->feature[j].n_words : 1;
    }
    if (*width == 0) return CO_FAIL(CO_EDATA, "%s: no column is left for features", t->csv[0].path);
    return co_columns_fit(t->csv[0].path, t->n, *width);
}

static co_status fill_row(const table *t, size_t i, float *x)
{
    for (size_t j = 0; j < t->n_columns; j++) {
        const feature *f = &t->feature[j];
        const char *cell = cell_of(t, i, j);
        double value = 0.0;
        if (is_y(t, j) || j == t->user || j == t->group) continue;
        if (f->words) {
            const char **word = bsearch(&cell, f->word, f->n_words, sizeof *f->word, by_text);
            x[f->offset + (size_t)(word - f->word)] = 1.0f;
            continue;
        }
        if (!co_raw_real(cell, &value) || value > 3.4e38 || value < -3.4e38)
            return cell_fail(t, t->at[i].file, t->at[i].row, j, "does not fit into a 32-bit float");
        x[f->offset] = (float)value;
    }
    return CO_OK;
}

/* Drops the dot behind the labels of the test file when all of them have it and the training labels
 * do not. */
static void strip_dots(const table *t)
{
    size_t n[2] = {0}, dotted[2] = {0};
    for (size_t i = 0; i < t->n; i++) {
        const char *label = cell_of(t, i, t->y[0]);
        const bool test = t->at[i].file >= t->n_train_files;
        n[test]++;
        dotted[test] += label[strlen(label) - 1] == '.';
    }
    if (n[1] == 0 || dotted[1] < n[1] || dotted[0] == n[0]) return;
    for (size_t i = 0; i < t->n; i++) {
        char *label = cell_of(t, i, t->y[0]);
        if (t->at[i].file >= t->n_train_files) label[strlen(label) - 1] = 0;
    }
}

static co_status number_column(const table *t, size_t column, int32_t *index, char ***names,
                               size_t *n_names)
{
    const char **text = co_malloc(t->n, sizeof *text);
    if (!text || !index) {
        co_free(text);
        return CO_FAIL(CO_ENOMEM, "%s: out of memory for %zu names", t->csv[0].path, t->n);
    }
    for (size_t i = 0; i < t->n; i++)
        text[i] = column == FILE_COLUMN ? t->file_name[t->at[i].file] : cell_of(t, i, column);
    const co_status st = co_columns_rank_text(text, t->n, index, names, n_names);
    co_free(text);
    return st;
}

static co_status fill_features(table *t, const char *where, co_dataset *data)
{
    size_t width = 0;
    CO_TRY(lay_out(t, &width));
    CO_TRY(co_columns_start(data, where, t->n, CO_F32, 1, &width));
    for (size_t i = 0; i < t->n; i++) CO_TRY(fill_row(t, i, (float *)data->x + i * width));
    return CO_OK;
}

static co_status fill_texts(const table *t, const char *where, co_dataset *data)
{
    co_texts texts = {0};
    co_status st = CO_OK;
    for (size_t i = 0; st == CO_OK && i < t->n; i++) {
        for (size_t k = 0; st == CO_OK && k < t->n_text; k++) {
            const char *cell = cell_of(t, i, t->text[k]);
            if (k) st = co_texts_bytes(&texts, "\n", 1);
            if (st == CO_OK) st = co_texts_bytes(&texts, cell, strlen(cell));
        }
        if (st == CO_OK) st = co_texts_end(&texts);
    }
    if (st == CO_OK) st = co_texts_give(&texts, where, data);
    co_texts_fini(&texts);
    data->y = st == CO_OK ? co_calloc(t->n, sizeof *data->y) : NULL;
    return st;
}

/* Numbers, or 0 and 1 for each label, from the columns of y, which name them. */
static co_status fill_targets(const co_config *opt, const table *t, const char *where, co_dataset *data)
{
    const co_node *name = co_config_node(opt, "y")->first;
    CO_TRY(co_columns_targets(data, where, t->task, t->n_y));
    data->classes = co_calloc(t->n_y, sizeof *data->classes);
    for (size_t k = 0; data->classes && k < t->n_y; k++, name = name->next)
        data->classes[k] = co_strdup(t->csv[0].header ? t->csv[0].header[t->y[k]] : name->text);
    for (size_t k = 0; k < t->n_y; k++)
        if (!data->classes || !data->classes[k]) return CO_FAIL(CO_ENOMEM, "%s: out of memory for names", where);
    for (size_t i = 0; i < t->n; i++)
        for (size_t k = 0; k < t->n_y; k++) {
            double value;
            if (!co_raw_real(cell_of(t, i, t->y[k]), &value) || !co_columns_put_target(data, i, k, value))
                return cell_fail(t, t->at[i].file, t->at[i].row, t->y[k],
                                 t->task == CO_DATA_MULTILABEL ? "is neither 0 nor 1, as task=multilabel wants"
                                                               : "is no finite number of 32 bits, as task=regression wants");
        }
    return CO_OK;
}

static co_status build(const co_config *opt, const char *const *sources, table *t, co_dataset *data)
{
    CO_TRY(read_files(opt, sources, t));
    CO_TRY(pick_y(opt, t));
    CO_TRY(pick_column(opt, "user", t, &t->user));
    CO_TRY(pick_column(opt, "group", t, &t->group));
    CO_TRY(pick_columns(opt, "text", t, &t->text, &t->n_text));
    CO_TRY(keep_rows(t, strcmp(co_config_string(opt, "missing"), "drop") == 0));
    CO_TRY(t->n_text ? fill_texts(t, sources[0], data) : fill_features(t, sources[0], data));
    for (size_t i = 0; i < t->n; i++) data->split[i] = t->at[i].file >= t->n_train_files;
    if (t->task == CO_DATA_CLASSIFICATION) {
        strip_dots(t);
        CO_TRY(number_column(t, t->y[0], data->y, &data->classes, &data->n_classes));
    } else {
        CO_TRY(fill_targets(opt, t, sources[0], data));
    }
    if (t->user != NO_COLUMN) {
        data->user = co_malloc(t->n, sizeof *data->user);
        CO_TRY(number_column(t, t->user, data->user, &data->user_name, &data->n_users));
    }
    if (t->group != NO_COLUMN) {
        data->group = co_malloc(t->n, sizeof *data->group);
        CO_TRY(number_column(t, t->group, data->group, &data->group_name, &data->n_groups));
    }
    return co_columns_source(data, "csv", t->file_name, t->n_files);
}

static co_status read(const co_config *opt, const char *const *sources, size_t n_sources,
                      co_dataset *data)
{
    if (n_sources < 1) return CO_FAIL(CO_EUSAGE, "csv takes one or more files, none was given");
    table t = {.n_train_files = n_sources, .n_files = n_sources + co_config_has(opt, "test")};
    t.csv = co_calloc(t.n_files, sizeof *t.csv);
    t.file_name = co_calloc(t.n_files, sizeof *t.file_name);
    co_status st = t.csv && t.file_name
                       ? build(opt, sources, &t, data)
                       : CO_FAIL(CO_ENOMEM, "out of memory for %zu files", t.n_files);
    for (size_t j = 0; t.feature && j < t.n_columns; j++) co_free(t.feature[j].word);
    for (size_t k = 0; t.csv && k < t.n_files; k++) co_csv_fini(&t.csv[k]);
    co_free(t.feature);
    co_free(t.y);
    co_free(t.text);
    co_free(t.at);
    co_free(t.file_name);
    co_free(t.csv);
    return st;
}

static const co_param params[] = {
    {"y", CO_STRINGS, .flags = CO_REQUIRED,
     .doc = "column of the label: its name in the header or its number, from 0; or a list, with task"},
    CO_TASK_PARAM,
    {"user", CO_STRING, .flags = CO_OPTIONAL,
     .doc = "column of the user, or the word file: each file is a user"},
    {"group", CO_STRING, .flags = CO_OPTIONAL, .doc = "column of the group"},
    {"header", CO_BOOL, .def = 0.0, .doc = "the first line of each file holds the columns' names"},
    {"missing", CO_CHOICE, .words = "refuse|drop",
     .doc = "rows with an empty cell or ?: refuse the file, or drop them"},
    {"test", CO_STRING, .flags = CO_OPTIONAL, .doc = "file of test rows"},
    {"text", CO_STRINGS, .flags = CO_OPTIONAL, .doc = "column of the text, or a list of columns"},
    CO_TEXT_PARAMS("word", 0.0),
    {0}};
const co_reader co_reader_csv = {
    .name = "csv",
    .summary = "tables: numeric columns as floats, words one-hot",
    .params = params,
    .usage = "csv FILE.. y=COL [task=regression|multilabel y=[COL,COL]] [user=COL|file] [group=COL] [header=true] [test=FILE] "
             "[missing=refuse|drop] [text=COL]",
    .text = true,
    .read = read};
