/* privacy/mechanisms/banded_matrix.h - lower triangular matrices with few bands, and the best of
 * them for prefix sums. All calls are Local and give the same bits everywhere. */
#pragma once
#include "core/status.h"
#include <stdbool.h>
#include <stdint.h>

/* C[j + i][j] = c[j * bands + i], i < bands, j < n; zero elsewhere and below row n. No column's
 * norm is above 1, the largest is 1, and the diagonal is above 0. Toeplitz: c[i] in every column.
 */
typedef struct {
    int64_t n, bands;
    bool is_toeplitz;
    double *c; /* [n][bands]; Toeplitz: [bands] */
} co_banded;

static inline double co_banded_at(const co_banded *m, int64_t row, int64_t column)
{
    return m->c[(m->is_toeplitz ? 0 : column * m->bands) + row - column];
}

/* The columns of norm 1 that make the mean variance of prefix sums, the squares of the rows of
 * A C^-1 (A: ones on and below the diagonal), least. n^2 bands above 2^27: the best Toeplitz
 * matrix. CO_ENOMEM. 1 <= bands <= n. */
co_status co_banded_optimise(int64_t n, int64_t bands, co_banded *out);
/* From a text: n lines, each a row of C (a row may stop at its diagonal); a single line: the first
 * column of a Toeplitz matrix. Lines that begin with # are skipped. Divided by the largest norm of
 * a column. n: rows that are needed. CO_EDATA, CO_EFILE name file and line. */
co_status co_banded_read(const char *path, int64_t n, co_banded *out);
void co_banded_fini(co_banded *matrix);
/* Divides by the largest norm of a column, so that none is above 1. */
void co_banded_normalise(co_banded *matrix);

/* Variances of prefix sums: the largest, the mean. CO_ENOMEM. */
co_status co_banded_errors(const co_banded *matrix, double *most, double *mean);
/* The largest r_j: with steps at least `separation` apart, k participations change C x by at most
 * sqrt(k r) bounds. separation >= bands: the columns do not meet, r = 1, and it is exact (Toeplitz:
 * but for the last columns, whose norm is less); below, a bound: r_j = the most that |C_j . C_m|
 * sums to over j and other m that far apart. (Signs: where C^T C has negative entries,
 * contributions of opposite sign make up for them, so that magnitudes count.) */
double co_banded_reach(const co_banded *matrix, int64_t separation);
