/* models/layers/conv_wide.c - convolution between many channels, for groups of images at once.
 *
 * From 512 to 512 channels of 4 x 4 pixels an image has 16 rows for the products and the weights
 * 2.4 million floats, 9.4 million after Winograd's transform: image by image they would be read
 * from memory each time. Here a block of 128 x 32 channels is turned, and transformed, into the
 * second cache, used there by a whole group of images, and forgotten; no other copy of the weights
 * is ever made. Two forms of one scheme, with U[rows][..] from x and M[rows][..] for y:
 *   windows of 3 and 5 pixels, stride 1: rows are the tiles of conv_winograd.c, in 36 products;
 *   others: rows are the output's pixels, U holds what the taps of each see (im2col), M is y.
 * Forward M = U W block by block; backward dU = M' W, then dW = U' dM, turned back block by block.
 * Strides cost no more than the multiply-adds that they need. Cost: as conv_winograd.c or
 * conv_direct.c, and one pass over the weights a group each way. Memory: U and M of a group.
 * Sources: as these two; Goto & van de Geijn, ACM TOMS 34(3), 2008, for the blocks. */
#include "models/layers/conv_wide.h"
#include "core/vector.h"
#include "models/layers/conv_winograd.h"
#include <string.h>

/* Depth and columns of a block; floats between the rows of a turned copy are no power of 2; pairs
 * of channels from which on a layer is wide: 1 MiB after the transform; floats of U and M of a
 * group; rows in one sum of a gradient; taps of the largest window. */
enum { DEPTH = 128, COLUMNS = 32, ODD = 16, WIDE = 8192, GROUP = 524288, PIECE = 192, TAPS = 25 };

typedef struct {
    bool winograd;
    size_t taps, points;     /* of a window; products of a block: 36, or taps */
    size_t tiles, most;      /* rows that an image has; images of a group, at most */
    size_t n;                /* rows of the group */
    size_t u_row, b_row;     /* floats between rows of U and of a block; */
    size_t u_at, b_at, m_at; /* between points, of M too */
    co_winograd g;
    float *u, *m, *turned, *block, *copy, *panel, *image, *sum, *start;
} plan;

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The next n floats; NULL when base is, which only counts. */
static float *take(float *base, size_t *used, size_t n)
{
    const size_t start = *used;
    *used += (n + 15) / 16 * 16;
    return base ? base + start : NULL;
}

/* For a group of n images. */
static void set_group(const co_conv_direct *v, size_t n, plan *p)
{
    p->n = n * p->tiles;
    if (!p->winograd) {
        p->u_at = v->c_in;
        p->u_row = p->taps * v->c_in;
        p->b_at = COLUMNS;
        p->b_row = p->taps * COLUMNS;
        p->m_at = 0;
        return;
    }
    p->u_at = p->g.u_at = co_conv_winograd_apart(p->n * v->c_in);
    p->b_at = p->g.v_at = co_conv_winograd_apart(DEPTH * COLUMNS);
    p->m_at = p->g.m_at = co_conv_winograd_apart(p->n * v->c_out);
    p->u_row = v->c_in;
    p->b_row = COLUMNS;
}

