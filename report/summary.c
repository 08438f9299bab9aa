/* report/summary.c - the columns of a comparison's table: one list for the file and for the reader
 * of it. */
#include "report/summary.h"
#include "core/log.h"
#include "core/memory.h"
#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

/* A column of summary in the file, its place in a row. */
typedef struct {
    const char *name;
    size_t at;
    co_dtype type;
} column;

#define COUNT(field)                                                                               \
    {                                                                                              \
        "summary/" #field, offsetof(co_summary_row, field), CO_I64                                 \
    }
#define REAL(field)                                                                                \
    {                                                                                              \
        "summary/" #field, offsetof(co_summary_row, field), CO_F64                                 \
    }
static const column columns[] = {
    COUNT(n_seeds), COUNT(n_reached), COUNT(n_pairs),   REAL(mean),         REAL(low),
    REAL(high),     REAL(sd),         REAL(loss),       REAL(target_round), REAL(target_bytes),
    REAL(bytes),    REAL(wall_s),     REAL(difference), REAL(p_value)};
enum { CELL = 8 }; /* bytes of either type */

static co_status write_column(co_file *file, const column *c, const co_summary_row *row, size_t n)
{
    const co_extent extent = {.type = c->type, .ndim = 1, .dim = {n}};
    char *values = co_malloc(n, CELL);
    if (!values) return CO_FAIL(CO_ENOMEM, "%s", c->name);
    for (size_t i = 0; i < n; i++) memcpy(values + i * CELL, (const char *)&row[i] + c->at, CELL);
    const co_status st = co_file_write(file, c->name, &extent, values);
    co_free(values);
    return st;
}

co_status co_summary_write(co_file *file, const co_summary_row *row, size_t n)
{
    const char **label = co_malloc(n, sizeof *label);
    if (!label) return CO_FAIL(CO_ENOMEM, "summary/label");
    for (size_t i = 0; i < n; i++) label[i] = row[i].label;
    co_status st = co_file_write_strings(file, "summary/label", label, n);
    co_free(label);
    for (size_t k = 0; st == CO_OK && k < sizeof columns / sizeof *columns; k++)
        st = write_column(file, &columns[k], row, n);
    return st;
}

static co_status read_column(const co_file *file, const column *c, co_summary_row *row, size_t n)
{
    void *values = NULL;
    size_t n_values;
    CO_TRY(co_file_read_new(file, c->name, c->type, &values, &n_values));
    for (size_t i = 0; i < n && n_values == n; i++)
        memcpy((char *)&row[i] + c->at, (char *)values + i * CELL, CELL);
    co_free(values);
    return n_values == n ? CO_OK
                         : CO_FAIL(CO_EDATA, "%s: %s has %zu rows, summary/label has %zu",
                                   co_file_path(file), c->name, n_values, n);
}

co_status co_summary_read(const co_file *file, co_summary_row **row, char ***label, size_t *n)
{
    *row = NULL;
    CO_TRY(co_file_read_strings(file, "summary/label", label, n));
    co_status st = CO_OK;
    *row = co_calloc(*n, sizeof **row);
    if (!*row) st = CO_FAIL(CO_ENOMEM, "summary of %zu labels", *n);
    for (size_t i = 0; st == CO_OK && i < *n; i++) (*row)[i].label = (*label)[i];
    for (size_t k = 0; st == CO_OK && k < sizeof columns / sizeof *columns; k++)
        st = read_column(file, &columns[k], *row, *n);
    if (st == CO_OK) return CO_OK;
    co_free(*row);
    co_strings_free(*label, *n);
    *row = NULL;
    *label = NULL;
    return st;
}

static void print_number(FILE *out, double value, int width, int digits)
{
    if (isnan(value))
        fprintf(out, " %*s", width, "-");
    else
        fprintf(out, " %*.*g", width, digits, value);
}

static void print_row(FILE *out, int width, const co_summary_row *row, bool is_baseline)
{
    char interval[48] = "-", bytes[32] = "-", rounds[64] = "-";
    if (!isnan(row->low)) snprintf(interval, sizeof interval, "[%.5g, %.5g]", row->low, row->high);
    if (row->n_reached)
        snprintf(rounds, sizeof rounds, "%.4g (%" PRId64 "/%" PRId64 ")", row->target_round,
                 row->n_reached, row->n_seeds);
    co_format_bytes(row->n_reached ? row->target_bytes : row->bytes, bytes, sizeof bytes);
    fprintf(out, "%-*s %5" PRId64, width, row->label, row->n_seeds);
    print_number(out, row->mean, 10, 5);
    fprintf(out, "  %-21s", interval);
    print_number(out, is_baseline ? NAN : row->difference, 9, 3);
    print_number(out, is_baseline ? NAN : row->p_value, 7, 2);
    print_number(out, row->loss, 10, 4);
    fprintf(out, " %12s %10s\n", rounds, bytes);
}

void co_summary_print(FILE *out, const char *metric, const char *baseline,
                      const co_summary_row *row, size_t n)
{
    size_t width = 5;
    for (size_t i = 0; i < n; i++)
        width = strlen(row[i].label) > width ? strlen(row[i].label) : width;
    fprintf(out, "%-*s %5s %10s  %-21s %9s %7s %10s %12s %10s\n", (int)width, "label", "seeds",
            metric, "95 % interval", "to base", "p", "loss", "to target", "bytes");
    for (size_t i = 0; i < n; i++)
        print_row(out, (int)width, &row[i], strcmp(row[i].label, baseline) == 0);
}
