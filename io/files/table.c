/* io/files/table.c - columns of one type each that grow together; in a file the datasets
 * group/column. Rows are added by doubling, so that a reserved table never allocates in the round
 * loop. */
#include "io/files/table.h"
#include "core/memory.h"
#include <stdio.h>
#include <string.h>

static co_status no_memory(const co_table *table)
{
    return CO_FAIL(CO_ENOMEM, "out of memory for the table %s", table->group);
}

co_status co_table_init(co_table *table, const char *group, const co_column *columns,
                        size_t n_columns)
{
    *table = (co_table){.group = group, .n_columns = n_columns};
    table->columns = co_calloc(n_columns, sizeof *table->columns);
    table->names = co_calloc(n_columns, sizeof *table->names);
    table->data = co_calloc(n_columns, sizeof *table->data);
    bool good = table->columns && table->names && table->data;
    for (size_t c = 0; c < n_columns && good; c++) {
        CO_ASSERT(columns[c].type != CO_STR);
        table->names[c] = co_strdup(columns[c].name);
        table->columns[c] = columns[c];
        table->columns[c].name = table->names[c];
        good = table->names[c] != NULL;
    }
    if (good) return CO_OK;
    co_table_fini(table);
    table->group = group;
    return no_memory(table);
}

void co_table_fini(co_table *table)
{
    for (size_t c = 0; c < table->n_columns; c++) {
        if (table->names) co_free(table->names[c]);
        if (table->data) co_free(table->data[c]);
    }
    co_free(table->columns);
    co_free(table->names);
    co_free(table->data);
    *table = (co_table){0};
}

static co_status grow_to(co_table *table, size_t rows)
{
    if (rows <= table->capacity) return CO_OK;
    size_t capacity = table->capacity ? table->capacity : 16;
    while (capacity < rows) capacity = capacity > SIZE_MAX / 2 ? rows : 2 * capacity;
    for (size_t c = 0; c < table->n_columns; c++) {
        void *data = co_realloc(table->data[c], capacity, co_dtype_size(table->columns[c].type, 0));
        if (!data) return no_memory(table); /* columns that grew already keep their larger block */
        table->data[c] = data;
    }
    table->capacity = capacity;
    return CO_OK;
}

co_status co_table_reserve(co_table *table, size_t n)
{
    return n > SIZE_MAX - table->n_rows ? no_memory(table) : grow_to(table, table->n_rows + n);
}

co_status co_table_add_row(co_table *table)
{
    CO_TRY(grow_to(table, table->n_rows + 1));
    for (size_t c = 0; c < table->n_columns; c++) {
        const size_t size = co_dtype_size(table->columns[c].type, 0);
        memset((char *)table->data[c] + table->n_rows * size, 0, size);
    }
    table->n_rows++;
    return CO_OK;
}

/* The column, once there is a row to set. */
static co_dtype column_type(const co_table *table, size_t column)
{
    CO_ASSERT(column < table->n_columns && table->n_rows > 0);
    return table->columns[column].type;
}

void co_table_set_i64(co_table *table, size_t column, int64_t value)
{
    const co_dtype type = column_type(table, column);
    const size_t row = table->n_rows - 1;
    void *data = table->data[column];
    switch (type) {
    case CO_U8:
        CO_ASSERT(value >= 0 && value <= UINT8_MAX);
        ((uint8_t *)data)[row] = (uint8_t)value;
        break;
    case CO_I32:
        CO_ASSERT(value >= INT32_MIN && value <= INT32_MAX);
        ((int32_t *)data)[row] = (int32_t)value;
        break;
    case CO_U64:
        CO_ASSERT(value >= 0);
        ((uint64_t *)data)[row] = (uint64_t)value;
        break;
    case CO_F32: ((float *)data)[row] = (float)value; break;
    case CO_F64: ((double *)data)[row] = (double)value; break;
    default: ((int64_t *)data)[row] = value; break;
    }
}

void co_table_set_u64(co_table *table, size_t column, uint64_t value)
{
    if (column_type(table, column) == CO_U64) {
        ((uint64_t *)table->data[column])[table->n_rows - 1] = value;
    } else {
        CO_ASSERT(value <= (uint64_t)INT64_MAX);
        co_table_set_i64(table, column, (int64_t)value);
    }
}

void co_table_set_f64(co_table *table, size_t column, double value)
{
    const co_dtype type = column_type(table, column);
    CO_ASSERT(type == CO_F64 || type == CO_F32);
    if (type == CO_F64)
        ((double *)table->data[column])[table->n_rows - 1] = value;
    else
        ((float *)table->data[column])[table->n_rows - 1] = (float)value;
}

