/* tests/models/test_kernels.c - fast kernels against their references, over random shapes, on every
 * path that this processor has; and the fused step against the step through a gradient. */
#include "models/kernel_path.h"
#include "models/kernels/kernels.h"
#include "models/layers/panels.h"
#include "models/optimizers/optimizer.h"
#include "tests/harness.h"
#include "tests/models/build.h"
#include <math.h>

enum { DRAWS = 120 };

/* Runs the law on each path; COHORT_KERNELS does not matter here. */
static void on_all_paths(void (*law)(const co_kernels *, uint64_t draw), uint64_t n_draws)
{
    co_kernel_level best;
    unsetenv("COHORT_KERNELS");
    cr_assert_eq(co_kernel_best(&best), CO_OK);
    for (co_kernel_level level = CO_KERNELS_PLAIN; level <= best; level++) {
        co_kernel_use(level);
        for (uint64_t draw = 0; draw < n_draws; draw++) law(co_kernels_in_use(), draw);
    }
    cr_expect_eq(co_memory_blocks(), 0);
}

static size_t pick(uint64_t what, uint64_t draw, size_t most)
{
    return 1 + test_bits(500 + what, draw) % most;
}

static float *values(uint64_t stream, size_t n)
{
    float *x = co_calloc(n, sizeof *x);
    test_fill(stream, n, 1.0f, x);
    return x;
}

static void check_product(const co_kernels *fast, uint64_t draw)
{
    const size_t rows = pick(0, draw, 40), cols = pick(1, draw, 70), depth = pick(2, draw, 30),
                 n = pick(3, draw, 4);
    const bool turned = draw % 2; /* A stored by columns */
    const size_t a_at[4] = {0, 7, 3, 11}, b_at[4] = {5, 0, 2, 9};
    float *a = values(1, rows * depth + 80), *b = values(2, depth * (cols + 3) + 16),
          *c = values(3, rows * (cols + 1)), *d = values(3, rows * (cols + 1));
    co_product p = {.rows = rows,
                    .cols = cols,
                    .depth = depth,
                    .n_segments = n,
                    .a = a,
                    .b = b,
                    .a_at = n > 1 ? a_at : NULL,
                    .b_at = n > 1 ? b_at : NULL,
                    .a_row = turned ? 1 : depth,
                    .a_step = turned ? rows : 1,
                    .b_step = cols + 3,
                    .c_row = cols + 1,
                    .c = c,
                    .add = draw % 3 == 0,
                    .start = draw % 3 == 1 ? a : NULL,
                    .factor = -0.25f};
    fast->product(&p);
    p.c = d;
    co_reference_product(&p);
    cr_assert_lt(relative_distance(c, d, rows * (cols + 1)), 1e-6, "%s: %zu x %zu x %zu",
                 fast->name, rows, cols, depth);
    co_free(a), co_free(b), co_free(c), co_free(d);
}

Test(kernels, products_equal_plain_loops_on_every_path)
{
    on_all_paths(check_product, DRAWS);
}

/* Every way in which A and B may lie; odd draws have more than one block each way. */
static void check_packed(const co_kernels *fast, uint64_t draw)
{
    const size_t rows = pick(20, draw, 70), cols = pick(21, draw, draw % 8 == 1 ? 1200 : 70),
                 depth = pick(22, draw, draw % 8 == 3 ? 1300 : 70);
    const bool a_turned = draw / 2 % 2, b_turned = draw / 4 % 2, add = draw % 3 == 0;
    float *a = values(1, rows * depth), *b = values(2, depth * cols),
          *straight = values(2, depth * cols), *c = values(3, rows * (cols + 1)),
          *d = values(3, rows * (cols + 1)), *sums = values(4, rows), *want = values(4, rows),
          *scratch = values(5, fast->packed_scratch);
    for (size_t k = 0; b_turned && k < depth; k++)
        for (size_t j = 0; j < cols; j++) straight[k * cols + j] = b[j * depth + k];
    co_packed p = {.rows = rows,
                   .cols = cols,
                   .depth = depth,
                   .a = a,
                   .a_row = a_turned ? 1 : depth,
                   .a_step = a_turned ? rows : 1,
                   .b = b,
                   .b_row = b_turned ? 1 : cols,
                   .b_column = b_turned ? depth : 1,
                   .c = c,
                   .c_row = cols + 1,
                   .start = draw % 3 == 1 ? b : NULL,
                   .add = add,
                   .factor = -0.25f,
                   .sums = a_turned ? sums : NULL,
                   .scratch = scratch};
    const co_product q = {.rows = rows,
                          .cols = cols,
                          .depth = depth,
                          .n_segments = 1,
                          .a = a,
                          .b = straight,
                          .a_row = p.a_row,
                          .a_step = p.a_step,
                          .b_step = cols,
                          .c = d,
                          .c_row = cols + 1,
                          .start = p.start,
                          .add = add,
                          .factor = -0.25f};
    fast->packed(&p);
    co_reference_product(&q);
    cr_assert_lt(relative_distance(c, d, rows * (cols + 1)), 1e-6, "%s: %zu x %zu x %zu, %d",
                 fast->name, rows, cols, depth, (int)draw);
    if (a_turned) fast->column_sums(depth, rows, a, -0.25f, want);
    cr_assert_eq(memcmp(sums, want, rows * sizeof *sums), 0, "%s: sums of %zu x %zu", fast->name,
                 rows, depth);
    co_free(a), co_free(b), co_free(straight), co_free(c), co_free(d);
    co_free(sums), co_free(want), co_free(scratch);
}

