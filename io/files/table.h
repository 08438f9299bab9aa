/* io/files/table.h - growing tables of equally long columns, the content of run files. All calls
 * are Local. */
#pragma once
#include "io/files/file.h"

typedef enum { CO_BETTER_UNSAID, CO_BETTER_HIGHER, CO_BETTER_LOWER } co_better;

typedef struct {
    const char *name; /* borrowed */
    co_dtype type;    /* not CO_STR */
    /* Said of the values, as attributes of the dataset, which no digest holds. Borrowed while the
     * table lives; NULL: unsaid. */
    const char *unit;    /* @unit: s, B, share (0 to 1), nats, 1 .. */
    const char *covered; /* @covered: whether, or where, a privacy statement covers them */
    const char *words;   /* @<name>_names: what 0, 1, 2 .. mean, separated by commas */
    co_better better;    /* @better: higher | lower, and @higher_is_better: 1 | 0 */
} co_column;

typedef struct {
    const char *group; /* "rounds"; borrowed */
    size_t n_columns, n_rows, capacity;
    co_column *columns; /* [n_columns] own copy */
    char **names;       /* own copies behind columns[].name */
    void **data;        /* [n_columns] */
} co_table;

co_status co_table_init(co_table *table, const char *group, const co_column *columns,
                        size_t n_columns);
void co_table_fini(co_table *table);
/* A new row; every cell zero. Values are set by column position. The room for `n` further rows can
 * be reserved so that the round loop does not allocate. */
co_status co_table_reserve(co_table *table, size_t n);
co_status co_table_add_row(co_table *table);
/* Sets the cell of the last row. The column's type decides; integers for integer columns. */
void co_table_set_i64(co_table *table, size_t column, int64_t value);
void co_table_set_u64(co_table *table, size_t column, uint64_t value);
void co_table_set_f64(co_table *table, size_t column, double value);
double co_table_get_f64(const co_table *table, size_t row, size_t column); /* any type, as double */
int64_t co_table_get_i64(const co_table *table, size_t row, size_t column);
int co_table_find(const co_table *table, const char *column); /* position, -1 when absent */
void co_table_truncate(co_table *table, size_t n_rows);
co_status co_table_write(const co_table *table,
                         co_file *file); /* group/column datasets, and what is said of them */
/* Reads the table's columns from a file; a missing column or another type is CO_EDATA. Replaces the
 * rows. */
co_status co_table_read(co_table *table, const co_file *file);
/* The same but for one column, behind the first, which the file lacks: its cells are the caller's
 * to set. */
co_status co_table_read_without(co_table *table, const co_file *file, size_t column);