/* Returns the floats of scratch. */
static size_t lay_out(const co_conv_direct *v, size_t rows, float *base, plan *p)
{
    const co_window *w = v->w;
    size_t used = 0;
    *p = (plan){.winograd = co_conv_winograd_fits(v), .taps = w->kernel * w->kernel};
    p->points = p->winograd ? CO_WINOGRAD_POINTS : p->taps;
    p->tiles = w->out_height * w->out_width;
    if (p->winograd) {
        p->g = co_conv_winograd_tiles(v);
        p->tiles = p->g.tile_rows * p->g.tile_columns;
    }
    const size_t floats = p->points * p->tiles * (v->c_in + (p->winograd ? v->c_out : 0)),
                 most = smaller(GROUP / floats > 0 ? GROUP / floats : 1, rows > 0 ? rows : 1),
                 n_groups = (rows + most - 1) / most;
    p->most = n_groups > 0 ? (rows + n_groups - 1) / n_groups : 1;
    const size_t panels = p->winograd ? p->points : 1;
    set_group(v, most, p);
    p->u = take(base, &used, p->winograd ? p->points * p->u_at : p->n * p->u_row);
    p->m = take(base, &used, p->points * p->m_at);
    p->turned = take(base, &used, p->taps * DEPTH * COLUMNS);
    p->block = take(base, &used, p->winograd ? p->points * p->b_at : 0);
    p->copy = take(base, &used, COLUMNS * (p->taps * DEPTH + ODD));
    p->panel = take(base, &used, panels * p->n * COLUMNS);
    p->image = take(base, &used, p->winograd ? co_conv_winograd_pixels(&p->g) * v->c_in : 0);
    p->sum = take(base, &used, v->n_out * w->channels * p->taps);
    p->start = take(base, &used, v->c_out);
    return used;
}

bool co_conv_wide_fits(const co_conv_direct *v)
{
    return v->w->in.lanes && v->c_in * v->c_out >= WIDE && v->w->kernel * v->w->kernel <= TAPS;
}

size_t co_conv_wide_memory(const co_conv_direct *v, size_t rows)
{
    plan p;
    return lay_out(v, rows, NULL, &p);
}

/* ---- blocks of the weights ---- */

/* Channels c .. of the input and o .. of the output; those that are padding are not counted. */
typedef struct {
    size_t c, o, n_c, n_o;
} part;

static part part_of(const co_conv_direct *v, size_t c, size_t n_c, size_t o, size_t n_o)
{
    return (part){c, o, c < v->w->channels ? smaller(n_c, v->w->channels - c) : 0,
                  o < v->n_out ? smaller(n_o, v->n_out - o) : 0};
}

/* turned[c][taps][32 o]. */
static void turn(const co_conv_direct *v, const plan *p, const float *weight, part a, size_t depth)
{
    const size_t row = p->taps * DEPTH + ODD, from = v->w->channels * p->taps;
    const float *corner = weight + a.o * from + a.c * p->taps;
    if (a.n_c < depth || a.n_o < COLUMNS)
        memset(p->turned, 0, depth * p->taps * COLUMNS * sizeof *p->turned);
    for (size_t o = 0; o < a.n_o; o++) /* first side by side: rows far apart share sets */
        memcpy(p->copy + o * row, corner + o * from, a.n_c * p->taps * sizeof *corner);
    v->w->fast->transpose(a.n_o, a.n_c * p->taps, p->copy, row, p->turned, COLUMNS);
}

/* turned[o][taps][32 c]. */
static void exchange(const co_conv_direct *v, const plan *p, const float *weight, part a,
                     size_t depth)
{
    const size_t taps = p->taps, from = v->w->channels * taps;
    const float *corner = weight + a.o * from + a.c * taps;
    if (a.n_o < depth || a.n_c < COLUMNS)
        memset(p->turned, 0, depth * taps * COLUMNS * sizeof *p->turned);
    for (size_t o = 0; o < a.n_o; o++)
        v->w->fast->transpose(a.n_c, taps, corner + o * from, taps, p->turned + o * taps * COLUMNS,
                              COLUMNS);
}

/* target += factor times turned[c][taps][32 o]. */
static void add_turned(const co_conv_direct *v, const plan *p, part a, float factor, float *target)
{
    const size_t row = p->taps * DEPTH + ODD, to = v->w->channels * p->taps;
    float *corner = target + a.o * to + a.c * p->taps;
    v->w->fast->transpose(a.n_c * p->taps, a.n_o, p->turned, COLUMNS, p->copy, row);
    for (size_t o = 0; o < a.n_o; o++)
        co_vector_add_scaled(corner + o * to, p->copy + o * row, a.n_c * p->taps, factor);
}