Test(kernels, packed_products_equal_plain_loops_on_every_path)
{
    on_all_paths(check_packed, DRAWS);
}

static void check_dense(const co_kernels *fast, uint64_t draw)
{
    const size_t m = pick(4, draw, 30), n_in = pick(5, draw, draw % 8 ? 90 : 2500),
                 n_out = pick(6, draw, 60);
    float *x = values(4, m * n_in), *w = values(5, n_out * n_in + n_out), *y = values(6, m * n_out),
          *z = values(7, m * n_out);
    fast->dense_forward(m, n_in, n_out, x, w, w + n_out * n_in, y);
    co_reference_dense(m, n_in, n_out, x, w, w + n_out * n_in, z);
    cr_assert_lt(relative_distance(y, z, m * n_out), 1e-6, "%s: %zu x %zu x %zu", fast->name, m,
                 n_in, n_out);
    co_free(x), co_free(w), co_free(y), co_free(z);
}

Test(kernels, dense_layers_equal_plain_loops_on_every_path)
{
    on_all_paths(check_dense, DRAWS);
}

/* dX from the weights before the step, which is fused, or goes through a gradient: the same bits.
 */
static void check_dense_back(const co_kernels *fast, uint64_t draw)
{
    const size_t m = pick(4, draw, draw % 3 ? 30 : 140), n_in = pick(5, draw, draw % 8 ? 90 : 2500),
                 n_out = pick(6, draw, 130);
    const size_t n_w = n_out * n_in, n = n_w + n_out;
    const bool has_dx = draw % 4 != 1, has_target = draw % 4 != 2;
    float *x = values(4, m * n_in), *w = values(5, n), *fused = values(5, n),
          *dy = values(6, m * n_out), *dx = values(7, m * n_in), *want_dx = values(7, m * n_in),
          *grad = co_calloc(n, sizeof *grad), *want = values(5, n);
    const co_product back = {.rows = m,
                             .cols = n_in,
                             .depth = n_out,
                             .n_segments = 1,
                             .a = dy,
                             .b = w,
                             .a_row = n_out,
                             .a_step = 1,
                             .b_step = n_in,
                             .c_row = n_in,
                             .c = want_dx};
    const co_product gradient = {.rows = n_out,
                                 .cols = n_in,
                                 .depth = m,
                                 .n_segments = 1,
                                 .a = dy,
                                 .b = x,
                                 .a_row = 1,
                                 .a_step = n_out,
                                 .b_step = n_in,
                                 .c_row = n_in,
                                 .c = want,
                                 .add = true,
                                 .factor = -0.3f};
    const float one = 1.0f;
    const co_product bias = {.rows = 1,
                             .cols = n_out,
                             .depth = m,
                             .n_segments = 1,
                             .a = &one,
                             .b = dy,
                             .b_step = n_out,
                             .c_row = n_out,
                             .c = want + n_w,
                             .add = true,
                             .factor = -0.3f};
    fast->dense_backward(m, n_in, n_out, x, fused, dy, has_dx ? dx : NULL, -0.3f,
                         has_target ? fused : NULL, fused + n_w);
    if (has_dx) co_reference_product(&back);
    if (has_target) co_reference_product(&gradient), co_reference_product(&bias);
    cr_assert_lt(relative_distance(dx, want_dx, m * n_in), 1e-6, "%s: %zu x %zu x %zu", fast->name,
                 m, n_in, n_out);
    cr_assert_lt(relative_distance(fused, want, n), 1e-6, "%s: %zu x %zu x %zu", fast->name, m,
                 n_in, n_out);
    fast->dense_backward(m, n_in, n_out, x, w, dy, has_dx ? want_dx : NULL, 1.0f,
                         has_target ? grad : NULL, grad + n_w);
    for (size_t i = 0; i < n; i++) w[i] -= 0.3f * grad[i];
    if (has_dx) cr_assert_eq(memcmp(dx, want_dx, m * n_in * sizeof *dx), 0);
    cr_assert_eq(memcmp(fused, w, n * sizeof *w), 0, "%s: %zu x %zu x %zu", fast->name, m, n_in,
                 n_out);
    co_free(x), co_free(w), co_free(fused), co_free(dy), co_free(dx), co_free(want_dx),
        co_free(grad), co_free(want);
}

