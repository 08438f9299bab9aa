/* tests/kinds/test_layer.c - laws that every layer of the list obeys, on many shapes. New layers
 * join by themselves. */
#include "core/vector.h"
#include "models/kernel_path.h"
#include "tests/harness.h"
#include "tests/models/build.h"
#include <math.h>

enum { N = 3, MOST_FLOATS = 60 };

/* Word number k of "a|b|c", counted around. */
static void choose_word(const char *words, size_t k, char *word, size_t room)
{
    size_t n_words = 1;
    for (const char *c = words; *c; c++) n_words += *c == '|';
    for (k %= n_words; k > 0; k--) words = strchr(words, '|') + 1;
    snprintf(word, room, "%.*s", (int)strcspn(words, "|"), words);
}

/* Options of a layer: what is required gets a small value that the draw decides, at every third
 * draw half of what is not as well. */
static void random_options(const co_layer *layer, uint64_t draw, char *yaml, size_t room)
{
    size_t n = (size_t)snprintf(yaml, room, "{");
    for (const co_param *p = layer->params; p && p->key; p++) {
        const uint32_t bits = test_bits(50 + draw, (uint64_t)(p - layer->params));
        char word[64];
        const bool required = p->flags & CO_REQUIRED,
                   extra = draw % 3 == 2 && bits % 128 >= 64 &&
                           (p->type == CO_INT || p->type == CO_BOOL || p->type == CO_CHOICE);
        if (!required && !extra) continue;
        snprintf(word, sizeof word, "%u", 1 + bits % (required ? 3 : 6));
        if (p->type == CO_REAL) snprintf(word, sizeof word, "%g", (p->lo + p->hi) / 2.0);
        if (p->type == CO_BOOL) snprintf(word, sizeof word, p->def != 0.0 ? "false" : "true");
        if (p->type == CO_CHOICE) choose_word(p->words, bits, word, sizeof word);
        n += (size_t)snprintf(yaml + n, room - n, "%s%s: %s", n > 1 ? ", " : "", p->key, word);
    }
    snprintf(yaml + n, room - n, "}");
}

/* Rows, images in both layouts, sequences of rows, tokens. */
static co_shape random_shape(uint64_t draw, size_t lanes)
{
    const size_t a = 1 + test_bits(60, draw) % 2, b = 3 + test_bits(61, draw) % 3,
                 c = 3 + test_bits(62, draw) % 4;
    co_shape shape = draw % 2 ? test_image(a, b, c) : test_flat(a * b * c);
    if (draw % 6 == 3) shape.lanes = lanes;
    if (draw % 6 == 4) shape = (co_shape){.sequence = true, .ndim = 1, .dim = {b}};
    if (draw % 6 == 5) shape = (co_shape){.sequence = true, .tokens = true, .dim = {b, c}};
    return shape;
}

static bool fits(const co_layer *layer, const char *yaml, co_shape in)
{
    const co_shape alike[CO_MAX_INPUTS] = {in, in, in};
    co_shape out;
    void *self = NULL;
    if (test_layer(layer, yaml, alike, 7, &out, &self) != CO_OK) return false;
    if (layer->destroy) layer->destroy(self);
    return true;
}

/* Runs the law on every layer, on every kind of shape that it takes. */
static void on_path(void (*law)(test_bench *))
{
    const size_t lanes = co_kernels_in_use() ? co_kernels_in_use()->lanes : 0;
    for (const co_plugin *const *m = co_kind_layer.members; *m; m++) {
        const co_layer *layer = (const co_layer *)*m;
        size_t n_tried = 0;
        for (uint64_t draw = 0; draw < 36; draw++) {
            test_bench b;
            char yaml[256];
            const co_shape in = random_shape(draw, lanes);
            random_options(layer, draw, yaml, sizeof yaml);
            if (!fits(layer, yaml, in)) continue;
            bench_open(&b, layer->name, yaml, in, N);
            for (size_t s = 0; s < b.n_inputs; s++)
                test_spread(70 + draw + 1000 * s, b.rows_one * b.n_in,
                            b.x + s * b.rows_one * b.n_in);
            law(&b);
            bench_close(&b);
            n_tried++;
        }
        cr_expect_geq(n_tried, 3, "%s: no shape fits", layer->name);
    }
}

/* On every path that this processor has. */
static void for_all(void (*law)(test_bench *))
{
    co_kernel_level best;
    cr_assert_eq(co_kernel_best(&best), CO_OK, "%s", co_status_message());
    for (co_kernel_level level = CO_KERNELS_REFERENCE; level <= best; level++) {
        co_kernel_use(level);
        on_path(law);
    }
}

