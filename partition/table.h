/* partition/table.h - a given distribution: a CSV file of numbers of at least 0. */
#pragma once
#include "core/status.h"
#include <stddef.h>
#include <stdint.h>

typedef struct {
    double *value; /* [n_rows][n_columns], each 0 to 1e15 */
    int64_t n_rows;
    size_t n_columns;
} co_given_table;

/* Rows of equal length, numbers between commas; empty lines and lines that begin with # are passed
 * over. table is overwritten, and ended by co_given_table_fini. CO_EFILE; CO_EDATA names line and
 * entry. Local. */
co_status co_given_table_read(const char *path, co_given_table *table);
void co_given_table_fini(co_given_table *table); /* zeroed allowed. Local. */
