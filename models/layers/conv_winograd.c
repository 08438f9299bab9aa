/* models/layers/conv_winograd.c - 36 small products in place of one convolution: 2.25 multiply-adds
 * an output and channel pair instead of 9 with 3x3 weights, 9 instead of 25 with 5x5.
 *
 * Per image, and within it in groups of tile rows so that U, M and the weights stay in the second
 * cache: forward U = B' d B, M[t] = U[t] V[t], y = A' M A + b; backward dM = A dY A' once for
 * both, dV[t] += U[t]' dM[t] and dU[t] = dM[t] V[t]' point by point, dx += B dU B', and dW = G' dV
 * G at the end. U is made again in the backward pass: cheaper than to keep it for a batch. Errors
 * grow by about 4 x over the direct form (1e-6 relative). Source: Lavin & Gray, CVPR 2016,
 * arXiv:1509.09308; the adjoints are ours. */
#include "models/layers/conv_winograd.h"
#include <string.h>

/* A side of what a tile sees; its points, and the one at (1, 1): A's row of ones; floats of U and M
 * in a group. */
enum { INPUTS = 6, POINTS = CO_WINOGRAD_POINTS, ONES = 7, GROUP = 262144 };

/* Where everything lies. v, dv and bias stay over the parts of a batch. */
typedef struct {
    co_winograd g;
    size_t group; /* tile rows */
    size_t x_pixels;
    float *turned, *v, *dv, *u, *m, *image, *image_back, *bias;
} plan;

/* The next n floats; NULL when base is, which only counts. */
static float *take(float *base, size_t *used, size_t n)
{
    const size_t start = *used;
    *used += (n + 15) / 16 * 16;
    return base ? base + start : NULL;
}

size_t co_conv_winograd_apart(size_t floats)
{
    return ((floats + 15) / 16 | 1) * 16;
}

co_winograd co_conv_winograd_tiles(const co_conv_direct *v)
{
    const co_window *w = v->w;
    co_winograd g = {.c_in = v->c_in,
                     .c_out = v->c_out,
                     .height = w->out_height,
                     .width = w->out_width,
                     .tile = INPUTS + 1 - w->kernel};
    g.tile_rows = (w->out_height + g.tile - 1) / g.tile;
    g.tile_columns = (w->out_width + g.tile - 1) / g.tile;
    g.x_width = g.tile * g.tile_columns + INPUTS - g.tile;
    return g;
}

static size_t x_height(const co_winograd *g)
{
    return g->tile * g->tile_rows + INPUTS - g->tile;
}

size_t co_conv_winograd_pixels(const co_winograd *g)
{
    return x_height(g) * g->x_width;
}

/* Returns the floats of memory. */
static size_t lay_out(const co_conv_direct *v, float *base, plan *p)
{
    const co_window *w = v->w;
    size_t used = 0;
    const co_winograd g = co_conv_winograd_tiles(v);
    *p = (plan){.g = g, .x_pixels = co_conv_winograd_pixels(&g)};
    const size_t row = POINTS * g.tile_columns * (g.c_in + g.c_out),
                 most = GROUP / row > 0 ? GROUP / row : 1;
    const size_t n_groups = (g.tile_rows + most - 1) / most;
    p->group = (g.tile_rows + n_groups - 1) / n_groups;
    const size_t tiles = p->group * g.tile_columns;
    p->g.u_at = co_conv_winograd_apart(tiles * g.c_in);
    p->g.m_at = co_conv_winograd_apart(tiles * g.c_out);
    p->g.v_at = co_conv_winograd_apart(g.c_in * g.c_out);
    p->turned = take(base, &used, w->kernel * w->kernel * g.c_in * g.c_out);
    p->v = take(base, &used, POINTS * p->g.v_at);
    p->dv = take(base, &used, POINTS * p->g.v_at);
    p->u = take(base, &used, POINTS * p->g.u_at);
    p->m = take(base, &used, POINTS * p->g.m_at);
    p->image = take(base, &used, p->x_pixels * g.c_in);
    p->image_back = take(base, &used, p->x_pixels * g.c_in);
    p->bias = take(base, &used, g.c_out);
    return used;
}