Test(kernels, dense_layers_backward_equal_plain_loops_on_every_path)
{
    on_all_paths(check_dense_back, DRAWS);
}

/* x B, x W' and dy' x by panels; odd draws have more rows than one piece of a sum. The panels of x
 * are made of its rows mixed up. */
static void check_panels(const co_kernels *fast, uint64_t draw)
{
    const size_t m = pick(11, draw, draw % 2 ? 400 : 20),
                 depth = pick(12, draw, draw % 3 ? 70 : 600), cols = pick(13, draw, 80);
    float *x = values(10, m * depth), *mixed = values(10, m * depth), *b = values(11, depth * cols),
          *panels = values(12, co_panels_size(depth, cols)), *w = values(13, depth * cols),
          *y = values(14, m * cols), *z = values(14, m * cols), *all = values(14, m * cols),
          *x_panels = values(16, co_panels_size(m, depth)),
          *y_panels = values(16, co_panels_size(m, cols)),
          *block = values(15, co_panels_gradient_scratch(cols));
    int32_t *row = co_malloc(m, sizeof *row);
    co_product p = {.rows = m,
                    .cols = cols,
                    .depth = depth,
                    .n_segments = 1,
                    .a = x,
                    .b = b,
                    .a_row = depth,
                    .a_step = 1,
                    .b_step = cols,
                    .c_row = cols,
                    .c = z,
                    .add = draw % 4 == 3,
                    .factor = 1.0f};
    for (size_t r = 0; r < m; r++) {
        row[r] = (int32_t)(m - 1 - r);
        memcpy(mixed + (m - 1 - r) * depth, x + r * depth, depth * sizeof *x);
    }
    co_panels_fill(depth, cols, b, NULL, panels);
    co_panels_fill(m, depth, mixed, row, x_panels);
    if (draw % 4 == 1) p.start = b; /* any floats will do */
    co_panels_product(fast, m, depth, cols, x, panels, p.start, p.add, y);
    co_reference_product(&p);
    cr_assert_lt(relative_distance(y, z, m * cols), 1e-6, "%s: %zu x %zu x %zu", fast->name, m,
                 cols, depth);
    for (size_t k = 0; k < depth; k++)
        for (size_t c = 0; c < cols; c++) w[c * depth + k] = b[k * cols + c];
    co_panels_turn(fast, depth, cols, w, panels);
    co_panels_product(fast, m, depth, cols, x, panels, NULL, false, z);
    co_panels_product_all(fast, m, depth, cols, x_panels, panels, p.start, all);
    p.add = false, p.c = y;
    co_reference_product(&p);
    cr_assert_lt(relative_distance(all, y, m * cols), 1e-6, "%s: %zu x %zu x %zu", fast->name, m,
                 cols, depth);
    p.start = NULL;
    co_reference_product(&p);
    cr_assert_lt(relative_distance(z, y, m * cols), 1e-6, "%s: %zu x %zu x %zu", fast->name, m,
                 cols, depth);
    co_product q = {.rows = depth,
                    .cols = cols,
                    .depth = m,
                    .n_segments = 1,
                    .a = x,
                    .b = y,
                    .a_row = 1,
                    .a_step = depth,
                    .b_step = cols,
                    .c_row = cols,
                    .c = b,
                    .add = true,
                    .factor = -0.3f};
    memcpy(w, b, depth * cols * sizeof *w);
    co_panels_fill(m, cols, y, NULL, y_panels);
    co_panels_gradient(fast, m, depth, cols, x_panels, y_panels, -0.3f, w, block);
    co_reference_product(&q);
    cr_assert_lt(relative_distance(w, b, depth * cols), 1e-6, "%s: %zu x %zu x %zu", fast->name, m,
                 cols, depth);
    co_free(x), co_free(mixed), co_free(b), co_free(panels), co_free(w), co_free(y), co_free(z),
        co_free(all);
    co_free(x_panels), co_free(y_panels), co_free(block), co_free(row);
}

