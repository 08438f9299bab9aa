/* models/layers/panels.h - products with a matrix that many products share: it is laid out once, in
 * panels of 32 columns whose rows stand side by side, so that each product streams through memory.
 * All calls are Local and allocate nothing. */
#pragma once
#include "models/kernels/kernels.h"

enum { CO_PANEL = 32 }; /* columns */

/* Floats of the panels of B [depth][cols]. */
size_t co_panels_size(size_t depth, size_t cols);
/* The panels of B [depth][cols]; panel p holds columns 32 p .. as [depth][32]; what stands behind
 * the last column is never read. row: which row of b stands for each row of B; NULL: its own. */
void co_panels_fill(size_t depth, size_t cols, const float *b, const int32_t *row, float *panels);
/* The panels of B = W', with W [cols][depth]. */
void co_panels_turn(const co_kernels *fast, size_t depth, size_t cols, const float *w,
                    float *panels);
/* y[m][cols] = start[cols] (zeros when NULL) + x[m][depth] B, or y += x B when add. For few rows.
 */
void co_panels_product(const co_kernels *fast, size_t m, size_t depth, size_t cols, const float *x,
                       const float *panels, const float *start, bool add, float *y);
/* y[m][cols] = start[cols] (zeros when NULL) + X B; x: the panels of X [m][depth]. For many rows.
 */
void co_panels_product_all(const co_kernels *fast, size_t m, size_t depth, size_t cols,
                           const float *x, const float *panels, const float *start, float *y);
/* dw[n_out][n_in] += factor dY' X; dy, x: the panels of dY [m][n_out] and X [m][n_in]. scratch:
 * floats for that n_in. */
size_t co_panels_gradient_scratch(size_t n_in);
void co_panels_gradient(const co_kernels *fast, size_t m, size_t n_out, size_t n_in,
                        const float *dy, const float *x, float factor, float *dw, float *scratch);
/* Products whose rows have the same bits whatever stands beside them (co_layer.step): each is one
 * sum over the whole depth. fast: NULL on the reference path. */
/* The panels of B = W' with W [cols][depth], or, where it stands so already, of B [depth][cols]. */
void co_panels_lay(const co_kernels *fast, size_t depth, size_t cols, bool stands, const float *w,
                   float *panels);
/* y[m][cols] = start[cols] (zeros when NULL) + x[m][depth] B, or y += factor x B when add. */
void co_panels_rows(const co_kernels *fast, size_t m, size_t depth, size_t cols, const float *x,
                    const float *panels, const float *start, bool add, float factor, float *y);
