/* io/readers/csv.c - tables of numbers and words: every column but y, user and group is a feature.
 *
 * Training and test files together decide what a column is (csv_features.c) and which words,
 * labels, users and groups there are; labels by the rule of labels.h. user=file: each file is a
 * user (a silo), unless the header has a column of that name. If every label of the test file ends
 * in '.' and not every one of the training files does, that dot is dropped (UCI adult). Missing
 * cells: csv_missing.c; ids count the rows that stay. With text=COL (or a list of them, joined by
 * line ends) there are no features: the other columns are left out, and only label, user and group
 * can be missing. With task=regression or multilabel y is one column or a list of them: finite
 * numbers, or 0 and 1 for each label, named by the header; they are never scaled. The splits are
 * cut here, since filling and scaling are fitted to the training part. With source=COL and
 * target=COL the rows are pairs of texts (csv_pairs.c). Cost: O(cells log words)
 * time; the text and one pointer a cell in memory. */
#include "core/memory.h"
#include "io/readers/answers.h"
#include "io/readers/columns.h"
#include "io/readers/csv_table.h"
#include "io/readers/encoding.h"
#include "io/readers/labels.h"
#include "io/readers/reader.h"
#include "io/readers/texts.h"
#include <stdio.h>
#include <string.h>

/* Of one character, or by its name; 0: by the name of the file. */
static co_status read_separator(const co_config *opt, char *separator)
{
    static const struct {
        const char *name;
        char c;
    } known[] = {{"comma", ','},     {"tab", '\t'}, {"\\t", '\t'},
                 {"semicolon", ';'}, {"bar", '|'},  {"blank", ' '}};
    *separator = 0;
    if (!co_config_has(opt, "separator")) return CO_OK;
    const char *text = co_config_string(opt, "separator");
    if (strlen(text) == 1) *separator = *text;
    for (size_t k = 0; k < sizeof known / sizeof *known; k++)
        if (strcmp(text, known[k].name) == 0) *separator = known[k].c;
    if (*separator && !strchr("\"\r\n", *separator)) return CO_OK;
    return CO_FAIL(CO_EUSAGE,
                   "separator=%.40s: one character, or comma, tab, semicolon, bar, blank", text);
}