Test(kernels, products_by_panels_equal_plain_loops_on_every_path)
{
    on_all_paths(check_panels, 40);
}

/* Gates far from 0, around it and next to it. */
static void check_lstm(const co_kernels *fast, uint64_t draw)
{
    const size_t h = pick(0, draw, 50);
    float *x[2], *before = values(2, h);
    for (int k = 0; k < 2; k++) { /* gates, then c, t, y, then dy, carry */
        x[k] = values(1, 9 * h);
        for (size_t j = 0; j < 4 * h; j++)
            x[k][j] *= draw % 3 == 0 ? 100.0f : draw % 3 == 1 ? 4.0f : 1e-3f;
    }
    fast->lstm(h, x[0], before, x[0] + 4 * h, x[0] + 5 * h, x[0] + 6 * h);
    co_reference_lstm(h, x[1], before, x[1] + 4 * h, x[1] + 5 * h, x[1] + 6 * h);
    for (size_t part = 0; part < 9; part++)
        cr_assert_lt(relative_distance(x[0] + part * h, x[1] + part * h, h), 2e-6,
                     "%s: %zu of %zu units", fast->name, part, h);
    fast->lstm_back(h, x[0], before, x[0] + 5 * h, x[0] + 7 * h, x[0] + 8 * h);
    co_reference_lstm_back(h, x[1], before, x[1] + 5 * h, x[1] + 7 * h, x[1] + 8 * h);
    for (size_t j = 0; j < 9 * h; j++) /* 1 - u^2 cancels: no relative bound */
        cr_assert(fabs((double)x[0][j] - (double)x[1][j]) < 2e-6, "%s: gradient %zu of %zu units",
                  fast->name, j, h);
    for (size_t j = 0; j < h; j++) cr_assert_eq(x[0][7 * h + j], 0.0f);
    co_free(x[0]), co_free(x[1]), co_free(before);
}

Test(kernels, cells_equal_plain_loops_on_every_path)
{
    on_all_paths(check_lstm, DRAWS);
}

/* One image; from draw 8 on channels-last, which for 3x3 and 5x5 is Winograd's form. */
static void check_convolution(const co_kernels *fast, uint64_t draw)
{
    const bool same = draw % 2, lanes = draw >= 8;
    const size_t kernel = draw >= 16 ? 3 + draw / 2 % 2 * 2 : 1 + draw % 5,
                 stride = same || draw >= 16 ? 1 : 1 + draw / 2 % 2;
    co_shape in = test_image(pick(7, draw, 20), 4 + pick(8, draw, 12), 4 + pick(9, draw, 12));
    const size_t n_out = pick(10, draw, 40);
    char yaml[128];
    test_bench a, b;
    snprintf(yaml, sizeof yaml, "{channels: %zu, kernel: %zu, stride: %zu, padding: %s, bias: %s}",
             n_out, kernel, stride,
             same                          ? "same"
             : draw % 4 == 2 && kernel > 1 ? "1"
                                           : "valid",
             draw % 5 ? "true" : "false");
    const co_kernel_level level = fast->lanes == 16  ? CO_KERNELS_AVX512
                                  : fast->lanes == 8 ? CO_KERNELS_AVX2
                                                     : CO_KERNELS_PLAIN;
    co_kernel_use(CO_KERNELS_REFERENCE);
    bench_open(&a, "conv2d", yaml, in, 3);
    const float scale[3] = {0.5f, -2.0f, 1.0f};
    bench_backward(&a, scale);
    co_kernel_use(level);
    in.lanes = lanes ? fast->lanes : 0;
    bench_open(&b, "conv2d", yaml, in, 3);
    bench_backward(&b, scale);
    cr_assert_lt(relative_distance(b.y, a.y, a.n * a.n_out), 5e-6, "%s: %s", fast->name, yaml);
    cr_assert_lt(relative_distance(b.dx, a.dx, a.n * a.n_in), 5e-6, "%s: %s", fast->name, yaml);
    cr_assert_lt(relative_distance(b.grad, a.grad, a.n_params), 5e-6, "%s: %s", fast->name, yaml);
    bench_free(&a);
    bench_close(&b);
}

