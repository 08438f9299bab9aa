/* models/tasks/softmax.h - cross-entropy of one row of outputs, for every task that chooses one of n. */
#pragma once
#include "models/kernels/kernels.h"
#include <stdint.h>

typedef struct {
    double loss;
    size_t best; /* the largest output, the first of equal ones; n when an output is no number */
} co_row_loss;

/* loss = log sum_j exp(o_j) - o_y. d[n] (NULL: not wanted) = (softmax(o) - e_y) / n_rows. y outside [0, n) is a bug. Local. */
co_row_loss co_softmax_row(const co_kernels *fast, size_t n, const float *o, int32_t y, size_t n_rows, float *d);