/* The block that the products read: turned, or V[36][depth][32]. */
static const float *transformed(const co_conv_direct *v, const plan *p, size_t depth)
{
    if (!p->winograd) return p->turned;
    v->w->fast->winograd_weights(&p->g, depth, COLUMNS, p->turned, p->block);
    return p->block;
}

/* ---- products ---- */

/* M = start + U W. */
static void multiply(const co_conv_direct *v, const plan *p, const float *weight,
                     const float *start, float *m)
{
    size_t a_at[TAPS], b_at[TAPS];
    for (size_t o = 0; o < v->c_out; o += COLUMNS)
        for (size_t c = 0; c < v->c_in; c += DEPTH) {
            const size_t depth = smaller(DEPTH, v->c_in - c), cols = smaller(COLUMNS, v->c_out - o);
            co_product q = {.rows = p->n,
                            .cols = cols,
                            .depth = depth,
                            .n_segments = p->winograd ? 1 : p->taps,
                            .a_row = p->u_row,
                            .a_step = 1,
                            .b_step = p->b_row,
                            .c_row = v->c_out,
                            .add = c > 0,
                            .factor = 1.0f,
                            .start = start && c == 0 ? start + o : NULL};
            turn(v, p, weight, part_of(v, c, depth, o, cols), depth);
            const float *block = transformed(v, p, depth);
            for (size_t t = 0; !p->winograd && t < p->taps; t++) {
                a_at[t] = t * p->u_at;
                b_at[t] = t * p->b_at;
                q.a_at = a_at;
                q.b_at = b_at;
            }
            for (size_t t = 0; t < (p->winograd ? p->points : 1); t++) {
                q.a = p->u + t * p->u_at + c;
                q.b = block + t * p->b_at;
                q.c = m + t * p->m_at + o;
                v->w->fast->product(&q);
            }
        }
}

/* U = M W', where the weights are those of the gradient's way back. */
static void multiply_back(const co_conv_direct *v, const plan *p, const float *weight,
                          const float *m)
{
    for (size_t c = 0; c < v->c_in; c += COLUMNS)
        for (size_t o = 0; o < v->c_out; o += DEPTH) {
            const size_t depth = smaller(DEPTH, v->c_out - o), cols = smaller(COLUMNS, v->c_in - c);
            exchange(v, p, weight, part_of(v, c, cols, o, depth), depth);
            const float *block = transformed(v, p, depth);
            for (size_t t = 0; t < p->points; t++)
                v->w->fast->product(&(co_product){.rows = p->n,
                                                  .cols = cols,
                                                  .depth = depth,
                                                  .n_segments = 1,
                                                  .a = m + t * p->m_at + o,
                                                  .a_row = v->c_out,
                                                  .a_step = 1,
                                                  .b = block + t * p->b_at,
                                                  .b_step = p->b_row,
                                                  .c = p->u + t * p->u_at + c,
                                                  .c_row = p->u_row,
                                                  .add = o > 0,
                                                  .factor = 1.0f});
        }
}

/* panel[tiles][32]: columns o .. of M at a point, times the images' scales. */
static void copy_panel(const co_conv_direct *v, const plan *p, const float *m, const float *scale,
                       size_t cols, float *panel)
{
    for (size_t r = 0; r < p->n; r++, m += v->c_out, panel += COLUMNS) {
        const float by = scale ? scale[r / p->tiles] : 1.0f;
        memcpy(panel, m, cols * sizeof *m);
        for (size_t i = 0; scale && i < cols; i++) panel[i] *= by;
    }
}

/* out = U' panel at a point of a block; rows in pieces, so that they stay in the first cache. */
static void gradient_at(const co_conv_direct *v, const plan *p, const float *u, const float *panel,
                        size_t depth, float *out)
{
    for (size_t r = 0; r < p->n; r += PIECE)
        v->w->fast->product(&(co_product){.rows = depth,
                                          .cols = COLUMNS,
                                          .depth = smaller(PIECE, p->n - r),
                                          .n_segments = 1,
                                          .a = u + r * p->u_row,
                                          .a_row = 1,
                                          .a_step = p->u_row,
                                          .b = panel + r * COLUMNS,
                                          .b_step = COLUMNS,
                                          .c = out,
                                          .c_row = p->b_row,
                                          .add = r > 0,
                                          .factor = 1.0f});
}

