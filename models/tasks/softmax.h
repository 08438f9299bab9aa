/* models/tasks/softmax.h - cross-entropy of one row of outputs, for every task that chooses one of n. */
#pragma once
#include "models/kernels/kernels.h"
#include <stdint.h>

typedef struct {
    double loss;
    size_t best; /* the largest output, the first of equal ones; n when an output is no number */
} co_row_loss;

/* Rows [rows][n] of outputs o with labels y, at most CO_SOFTMAX_ROWS: loss = log sum_j exp(o_j) - o_y into result[rows].
 * d[rows][n] (NULL: not wanted) = (softmax(o) - e_y) / n_rows. y outside [0, n) is a bug. Local. */
enum { CO_SOFTMAX_ROWS = 32 };
void co_softmax_rows(const co_kernels *fast, size_t rows, size_t n, const float *o, const int32_t *y, size_t n_rows, float *d,
                     co_row_loss *result);
