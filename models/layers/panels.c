/* models/layers/panels.c - panels of 32 columns and the products with them.
 *
 * A row-major matrix with rows of 4 KiB puts every element of a column into the same set of the first cache, and each on a page
 * of its own; in panels a product of 10 rows reads its weights as one stream. Laying out costs one pass over the matrix: worth it
 * from two products on. Longer sums over many rows go in pieces, so that a panel stays in the first cache. Cost: m x depth x cols
 * multiply-adds. Source: the layout is that of Goto & van de Geijn, ACM TOMS 34(3), 2008, section 5, held over many calls. */
#include "models/layers/panels.h"
#include <string.h>

/* Rows from which on a panel is used often enough to be cut; depth of such a cut; rows of a piece of a gradient's sum. */
enum { MANY = 48, DEPTH = 256, PIECE = 160 };

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t co_panels_size(size_t depth, size_t cols)
{
    return depth * ((cols + CO_PANEL - 1) / CO_PANEL * CO_PANEL);
}

void co_panels_fill(size_t depth, size_t cols, const float *b, float *panels)
{
    size_t c = 0;
    for (; c + CO_PANEL <= cols; c += CO_PANEL)
        for (size_t k = 0; k < depth; k++, panels += CO_PANEL) memcpy(panels, b + k * cols + c, CO_PANEL * sizeof *b);
    for (size_t k = 0; c < cols && k < depth; k++, panels += CO_PANEL) {
        memset(panels, 0, CO_PANEL * sizeof *b);
        memcpy(panels, b + k * cols + c, (cols - c) * sizeof *b);
    }
}

void co_panels_turn(const co_kernels *fast, size_t depth, size_t cols, const float *w, float *panels)
{
    for (size_t c = 0; c < cols; c += CO_PANEL, panels += depth * CO_PANEL) {
        const size_t n = smaller(cols - c, CO_PANEL);
        if (n < CO_PANEL) memset(panels, 0, depth * CO_PANEL * sizeof *panels);
        fast->transpose(n, depth, w + c * depth, depth, panels, CO_PANEL);
    }
}

void co_panels_product(const co_kernels *fast, size_t m, size_t depth, size_t cols, const float *x, const float *panels,
                       const float *start, bool add, float *y)
{
    const size_t piece = m < MANY ? depth : DEPTH;
    for (size_t c = 0; c < cols; c += CO_PANEL, panels += depth * CO_PANEL)
        for (size_t k = 0; k < depth; k += piece)
            fast->product(&(co_product){.rows = m, .cols = smaller(cols - c, CO_PANEL), .depth = smaller(depth - k, piece),
                                        .n_segments = 1, .a = x + k, .a_row = depth, .a_step = 1, .b = panels + k * CO_PANEL,
                                        .b_step = CO_PANEL, .c = y + c, .c_row = cols, .add = add || k > 0, .factor = 1.0f,
                                        .start = start && !add && k == 0 ? start + c : NULL});
}

size_t co_panels_gradient_scratch(size_t n_out, size_t most_in)
{
    return co_panels_size(PIECE, n_out) + co_panels_size(PIECE, most_in);
}

/* a, b: the panels of `depth` rows of dy and of x. */
static void add_piece(const co_kernels *fast, size_t depth, size_t n_out, const float *a, const co_panels_input *in,
                      const float *b)
{
    for (size_t c = 0; c < in->n_in; c += CO_PANEL)
        for (size_t r = 0; r < n_out; r += CO_PANEL)
            fast->product(&(co_product){.rows = smaller(n_out - r, CO_PANEL), .cols = smaller(in->n_in - c, CO_PANEL),
                                        .depth = depth, .n_segments = 1, .a = a + r * depth, .a_row = 1, .a_step = CO_PANEL,
                                        .b = b + c * depth, .b_step = CO_PANEL, .c = in->dw + r * in->n_in + c,
                                        .c_row = in->n_in, .add = true, .factor = 1.0f});
}

void co_panels_gradient(const co_kernels *fast, size_t m, size_t n_out, const float *dy, size_t n_inputs,
                        const co_panels_input *input, float *scratch)
{
    float *a = scratch, *b = scratch + co_panels_size(PIECE, n_out);
    for (size_t k = 0; k < m; k += PIECE) {
        const size_t depth = smaller(m - k, PIECE);
        co_panels_fill(depth, n_out, dy + k * n_out, a);
        for (size_t i = 0; i < n_inputs; i++) {
            co_panels_fill(depth, input[i].n_in, input[i].x + k * input[i].n_in, b);
            add_piece(fast, depth, n_out, a, &input[i], b);
        }
    }
}
