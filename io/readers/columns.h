/* io/readers/columns.h - what all readers do to a data set: make room, number the labels, name the
 * classes. Local. */
#pragma once
#include "io/data/dataset.h"

/* Sets the shape, allocates x [n][dim..] (zeroed), y and split (0), scale and shift (1/255 for u8,
 * 1 for f32). where is the file or format that a message names. CO_EDATA when there are no examples
 * or the size overflows, CO_ENOMEM. */
co_status co_columns_start(co_dataset *data, const char *where, size_t n, co_dtype type,
                           size_t ndim, const size_t *dim);

/* CO_EDATA with the figure when n dense float rows of `features` would take more than 16 GiB. */
co_status co_columns_fit(const char *where, size_t n, size_t features);

/* index[i] = rank of value[i] among the distinct values, ascending; *distinct is a new block of
 * them. With skip_negative a negative value gets -1 and no rank. */
co_status co_columns_rank(const int64_t *value, size_t n, bool skip_negative, int32_t *index,
                          int64_t **distinct, size_t *n_distinct);
/* The same for texts: in numerical order when all are whole numbers, which are one in any spelling,
 * else in byte order; *names holds new strings. Labels go through labels.h. */
co_status co_columns_rank_text(const char *const *text, size_t n, int32_t *index, char ***names,
                               size_t *n_names);

/* names[i] = prefix and value[i] in decimal, or i itself when value is NULL. */
co_status co_columns_numbered(const char *prefix, const int64_t *value, size_t n, char ***names);
co_status co_columns_copy_names(const char *const *from, size_t n, char ***names);

/* y and classes from integer labels [data->n], ranked. */
co_status co_columns_classes(co_dataset *data, const int64_t *label);
/* Option `task` of readers whose y may be numbers or labels instead of a class. */
#define CO_TASK_PARAM                                                                              \
    {                                                                                              \
        "task", CO_CHOICE, .words = "classification|regression|multilabel",                        \
                           .doc = "what y is: a class, numbers, or 0 and 1 for each label"         \
    }
/* Makes the data one of that task with k targets an example in place of y, all 0. CO_ENOMEM. */
co_status co_columns_targets(co_dataset *data, const char *where, co_data_task task, size_t k);
co_data_task co_columns_task(const char *name);
/* Puts a target; false when it is no finite float, or of multilabel neither 0 nor 1. */
bool co_columns_put_target(co_dataset *data, size_t row, size_t column, double value);
/* Behind a value that was refused: "regression wants finite numbers". */
const char *co_columns_wanted(const co_dataset *data);
/* CO_EDATA naming example and element at the first NaN or infinity of rows [first, first + n) of a
 * float x. */
co_status co_columns_finite(const co_dataset *data, const char *where, size_t first, size_t n);
/* data->source = "format name, name" with the last parts of the paths. */
co_status co_columns_source(co_dataset *data, const char *format, const char *const *paths,
                            size_t n_paths);