double co_table_get_f64(const co_table *table, size_t row, size_t column)
{
    CO_ASSERT(column < table->n_columns && row < table->n_rows);
    const void *data = table->data[column];
    switch (table->columns[column].type) {
    case CO_F64: return ((const double *)data)[row];
    case CO_F32: return (double)((const float *)data)[row];
    case CO_U64: return (double)((const uint64_t *)data)[row];
    default: return (double)co_table_get_i64(table, row, column);
    }
}

int64_t co_table_get_i64(const co_table *table, size_t row, size_t column)
{
    CO_ASSERT(column < table->n_columns && row < table->n_rows);
    const void *data = table->data[column];
    const co_dtype type = table->columns[column].type;
    CO_ASSERT(type != CO_F32 && type != CO_F64);
    switch (type) {
    case CO_U8: return ((const uint8_t *)data)[row];
    case CO_I32: return ((const int32_t *)data)[row];
    case CO_U64: return (int64_t)((const uint64_t *)data)[row]; /* a digest keeps its bits */
    default: return ((const int64_t *)data)[row];
    }
}

int co_table_find(const co_table *table, const char *column)
{
    for (size_t c = 0; c < table->n_columns; c++)
        if (strcmp(table->names[c], column) == 0) return (int)c;
    return -1;
}

void co_table_truncate(co_table *table, size_t n_rows)
{
    if (n_rows < table->n_rows) table->n_rows = n_rows;
}

static char *dataset_name(const co_table *table, size_t column)
{
    return co_format("%s/%s", table->group, table->names[column]);
}

static co_status set_text(co_file *file, const char *dataset, const char *attribute,
                          const char *text)
{
    char name[256];
    if (!text) return CO_OK;
    snprintf(name, sizeof name, "%s@%s", dataset, attribute);
    return co_file_set_text(file, name, text);
}

static co_status write_said(co_file *file, const char *dataset, const co_column *column)
{
    char names[128], name[256];
    snprintf(names, sizeof names, "%s_names", column->name);
    CO_TRY(set_text(file, dataset, names, column->words));
    CO_TRY(set_text(file, dataset, "unit", column->unit));
    CO_TRY(set_text(file, dataset, "covered", column->covered));
    if (column->better == CO_BETTER_UNSAID) return CO_OK;
    const bool higher = column->better == CO_BETTER_HIGHER;
    CO_TRY(set_text(file, dataset, "better", higher ? "higher" : "lower"));
    snprintf(name, sizeof name, "%s@higher_is_better", dataset);
    return co_file_set_int(file, name, higher);
}

co_status co_table_write(const co_table *table, co_file *file)
{
    static const double empty; /* a column without rows has no block yet */
    for (size_t c = 0; c < table->n_columns; c++) {
        char *name = dataset_name(table, c);
        if (!name) return no_memory(table);
        const co_extent extent = {
            .type = table->columns[c].type, .ndim = 1, .dim = {table->n_rows}};
        co_status st = co_file_write(file, name, &extent, table->data[c] ? table->data[c] : &empty);
        if (st == CO_OK) st = write_said(file, name, &table->columns[c]);
        co_free(name);
        CO_TRY(st);
    }
    return CO_OK;
}

/* Type and length of a stored column; the first one sets the number of rows. */
static co_status check_column(const co_table *table, const co_file *file, const char *name,
                              size_t c, size_t *n_rows)
{
    co_extent extent;
    CO_TRY(co_file_extent(file, name, &extent));
    if (extent.type != table->columns[c].type || extent.ndim != 1)
        return CO_FAIL(CO_EDATA, "%s: %s has another type than this program writes there",
                       co_file_path(file), name);
    if (c > 0 && extent.dim[0] != *n_rows)
        return CO_FAIL(CO_EDATA, "%s: %s has %zu rows, the columns before it %zu",
                       co_file_path(file), name, extent.dim[0], *n_rows);
    *n_rows = extent.dim[0];
    return CO_OK;
}

static co_status read_column(co_table *table, const co_file *file, size_t c, size_t *n_rows)
{
    char *name = dataset_name(table, c);
    if (!name) return no_memory(table);
    co_status st = check_column(table, file, name, c, n_rows);
    if (st == CO_OK) st = grow_to(table, *n_rows);
    if (st == CO_OK && *n_rows)
        st = co_file_read(file, name, table->columns[c].type, 0, table->data[c]);
    co_free(name);
    return st;
}

co_status co_table_read(co_table *table, const co_file *file)
{
    return co_table_read_without(table, file, table->n_columns);
}

co_status co_table_read_without(co_table *table, const co_file *file, size_t column)
{
    size_t n_rows = 0;
    table->n_rows = 0;
    for (size_t c = 0; c < table->n_columns; c++)
        if (c != column) CO_TRY(read_column(table, file, c, &n_rows));
    table->n_rows = n_rows;
    return CO_OK;
}
