/* models/layers/panels.c - panels of 32 columns and the products with them.
 *
 * A row-major matrix with rows of 4 KiB puts every element of a column into the same set of the
 * first cache, and each on a page of its own; in panels a product of 10 rows reads its weights as
 * one stream, and the rows of a tile stand side by side. Laying out costs one pass over the matrix:
 * worth it from two products on. Longer sums over many rows go in pieces, so that a panel stays in
 * the first cache; those of a gradient into a block that stays in the second: the gradient itself
 * is touched once. Cost: m x depth x cols multiply-adds. Source: the layout is that of Goto & van
 * de Geijn, ACM TOMS 34(3), 2008, section 5, held over many calls. */
#include "models/layers/panels.h"
#include "core/vector.h"
#include <string.h>

/* Rows from which on a panel is used often enough to be cut; depth of such a cut; rows of a piece
 * of a gradient's sum. */
enum { MANY = 48, DEPTH = 256, PIECE = 160 };

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t co_panels_size(size_t depth, size_t cols)
{
    return depth * ((cols + CO_PANEL - 1) / CO_PANEL * CO_PANEL);
}

void co_panels_fill(size_t depth, size_t cols, const float *b, const int32_t *row, float *panels)
{
    for (size_t k = 0; k < depth; k++) {
        const float *from = b + (row ? (size_t)row[k] : k) * cols;
        float *to = panels + k * CO_PANEL;
        size_t c = 0;
        for (; c + CO_PANEL <= cols; c += CO_PANEL, to += depth * CO_PANEL)
            memcpy(to, from + c, CO_PANEL * sizeof *to);
        if (c < cols) memcpy(to, from + c, (cols - c) * sizeof *to);
    }
}

void co_panels_turn(const co_kernels *fast, size_t depth, size_t cols, const float *w,
                    float *panels)
{
    for (size_t c = 0; c < cols; c += CO_PANEL, panels += depth * CO_PANEL) {
        const size_t n = smaller(cols - c, CO_PANEL);
        fast->transpose(n, depth, w + c * depth, depth, panels, CO_PANEL);
    }
}

void co_panels_product(const co_kernels *fast, size_t m, size_t depth, size_t cols, const float *x,
                       const float *panels, const float *start, bool add, float *y)
{
    const size_t piece = m < MANY ? depth : DEPTH;
    for (size_t c = 0; c < cols; c += CO_PANEL, panels += depth * CO_PANEL)
        for (size_t k = 0; k < depth; k += piece)
            fast->product(&(co_product){.rows = m,
                                        .cols = smaller(cols - c, CO_PANEL),
                                        .depth = smaller(depth - k, piece),
                                        .n_segments = 1,
                                        .a = x + k,
                                        .a_row = depth,
                                        .a_step = 1,
                                        .b = panels + k * CO_PANEL,
                                        .b_step = CO_PANEL,
                                        .c = y + c,
                                        .c_row = cols,
                                        .add = add || k > 0,
                                        .factor = 1.0f,
                                        .fetch = true,
                                        .start = start && !add && k == 0 ? start + c : NULL});
}

/* The share of columns first .. first + depth of X, which are whole panels or part of one. */
static void product_part(const co_kernels *fast, size_t m, size_t first, size_t depth,
                         co_product *p)
{
    size_t a_at[DEPTH / CO_PANEL], b_at[DEPTH / CO_PANEL];
    p->n_segments = (depth + CO_PANEL - 1) / CO_PANEL;
    p->depth = smaller(depth, CO_PANEL);
    p->a_at = a_at;
    p->b_at = b_at;
    for (size_t s = 0; s < p->n_segments; s++) {
        a_at[s] = (first + s * CO_PANEL) * m;
        b_at[s] = (first + s * CO_PANEL) * CO_PANEL;
    }
    fast->product(p);
    p->start = NULL;
    p->add = true;
}

