/* report/columns.h - what a run file says of the columns of eval: attributes of their datasets
 * (io/files/table.h). Files of earlier versions say nothing: for them alone the names that those
 * versions wrote are known here. Local. */
#pragma once
#include "io/files/table.h"

/* The better direction of a column of eval ("accuracy_p10"). */
co_better co_column_better(const co_file *file, const char *column);
/* The metric that curves show, of the attribute eval@metric, into name[size]; "" when the file has
 * none. CO_ENOMEM. */
co_status co_column_metric(const co_file *file, char *name, size_t size);
/* Its unit into unit[size]; "" when the file does not say. CO_ENOMEM. */
co_status co_column_unit(const co_file *file, const char *column, char *unit, size_t size);
/* Words of "split" or "scope", separated by commas, into words[size]. CO_ENOMEM. */
co_status co_column_words(const co_file *file, const char *column, char *words, size_t size);
/* What the names of columns over devices end in, behind their metric's, in the order they are read:
 * "_weighted,_p10,_p20", into words[size]. CO_ENOMEM. */
co_status co_column_endings(const co_file *file, char *words, size_t size);
/* Word number k of words separated by commas, into text[size]; "" behind the last one. */
void co_column_word(const char *words, int64_t k, char *text, size_t size);
/* A value by its column's name; NaN, and 0, when the table has no such column. */
double co_column_cell(const co_table *table, size_t row, const char *name);
int64_t co_column_count(const co_table *table, size_t row, const char *name);
