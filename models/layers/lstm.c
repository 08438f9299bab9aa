/* models/layers/lstm.c - long short-term memory.
 *
 * i = s(g_1), f = s(g_2), u = tanh(g_3), o = s(g_4) with g = W_ih x + W_hh h' + (b_ih + b_hh) and
 * the logistic function s; c = f c' + i u, h = o tanh(c). i, f, u, o take the place of g; kept: c,
 * tanh(c). Gates and their gradients are one pass each over a row (kernels/gates.inc). Cost: five
 * exponentials a unit and step. Source: Hochreiter & Schmidhuber, Neural Computation 9, 1997, with
 * the forget gate of Gers et al., 2000; gates in PyTorch's order. */
#include "core/memory.h"
#include "models/layers/recurrent.h"

enum { GATES = 4, KEPT = 2 };

static void forward(const co_kernels *fast, size_t m, size_t h, float *gx, float *gh,
                    const float *before, const float *kept_before, float *kept, float *y)
{
    (void)gh;
    for (size_t r = 0; r < m; r++) {
        const float *cell =
            kept_before ? kept_before + r * KEPT * h : before + r * h; /* zeros at the first step */
        float *c = kept + r * KEPT * h;
        (fast ? fast->lstm : co_reference_lstm)(h, gx + r * GATES * h, cell, c, c + h, y + r * h);
    }
}

static void backward(const co_kernels *fast, size_t m, size_t h, float *gx, float *gh,
                     const float *kept, const float *kept_before, const float *before, float *dy,
                     float *carry)
{
    (void)gh;
    for (size_t r = 0; r < m; r++) {
        const float *cell = kept_before ? kept_before + r * KEPT * h : before + r * h;
        (fast ? fast->lstm_back : co_reference_lstm_back)(
            h, gx + r * GATES * h, cell, kept + r * KEPT * h + h, dy + r * h, carry + r * h);
    }
}

static co_status create(const co_config *opt, const co_shape *in, size_t n_classes, co_shape *out,
                        void **self)
{
    const co_cell cell = {
        .n_gates = GATES, .n_kept = KEPT, .forward = forward, .backward = backward};
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
                                .facts = co_recurrent_facts,
                                .tensors = co_recurrent_tensors,
                                .init = co_recurrent_init,
                                .cache_size = co_recurrent_cache_size,
                                .scratch_size = co_recurrent_scratch_size,
                                .forward = co_recurrent_forward,
                                .backward_input = co_recurrent_backward_input,
                                .input_first = true,
                                .backward_params = co_recurrent_backward_params,
                                .norms = co_recurrent_norms,
                                .norms_size = co_recurrent_norms_size,
                                .backward = co_recurrent_backward,
                                .step_size = co_recurrent_step_size,
                                .lay = co_recurrent_lay,
                                .step = co_recurrent_step,
                                .flops = co_recurrent_flops};