/* target += factor times the gradient by the weights, from U and M. */
static void add_gradient(const co_conv_direct *v, const plan *p, const float *m, const float *scale,
                         float factor, float *target)
{
    const size_t n_panels = p->winograd ? p->points : 1;
    for (size_t o = 0; o < v->c_out; o += COLUMNS) {
        const size_t cols = smaller(COLUMNS, v->c_out - o);
        if (cols < COLUMNS) memset(p->panel, 0, n_panels * p->n * COLUMNS * sizeof *p->panel);
        for (size_t t = 0; t < n_panels; t++)
            copy_panel(v, p, m + t * p->m_at + o, scale, cols, p->panel + t * p->n * COLUMNS);
        for (size_t c = 0; c < v->c_in; c += DEPTH) {
            const size_t depth = smaller(DEPTH, v->c_in - c);
            float *out = p->winograd ? p->block : p->turned;
            for (size_t t = 0; t < p->points; t++)
                gradient_at(v, p, p->u + t * p->u_at + c,
                            p->panel + (p->winograd ? t * p->n * COLUMNS : 0), depth,
                            out + t * p->b_at);
            if (p->winograd)
                v->w->fast->winograd_weights_back(&p->g, depth, COLUMNS, p->block, p->turned);
            add_turned(v, p, part_of(v, c, depth, o, cols), factor, target);
        }
    }
}

/* ---- images ---- */

/* Tap (i, j) of output pixel (r, q) sees the pixel at *at; false: nothing, outside of the image. */
static bool sees(const co_window *w, size_t r, size_t q, size_t i, size_t j, size_t *at)
{
    const size_t h = r * w->stride + i, u = q * w->stride + j; /* in the image with its padding */
    *at = (h - w->pad) * w->width + u - w->pad;
    return h >= w->pad && u >= w->pad && h < w->pad + w->height && u < w->pad + w->width;
}

/* U of one image: what the taps of each output pixel see. */
static void image_to_rows(const co_conv_direct *v, const float *x, float *u)
{
    const co_window *w = v->w;
    const size_t c = v->c_in;
    size_t at;
    for (size_t r = 0; r < w->out_height; r++)
        for (size_t q = 0; q < w->out_width; q++)
            for (size_t i = 0; i < w->kernel; i++)
                for (size_t j = 0; j < w->kernel; j++, u += c)
                    if (sees(w, r, q, i, j, &at))
                        memcpy(u, x + at * c, c * sizeof *u);
                    else
                        memset(u, 0, c * sizeof *u);
}

/* The adjoint. */
static void rows_to_image(const co_conv_direct *v, const float *u, float *dx)
{
    const co_window *w = v->w;
    const size_t c = v->c_in;
    size_t at;
    memset(dx, 0, w->height * w->width * c * sizeof *dx);
    for (size_t r = 0; r < w->out_height; r++)
        for (size_t q = 0; q < w->out_width; q++)
            for (size_t i = 0; i < w->kernel; i++)
                for (size_t j = 0; j < w->kernel; j++, u += c)
                    if (sees(w, r, q, i, j, &at)) co_vector_add_scaled(dx + at * c, u, c, 1.0f);
}

/* U of n images. */
static void take_images(const co_conv_direct *v, const plan *p, size_t n, const float *x)
{
    const size_t floats = co_shape_size(&v->w->in);
    if (p->winograd)
        memset(p->image, 0, co_conv_winograd_pixels(&p->g) * v->c_in * sizeof *p->image);
    for (size_t e = 0; e < n; e++, x += floats)
        if (p->winograd)
            v->w->fast->winograd_input(&p->g, 0, p->g.tile_rows,
                                       co_conv_winograd_pad(v, &p->g, x, p->image),
                                       p->u + e * p->tiles * v->c_in);
        else
            image_to_rows(v, x, p->u + e * p->tiles * p->u_row);
}