Test(kernels, convolutions_equal_products_of_windows_on_every_path)
{
    on_all_paths(check_convolution, 60);
}

/* Between many channels: one group of images and several, padding channels, windows with and
 * without Winograd's form; and the fused step. */
static void check_wide_convolution(const co_kernels *fast, uint64_t draw)
{
    enum { N = 5 };
    const size_t kernel = 1 + draw % 3 * 2, stride = 1 + draw / 3 % 2, side = draw % 4 ? 7 : 17;
    co_shape in = test_image(60 + pick(11, draw, 80), kernel + pick(12, draw, side), side);
    const size_t n_out = 8192 / in.dim[0] + pick(13, draw, 40);
    const co_kernel_level level = fast->lanes == 16  ? CO_KERNELS_AVX512
                                  : fast->lanes == 8 ? CO_KERNELS_AVX2
                                                     : CO_KERNELS_PLAIN;
    const float scale[N] = {0.5f, -2.0f, 1.0f, 0.0f, 3.0f};
    char yaml[128];
    test_bench a, b;
    snprintf(yaml, sizeof yaml, "{channels: %zu, kernel: %zu, stride: %zu, padding: %zu, bias: %s}",
             n_out, kernel, stride, kernel > 1 ? (size_t)draw % kernel : 0,
             draw % 2 ? "true" : "false");
    co_kernel_use(CO_KERNELS_REFERENCE);
    bench_open(&a, "conv2d", yaml, in, N);
    bench_backward(&a, scale);
    co_kernel_use(level);
    in.lanes = fast->lanes;
    bench_open(&b, "conv2d", yaml, in, N);
    cr_assert_not(b.facts.in_parts); /* it is wide */
    bench_backward(&b, scale);
    cr_assert_lt(relative_distance(b.y, a.y, a.n * a.n_out), 5e-6, "%s: %s", fast->name, yaml);
    cr_assert_lt(relative_distance(b.dx, a.dx, a.n * a.n_in), 5e-6, "%s: %s", fast->name, yaml);
    cr_assert_lt(relative_distance(b.grad, a.grad, a.n_params), 5e-6, "%s: %s", fast->name, yaml);

    memset(b.grad, 0, b.n_params * sizeof *b.grad);
    bench_backward(&b, NULL);
    for (size_t i = 0; i < b.n_params; i++) a.params[i] = b.params[i] - 0.3f * b.grad[i];
    co_call call = bench_call(&b);
    call.target = b.params;
    call.factor = -0.3f;
    b.layer->backward(b.self, &call);
    test_from_raw(&in, b.n, b.raw_dx, a.dx);
    cr_assert(memcmp(a.dx, b.dx, b.n * b.n_in * sizeof *a.dx) == 0, "%s: %s", fast->name, yaml);
    cr_assert(memcmp(a.params, b.params, b.n_params * sizeof *a.params) == 0, "%s: %s", fast->name,
              yaml);
    bench_free(&a);
    bench_close(&b);
}

Test(kernels, convolutions_between_many_channels_equal_products_of_windows_on_every_path)
{
    on_all_paths(check_wide_convolution, 24);
}

/* Channels-last against planes, with many equal values; windows that overlap, touch or leave gaps.
 */