bool co_conv_winograd_fits(const co_conv_direct *v)
{
    const co_window *w = v->w;
    return w->in.lanes && (w->kernel == 3 || w->kernel == 5) && w->stride == 1 &&
           w->out_height >= 4 && w->out_width >= 4;
}

size_t co_conv_winograd_memory(const co_conv_direct *v)
{
    plan p;
    return lay_out(v, NULL, &p);
}

/* True when x needs neither padding nor filling. */
static bool is_bare(const co_conv_direct *v, const co_winograd *g)
{
    return v->w->pad == 0 && v->w->width == g->x_width && v->w->height == x_height(g);
}

const float *co_conv_winograd_pad(const co_conv_direct *v, const co_winograd *g, const float *x,
                                  float *image)
{
    const co_window *w = v->w;
    if (is_bare(v, g)) return x;
    for (size_t h = 0; h < w->height; h++)
        memcpy(image + ((h + w->pad) * g->x_width + w->pad) * v->c_in, x + h * w->width * v->c_in,
               w->width * v->c_in * sizeof *x);
    return image;
}

void co_conv_winograd_unpad(const co_conv_direct *v, const co_winograd *g, const float *padded,
                            float *dx)
{
    const co_window *w = v->w;
    for (size_t h = 0; h < w->height; h++)
        memcpy(dx + h * w->width * v->c_in, padded + ((h + w->pad) * g->x_width + w->pad) * v->c_in,
               w->width * v->c_in * sizeof *dx);
}

void co_conv_winograd_forward(const co_conv_direct *v, co_conv_part part, co_conv_weights weights,
                              const float *x, float *y, float *memory)
{
    plan p;
    const co_kernels *fast = v->w->fast;
    lay_out(v, memory, &p);
    if (part.begins) {
        co_conv_start(v, weights.bias, p.bias);
        co_conv_turn_weights(v, weights.weight, p.turned);
        fast->winograd_weights(&p.g, 1, v->c_in * v->c_out, p.turned, p.v);
        memset(p.image, 0, p.x_pixels * v->c_in * sizeof *p.image);
    }
    for (size_t e = 0; e < part.rows;
         e++, x += co_shape_size(&v->w->in), y += co_shape_size(&v->w->out)) {
        const float *image = co_conv_winograd_pad(v, &p.g, x, p.image);
        for (size_t first = 0; first < p.g.tile_rows; first += p.group) {
            const size_t end = first + p.group < p.g.tile_rows ? first + p.group : p.g.tile_rows;
            const size_t tiles = (end - first) * p.g.tile_columns;
            fast->winograd_input(&p.g, first, end, image, p.u);
            for (size_t t = 0; t < POINTS; t++)
                fast->product(&(co_product){.rows = tiles,
                                            .cols = v->c_out,
                                            .depth = v->c_in,
                                            .n_segments = 1,
                                            .a = p.u + t * p.g.u_at,
                                            .a_row = v->c_in,
                                            .a_step = 1,
                                            .b = p.v + t * p.g.v_at,
                                            .b_step = v->c_out,
                                            .c = p.m + t * p.g.m_at,
                                            .c_row = v->c_out});
            fast->winograd_output(&p.g, first, end, p.m, p.bias, y);
        }
    }
}

/* dV += factor U' dM, or without add dV = U' dM, and dU = dM V', point by point while dM is in the
 * first cache; dU takes the place of U. */