static co_status read_files(const co_config *opt, const char *const *sources, co_csv_table *t)
{
    const bool header = co_config_bool(opt, "header");
    char separator;
    CO_TRY(read_separator(opt, &separator));
    for (size_t k = 0; k < t->n_files; k++) {
        const char *path = k < t->n_train_files ? sources[k] : co_config_string(opt, "test");
        co_csv *csv = &t->csv[k];
        CO_TRY(co_csv_read(path, separator, header, co_encoding_of(opt), csv));
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

static co_status pick_column(const co_config *opt, const char *key, const co_csv_table *t,
                             size_t *column)
{
    *column = CO_NO_COLUMN;
    if (!co_config_has(opt, key)) return CO_OK;
    const char *name = co_config_string(opt, key);
    const co_csv *csv = &t->csv[0];
    bool in_header = false;
    for (size_t j = 0; csv->header && j < csv->n_columns; j++)
        in_header = in_header || strcmp(csv->header[j], name) == 0;
    if (strcmp(key, "user") == 0 && strcmp(name, "file") == 0 && !in_header) {
        *column = CO_FILE_COLUMN;
        return CO_OK;
    }
    return co_csv_column(csv, key, name, column);
}

/* The columns that a list names. */
static co_status pick_columns(const co_config *opt, const char *key, const co_csv_table *t,
                              size_t **column, size_t *n)
{
    const co_node *list = co_config_node(opt, key);
    if (!list) return CO_OK;
    *column = co_calloc(co_node_count(list) + 1, sizeof **column);
    if (!*column) return CO_FAIL(CO_ENOMEM, "columns of %s", key);
    for (const co_node *name = list->first; name; name = name->next)
        CO_TRY(co_csv_column(&t->csv[0], key, name->text, &(*column)[(*n)++]));
    return *n ? CO_OK : CO_FAIL(CO_EUSAGE, "%s=[]: name at least one column", key);
}

static co_status pick_y(const co_config *opt, co_csv_table *t)
{
    t->task = co_columns_task(co_config_string(opt, "task"));
    if (!co_config_has(opt, "y"))
        return CO_FAIL(CO_EUSAGE,
                       "csv: y=COLUMN is missing, the label's (of pairs of texts: source= "
                       "and target=)");
    CO_TRY(pick_columns(opt, "y", t, &t->y, &t->n_y));
    for (size_t k = 0; k < t->n_y; k++)
        for (size_t i = 0; i < k; i++)
            if (t->y[i] == t->y[k])
                return CO_FAIL(CO_EUSAGE, "y: column %zu is named twice", t->y[k]);
    if (t->n_y == 1 || t->task != CO_DATA_CLASSIFICATION) return CO_OK;
    return CO_FAIL(CO_EUSAGE,
                   "y names %zu columns; a class is one: task=regression or task=multilabel takes "
                   "several",
                   t->n_y);
}

/* Drops the dot behind the labels of the test file when all of them have it and the training labels
 * do not. */
static void strip_dots(const co_csv_table *t)
{
    size_t n[2] = {0}, dotted[2] = {0};
    for (size_t i = 0; i < t->n; i++) {
        const char *label = co_csv_at(t, i, t->y[0]);
        const bool test = t->at[i].file >= t->n_train_files;
        n[test]++;
        dotted[test] += label[strlen(label) - 1] == '.';
    }
    if (n[1] == 0 || dotted[1] < n[1] || dotted[0] == n[0]) return;
    for (size_t i = 0; i < t->n; i++) {
        char *label = co_csv_at(t, i, t->y[0]);
        if (t->at[i].file >= t->n_train_files) label[strlen(label) - 1] = 0;
    }
}

static co_status number_labels(const co_csv_table *t, const char *const *text, int32_t *index,
                               char ***names, size_t *n_names)
{
    char where[1024];
    size_t odd;
    co_labels_kind(text, t->n, &odd);
    const co_csv_place at = t->at[odd < t->n ? odd : 0];
    snprintf(where, sizeof where, "%s:%zu", t->csv[at.file].path, t->csv[at.file].line[at.row]);
    return co_labels_number(where, text, t->n, index, names, n_names);
}

static co_status number_column(const co_csv_table *t, size_t column, int32_t *index, char ***names,
                               size_t *n_names)
{
    const char **text = co_malloc(t->n, sizeof *text);
    if (!text || !index) {
        co_free(text);
        return CO_FAIL(CO_ENOMEM, "%s: out of memory for %zu names", t->csv[0].path, t->n);
    }
    for (size_t i = 0; i < t->n; i++)
        text[i] = column == CO_FILE_COLUMN ? t->file_name[t->at[i].file] : co_csv_at(t, i, column);
    const co_status st = column == t->y[0]
                             ? number_labels(t, text, index, names, n_names)
                             : co_columns_rank_text(text, t->n, index, names, n_names);
    co_free(text);
    return st;
}

static co_status fill_texts(const co_csv_table *t, const char *where, co_dataset *data)
{
    co_texts texts = {0};
    co_status st = CO_OK;
    for (size_t i = 0; st == CO_OK && i < t->n; i++) {
        for (size_t k = 0; st == CO_OK && k < t->n_text; k++) {
            const char *cell = co_csv_at(t, i, t->text[k]);
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
static co_status fill_targets(const co_config *opt, const co_csv_table *t, const char *where,
                              co_dataset *data)
{
    const co_node *name = co_config_node(opt, "y")->first;
    CO_TRY(co_columns_targets(data, where, t->task, t->n_y));
    data->classes = co_calloc(t->n_y, sizeof *data->classes);
    for (size_t k = 0; data->classes && k < t->n_y; k++, name = name->next)
        data->classes[k] = co_strdup(t->csv[0].header ? t->csv[0].header[t->y[k]] : name->text);
    for (size_t k = 0; k < t->n_y; k++)
        if (!data->classes || !data->classes[k])
            return CO_FAIL(CO_ENOMEM, "%s: out of memory for names", where);
    for (size_t i = 0; i < t->n; i++)
        for (size_t k = 0; k < t->n_y; k++) {
            double value;
            if (!co_raw_real(co_csv_at(t, i, t->y[k]), &value) ||
                !co_columns_put_target(data, i, k, value))
                return co_csv_fail(
                    t, t->at[i].file, t->at[i].row, t->y[k],
                    t->task == CO_DATA_MULTILABEL
                        ? "is neither 0 nor 1, as task=multilabel wants"
                        : "is no finite number of 32 bits, as task=regression wants");
        }
    return CO_OK;
}

static co_status fill_labels(const co_config *opt, const co_csv_table *t, const char *where,
                             co_dataset *data)
{
    if (t->task != CO_DATA_CLASSIFICATION) return fill_targets(opt, t, where, data);
    strip_dots(t);
    return number_column(t, t->y[0], data->y, &data->classes, &data->n_classes);
}

static co_status fit(const co_csv_table *t, co_dataset *data)
{
    double *scratch = co_malloc(t->n, sizeof *scratch);
    if (!scratch) return CO_FAIL(CO_ENOMEM, "%s: out of memory for a column", t->csv[0].path);
    co_csv_fit(t, data, scratch);
    co_free(scratch);
    return CO_OK;
}

static co_status build(const co_config *opt, const char *const *sources, co_csv_table *t,
                       co_dataset *data)
{
    CO_TRY(read_files(opt, sources, t));
    CO_TRY(pick_column(opt, "user", t, &t->user));
    if (co_config_has(opt, "source") || co_config_has(opt, "target"))
        return co_csv_pairs(opt, t, data);
    CO_TRY(pick_y(opt, t));
    CO_TRY(pick_column(opt, "group", t, &t->group));
    CO_TRY(pick_columns(opt, "text", t, &t->text, &t->n_text));
    co_csv_missing_options(opt, t);
    t->scaling = strcmp(co_config_string(opt, "scale"), "none") == 0       ? CO_SCALE_NONE
                 : strcmp(co_config_string(opt, "scale"), "standard") == 0 ? CO_SCALE_STANDARD
                                                                           : CO_SCALE_MINMAX;
    CO_TRY(co_csv_keep_rows(t));
    CO_TRY(t->n_text ? fill_texts(t, sources[0], data) : co_csv_features(t, sources[0], data));
    for (size_t i = 0; i < t->n; i++) data->split[i] = t->at[i].file >= t->n_train_files;
    CO_TRY(co_reader_split_by(opt, data));
    if (!t->n_text) CO_TRY(fit(t, data));
    CO_TRY(fill_labels(opt, t, sources[0], data));
    if (t->user != CO_NO_COLUMN) {
        data->user = co_malloc(t->n, sizeof *data->user);
        CO_TRY(number_column(t, t->user, data->user, &data->user_name, &data->n_users));
    }
    if (t->group != CO_NO_COLUMN) {
        data->group = co_malloc(t->n, sizeof *data->group);
        CO_TRY(number_column(t, t->group, data->group, &data->group_name, &data->n_groups));
    }
    return co_columns_source(data, "csv", t->file_name, t->n_files);
}

static co_status read(const co_config *opt, const char *const *sources, size_t n_sources,
                      co_dataset *data)
{
    if (n_sources < 1) return CO_FAIL(CO_EUSAGE, "csv takes one or more files, none was given");
    co_csv_table t = {.n_train_files = n_sources,
                      .n_files = n_sources + co_config_has(opt, "test")};
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
    {"y", CO_STRINGS, .flags = CO_OPTIONAL,
     .doc = "column of the label: its name in the header or its number, from 0; or a list, with "
            "task"},
    CO_TASK_PARAM,
    {"user", CO_STRING, .flags = CO_OPTIONAL,
     .doc = "column of the user, or the word file: each file is a user"},
    {"group", CO_STRING, .flags = CO_OPTIONAL, .doc = "column of the group"},
    {"header", CO_BOOL, .def = 0.0, .doc = "the first line of each file holds the columns' names"},
    {"separator", CO_STRING, .flags = CO_OPTIONAL,
     .doc =
         "between cells: one character, or tab, semicolon, bar, blank; default: comma, .tsv: tab"},
    {"missing", CO_CHOICE, .words = "refuse|drop|mean|median|zero",
     .doc = "rows with a missing cell: refuse the file, drop them, or fill features from the "
            "training part"},
    {"missing_words", CO_STRINGS, .words = "?, NA, N/A, NaN, NULL, <NA>, #N/A",
     .doc = "what a missing cell says, in capitals or small; an empty one is missing anyway"},
    {"scale", CO_CHOICE, .words = "none|standard|minmax",
     .doc = "of numeric columns, fitted to the training part: mean 0 and deviation 1, or 0 to 1"},
    {"test", CO_STRING, .flags = CO_OPTIONAL, .doc = "file of test rows"},
    {"text", CO_STRINGS, .flags = CO_OPTIONAL, .doc = "column of the text, or a list of columns"},
    {"source", CO_STRING, .flags = CO_OPTIONAL,
     .doc = "in place of y: column of the source's text .."},
    {"target", CO_STRING, .flags = CO_OPTIONAL, .doc = ".. and of its target's (seq2seq)"},
    CO_PAIR_TABLE_PARAMS,
    CO_ENCODING_PARAM,
    CO_TEXT_PARAMS("word", 0.0),
    CO_LETTER_PARAMS,
    {0}};
const co_reader co_reader_csv = {
    .name = "csv",
    .summary = "tables: numeric columns as floats, words one-hot",
    .params = params,
    .usage =
        "csv FILE.. y=COL [task=regression|multilabel y=[COL,COL]] [user=COL|file] [group=COL] "
        "[header=true] [test=FILE] "
        "[missing=refuse|drop|mean|median|zero] [scale=standard|minmax] [separator=C] [text=COL] "
        "| csv FILE.. source=COL target=COL [references=join]",
    .splits = true,
    .text = true,
    .read = read};
