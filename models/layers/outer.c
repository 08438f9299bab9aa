/* models/layers/outer.c - squared norms of sums of outer products, tile by tile: nothing larger
 * than a tile is ever held.
 *
 * Inner products: of the symmetric matrices G(t, s) = g_t . g_s and A(t, s) = a_t . a_s a panel of
 * PANEL columns at a time, from its diagonal block on down; what stands below counts twice.
 * Forming: blocks of the sum itself. */
#include "models/layers/outer.h"
#include "core/clones.h"
#include "core/vector.h"
#include <string.h>

/* Columns of a tile, its most rows; rows up to which single products are taken. */
enum { PANEL = 32, TILE = 96, FEW = 6 };

CO_CLONES static float outer_dot(size_t n, const float *x, const float *y)
{
    float lane[CO_LANES] = {0};
    size_t k = 0;
    for (; k + CO_LANES <= n; k += CO_LANES)
        for (size_t l = 0; l < CO_LANES; l++) lane[l] += x[k + l] * y[k + l];
    for (size_t l = 0; k + l < n; l++) lane[l] += x[k + l] * y[k + l];
    for (size_t half = CO_LANES / 2; half > 0; half /= 2)
        for (size_t l = 0; l < half; l++) lane[l] += lane[l + half];
    return lane[0];
}

/* Long rows in pieces, summed up in double. */
static double dot(size_t n, const float *x, const float *y)
{
    enum { PIECE = 512 };
    double sum = 0.0;
    for (size_t k = 0; k < n; k += PIECE)
        sum += (double)outer_dot(n - k < PIECE ? n - k : PIECE, x + k, y + k);
    return sum;
}

