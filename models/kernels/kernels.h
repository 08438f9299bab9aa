/* models/kernels/kernels.h - the fast kernels of one instruction set, as a table; all are written
 * once and compiled for each.
 *
 * Images between layers stand channels-last, [row][column][channel], channels padded with zeros to
 * a multiple of `lanes`. Results depend on the inputs, the batch size and the path alone. All calls
 * are Local and allocate nothing. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* C[rows][cols] = sum over segments s and k < depth of A_s(r, k) B_s(k, c): a batch-reduce product
 * (Georganas et al., IPDPS 2020). A_s(r, k) = a[a_at[s] + r a_row + k a_step], B_s(k, c) =
 * b[b_at[s] + k b_step + c], C(r, c) = c[r c_row + c]. a_at and b_at NULL: one segment at 0. Then
 *   add false: C = start + sum, start[cols] or NULL for zeros; add true: C += factor sum (product
 * and sum rounded apart, so that a fused update has the bits of one through a gradient buffer).
 * Reference: co_reference_product. */
typedef struct {
    size_t rows, cols, depth, n_segments;
    const float *a, *b;
    const size_t *a_at, *b_at;
    size_t a_row, a_step, b_step, c_row;
    float *c;
    const float *start;
    bool add;
    bool fetch; /* C is not in a near cache: fetched while the sum is formed */
    float factor;
} co_product;

/* C[rows][cols] = sum over k < depth of A(r, k) B(k, c), large: A(r, k) = a[r a_row + k a_step],
 * B(k, c) = b[k b_row + c b_column], C(r, c) = c[r c_row + c]; one of the strides of each of A and
 * B is
 * 1. Then as co_product: C = start + sum, or C += factor sum. sums, which may be NULL, += factor
 * times the sums over k of A's rows, where a_row is 1. scratch: co_kernels.packed_scratch floats.
 * Reference: co_reference_product. */
typedef struct {
    size_t rows, cols, depth;
    const float *a, *b;
    size_t a_row, a_step, b_row, b_column, c_row;
    float *c;
    const float *start;
    bool add;
    float factor;
    float *sums;
    float *scratch;
} co_packed;

/* Pooling of one image that stands channels-last; channels are padded. relu: of max(x, 0), for max
 * pooling alone. */
typedef struct {
    size_t channels, height, width, kernel, stride, out_height, out_width;
    bool relu;
} co_pooling;

/* Tiles of 4 x 4 outputs of one 3x3 convolution with stride 1, or of 2 x 2 of a 5x5 one: each sees
 * 6 x 6 inputs. x stands channels-last with its padding and whatever fills the last tiles: x_width
 * >= tile tile_columns + 6 - tile. */
typedef struct {
    size_t tile;                       /* 4 or 2 */
    size_t c_in, c_out, height, width; /* of the output; channels are padded */
    size_t tile_rows, tile_columns, x_width;
    size_t u_at, m_at, v_at; /* floats from a point to the next, of 36, of U, M and V */
} co_winograd;