static void check_slopes(test_bench *b)
{
    bench_backward(b, NULL);
    for (size_t i = 0; b->layer->backward_input && i < b->rows_in * b->n_in; i++) {
        const double slope = bench_slope(b, &b->x[i], 0.002f);
        cr_assert_float_eq((double)b->dx[i], slope, 2e-3 * (1.0 + fabs(slope)),
                           "%s: dx[%zu] is %g, slope %g", b->layer->name, i, (double)b->dx[i],
                           slope);
    }
    for (size_t i = 0; b->layer->backward_params && i < b->n_params; i++) {
        const double slope = bench_slope(b, &b->params[i], 0.003f);
        cr_assert_float_eq((double)b->grad[i], slope, 2e-3 * (1.0 + fabs(slope)),
                           "%s: grad[%zu] is %g, slope %g", b->layer->name, i, (double)b->grad[i],
                           slope);
    }
}

Test(layer, gradients_are_the_slopes_of_forward)
{
    for_all(check_slopes);
}

/* First row of example e in rows of that shape. */
static size_t row_of(const co_shape *shape, const co_batch *all, size_t e)
{
    return co_shape_first_row(shape, all, e);
}

/* Example e of the batch `all` alone, at the front of the bench's own buffers. */
static void pick(test_bench *b, const co_batch *all, size_t e, const float *x, const float *dy)
{
    const size_t in = row_of(&b->in, all, e), out = row_of(&b->out, all, e);
    const size_t rows = all->offsets ? (size_t)(all->offsets[e + 1] - all->offsets[e]) : 1;
    const size_t rows_in = row_of(&b->in, all, e + 1) - in;
    for (size_t s = 0; s < b->n_inputs; s++)
        memcpy(b->x + s * rows_in * b->n_in, x + (s * b->rows_one + in) * b->n_in,
               rows_in * b->n_in * sizeof *x);
    memcpy(b->dy, dy + out * b->n_out, (row_of(&b->out, all, e + 1) - out) * b->n_out * sizeof *dy);
    b->batch.n = 1;
    b->batch.rows = rows;
    b->rows_one = rows_in;
    if (!all->offsets) return;
    b->offsets[0] = 0;
    b->offsets[1] = (int64_t)rows;
    if (all->tokens) memmove(b->tokens, all->tokens + all->offsets[e], rows * sizeof *b->tokens);
    b->batch.char_offsets = all->char_offsets + all->offsets[e];
    memmove(b->labels, (const int32_t *)all->y + all->offsets[e], rows * sizeof *b->labels);
}

static float *copy(const float *from, size_t n)
{
    float *to = malloc((n + 1) * sizeof *to);
    memcpy(to, from, n * sizeof *to);
    return to;
}

static void check_singles(test_bench *b)
{
    const float scale[N] = {0.5f, -2.0f, 3.0f};
    int64_t offsets[8];
    int32_t tokens[16], labels[16];
    b->pass.train = false; /* draws belong to places in the batch */
    bench_backward(b, scale);
    float *x = copy(b->x, b->rows_in * b->n_in), *y = copy(b->y, b->rows_out * b->n_out),
          *dy = copy(b->dy, b->rows_out * b->n_out);
    float *dx = copy(b->dx, b->rows_in * b->n_in), *grad = copy(b->grad, b->n_params),
          *sum = calloc(b->n_params + 1, sizeof *sum);
    const size_t rows_one = b->rows_one;
    co_batch all = b->batch;
    memcpy(offsets, b->offsets, sizeof offsets);
    memcpy(tokens, b->tokens, sizeof tokens);
    memcpy(labels, b->labels, sizeof labels);
    all.y = labels;
    if (all.offsets) all.offsets = offsets;
    if (all.tokens) all.tokens = tokens;
    for (size_t e = 0; e < N; e++) {
        const size_t in = row_of(&b->in, &all, e), out = row_of(&b->out, &all, e);
        const size_t n_in = (row_of(&b->in, &all, e + 1) - in) * b->n_in,
                     n_out = (row_of(&b->out, &all, e + 1) - out) * b->n_out;
        pick(b, &all, e, x, dy);
        memset(b->grad, 0, b->n_params * sizeof *b->grad);
        bench_backward(b, NULL);
        cr_assert_leq(relative_distance(b->y, y + out * b->n_out, n_out), 2e-6, "%s",
                      b->layer->name);
        for (size_t s = 0; b->layer->backward_input && s < b->n_inputs; s++) {
            const float *whole = dx + (s * rows_one + in) * b->n_in;
            const double distance = relative_distance(b->dx + s * n_in, whole, n_in),
                         length = n_in ? co_vector_norm(whole, n_in) : 0.0;
            /* of what cancels out (the product by one row of lora), by the length of dy */
            cr_assert(distance <= 2e-6 || distance * length <= 2e-7 * co_vector_norm(b->dy, n_out),
                      "%s: %g", b->layer->name, distance);
        }
        b->rows_one = rows_one;
        for (size_t i = 0; i < b->n_params; i++) sum[i] += scale[e] * b->grad[i];
    }
    cr_assert_lt(relative_distance(grad, sum, b->n_params), 5e-6, "%s", b->layer->name);
    float *const blocks[] = {x, y, dy, dx, grad, sum};
    for (size_t i = 0; i < 6; i++) free(blocks[i]);
}