static void check_pooling(const co_kernels *fast, uint64_t draw)
{
    const char *const layer = draw % 2 ? "max_pool" : "avg_pool";
    co_shape in = test_image(pick(7, draw, 40), 4 + pick(8, draw, 12), 4 + pick(9, draw, 12));
    char yaml[64];
    test_bench a, b;
    snprintf(yaml, sizeof yaml, "{kernel: %zu, stride: %zu}", pick(14, draw, 5), pick(15, draw, 4));
    bench_open(&a, layer, yaml, in, 3);
    in.lanes = fast->lanes;
    bench_open(&b, layer, yaml, in, 3);
    for (size_t i = 0; i < a.n * a.n_in; i++) a.x[i] = b.x[i] = roundf(a.x[i] * 3.0f);
    bench_backward(&a, NULL);
    bench_backward(&b, NULL);
    cr_assert_lt(relative_distance(b.y, a.y, a.n * a.n_out), 1e-6, "%s: %s %s", fast->name, layer,
                 yaml);
    cr_assert_lt(relative_distance(b.dx, a.dx, a.n * a.n_in), 1e-6, "%s: %s %s", fast->name, layer,
                 yaml);
    bench_free(&a);
    bench_close(&b);
}

Test(kernels, pooling_channels_last_equals_pooling_of_planes_on_every_path)
{
    on_all_paths(check_pooling, DRAWS);
}

/* Two equal models, one batch: loss and step apart, and in one. */
static void check_batch_step(const char *yaml, const co_shape *in, const co_batch *batch)
{
    co_model *model;
    co_workspace *w;
    cr_assert_eq(test_model(yaml, in, 4, &model), CO_OK, "%s", co_status_message());
    cr_assert_eq(co_workspace_create(model, batch->n, batch->rows, 0, &w), CO_OK);
    const size_t n = co_model_size(model);
    float *p = values(8, n), *q = values(8, n), *grad = co_calloc(n, sizeof *grad);
    double sums[512] = {0}, other[512] = {0};
    const co_pass pass = {.batch = batch, .train = true, .seed = 1};
    co_model_loss(model, w, p, &pass, NULL, grad, sums);
    for (size_t i = 0; i < n; i++) p[i] -= 0.1f * grad[i];
    co_model_step(model, w, q, &pass, 0.1f, grad, other);
    cr_expect(memcmp(p, q, n * sizeof *p) == 0, "%s on %s: distance %g", yaml, co_kernel_path(),
              relative_distance(q, p, n));
    cr_expect_eq(sums[1], other[1]);
    co_free(p), co_free(q), co_free(grad);
    co_workspace_destroy(w);
    co_model_destroy(model);
}

static void check_step(const char *yaml, co_shape in)
{
    enum { N = 5 };
    float *x = values(9, N * co_shape_size(&in));
    const int32_t y[N] = {0, 3, 1, 2, 3};
    check_batch_step(yaml, &in, &(co_batch){.n = N, .rows = N, .x = x, .y = y});
    co_free(x);
}

/* Texts of 0 to 300 tokens: sums of more than one piece. */
static void check_text_step(const char *yaml)
{
    enum { N = 5, ROWS = 474, WORDS = 30 };
    static int32_t tokens[ROWS];
    const co_shape in = {.sequence = true, .tokens = true, .dim = {WORDS}};
    const int64_t offsets[N + 1] = {0, 100, 400, 400, 401, ROWS};
    const int32_t y[N] = {0, 3, 1, 2, 3};
    for (size_t i = 0; i < ROWS; i++) tokens[i] = (int32_t)(test_bits(30, i) % WORDS);
    check_batch_step(
        yaml, &in, &(co_batch){.n = N, .rows = ROWS, .tokens = tokens, .offsets = offsets, .y = y});
}

/* Weights of zeros: everything in front of the relu is 0, where no gradient passes, though it is
 * the largest of its window. */
static void check_zeros(const co_kernels *fast, uint64_t draw)
{
    enum { N = 2 };
    co_shape in = test_image(1, 6, 6);
    co_model *model;
    co_workspace *w;
    (void)draw;
    cr_assert_eq(test_model("{layers: [{conv2d: {channels: 3, kernel: 3}}, relu, {max_pool: 2}, "
                            "flatten, {dense: classes}]}",
                            &in, 4, &model),
                 CO_OK, "%s", co_status_message());
    cr_assert_eq(co_workspace_create(model, N, N, 0, &w), CO_OK);
    const size_t n = co_model_size(model), n_conv = 3 * 9 + 3;
    float *p = values(8, n), *grad = co_calloc(n, sizeof *grad),
          *x = values(9, N * co_shape_size(&in));
    const int32_t y[N] = {0, 3};
    double sums[512] = {0};
    const co_batch batch = {.n = N, .rows = N, .x = x, .y = y};
    const co_pass pass = {.batch = &batch, .train = true, .seed = 1};
    memset(p, 0, n_conv * sizeof *p);
    co_model_loss(model, w, p, &pass, NULL, grad, sums);
    for (size_t i = 0; i < n_conv; i++) cr_assert_eq(grad[i], 0.0f, "%s: %zu", fast->name, i);
    co_free(p), co_free(grad), co_free(x);
    co_workspace_destroy(w);
    co_model_destroy(model);
}