void co_panels_product_all(const co_kernels *fast, size_t m, size_t depth, size_t cols,
                           const float *x, const float *panels, const float *start, float *y)
{
    const size_t whole = depth / CO_PANEL * CO_PANEL;
    for (size_t c = 0; c < cols; c += CO_PANEL, panels += depth * CO_PANEL) {
        co_product p = {.rows = m,
                        .cols = smaller(cols - c, CO_PANEL),
                        .a = x,
                        .a_row = CO_PANEL,
                        .a_step = 1,
                        .b = panels,
                        .b_step = CO_PANEL,
                        .c = y + c,
                        .c_row = cols,
                        .factor = 1.0f,
                        .fetch = true,
                        .start = start ? start + c : NULL};
        for (size_t k = 0; k < whole; k += DEPTH)
            product_part(fast, m, k, smaller(whole - k, DEPTH), &p);
        if (whole < depth) product_part(fast, m, whole, depth - whole, &p);
    }
}

/* Floats between the rows of a block of a gradient: no power of 2, which would put all rows into a
 * few sets of the cache. */
static size_t block_row(size_t n_in)
{
    return (n_in + CO_PANEL - 1) / CO_PANEL * CO_PANEL + CO_PANEL / 2;
}

size_t co_panels_gradient_scratch(size_t n_in)
{
    return CO_PANEL * block_row(n_in);
}

/* block[rows][n_in] = the sum of the outer products of m rows of a panel of dy and of x: piece by
 * piece. */
static void sum_block(const co_kernels *fast, size_t m, size_t rows, size_t n_in, const float *a,
                      const float *b, float *block)
{
    for (size_t k = 0; k < m; k += PIECE)
        for (size_t c = 0; c < n_in; c += CO_PANEL)
            fast->product(&(co_product){.rows = rows,
                                        .cols = smaller(n_in - c, CO_PANEL),
                                        .depth = smaller(m - k, PIECE),
                                        .n_segments = 1,
                                        .a = a + k * CO_PANEL,
                                        .a_row = 1,
                                        .a_step = CO_PANEL,
                                        .b = b + c * m + k * CO_PANEL,
                                        .b_step = CO_PANEL,
                                        .c = block + c,
                                        .c_row = block_row(n_in),
                                        .add = k > 0,
                                        .factor = 1.0f});
}

void co_panels_gradient(const co_kernels *fast, size_t m, size_t n_out, size_t n_in,
                        const float *dy, const float *x, float factor, float *dw, float *scratch)
{
    for (size_t r = 0; r < n_out; r += CO_PANEL, dy += m * CO_PANEL) {
        const size_t rows = smaller(n_out - r, CO_PANEL);
        sum_block(fast, m, rows, n_in, dy, x, scratch);
        for (size_t k = 0; k < rows; k++)
            co_vector_add_scaled(dw + (r + k) * n_in, scratch + k * block_row(n_in), n_in, factor);
    }
}

void co_panels_lay(const co_kernels *fast, size_t depth, size_t cols, bool stands, const float *w,
                   float *panels)
{
    if (stands) {
        co_panels_fill(depth, cols, w, NULL, panels);
    } else if (fast) {
        co_panels_turn(fast, depth, cols, w, panels);
    } else {
        for (size_t c = 0; c < cols; c++)
            for (size_t k = 0; k < depth; k++)
                panels[(c / CO_PANEL * depth + k) * CO_PANEL + c % CO_PANEL] = w[c * depth + k];
    }
}

void co_panels_rows(const co_kernels *fast, size_t m, size_t depth, size_t cols, const float *x,
                    const float *panels, const float *start, bool add, float factor, float *y)
{
    for (size_t c = 0; c < cols; c += CO_PANEL, panels += depth * CO_PANEL)
        (fast ? fast->product
              : co_reference_product)(&(co_product){.rows = m,
                                                    .cols = smaller(cols - c, CO_PANEL),
                                                    .depth = depth,
                                                    .n_segments = 1,
                                                    .a = x,
                                                    .a_row = depth,
                                                    .a_step = 1,
                                                    .b = panels,
                                                    .b_step = CO_PANEL,
                                                    .c = y + c,
                                                    .c_row = cols,
                                                    .add = add,
                                                    .factor = factor,
                                                    .fetch = fast != NULL,
                                                    .start = start && !add ? start + c : NULL});
}
