/* models/layers/lstm.c - long short-term memory.
 *
 * i = s(g_1), f = s(g_2), u = tanh(g_3), o = s(g_4) with g = W_ih x + W_hh h' + (b_ih + b_hh) and the logistic function s;
 * c = f c' + i u, h = o tanh(c). Kept: i, f, u, o, c, tanh(c). Gates and their gradients are one pass each over a row, which the
 * compiler turns into vectors. Cost: five exponentials a unit and step.
 * Source: Hochreiter & Schmidhuber, Neural Computation 9, 1997, with the forget gate of Gers et al., 2000; gates in PyTorch's
 * order. */
#include "core/memory.h"
#include "models/layers/recurrent.h"
#include "models/smooth.h"

enum { GATES = 4, KEPT = 6 };

/* One row; the parts of what is kept as pointers of their own, so that the compiler knows them apart. */
CO_CLONES static void lstm_forward_row(size_t h, const float *restrict g, const float *restrict before,
                                       float *restrict i, float *restrict f, float *restrict u, float *restrict o,
                                       float *restrict c, float *restrict t, float *restrict y)
{
    for (size_t j = 0; j < h; j++) {
        i[j] = co_logistic(g[j]);
        f[j] = co_logistic(g[h + j]);
        u[j] = co_hyperbolic(g[2 * h + j]);
        o[j] = co_logistic(g[3 * h + j]);
        c[j] = f[j] * before[j] + i[j] * u[j];
        t[j] = co_hyperbolic(c[j]);
        y[j] = o[j] * t[j];
    }
}

static void forward(size_t m, size_t h, const float *gx, const float *gh, const float *before, const float *kept_before,
                    float *kept, float *y)
{
    (void)gh;
    for (size_t r = 0; r < m; r++) {
        const float *cell = kept_before ? kept_before + r * KEPT * h + 4 * h : before + r * h; /* zeros at the first step */
        float *i = kept + r * KEPT * h;
        lstm_forward_row(h, gx + r * GATES * h, cell, i, i + h, i + 2 * h, i + 3 * h, i + 4 * h, i + 5 * h, y + r * h);
    }
}

CO_CLONES static void lstm_backward_row(size_t h, const float *restrict kept, const float *restrict before, float *restrict dy,
                                   float *restrict carry, float *restrict di, float *restrict df, float *restrict du,
                                   float *restrict d_o)
{
    const float *t = kept + 5 * h;
    for (size_t j = 0; j < h; j++) {
        const float i = kept[j], f = kept[h + j], u = kept[2 * h + j], o = kept[3 * h + j];
        const float dc = carry[j] + dy[j] * o * (1.0f - t[j] * t[j]);
        di[j] = dc * u * i * (1.0f - i);
        df[j] = dc * before[j] * f * (1.0f - f);
        du[j] = dc * i * (1.0f - u * u);
        d_o[j] = dy[j] * t[j] * o * (1.0f - o);
        carry[j] = dc * f;
        dy[j] = 0.0f;
    }
}

static void backward(size_t m, size_t h, const float *kept, const float *kept_before, const float *before, float *dy,
                     float *carry, float *dgx, float *dgh)
{
    (void)dgh;
    for (size_t r = 0; r < m; r++) {
        const float *cell = kept_before ? kept_before + r * KEPT * h + 4 * h : before + r * h;
        float *di = dgx + r * GATES * h;
        lstm_backward_row(h, kept + r * KEPT * h, cell, dy + r * h, carry + r * h, di, di + h, di + 2 * h, di + 3 * h);
    }
}

static co_status create(const co_config *opt, const co_shape *in, size_t n_classes, co_shape *out, void **self)
{
    const co_cell cell = {.n_gates = GATES, .n_kept = KEPT, .forward = forward, .backward = backward};
    (void)n_classes;
    return co_recurrent_create(opt, in, &cell, out, self);
}

const co_layer co_layer_lstm = {.name = "lstm",
                                .summary = "long short-term memory over the rows of a sequence",
                                .source = "Hochreiter & Schmidhuber, Neural Computation 9, 1997",
                                .params = co_recurrent_params,
                                .main_option = "units",
                                .create = create,
                                .destroy = co_free,
                                .tensors = co_recurrent_tensors,
                                .init = co_recurrent_init,
                                .cache_size = co_recurrent_cache_size,
                                .scratch_size = co_recurrent_scratch_size,
                                .forward = co_recurrent_forward,
                                .backward_input = co_recurrent_backward_input,
                                .input_first = true,
                                .backward_params = co_recurrent_backward_params,
                                .flops = co_recurrent_flops};
