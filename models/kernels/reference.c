/* models/kernels/reference.c - the kernels as plain loops in double: what the fast ones are held against. */
#include "models/kernels/kernels.h"

void co_reference_product(const co_product *p)
{
    for (size_t r = 0; r < p->rows; r++)
        for (size_t c = 0; c < p->cols; c++) {
            float *out = p->c + r * p->c_row + c;
            double sum = 0.0;
            for (size_t s = 0; s < p->n_segments; s++) {
                const float *a = p->a + (p->a_at ? p->a_at[s] : 0) + r * p->a_row;
                const float *b = p->b + (p->b_at ? p->b_at[s] : 0) + c;
                for (size_t k = 0; k < p->depth; k++) sum += (double)a[k * p->a_step] * (double)b[k * p->b_step];
            }
            *out = p->add ? (float)((double)*out + (double)p->factor * sum)
                          : (float)(sum + (p->start ? (double)p->start[c] : 0.0));
        }
}

void co_reference_dense(size_t m, size_t n_in, size_t n_out, const float *x, const float *w, const float *bias, float *y)
{
    for (size_t r = 0; r < m; r++)
        for (size_t o = 0; o < n_out; o++) {
            double sum = (double)bias[o];
            for (size_t i = 0; i < n_in; i++) sum += (double)x[r * n_in + i] * (double)w[o * n_in + i];
            y[r * n_out + o] = (float)sum;
        }
}