static void group_back(const co_conv_direct *v, const plan *p, size_t tiles, bool needs_dx,
                       bool needs_dw, bool add, float factor)
{
    const size_t c_in = v->c_in, c_out = v->c_out;
    for (size_t t = 0; t < POINTS; t++) {
        float *u = p->u + t * p->g.u_at;
        const float *m = p->m + t * p->g.m_at;
        if (needs_dw)
            v->w->fast->product(&(co_product){.rows = c_in,
                                              .cols = c_out,
                                              .depth = tiles,
                                              .n_segments = 1,
                                              .a = u,
                                              .a_row = 1,
                                              .a_step = c_in,
                                              .b = m,
                                              .b_step = c_out,
                                              .c = p->dv + t * p->g.v_at,
                                              .c_row = c_out,
                                              .add = add,
                                              .factor = factor});
        if (needs_dx)
            v->w->fast->product(&(co_product){.rows = tiles,
                                              .cols = c_in,
                                              .depth = c_out,
                                              .n_segments = 1,
                                              .a = m,
                                              .a_row = c_out,
                                              .a_step = 1,
                                              .b = p->v + t * p->g.v_at,
                                              .b_step = c_in,
                                              .c = u,
                                              .c_row = c_in});
    }
}

static void start_backward(const co_conv_direct *v, const plan *p, const float *weight,
                           bool needs_dx)
{
    memset(p->dv, 0, POINTS * p->g.v_at * sizeof *p->dv);
    memset(p->bias, 0, v->c_out * sizeof *p->bias);
    memset(p->image, 0, p->x_pixels * v->c_in * sizeof *p->image);
    if (!needs_dx) return;
    co_conv_exchange_weights(v, weight, p->turned);
    v->w->fast->winograd_weights(&p->g, 1, v->c_in * v->c_out, p->turned, p->v);
}

/* Image e's own gradient from dV. */
static void finish_own(const co_conv_direct *v, const plan *p, co_conv_target target, size_t e)
{
    v->w->fast->winograd_weights_back(&p->g, 1, v->c_in * v->c_out, p->dv,
                                      target.weight + e * target.each);
    if (target.bias) memcpy(target.bias + e * target.each, p->bias, v->c_out * sizeof *p->bias);
}

void co_conv_winograd_backward(const co_conv_direct *v, co_conv_part part, const float *weight,
                               const float *x, const float *dy, const float *scale, float *dx,
                               co_conv_target target, float *memory)
{
    plan p;
    const size_t in = co_shape_size(&v->w->in), out = co_shape_size(&v->w->out);
    lay_out(v, memory, &p);
    if (part.begins) start_backward(v, &p, weight, dx != NULL);
    for (size_t e = 0; e < part.rows; e++, x += in, dy += out) {
        if (target.each) memset(p.bias, 0, v->c_out * sizeof *p.bias);
        const float *image = target.weight ? co_conv_winograd_pad(v, &p.g, x, p.image) : NULL;
        float *back = dx && is_bare(v, &p.g) ? dx + e * in : p.image_back;
        if (dx) memset(back, 0, p.x_pixels * v->c_in * sizeof *back);
        for (size_t first = 0; first < p.g.tile_rows; first += p.group) {
            const size_t end = first + p.group < p.g.tile_rows ? first + p.group : p.g.tile_rows;
            const size_t tiles = (end - first) * p.g.tile_columns;
            const float by = scale ? scale[e] : 1.0f;
            v->w->fast->winograd_output_back(&p.g, first, end, dy, p.m);
            if (target.weight) v->w->fast->winograd_input(&p.g, first, end, image, p.u);
            if (target.weight)
                co_conv_add_pixels(v, tiles, p.m + ONES * p.g.m_at, by,
                                   p.bias); /* a tile's sum of dy */
            group_back(v, &p, tiles, dx, target.weight, target.each == 0 || first > 0, by);
            if (dx) v->w->fast->winograd_input_back(&p.g, first, end, p.u, back);
        }
        if (dx && back == p.image_back) co_conv_winograd_unpad(v, &p.g, back, dx + e * in);
        if (target.each) finish_own(v, &p, target, e);
    }
    if (!target.weight || !part.ends || target.each) return;
    v->w->fast->winograd_weights_back(&p.g, 1, v->c_in * v->c_out, p.dv, p.turned);
    co_conv_finish(v, p.turned, p.bias, target, p.v);
}
