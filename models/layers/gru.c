/* models/layers/gru.c - gated recurrent unit.
 *
 * r = s(a_1 + b_1), z = s(a_2 + b_2), n = tanh(a_3 + r b_3) with a = W_ih x + b_ih, b = W_hh h' + b_hh and the logistic
 * function s; h = (1 - z) n + z h'. The reset gate r stands behind the product with W_hh (PyTorch's form; in the paper before
 * it). Kept: r, z, n, b_3. Cost: three exponentials a unit and step. Source: Cho et al., EMNLP 2014, arXiv:1406.1078, equations
 * 5 to 8, where z stands for our 1 - z. */
#include "core/memory.h"
#include "models/layers/recurrent.h"
#include "models/smooth.h"

enum { GATES = 3, KEPT = 4 };

CO_CLONES static void gru_forward_row(size_t h, const float *restrict gx, const float *restrict gh, const float *restrict before,
                                  float *restrict kept, float *restrict y)
{
    for (size_t j = 0; j < h; j++) {
        const float r = co_logistic(gx[j] + gh[j]), z = co_logistic(gx[h + j] + gh[h + j]), b = gh[2 * h + j];
        const float n = co_hyperbolic(gx[2 * h + j] + r * b);
        kept[j] = r;
        kept[h + j] = z;
        kept[2 * h + j] = n;
        kept[3 * h + j] = b;
        y[j] = (1.0f - z) * n + z * before[j];
    }
}

static void forward(size_t m, size_t h, const float *gx, const float *gh, const float *before, const float *kept_before,
                    float *kept, float *y)
{
    (void)kept_before;
    for (size_t r = 0; r < m; r++)
        gru_forward_row(h, gx + r * GATES * h, gh + r * GATES * h, before + r * h, kept + r * KEPT * h, y + r * h);
}

CO_CLONES static void gru_backward_row(size_t h, const float *restrict kept, const float *restrict before, float *restrict dy,
                                   float *restrict dgx, float *restrict dgh)
{
    for (size_t j = 0; j < h; j++) {
        const float r = kept[j], z = kept[h + j], n = kept[2 * h + j], b = kept[3 * h + j];
        const float dn = dy[j] * (1.0f - z) * (1.0f - n * n);
        dgx[j] = dgh[j] = dn * b * r * (1.0f - r);
        dgx[h + j] = dgh[h + j] = dy[j] * (before[j] - n) * z * (1.0f - z);
        dgx[2 * h + j] = dn;
        dgh[2 * h + j] = dn * r;
        dy[j] *= z;
    }
}

static void backward(size_t m, size_t h, const float *kept, const float *kept_before, const float *before, float *dy,
                     float *carry, float *dgx, float *dgh)
{
    (void)kept_before, (void)carry;
    for (size_t r = 0; r < m; r++)
        gru_backward_row(h, kept + r * KEPT * h, before + r * h, dy + r * h, dgx + r * GATES * h, dgh + r * GATES * h);
}

static co_status create(const co_config *opt, const co_shape *in, size_t n_classes, co_shape *out, void **self)
{
    const co_cell cell = {.n_gates = GATES, .n_kept = KEPT, .apart = true, .forward = forward, .backward = backward};
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
                               .tensors = co_recurrent_tensors,
                               .init = co_recurrent_init,
                               .cache_size = co_recurrent_cache_size,
                               .scratch_size = co_recurrent_scratch_size,
                               .forward = co_recurrent_forward,
                               .backward_input = co_recurrent_backward_input,
                               .input_first = true,
                               .backward_params = co_recurrent_backward_params,
                               .flops = co_recurrent_flops};