Test(layer, a_batch_equals_its_examples_one_by_one_with_their_scales)
{
    for_all(check_singles);
}

static void check_adds(test_bench *b)
{
    bench_backward(b, NULL);
    float *once = copy(b->grad, b->n_params);
    bench_backward(b, NULL);
    for (size_t i = 0; i < b->n_params; i++) once[i] *= 2.0f;
    cr_assert_lt(relative_distance(b->grad, once, b->n_params), 1e-6, "%s", b->layer->name);
    free(once);
}

Test(layer, weight_gradients_are_added_to_what_is_there)
{
    for_all(check_adds);
}

static void check_repeat(test_bench *b)
{
    bench_backward(b, NULL);
    float *y = copy(b->y, b->rows_out * b->n_out), *dx = copy(b->dx, b->rows_in * b->n_in),
          *grad = copy(b->grad, b->n_params);
    memset(b->grad, 0, b->n_params * sizeof *b->grad);
    bench_backward(b, NULL);
    cr_assert(memcmp(y, b->y, b->rows_out * b->n_out * sizeof *y) == 0, "%s", b->layer->name);
    cr_assert(memcmp(dx, b->dx, b->rows_in * b->n_in * sizeof *dx) == 0, "%s", b->layer->name);
    cr_assert(memcmp(grad, b->grad, b->n_params * sizeof *grad) == 0, "%s", b->layer->name);
    free(y);
    free(dx);
    free(grad);
}

Test(layer, the_same_call_gives_the_same_bits)
{
    for_all(check_repeat);
}

/* A layer that steps in one pass gives the same bits as its two phases into a gradient of zeros
 * (our own kernels: OpenBLAS rounds its factor in elsewhere). */
static void check_fused(test_bench *b)
{
    if (!b->facts.at_once || !co_kernels_in_use() || b->in.lanes || b->out.lanes) return;
    bench_backward(b, NULL);
    float *stepped = copy(b->params, b->n_params), *dx = copy(b->raw_dx, b->rows_in * b->n_in);
    bench_forward(b); /* a backward pass may have used up what it left */
    co_call call = bench_call(b);
    call.params = call.target = stepped;
    call.factor = -0.25f;
    b->layer->backward(b->self, &call);
    for (size_t i = 0; i < b->n_params; i++) b->params[i] -= 0.25f * b->grad[i];
    cr_assert(memcmp(stepped, b->params, b->n_params * sizeof *stepped) == 0, "%s", b->layer->name);
    if (b->layer->backward_input)
        cr_assert(memcmp(dx, b->raw_dx, b->rows_in * b->n_in * sizeof *dx) == 0, "%s",
                  b->layer->name);
    free(stepped);
    free(dx);
}

Test(layer, a_step_in_one_pass_has_the_bits_of_two)
{
    for_all(check_fused);
}

/* Forward, then dx and the gradient of a batch in two parts: one example and the others; into the
 * bench's blocks. */
static void run_in_parts(test_bench *b)
{
    const co_layer *layer = b->layer;
    const size_t in = co_shape_size(&b->in), out = co_shape_size(&b->out);
    for (int backward = 0; backward < 2; backward++)
        for (size_t first = 0; first < 2; first++) {
            const co_batch part = {.n = first ? N - 1 : 1, .rows = first ? N - 1 : 1};
            co_pass at = b->pass;
            co_call call = bench_call(b);
            call.pass = &at;
            at.batch = &part;
            at.first = first;
            at.more = first == 0;
            for (size_t s = 0; s < b->n_inputs; s++) {
                call.x[s] += first * in;
                call.dx[s] += first * in;
            }
            call.dy += first * out;
            call.y += first * out;
            if (!backward) {
                layer->forward(b->self, &call);
            } else if (b->facts.at_once) {
                layer->backward(b->self, &call);
            } else {
                layer->backward_input(b->self, &call);
                if (layer->backward_params) layer->backward_params(b->self, &call);
            }
        }
}

