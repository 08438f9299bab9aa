/* io/readers/csv_features.c - columns of a table become features, missing ones filled and scaled.
 *
 * Filling: the mean or median (of an even count the mean of the two in the middle) of the training
 * part's values of the column, or 0; a column without values there gets 0, with a warning. Scaling,
 * after that: standard (x - mean) / deviation, the deviation that of the population, as
 * scikit-learn's StandardScaler; minmax (x - min) / (max - min). Columns that are constant in the
 * training part are shifted alone; one-hot columns stay 0 and 1. Sums in double, rows in order.
 * Cost: O(cells log words) time, the median another sort. */
#include "core/log.h"
#include "core/memory.h"
#include "io/readers/columns.h"
#include "io/readers/csv_table.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MANY_WORDS = 20 };
#define LARGE 1000.0 /* features beyond it make training diverge at usual rates: told */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static co_status collect_words(const co_csv_table *t, size_t column, co_csv_feature *f)
{
    size_t n = 0, m = 0;
    f->words = true;
    f->word = co_malloc(t->n, sizeof *f->word);
    if (!f->word)
        return CO_FAIL(CO_ENOMEM, "%s: out of memory for column %zu", t->csv[0].path, column);
    for (size_t i = 0; i < t->n; i++)
        if (!co_csv_is_missing(t, co_csv_at(t, i, column))) f->word[n++] = co_csv_at(t, i, column);
    qsort(f->word, n, sizeof *f->word, by_text);
    for (size_t i = 0; i < n; i++)
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
static co_status study_column(co_csv_table *t, size_t column)
{
    size_t n_numbers = 0, odd = t->n, infinite = t->n;
    co_csv_feature *f = &t->feature[column];
    double value;
    for (size_t i = 0; i < t->n; i++) {
        const char *cell = co_csv_at(t, i, column);
        if (co_csv_is_missing(t, cell))
            f->n_missing++;
        else if (co_raw_real(cell, &value))
            n_numbers++;
        else if (!is_infinite(cell))
            odd = odd < t->n ? odd : i;
        else
            infinite = infinite < t->n ? infinite : i;
    }
    if (odd == t->n && infinite < t->n)
        return co_csv_fail(t, t->at[infinite].file, t->at[infinite].row, column, "is not finite");
    if (odd == t->n) return CO_OK;
    CO_TRY(collect_words(t, column, f));
    if (!n_numbers && f->n_words > MANY_WORDS && f->n_words > t->n / 2)
        co_warn("%s: column %zu holds %zu different words in %zu rows ('%.40s'), each of them a "
                "feature: names, "
                "dates, numbers with a decimal comma?",
                t->csv[0].path, column, f->n_words, t->n, f->word[0]);
    if (n_numbers)
        co_warn("%s:%zu: column %zu mixes numbers and words ('%.40s'): taken as %zu words; if that "
                "word "
                "means a missing number, name it in missing_words=",
                t->csv[t->at[odd].file].path, t->csv[t->at[odd].file].line[t->at[odd].row], column,
                co_csv_at(t, odd, column), f->n_words);
    return CO_OK;
}

static co_status lay_out(co_csv_table *t, size_t *width)
{
    *width = 0;
    t->feature = co_calloc(t->n_columns, sizeof *t->feature);
    if (!t->feature)
        return CO_FAIL(CO_ENOMEM, "%s: out of memory for %zu columns", t->csv[0].path,
                       t->n_columns);
    for (size_t j = 0; j < t->n_columns; j++) {
        if (!co_csv_is_feature(t, j)) continue;
        CO_TRY(study_column(t, j));
        t->feature[j].offset = *width;
        *width += t->feature[j].words ? t->feature[j].n_words : 1;
    }
    if (*width == 0) return CO_FAIL(CO_EDATA, "%s: no column is left for features", t->csv[0].path);
    return co_columns_fit(t->csv[0].path, t->n, *width);
}

static co_status fill_row(const co_csv_table *t, size_t i, float *x)
{
    for (size_t j = 0; j < t->n_columns; j++) {
        const co_csv_feature *f = &t->feature[j];
        const char *cell = co_csv_at(t, i, j);
        double value = 0.0;
        if (!co_csv_is_feature(t, j)) continue;
        const bool missing = f->n_missing && co_csv_is_missing(t, cell);
        if (f->words) {
            const char **word =
                missing ? NULL : bsearch(&cell, f->word, f->n_words, sizeof *f->word, by_text);
            if (word) x[f->offset + (size_t)(word - f->word)] = 1.0f;
            continue;
        }
        if (missing)
            value = (double)NAN;
        else if (!co_raw_real(cell, &value) || value > 3.4e38 || value < -3.4e38)
            return co_csv_fail(t, t->at[i].file, t->at[i].row, j,
                               "does not fit into a 32-bit float");
        x[f->offset] = (float)value;
    }
    return CO_OK;
}

co_status co_csv_features(co_csv_table *t, const char *where, co_dataset *data)
{
    size_t width = 0;
    CO_TRY(lay_out(t, &width));
    CO_TRY(co_columns_start(data, where, t->n, CO_F32, 1, &width));
    for (size_t i = 0; i < t->n; i++) CO_TRY(fill_row(t, i, (float *)data->x + i * width));
    return CO_OK;
}

/* ---- fitted to the training part ---- */

/* The values of a feature in split 0 that are there; returns how many. */
static size_t training_values(const co_dataset *data, size_t feature, double *value)
{
    size_t n = 0;
    for (size_t i = 0; i < (size_t)data->n; i++) {
        const float x = ((const float *)data->x)[i * data->x_size + feature];
        if (data->split[i] == 0 && !isnan(x)) value[n++] = (double)x;
    }
    return n;
}

static double mean_of(const double *value, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) sum += value[i];
    return sum / (double)n;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_of(double *value, size_t n)
{
    qsort(value, n, sizeof *value, by_value);
    return n % 2 ? value[n / 2] : (value[n / 2 - 1] + value[n / 2]) / 2.0;
}

static void fill(const co_csv_table *t, size_t column, co_dataset *data, double *scratch)
{
    const size_t feature = t->feature[column].offset;
    const size_t n = training_values(data, feature, scratch);
    double value = 0.0;
    if (n == 0)
        co_warn("%s: column %zu has no value in the training part: 0 stands there", t->csv[0].path,
                column);
    else if (t->missing != CO_MISSING_ZERO)
        value = t->missing == CO_MISSING_MEAN ? mean_of(scratch, n) : median_of(scratch, n);
    for (size_t i = 0; i < (size_t)data->n; i++) {
        float *x = (float *)data->x + i * data->x_size + feature;
        if (isnan(*x)) *x = (float)value;
    }
}

/* What is subtracted from a feature, and what it is divided by; not 0. */
static void fit_scale(co_scaling scaling, const double *value, size_t n, double *shift,
                      double *unit)
{
    double low = value[0], high = value[0], squares = 0.0;
    const double mean = mean_of(value, n);
    for (size_t i = 0; i < n; i++) {
        low = fmin(low, value[i]);
        high = fmax(high, value[i]);
        squares += (value[i] - mean) * (value[i] - mean);
    }
    *shift = scaling == CO_SCALE_MINMAX ? low : mean;
    *unit = scaling == CO_SCALE_MINMAX ? high - low : sqrt(squares / (double)n);
    if (low == high) { /* the rounded mean of equal values may be another number */
        *shift = low;
        *unit = 1.0;
    }
}

static void scale(const co_csv_table *t, size_t column, co_dataset *data, double *scratch)
{
    const size_t feature = t->feature[column].offset;
    const size_t n = training_values(data, feature, scratch);
    double shift, unit;
    if (n == 0) return;
    fit_scale(t->scaling, scratch, n, &shift, &unit);
    for (size_t i = 0; i < (size_t)data->n; i++) {
        float *x = (float *)data->x + i * data->x_size + feature;
        *x = (float)(((double)*x - shift) / unit);
    }
}

static void tell_large(const co_csv_table *t, const co_dataset *data)
{
    for (size_t j = 0; j < t->n_columns; j++) {
        double most = 0.0;
        if (!co_csv_is_feature(t, j) || t->feature[j].words) continue;
        for (size_t i = 0; i < (size_t)data->n; i++)
            most = fmax(
                most,
                fabs((double)((const float *)data->x)[i * data->x_size + t->feature[j].offset]));
        if (most <= LARGE) continue;
        co_log("column %zu reaches %g: training may diverge; scale=standard or minmax prevents it",
               j, most);
        return;
    }
}

void co_csv_fit(const co_csv_table *t, co_dataset *data, double *scratch)
{
    size_t n_cells = 0, n_columns = 0;
    for (size_t j = 0; j < t->n_columns; j++) {
        const co_csv_feature *f = &t->feature[j];
        if (!co_csv_is_feature(t, j)) continue;
        n_cells += f->n_missing;
        n_columns += f->n_missing > 0;
        if (f->words) continue;
        if (f->n_missing) fill(t, j, data, scratch);
        if (t->scaling != CO_SCALE_NONE) scale(t, j, data, scratch);
    }
    if (n_cells)
        co_log("%zu missing cells in %zu columns are filled%s", n_cells, n_columns,
               t->missing == CO_MISSING_ZERO ? " with 0" : ", from the training part");
    if (t->scaling == CO_SCALE_NONE) tell_large(t, data);
}