double co_outer_row(size_t n, const float *x)
{
    return dot(n, x, x);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* What the sums are taken in. */
typedef struct {
    float *panel, *g, *a; /* a panel; tiles [TILE][PANEL] */
} room;

size_t co_outer_size(size_t n_g, size_t n_a, size_t n_b)
{
    return PANEL * (n_g + n_a + n_b) + 2 * TILE * PANEL;
}

static void product(const co_kernels *fast, const co_product *p)
{
    (fast ? fast->product : co_reference_product)(p);
}

/* ---- the sum itself ---- */

CO_CLONES static float tile_row(size_t n, const float *restrict x, const float *restrict y)
{
    float lane[CO_LANES] = {0};
    size_t k = 0;
    for (; k + CO_LANES <= n; k += CO_LANES)
        for (size_t l = 0; l < CO_LANES; l++) lane[l] += x[k + l] * y[k + l];
    for (size_t l = 0; k + l < n; l++) lane[l] += x[k + l] * y[k + l];
    for (size_t half = CO_LANES / 2; half > 0; half /= 2)
        for (size_t l = 0; l < half; l++) lane[l] += lane[l + half];
    return lane[0];
}

/* Sum of the products of two tiles' entries. */
static double tiles(size_t rows, size_t cols, const float *x, const float *y)
{
    double sum = 0.0;
    for (size_t r = 0; r < rows; r++) sum += (double)tile_row(cols, x + r * PANEL, y + r * PANEL);
    return sum;
}

static double square_formed(const co_kernels *fast, const co_outer *o, size_t k, float *tile)
{
    double square = 0.0, size = 0.0;
    const size_t n = o->n_a[k];
    for (size_t c = 0; c < n; c += PANEL)
        for (size_t r = 0; r < o->n_g; r += TILE) {
            const size_t rows = least(TILE, o->n_g - r), cols = least(PANEL, n - c);
            product(fast, &(co_product){.rows = rows,
                                        .cols = cols,
                                        .depth = o->rows,
                                        .n_segments = 1,
                                        .a = o->g + r,
                                        .a_row = 1,
                                        .a_step = o->n_g,
                                        .b = o->a[k] + c,
                                        .b_step = n,
                                        .c = tile,
                                        .c_row = PANEL});
            square += tiles(rows, cols, tile, tile);
        }
    for (size_t t = 0; t < o->rows; t++)
        size += sqrt(dot(o->n_g, o->g + t * o->n_g, o->g + t * o->n_g)) *
                sqrt(dot(n, o->a[k] + t * n, o->a[k] + t * n));
    return co_outer_rounded(square, size);
}

/* ---- inner products ---- */

/* panel[n][PANEL] = rows first .. first + cols of x[..][n], turned. */
static void turn(const co_kernels *fast, size_t cols, size_t n, const float *x, float *panel)
{
    if (fast) {
        fast->transpose(cols, n, x, n, panel, PANEL);
        return;
    }
    for (size_t c = 0; c < cols; c++)
        for (size_t k = 0; k < n; k++) panel[k * PANEL + c] = x[c * n + k];
}

/* tile[rows][PANEL] = x panel */
static void multiply(const co_kernels *fast, size_t rows, size_t cols, size_t n, const float *x,
                     const float *panel, float *tile)
{
    product(fast, &(co_product){.rows = rows,
                                .cols = cols,
                                .depth = n,
                                .n_segments = 1,
                                .a = x,
                                .a_row = n,
                                .a_step = 1,
                                .b = panel,
                                .b_step = PANEL,
                                .c = tile,
                                .c_row = PANEL});
}

/* The sum over t of |g_t| |a_t|, from the tiles' diagonal. */
static double diagonal(size_t n, const float *g, const float *a)
{
    double sum = 0.0;
    for (size_t t = 0; t < n; t++)
        sum += sqrt((double)g[t * PANEL + t]) * sqrt((double)a[t * PANEL + t]);
    return sum;
}

/* One row: |g|^2 |a|^2; few rows: products of pairs. */
static void square_few(const co_kernels *fast, const co_outer *o, double *square, float *scratch)
{
    double g[FEW][FEW], size[CO_OUTER_MOST] = {0};
    for (size_t t = 0; t < o->rows; t++)
        for (size_t s = 0; s <= t; s++) g[t][s] = dot(o->n_g, o->g + t * o->n_g, o->g + s * o->n_g);
    for (size_t k = 0; k < o->n; k++) {
        const size_t n = o->n_a[k];
        square[k] = 0.0;
        for (size_t t = 0; t < o->rows; t++)
            for (size_t s = 0; s <= t; s++) {
                const double a = dot(n, o->a[k] + t * n, o->a[k] + s * n);
                square[k] += (s < t ? 2.0 : 1.0) * g[t][s] * a;
                if (s == t) size[k] += sqrt(g[t][t]) * sqrt(a);
            }
        if (co_outer_cancels(square[k], size[k])) square[k] = square_formed(fast, o, k, scratch);
    }
}

static void square_products(const co_kernels *fast, const co_outer *o, double *square,
                            float *scratch)
{
    double size[CO_OUTER_MOST] = {0};
    float *panel_g = scratch, *g = panel_g + PANEL * o->n_g, *a = g + TILE * PANEL,
          *panel_a[CO_OUTER_MOST] = {a + TILE * PANEL};
    for (size_t k = 1; k < o->n; k++) panel_a[k] = panel_a[k - 1] + PANEL * o->n_a[k - 1];
    for (size_t c = 0; c < o->rows; c += PANEL) {
        const size_t cols = least(PANEL, o->rows - c);
        turn(fast, cols, o->n_g, o->g + c * o->n_g, panel_g);
        for (size_t k = 0; k < o->n; k++)
            turn(fast, cols, o->n_a[k], o->a[k] + c * o->n_a[k], panel_a[k]);
        for (size_t r = c, rows; r < o->rows; r += rows) {
            rows = r == c ? cols : least(TILE, o->rows - r);
            multiply(fast, rows, cols, o->n_g, o->g + r * o->n_g, panel_g, g);
            for (size_t k = 0; k < o->n; k++) {
                multiply(fast, rows, cols, o->n_a[k], o->a[k] + r * o->n_a[k], panel_a[k], a);
                square[k] += (r == c ? 1.0 : 2.0) * tiles(rows, cols, g, a);
                if (r == c) size[k] += diagonal(cols, g, a);
            }
        }
    }
    for (size_t k = 0; k < o->n; k++)
        if (co_outer_cancels(square[k], size[k])) square[k] = square_formed(fast, o, k, scratch);
}

/* ---- two sums ---- */

/* left_t . left_s of a row of one side and one of the other. */
static double left_product(const co_outer_side *one, const co_outer_side *other, size_t n_left,
                           size_t t, size_t s)
{
    if (one->index && other->index) return one->index[t] == other->index[s] ? 1.0 : 0.0;
    if (one->index) return (double)other->left[s * n_left + (size_t)one->index[t]];
    return (double)one->left[t * n_left + (size_t)other->index[s]];
}

/* The tile's share: right holds the products of `right`. */
static double cross_tile(const co_kernels *fast, size_t n_left, const co_outer_side *one,
                         const co_outer_side *other, size_t r, size_t rows, size_t c, size_t cols,
                         const float *panel, const float *right, float *tile)
{
    double sum = 0.0;
    if (!one->index && !other->index) {
        multiply(fast, rows, cols, n_left, one->left + r * n_left, panel, tile);
        return tiles(rows, cols, tile, right);
    }
    for (size_t t = 0; t < rows; t++)
        for (size_t s = 0; s < cols; s++)
            sum += left_product(one, other, n_left, r + t, c + s) * (double)right[t * PANEL + s];
    return sum;
}

double co_outer_cross(const co_kernels *fast, size_t n_left, size_t n_right,
                      const co_outer_side *one, const co_outer_side *other, float *scratch)
{
    double sum = 0.0;
    float *left = scratch, *right = left + PANEL * n_left, *a = right + PANEL * n_right,
          *b = a + TILE * PANEL;
    for (size_t c = 0; c < other->rows; c += PANEL) {
        const size_t cols = least(PANEL, other->rows - c);
        turn(fast, cols, n_right, other->right + c * n_right, right);
        if (!one->index && !other->index) turn(fast, cols, n_left, other->left + c * n_left, left);
        for (size_t r = 0; r < one->rows; r += TILE) {
            const size_t rows = least(TILE, one->rows - r);
            multiply(fast, rows, cols, n_right, one->right + r * n_right, right, a);
            sum += cross_tile(fast, n_left, one, other, r, rows, c, cols, left, a, b);
        }
    }
    return sum;
}

/* ---- all ---- */

/* Four rows at a time: the chain of additions to one sum is what takes the time. */
CO_CLONES static void outer_columns(size_t rows, size_t n, const float *restrict x,
                                    float *restrict sum)
{
    size_t r = 0;
    for (; r + 4 <= rows; r += 4, x += 4 * n)
        for (size_t k = 0; k < n; k++) sum[k] += (x[k] + x[n + k]) + (x[2 * n + k] + x[3 * n + k]);
    for (; r < rows; r++, x += n)
        for (size_t k = 0; k < n; k++) sum[k] += x[k];
}

static double square_columns(const co_outer *o, float *sum)
{
    double size = 0.0;
    if (o->rows == 1) return dot(o->n_g, o->g, o->g);
    memset(sum, 0, o->n_g * sizeof *sum);
    outer_columns(o->rows, o->n_g, o->g, sum);
    for (size_t t = 0; t < o->rows; t++)
        size += sqrt(dot(o->n_g, o->g + t * o->n_g, o->g + t * o->n_g));
    return co_outer_rounded(dot(o->n_g, sum, sum), size);
}

void co_outer_squares(const co_kernels *fast, const co_outer *o, double *square, double *columns,
                      float *scratch)
{
    double width = 0.0;
    for (size_t k = 0; k < o->n; k++) {
        square[k] = 0.0;
        width += (double)o->n_a[k];
    }
    if (columns) *columns = o->rows ? square_columns(o, scratch) : 0.0;
    if (o->rows == 0 || o->n == 0) return;
    const double inner = ((double)o->rows + PANEL) / 2.0 * ((double)o->n_g + width);
    if (inner > (double)o->n_g * width && o->rows > 1) {
        for (size_t k = 0; k < o->n; k++) square[k] = square_formed(fast, o, k, scratch);
    } else if (o->rows <= FEW) {
        square_few(fast, o, square, scratch);
    } else {
        square_products(fast, o, square, scratch);
    }
}