static void check_parts(test_bench *b)
{
    if (!b->facts.in_parts || b->in.sequence) return;
    bench_backward(b, NULL);
    const size_t n_in = b->n_inputs * N * co_shape_size(&b->in), n_out = N * co_shape_size(&b->out);
    float *y = copy(b->raw_y, n_out), *dx = copy(b->raw_dx, n_in),
          *grad = copy(b->grad, b->n_params);
    for (size_t i = 0; i < n_out; i++) b->raw_y[i] = 1e30f;
    for (size_t i = 0; i < n_in; i++) b->raw_dx[i] = 1e30f;
    memset(b->grad, 0, b->n_params * sizeof *b->grad);
    run_in_parts(b);
    cr_assert(memcmp(y, b->raw_y, n_out * sizeof *y) == 0, "%s", b->layer->name);
    cr_assert(memcmp(dx, b->raw_dx, n_in * sizeof *dx) == 0, "%s", b->layer->name);
    cr_assert(memcmp(grad, b->grad, b->n_params * sizeof *grad) == 0, "%s", b->layer->name);
    free(y);
    free(dx);
    free(grad);
}

Test(layer, a_batch_in_parts_has_the_bits_of_the_whole)
{
    for_all(check_parts);
}

/* Once more with what the facts allow: y in the place of x and dx in that of dy, rubbish where
 * nothing is read. */
static void check_facts(test_bench *b)
{
    const size_t n_in = b->rows_one * co_shape_size(&b->in),
                 n_out = b->rows_out * co_shape_size(&b->out);
    bench_backward(b, NULL);
    float *y = copy(b->raw_y, n_out), *dx = copy(b->raw_dx, b->n_inputs * n_in),
          *grad = copy(b->grad, b->n_params);
    if (b->facts.alias) {
        cr_assert(memcmp(y, b->raw_x, n_out * sizeof *y) == 0, "%s: y is not x", b->layer->name);
        cr_assert(memcmp(dx, b->raw_dy, n_in * sizeof *dx) == 0, "%s: dx is not dy",
                  b->layer->name);
    }
    for (size_t i = 0; b->facts.rectifies && i < n_out; i++) {
        cr_assert_eq(y[i], b->raw_x[i] > 0.0f ? b->raw_x[i] : 0.0f, "%s", b->layer->name);
        cr_assert_eq(dx[i], y[i] > 0.0f ? b->raw_dy[i] : 0.0f, "%s", b->layer->name);
    }
    memset(b->grad, 0, b->n_params * sizeof *b->grad);
    test_to_raw(&b->in, b->n_inputs * b->rows_one, b->x, b->raw_x);
    test_to_raw(&b->out, b->rows_out, b->dy, b->raw_dy);
    co_call call = bench_call(b);
    float *x = b->raw_x;
    if (b->facts.in_place) {
        call.y = x;
        call.dx[0] = b->raw_dy;
    }
    b->layer->forward(b->self, &call);
    cr_assert(memcmp(y, call.y, n_out * sizeof *y) == 0, "%s: y", b->layer->name);
    for (size_t s = b->facts.in_place; b->facts.spares_input && s < b->n_inputs; s++)
        for (size_t i = 0; i < n_in; i++) x[s * n_in + i] = 1e30f;
    for (size_t i = 0; b->facts.spares_output && i < n_out; i++) call.y[i] = 1e30f;
    if (b->layer->backward_input) b->layer->backward_input(b->self, &call);
    if (b->layer->backward_params) b->layer->backward_params(b->self, &call);
    for (size_t s = 0; b->layer->backward_input && s < b->n_inputs; s++)
        cr_assert(memcmp(dx + s * n_in, call.dx[s], n_in * sizeof *dx) == 0, "%s: dx %zu",
                  b->layer->name, s);
    cr_assert(memcmp(grad, b->grad, b->n_params * sizeof *grad) == 0, "%s: gradient",
              b->layer->name);
    free(y);
    free(dx);
    free(grad);
}

Test(layer, what_the_facts_allow_changes_no_bit)
{
    for_all(check_facts);
}

/* The gradient of example e alone by all tensors, by its weight. */
static void only_of(test_bench *b, size_t e)
{
    float scale[N] = {0.0f};
    co_call call = bench_call(b);
    scale[e] = 1.0f;
    call.scale = scale;
    memset(b->grad, 0, b->n_params * sizeof *b->grad);
    b->layer->backward_params(b->self, &call);
}

static size_t size_of(const test_bench *b, size_t t)
{
    return (t + 1 < b->n_tensors ? b->at[t + 1] : b->n_params) - b->at[t];
}

