/* models/layers/panels.h - products with a matrix that many products share: it is laid out once, in panels of 32 columns whose
 * rows stand side by side, so that each product streams through memory. All calls are Local and allocate nothing. */
#pragma once
#include "models/kernels/kernels.h"

enum { CO_PANEL = 32 }; /* columns */

/* Floats of the panels of B [depth][cols]. */
size_t co_panels_size(size_t depth, size_t cols);
/* The panels of B [depth][cols]; panel p holds columns 32 p .. as [depth][32], zeros behind the last column. */
void co_panels_fill(size_t depth, size_t cols, const float *b, float *panels);
/* The panels of B = W', with W [cols][depth]. */
void co_panels_turn(const co_kernels *fast, size_t depth, size_t cols, const float *w, float *panels);
/* y[m][cols] = start[cols] (zeros when NULL) + x[m][depth] B, or y += x B when add. */
void co_panels_product(const co_kernels *fast, size_t m, size_t depth, size_t cols, const float *x, const float *panels,
                       const float *start, bool add, float *y);
/* One matrix that took part in a product, and its gradient. */
typedef struct {
    size_t n_in;
    const float *x; /* [m][n_in] */
    float *dw;      /* [n_out][n_in] */
} co_panels_input;
/* dw += factor dy[m][n_out]' x for each of the inputs. scratch: floats for the widest input. */
size_t co_panels_gradient_scratch(size_t m, size_t n_out, size_t most_in);
void co_panels_gradient(const co_kernels *fast, size_t m, size_t n_out, const float *dy, size_t n_inputs,
                        const co_panels_input *input, float factor, float *scratch);
