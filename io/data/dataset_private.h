/* io/data/dataset_private.h - shared by io/data/dataset*.c. All calls are Local. */
#pragma once
#include "io/content.h"
#include "io/data/dataset.h"

/* A line of io/data/columns.h. */
typedef struct {
    const char *name;
    size_t at; /* of its pointer in co_dataset */
    co_dtype type;
    co_column_per per;
    co_column_place place;
    co_column_values values;
} co_column;
#define CO_COUNT_COLUMN(...) +1
enum { CO_N_COLUMNS = 0 CO_DATASET_COLUMNS(CO_COUNT_COLUMN) };
#undef CO_COUNT_COLUMN
extern const co_column co_columns[CO_N_COLUMNS];

void *co_column_get(const co_dataset *data, const co_column *column);
void co_column_set(co_dataset *data, const co_column *column, void *values);
/* Where the number of names is, for a column of them. */
size_t *co_column_n_names(co_dataset *data, const co_column *column);
/* Rows that it has to have; 0: this data set has no such column. Whether an optional one is there
 * its pointer tells. */
size_t co_column_rows(const co_dataset *data, const co_column *column);
/* Where it is in a run of this data set. */
co_column_place co_column_where(const co_dataset *data, const co_column *column);
/* Type, shape, bytes as stored; not for names. */
co_extent co_column_extent(const co_dataset *data, const co_column *column);
size_t co_column_bytes(const co_dataset *data, const co_column *column);
/* Whether it may be too large for memory and stays in data->x_file when there is one. */
bool co_column_is_large(const co_column *column);
/* CO_EDATA when it does not have its shape in the file; not for names. */
co_status co_column_check_shape(const co_file *file, const co_dataset *data,
                                const co_column *column);
/* Into the block that is there, or a new one. An absent one that a data set may lack stays NULL,
 * another is CO_EDATA. Not for names. */
co_status co_column_read(const co_file *file, co_dataset *data, const co_column *column);
/* CO_EDATA naming row and value when one of rows [first, first + n) is not allowed. */
co_status co_column_check(const co_dataset *data, const co_column *column, const char *path,
                          size_t first, size_t n, const void *rows);
/* The columns that are there, or stay in data->x_file, as parts of a file. */
co_status co_columns_add(co_content *content, const co_dataset *data);

/* Everything but x from an open file, checked, with the digest. data is zeroed first; half filled
 * on failure: the caller ends it. with_x: x is to be read next, so its size is checked first: the
 * digest goes over every byte of the file. */
co_status co_dataset_columns(const co_file *file, bool with_x, co_dataset *data);
/* Bytes of the columns that a node has once, each aligned to 64. */
size_t co_dataset_x_bytes(const co_dataset *data);
/* The pointers of these into a block of so many bytes. */
void co_dataset_place(co_dataset *data, void *block);
/* CO_ENOMEM, with both figures, when they do not fit into what this node has free. Fault site:
 * data_memory. */
co_status co_dataset_check_memory(const co_dataset *data, const char *path);

/* The text parts (io/data/dataset_text.c). */
co_status co_dataset_text_check(const co_dataset *data, const char *path); /* that they fit */
/* n, n_tokens and how many there are of what else a text has; without names of words also n_vocab
 */
co_status co_dataset_text_columns(const co_file *file, co_dataset *data);
co_status co_dataset_vocab_add(co_content *content, const co_dataset *data); /* that size */

/* The targets (io/data/dataset_targets.c). */
co_dtype co_dataset_targets_type(const co_dataset *data);
co_status co_dataset_targets_check(const co_dataset *data, const char *path); /* that they fit */
/* n_classes, before names are read */
co_status co_dataset_targets_columns(const co_file *file, co_dataset *data);

#define CO_TARGET_VOCAB_SIZE "target_vocab_size" /* stands in place of target_vocab: i64 [1] */
/* The second texts of an example: targets, answers, spans (io/data/dataset_pairs.c). */
co_status co_dataset_pairs_check(const co_dataset *data, const char *path); /* that they fit */
/* n_target_tokens, n_answers .. : how many there are */
co_status co_dataset_pairs_columns(const co_file *file, co_dataset *data);
co_status co_dataset_spans_check(const char *path, const co_dataset *data, size_t first, size_t n,
                                 const int32_t *v);
co_status co_dataset_places_check(const char *path, const co_dataset *data, size_t first, size_t n,
                                  const int32_t *v);
/* Elements of a list that has to be there. */
co_status co_dataset_list_size(const co_file *file, const char *name, size_t *n);
/* The size of a vocabulary without names, as the file says it under `name`. */
co_status co_dataset_read_size(const co_file *file, const char *name, size_t *size);
