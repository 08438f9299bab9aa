/* models/kernels/reference.c - the kernels as plain loops: what the fast ones are held against.
 * Sums are in double. */
#include "models/kernels/kernels.h"
#include "models/smooth.h"

void co_reference_product(const co_product *p)
{
    for (size_t r = 0; r < p->rows; r++)
        for (size_t c = 0; c < p->cols; c++) {
            float *out = p->c + r * p->c_row + c;
            double sum = 0.0;
            for (size_t s = 0; s < p->n_segments; s++) {
                const float *a = p->a + (p->a_at ? p->a_at[s] : 0) + r * p->a_row;
                const float *b = p->b + (p->b_at ? p->b_at[s] : 0) + c;
                for (size_t k = 0; k < p->depth; k++)
                    sum += (double)a[k * p->a_step] * (double)b[k * p->b_step];
            }
            *out = p->add ? (float)((double)*out + (double)p->factor * sum)
                          : (float)(sum + (p->start ? (double)p->start[c] : 0.0));
        }
}

void co_reference_dense(size_t m, size_t n_in, size_t n_out, const float *x, const float *w,
                        const float *bias, float *y)
{
    for (size_t r = 0; r < m; r++)
        for (size_t o = 0; o < n_out; o++) {
            double sum = (double)bias[o];
            for (size_t i = 0; i < n_in; i++)
                sum += (double)x[r * n_in + i] * (double)w[o * n_in + i];
            y[r * n_out + o] = (float)sum;
        }
}

void co_reference_lstm(size_t h, float *gates, const float *before, float *c, float *t, float *y)
{
    for (size_t j = 0; j < h; j++) {
        const float i = co_logistic(gates[j]), f = co_logistic(gates[h + j]),
                    u = co_hyperbolic(gates[2 * h + j]), o = co_logistic(gates[3 * h + j]);
        c[j] = f * before[j] + i * u;
        t[j] = co_hyperbolic(c[j]);
        y[j] = o * t[j];
        gates[j] = i, gates[h + j] = f, gates[2 * h + j] = u, gates[3 * h + j] = o;
    }
}

void co_reference_lstm_back(size_t h, float *gates, const float *before, const float *t, float *dy,
                            float *carry)
{
    for (size_t j = 0; j < h; j++) {
        const float i = gates[j], f = gates[h + j], u = gates[2 * h + j], o = gates[3 * h + j];
        const float dc = carry[j] + dy[j] * o * (1.0f - t[j] * t[j]);
        gates[j] = dc * u * i * (1.0f - i);
        gates[h + j] = dc * before[j] * f * (1.0f - f);
        gates[2 * h + j] = dc * i * (1.0f - u * u);
        gates[3 * h + j] = dy[j] * t[j] * o * (1.0f - o);
        carry[j] = dc * f;
        dy[j] = 0.0f;
    }
}
