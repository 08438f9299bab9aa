/* io/readers/csv_table.h - the files of one import csv as one table, and its features. Local. */
#pragma once
#include "core/config.h"
#include "io/data/dataset.h"
#include "io/readers/csv_file.h"

#define CO_NO_COLUMN SIZE_MAX
#define CO_FILE_COLUMN (SIZE_MAX - 1) /* the user is the file */

typedef enum {
    CO_MISSING_REFUSE,
    CO_MISSING_DROP,
    CO_MISSING_MEAN,
    CO_MISSING_MEDIAN,
    CO_MISSING_ZERO
} co_missing;
typedef enum { CO_SCALE_NONE, CO_SCALE_STANDARD, CO_SCALE_MINMAX } co_scaling;

typedef struct {
    uint32_t file;
    size_t row;
} co_csv_place;

typedef struct {
    bool words;
    size_t offset;     /* of its features in x */
    const char **word; /* [n_words] sorted, borrowed cells */
    size_t n_words, n_missing;
} co_csv_feature;

typedef struct {
    co_csv *csv;            /* [n_files] */
    const char **file_name; /* [n_files] last part of the path */
    size_t n_files, n_train_files, n_columns;
    co_csv_place *at; /* [n] the rows that stay */
    size_t n;
    co_data_task task;
    size_t *y, n_y; /* columns of y; of a classification one */
    size_t user, group;
    size_t *text; /* [n_text] columns of the text; n_text 0: features */
    size_t n_text;
    co_missing missing;
    const co_node *missing_words; /* list of the spellings; an empty cell is missing anyway */
    bool missing_first[256];      /* characters that one of them begins with, and 0 */
    co_scaling scaling;
    co_csv_feature *feature; /* [n_columns] */
} co_csv_table;

static inline char *co_csv_at(const co_csv_table *t, size_t i, size_t column)
{
    return co_csv_cell(&t->csv[t->at[i].file], t->at[i].row, column);
}
static inline bool co_csv_is_y(const co_csv_table *t, size_t column)
{
    size_t k = 0;
    while (k < t->n_y && t->y[k] != column) k++;
    return k < t->n_y;
}
static inline bool co_csv_is_feature(const co_csv_table *t, size_t column)
{
    return t->n_text == 0 && !co_csv_is_y(t, column) && column != t->user && column != t->group;
}

/* The files of a table whose user column is known, as pairs of texts by the options source and
 * target. */
co_status co_csv_pairs(const co_config *opt, const co_csv_table *t, co_dataset *data);

/* Sets missing and missing_words from the options. */
void co_csv_missing_options(const co_config *opt, co_csv_table *t);
bool co_csv_is_missing(const co_csv_table *t, const char *cell);
/* Lists the rows that stay, training files first. A missing label or target, user or group, and
 * under refuse and drop a missing feature, is refused (CO_EDATA with its place) or leaves the row
 * out; tells how many rows and which users went. */
co_status co_csv_keep_rows(co_csv_table *t);
/* CO_EDATA "file:line: column j (name): 'cell' what". */
co_status co_csv_fail(const co_csv_table *t, size_t file, size_t row, size_t column,
                      const char *what);

/* x of the rows that stay, y and split allocated: a column is numeric (one float) when every cell
 * of it that is not missing is a finite number, else words: one-hot over its distinct words in byte
 * order. A missing number is NaN, a missing word all zeros. */
co_status co_csv_features(co_csv_table *t, const char *where, co_dataset *data);
/* Once data->split is known: fills what is missing and scales the numeric columns, both fitted to
 * split 0. */
void co_csv_fit(const co_csv_table *t, co_dataset *data, double *scratch); /* scratch [n] */