static void give_images(const co_conv_direct *v, const plan *p, size_t n, float *dx)
{
    const size_t floats = co_shape_size(&v->w->in);
    for (size_t e = 0; e < n; e++, dx += floats) {
        if (!p->winograd) {
            rows_to_image(v, p->u + e * p->tiles * p->u_row, dx);
            continue;
        }
        memset(p->image, 0, co_conv_winograd_pixels(&p->g) * v->c_in * sizeof *dx);
        v->w->fast->winograd_input_back(&p->g, 0, p->g.tile_rows, p->u + e * p->tiles * v->c_in,
                                        p->image);
        co_conv_winograd_unpad(v, &p->g, p->image, dx);
    }
}

void co_conv_wide_forward(const co_conv_direct *v, size_t rows, co_conv_weights weights,
                          const float *x, float *y, float *scratch)
{
    plan p;
    const size_t in = co_shape_size(&v->w->in), out = co_shape_size(&v->w->out);
    lay_out(v, rows, scratch, &p);
    co_conv_start(v, weights.bias, p.start);
    for (size_t first = 0; first < rows; first += p.most) {
        const size_t n = smaller(p.most, rows - first);
        float *to = y + first * out;
        set_group(v, n, &p);
        take_images(v, &p, n, x + first * in);
        multiply(v, &p, weights.weight, p.winograd ? NULL : p.start, p.winograd ? p.m : to);
        for (size_t e = 0; p.winograd && e < n; e++)
            v->w->fast->winograd_output(&p.g, 0, p.g.tile_rows, p.m + e * p.tiles * v->c_out,
                                        p.start, to + e * out);
    }
}

/* M of n images: dy itself where rows are pixels. */
static const float *take_gradients(const co_conv_direct *v, const plan *p, size_t n,
                                   const float *dy)
{
    if (!p->winograd) return dy;
    for (size_t e = 0; e < n; e++)
        v->w->fast->winograd_output_back(&p->g, 0, p->g.tile_rows,
                                         dy + e * co_shape_size(&v->w->out),
                                         p->m + e * p->tiles * v->c_out);
    return p->m;
}

/* The target may be the weights themselves: they change when no image needs them any more. */
void co_conv_wide_backward(const co_conv_direct *v, size_t rows, const float *weight,
                           const float *x, const float *dy, const float *scale, float *dx,
                           co_conv_target target, float *scratch)
{
    plan p;
    const size_t in = co_shape_size(&v->w->in), out = co_shape_size(&v->w->out),
                 pixels = v->w->out_height * v->w->out_width,
                 n_weights = v->n_out * v->w->channels * v->w->kernel * v->w->kernel;
    lay_out(v, rows, scratch, &p);
    const bool once = p.most >= rows;
    if (!once && target.weight) memset(p.sum, 0, n_weights * sizeof *p.sum);
    for (size_t first = 0; first < rows; first += p.most) {
        const size_t n = smaller(p.most, rows - first);
        const float *by = scale ? scale + first : NULL;
        set_group(v, n, &p);
        const float *m = take_gradients(v, &p, n, dy + first * out);
        if (dx) multiply_back(v, &p, weight, m);
        if (dx) give_images(v, &p, n, dx + first * in);
        if (!target.weight) continue;
        take_images(v, &p, n, x + first * in);
        add_gradient(v, &p, m, by, once ? target.factor : 1.0f, once ? target.weight : p.sum);
    }
    if (!once && target.weight)
        co_vector_add_scaled(target.weight, p.sum, n_weights, target.factor);
    if (!target.weight || !target.bias) return;
    memset(p.start, 0, v->c_out * sizeof *p.start);
    for (size_t e = 0; e < rows; e++)
        co_conv_add_pixels(v, pixels, dy + e * out, scale ? scale[e] : 1.0f, p.start);
    co_vector_add_scaled(target.bias, p.start, v->n_out, target.factor);
}
