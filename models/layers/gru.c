/* models/layers/gru.c - gated recurrent unit.
 *
 * r = s(a_1 + b_1), z = s(a_2 + b_2), n = tanh(a_3 + r b_3) with a = W_ih x + b_ih, b = W_hh h' + b_hh and the logistic
 * function s; h = (1 - z) n + z h'. The reset gate r stands behind the product with W_hh (PyTorch's form; in the paper before
 * it). Kept: r, z, n, b_3. Cost: three exponentials a unit and step. Source: Cho et al., EMNLP 2014, arXiv:1406.1078, equations
 * 5 to 8, where z stands for our 1 - z. */
#include "core/memory.h"
#include "models/layers/recurrent.h"
#include "models/smooth.h"
#include <string.h>

enum { GATES = 3, KEPT = 4 };

/* One row; what is written as pointers of their own, so that the compiler knows them apart. */
CO_CLONES static void gru_forward_row(size_t h, const float *restrict gx, const float *restrict gh, const float *restrict before,
                                  float *restrict r, float *restrict z, float *restrict n, float *restrict b,
                                  float *restrict y)
{
    for (size_t j = 0; j < h; j++) {
        r[j] = co_logistic(gx[j] + gh[j]);
        z[j] = co_logistic(gx[h + j] + gh[h + j]);
        b[j] = gh[2 * h + j];
        n[j] = co_hyperbolic(gx[2 * h + j] + r[j] * b[j]);
        y[j] = (1.0f - z[j]) * n[j] + z[j] * before[j];
    }
}

static void forward(size_t m, size_t h, const float *gx, const float *gh, const float *before, const float *kept_before,
                    float *kept, float *y)
{
    (void)kept_before;
    for (size_t k = 0; k < m; k++) {
        float *r = kept + k * KEPT * h;
        gru_forward_row(h, gx + k * GATES * h, gh + k * GATES * h, before + k * h, r, r + h, r + 2 * h, r + 3 * h, y + k * h);
    }
}

CO_CLONES static void gru_backward_row(size_t h, const float *restrict kept, const float *restrict before, float *restrict dy,
                                   float *restrict dr, float *restrict dz, float *restrict dnx, float *restrict dnh)
{
    for (size_t j = 0; j < h; j++) {
        const float r = kept[j], z = kept[h + j], n = kept[2 * h + j], b = kept[3 * h + j];
        const float dn = dy[j] * (1.0f - z) * (1.0f - n * n);
        dr[j] = dn * b * r * (1.0f - r);
        dz[j] = dy[j] * (before[j] - n) * z * (1.0f - z);
        dnx[j] = dn;
        dnh[j] = dn * r;
        dy[j] *= z;
    }
}

static void backward(size_t m, size_t h, const float *kept, const float *kept_before, const float *before, float *dy,
                     float *carry, float *dgx, float *dgh)
{
    (void)kept_before, (void)carry;
    for (size_t k = 0; k < m; k++) {
        float *dr = dgx + k * GATES * h, *copy = dgh + k * GATES * h;
        gru_backward_row(h, kept + k * KEPT * h, before + k * h, dy + k * h, dr, dr + h, dr + 2 * h, copy + 2 * h);
        memcpy(copy, dr, 2 * h * sizeof *copy); /* r and z take both products alike */
    }
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