/* What a layer says of single examples is their gradients: norms, gradients side by side, factors.
 */
static void check_norms(test_bench *b)
{
    const co_layer *layer = b->layer;
    double squared[CO_MAX_TENSORS][N] = {{0}}, *to[CO_MAX_TENSORS];
    size_t own_at[CO_MAX_TENSORS], each = 0;
    if (!layer->backward_params || b->n_tensors == 0) return;
    bench_backward(b, NULL);
    co_call call = bench_call(b);
    for (size_t t = 0; t < b->n_tensors; t++) {
        own_at[t] = each;
        each += layer->own_size ? layer->own_size(b->self, t) : size_of(b, t);
        to[t] = squared[t];
    }
    float *own = co_malloc(N * each, sizeof *own), *back = co_calloc(b->n_params, sizeof *back);
    float *room = co_malloc(test_kept(layer->norms_size, b->self, N, b->batch.rows), sizeof *room);
    if (layer->norms) {
        call.scratch = room;
        layer->norms(b->self, &call, to);
        call.scratch = b->scratch;
    }
    if (b->facts.each) {
        for (size_t i = 0; i < N * each; i++) own[i] = 1e30f;
        call.target = own, call.target_at = own_at, call.each = each;
        layer->backward_params(b->self, &call);
    }
    for (size_t e = 0; e < N; e++) {
        only_of(b, e);
        for (size_t t = 0; t < b->n_tensors; t++) {
            const float *want = b->grad + b->at[t];
            const double norm = co_vector_norm(want, size_of(b, t));
            if (layer->norms)
                cr_assert_float_eq(sqrt(squared[t][e]), norm, 1e-5 * norm + 1e-6,
                                   "%s: %.9g, not %.9g", layer->name, sqrt(squared[t][e]), norm);
            if (!b->facts.each) continue;
            const size_t floats = layer->own_size ? layer->own_size(b->self, t) : size_of(b, t);
            const float *have = own + e * each + own_at[t];
            cr_assert_float_eq(co_vector_norm(have, floats), norm, 1e-5 * norm + 1e-6, "%s",
                               layer->name);
            if (layer->own_back) {
                co_call ordered = bench_call(b);
                memset(back, 0, b->n_params * sizeof *back);
                ordered.target = back;
                layer->own_back(b->self, &ordered, t, have);
                have = back + b->at[t];
            }
            cr_assert_leq(relative_distance(have, want, size_of(b, t)), 5e-6, "%s", layer->name);
        }
    }
    co_free(own), co_free(back), co_free(room);
}

Test(layer, norms_and_gradients_of_single_examples_are_theirs)
{
    for_all(check_norms);
}

static void check_factors(test_bench *b)
{
    co_factors f;
    if (!b->layer->factors) return;
    bench_backward(b, NULL);
    const co_call call = bench_call(b);
    for (size_t t = 0; t < b->n_tensors; t++) {
        if (!b->layer->factors(b->self, &call, t, &f)) continue;
        float *sum = co_calloc(f.n_left * f.n_right, sizeof *sum);
        cr_assert_eq(f.n_left * f.n_right, size_of(b, t), "%s", b->layer->name);
        for (size_t r = 0; r < co_shape_rows(f.shape, &b->batch); r++)
            for (size_t k = 0; k < f.n_left * f.n_right; k++) {
                const size_t l = k / f.n_right;
                const float left = !f.index                   ? f.left[r * f.n_left + l]
                                   : f.index[r] == (int32_t)l ? 1.0f
                                                              : 0.0f;
                sum[k] += left * f.right[r * f.n_right + k % f.n_right];
            }
        cr_assert_leq(relative_distance(sum, b->grad + b->at[t], size_of(b, t)), 5e-6, "%s",
                      b->layer->name);
        co_free(sum);
    }
}

Test(layer, factors_are_those_of_the_gradient)
{
    for_all(check_factors);
}

Test(layer, tables_are_complete)
{
    for (const co_plugin *const *m = co_kind_layer.members; *m; m++) {
        const co_layer *layer = (const co_layer *)*m;
        cr_expect(layer->name && layer->summary && layer->create);
        cr_expect_eq(co_layer_find(layer->name), layer);
        cr_expect_eq(!layer->tensors, !layer->backward_params, "%s", layer->name);
        cr_expect_eq(!layer->tensors, !layer->init, "%s", layer->name);
        bool main_is_there = !layer->main_option;
        for (const co_param *p = layer->params; p && p->key; p++)
            main_is_there |= layer->main_option && strcmp(p->key, layer->main_option) == 0;
        cr_expect(main_is_there, "%s", layer->name);
    }
}