typedef struct {
    const char *name;
    size_t lanes;
    void (*product)(const co_product *p);
    size_t packed_scratch;
    void (*packed)(const co_packed *p);
    /* Y[m][n_out] = X W' + bias: W[n_out][n_in], X[m][n_in]; bias NULL: none. Reference:
     * co_reference_dense. */
    void (*dense_forward)(size_t m, size_t n_in, size_t n_out, const float *x, const float *w,
                          const float *bias, float *y);
    /* dX = dY W unless dx is NULL; then, unless target is NULL, target += factor dY' X and bias +=
     * factor column sums, unless it is NULL. target is w itself (fused update) or a gradient of its
     * shape. Each block of W is used for both while it is in the cache. x is read for target alone,
     * w for dx alone. */
    void (*dense_backward)(size_t m, size_t n_in, size_t n_out, const float *x, const float *w,
                           const float *dy, float *dx, float factor, float *target, float *bias);
    /* sums[n] += factor times the column sums of dy[m][n]. */
    void (*column_sums)(size_t m, size_t n, const float *dy, float factor, float *sums);
    /* y may be x, dx may be dy. */
    void (*relu)(size_t n, const float *x, float *y);
    void (*relu_back)(size_t n, const float *y, const float *dy, float *dx);
    /* to[c][r] = from[r][c]. */
    void (*transpose)(size_t rows, size_t cols, const float *from, size_t from_row, float *to,
                      size_t to_row);
    /* place: where in its window the largest value stands, rows first, the first one of equals;
     * UINT16_MAX where p->relu cuts it off. References: layers/max_pool.c and layers/avg_pool.c, on
     * planes. */
    void (*max_pool)(const co_pooling *p, const float *x, float *y, uint16_t *place);
    void (*max_pool_back)(const co_pooling *p, const uint16_t *place, const float *dy, float *dx);
    void (*avg_pool)(const co_pooling *p, const float *x, float *y);
    void (*avg_pool_back)(const co_pooling *p, const float *dy, float *dx);
    /* Winograd's transforms (winograd.inc), of tile rows first .. end - 1. Reference: the direct
     * convolution. */
    void (*winograd_input)(const co_winograd *g, size_t first, size_t end, const float *x,
                           float *u);
    void (*winograd_input_back)(const co_winograd *g, size_t first, size_t end, const float *u,
                                float *dx);
    void (*winograd_output)(const co_winograd *g, size_t first, size_t end, const float *m,
                            const float *bias, float *y);
    void (*winograd_output_back)(const co_winograd *g, size_t first, size_t end, const float *dy,
                                 float *m);
    void (*winograd_weights)(const co_winograd *g, size_t blocks, size_t row, const float *w,
                             float *v);
    void (*winograd_weights_back)(const co_winograd *g, size_t blocks, size_t row, const float *v,
                                  float *w);
    /* e[j] = exp(o[j] - max o), for one row (e may be NULL); returns their sum, *max the largest.
     * Reference: sum_of_exponentials in losses/cross_entropy.c. */
    double (*exponentials)(size_t n, const float *o, float *e, float *max);
    /* A cell of long short-term memory, one row of h units (layers/lstm.c). gates[4 h], in: the
     * sums, out: i, f, u, o; before: the last state; writes the state c, t = tanh(c) and the output
     * y. Reference: co_reference_lstm. */
    void (*lstm)(size_t h, float *gates, const float *before, float *c, float *t, float *y);
    /* gates, in: i, f, u, o, out: the gradient by the sums; dy becomes zero; carry, in: by the
     * state, out: by the last one. Reference: co_reference_lstm_back. */
    void (*lstm_back)(size_t h, float *gates, const float *before, const float *t, float *dy,
                      float *carry);
    /* A row of scores s[n] becomes exp(s - max s); returns their sum, *max the largest. s has room
     * for whole vectors, what stands behind n is lost. n > 0. Reference: layers/attend.c. */
    float (*softmax)(size_t n, float *s, float *max);
    /* s, in: scores, out: the probabilities p = exp(s - log_sum) times mask; ds, in: the gradient
     * by those, out: by the scores, p (ds mask - sum p ds mask). mask NULL: all 1. All have room
     * for whole vectors, what stands behind n is lost. Reference: layers/attend.c. */
    void (*softmax_back)(size_t n, float log_sum, const float *mask, float *s, float *ds);
} co_kernels;

/* The table of the path in use; NULL on the path "reference". */
const co_kernels *co_kernels_in_use(void);

/* Plain loops, as readable as the formula. */
void co_reference_product(const co_product *p);
void co_reference_dense(size_t m, size_t n_in, size_t n_out, const float *x, const float *w,
                        const float *bias, float *y);
void co_reference_lstm(size_t h, float *gates, const float *before, float *c, float *t, float *y);
void co_reference_lstm_back(size_t h, float *gates, const float *before, const float *t, float *dy,
                            float *carry);
