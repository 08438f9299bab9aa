/* models/layers/gru.c - gated recurrent unit.
 *
 * r = s(a_1 + b_1), z = s(a_2 + b_2), n = tanh(a_3 + r b_3) with a = W_ih x + b_ih, b = W_hh h' +
 * b_hh and the logistic function s; h = (1 - z) n + z h'. The reset gate r stands behind the
 * product with W_hh (PyTorch's form; in the paper before it). r, z, n take the place of a. Cost:
 * three exponentials a unit and step. Source: Cho et al., EMNLP 2014, arXiv:1406.1078, equations 5
 * to 8, where z stands for our 1 - z. */
#include "core/memory.h"
#include "models/layers/recurrent.h"
#include "models/smooth.h"
#include <string.h>

enum { GATES = 3 };

/* One row; its parts as pointers of their own, so that the compiler knows them apart. */
CO_CLONES static void gru_forward_row(size_t h, float *restrict r, float *restrict z,
                                      float *restrict n, const float *restrict gh,
                                      const float *restrict before, float *restrict y)
{
    for (size_t j = 0; j < h; j++) {
        r[j] = co_logistic(r[j] + gh[j]);
        z[j] = co_logistic(z[j] + gh[h + j]);
        n[j] = co_hyperbolic(n[j] + r[j] * gh[2 * h + j]);
        y[j] = (1.0f - z[j]) * n[j] + z[j] * before[j];
    }
}

static void forward(const co_kernels *fast, size_t m, size_t h, float *gx, float *gh,
                    const float *before, const float *kept_before, float *kept, float *y)
{
    (void)fast, (void)kept_before, (void)kept;
    for (size_t k = 0; k < m; k++) {
        float *r = gx + k * GATES * h;
        gru_forward_row(h, r, r + h, r + 2 * h, gh + k * GATES * h, before + k * h, y + k * h);
    }
}

/* b: b_3, which becomes its gradient. */
CO_CLONES static void gru_backward_row(size_t h, float *restrict gr, float *restrict gz,
                                       float *restrict gn, float *restrict b,
                                       const float *restrict before, float *restrict dy)
{
    for (size_t j = 0; j < h; j++) {
        const float r = gr[j], z = gz[j], n = gn[j];
        const float dn = dy[j] * (1.0f - z) * (1.0f - n * n);
        gr[j] = dn * b[j] * r * (1.0f - r);
        gz[j] = dy[j] * (before[j] - n) * z * (1.0f - z);
        gn[j] = dn;
        b[j] = dn * r;
        dy[j] *= z;
    }
}

static void backward(const co_kernels *fast, size_t m, size_t h, float *gx, float *gh,
                     const float *kept, const float *kept_before, const float *before, float *dy,
                     float *carry)
{
    (void)fast, (void)kept, (void)kept_before, (void)carry;
    for (size_t k = 0; k < m; k++) {
        float *r = gx + k * GATES * h, *copy = gh + k * GATES * h;
        gru_backward_row(h, r, r + h, r + 2 * h, copy + 2 * h, before + k * h, dy + k * h);
        memcpy(copy, r, 2 * h * sizeof *copy); /* r and z take both products alike */
    }
}

static co_status create(const co_config *opt, const co_shape *in, size_t n_classes, co_shape *out,
                        void **self)
{
    const co_cell cell = {
        .n_gates = GATES, .apart = true, .forward = forward, .backward = backward};
    (void)n_classes;
    return co_recurrent_create(opt, in, &cell, out, self);
}

const co_layer co_layer_gru = {.name = "gru",
                               .summary = "gated recurrent unit over the rows of a sequence",
                               .source = "Cho et al., EMNLP 2014, arXiv:1406.1078",
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