Test(kernels, a_relu_that_pooling_takes_over_passes_nothing_at_zero)
{
    on_all_paths(check_zeros, 1);
}

/* As many rows as it takes for packed products, over more than one block. */
static void check_packed_step(const char *options)
{
    enum { N = 830, IN = 45 };
    static int32_t y[N];
    char yaml[256];
    const co_shape in = test_flat(IN);
    float *x = values(9, N * IN);
    for (size_t i = 0; i < N; i++) y[i] = (int32_t)(i % 4);
    snprintf(yaml, sizeof yaml,
             "{layers: [{dense: {units: 550, packed: true%s}}, tanh, {dense: {units: 37, packed: "
             "true%s}}, {dense: classes}]}",
             options, options);
    check_batch_step(yaml, &in, &(co_batch){.n = N, .rows = N, .x = x, .y = y});
    co_free(x);
}

static void check_steps(const co_kernels *fast, uint64_t draw)
{
    (void)fast, (void)draw;
    check_step("{layers: [flatten, {dense: 33}, relu, {dense: 7}, tanh, {dense: classes}]}",
               test_image(1, 9, 7));
    check_step(
        "{layers: [flatten, {dense: 9}, relu, {dense: 5}, {dense: classes}], freeze: [3.weight]}",
        test_image(1, 4, 5));
    check_step("{layers: [{conv2d: {channels: 5, kernel: 3}}, relu, {conv2d: {channels: 3, kernel: "
               "3, padding: same}}, "
               "{max_pool: 2}, flatten, {dense: classes}]}",
               test_image(2, 11, 9));
    check_step(
        "{layers: [flatten, {dense: 9}, relu, {dense: classes}], freeze: [1.weight, 1.bias]}",
        test_image(1, 4, 5));
    /* outputs so large that a batch goes through in parts of one */
    check_step("{layers: [{conv2d: {channels: 40, kernel: 3}}, relu, {conv2d: {channels: 24, "
               "kernel: 3}}, {dropout: 0.4}, "
               "{conv2d: {channels: 9, kernel: 5, stride: 3}}, relu, {max_pool: 2}, flatten, "
               "{dense: classes}]}",
               test_image(2, 60, 53));
    check_step("{layers: [{conv2d: {channels: 40, kernel: 3}}, {conv2d: {channels: 24, kernel: "
               "3}}, flatten, "
               "{dense: classes}], freeze: [0.bias, 1.weight]}",
               test_image(2, 60, 53));
    check_packed_step("");
    check_packed_step(", bias: false");
    check_packed_step(", transposed: true");
    check_step("{layers: [flatten, {dense: {units: 33, packed: true, transposed: true}}, relu, "
               "{dense: {units: classes, transposed: true, bias: false}}]}",
               test_image(1, 9, 7));
    check_text_step("{layers: [{embedding: 6}, {lstm: {units: 37, layers: 2}}, {gru: {units: 18, "
                    "bidirectional: true}}, "
                    "{pool_time: mean}, {dense: classes}]}");
    check_text_step(
        "{layers: [{embedding: 6}, {lstm: 37}, {lstm: 20}, {pool_time: mean}, {dense: classes}], "
        "freeze: [1.weight_hh_l0]}");
}

Test(kernels, a_fused_step_has_the_bits_of_a_step_through_the_gradient)
{
    on_all_paths(check_steps, 1);
}

Test(kernels, a_word_that_names_no_path_is_refused)
{
    co_kernel_level level;
    setenv("COHORT_KERNELS", "avx", 1);
    cr_expect_eq(co_kernel_best(&level), CO_EUSAGE);
    cr_expect(strstr(co_status_message(), "COHORT_KERNELS=avx is not one of"), "%s",
              co_status_message());
    setenv("COHORT_KERNELS", "plain", 1);
    cr_expect_eq(co_kernel_best(&level), CO_OK);
    cr_expect_eq(level, CO_KERNELS_PLAIN);
}
