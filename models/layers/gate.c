/* models/layers/gate.c - y = f(a) b float by float, with f silu or gelu: where the two branches of
 * a gated block meet.
 *
 * da = dy b f'(a), db = dy f(a), both formed anew from a. Cost: one exponential and one division a
 * float, forward and back; nothing kept but the inputs. Source: Shazeer 2020, arXiv:2002.05202,
 * equation 6 (SwiGLU, GEGLU without their products). */
#include "core/memory.h"
#include "models/layers/layer.h"
#include "models/smooth.h"
#include <string.h>

typedef struct {
    co_shape shape;
    bool gelu;
} gate;

static co_status create(const co_config *opt, const co_shape *in, size_t n_classes, co_shape *out,
                        void **self)
{
    char text[CO_SHAPE_TEXT], other[CO_SHAPE_TEXT];
    (void)n_classes;
    *self = NULL;
    co_shape_text(&in[0], text);
    co_shape_text(&in[1], other);
    if (!co_shape_equal(&in[0], &in[1]) || in[0].tokens || in[0].lanes != in[1].lanes)
        return co_config_fail(opt, NULL,
                              "needs two inputs of floats with one shape, they are %s and %s", text,
                              other);
    gate *g = co_malloc(1, sizeof *g);
    if (!g) return CO_FAIL(CO_ENOMEM, "layer gate");
    *g = (gate){.shape = in[0], .gelu = strcmp(co_config_string(opt, "act"), "gelu") == 0};
    *out = in[0];
    *self = g;
    return CO_OK;
}

CO_CLONES static void gate_silu(size_t n, const float *restrict a, const float *restrict b,
                                float *restrict y)
{
    float slope;
    for (size_t i = 0; i < n; i++) y[i] = co_silu(a[i], &slope) * b[i];
}

CO_CLONES static void gate_gelu(size_t n, const float *restrict a, const float *restrict b,
                                float *restrict y)
{
    float slope;
    for (size_t i = 0; i < n; i++) y[i] = co_gelu(a[i], &slope) * b[i];
}

CO_CLONES static void gate_silu_back(size_t n, const float *restrict a, const float *restrict b,
                                     const float *restrict dy, float *restrict da,
                                     float *restrict db)
{
    for (size_t i = 0; i < n; i++) {
        float slope;
        const float f = co_silu(a[i], &slope);
        da[i] = dy[i] * b[i] * slope;
        db[i] = dy[i] * f;
    }
}

CO_CLONES static void gate_gelu_back(size_t n, const float *restrict a, const float *restrict b,
                                     const float *restrict dy, float *restrict da,
                                     float *restrict db)
{
    for (size_t i = 0; i < n; i++) {
        float slope;
        const float f = co_gelu(a[i], &slope);
        da[i] = dy[i] * b[i] * slope;
        db[i] = dy[i] * f;
    }
}

static void forward(const void *self, const co_call *call)
{
    const gate *g = self;
    const size_t n = co_shape_rows(&g->shape, call->pass->batch) * co_shape_size(&g->shape);
    (g->gelu ? gate_gelu : gate_silu)(n, call->x[0], call->x[1], call->y);
}

/* In pieces of PIECE floats, so that a gradient which nobody wants goes to a small place. */
static void backward_input(const void *self, const co_call *call)
{
    enum { PIECE = 1024 };
    const gate *g = self;
    const size_t n = co_shape_rows(&g->shape, call->pass->batch) * co_shape_size(&g->shape);
    for (size_t i = 0; i < n; i += PIECE) {
        const size_t m = n - i < PIECE ? n - i : PIECE;
        float unwanted[2][PIECE];
        (g->gelu ? gate_gelu_back : gate_silu_back)(m, call->x[0] + i, call->x[1] + i, call->dy + i,
                                                    call->dx[0] ? call->dx[0] + i : unwanted[0],
                                                    call->dx[1] ? call->dx[1] + i : unwanted[1]);
    }
}

static co_facts facts(const void *self)
{
    (void)self;
    return (co_facts){.row_wise = true, .spares_output = true, .in_parts = true};
}

static const co_param params[] = {
    {"act", CO_CHOICE, .words = "silu|gelu", .doc = "what the first input goes through"}, {0}};
const co_layer co_layer_gate = {.name = "gate",
                                .summary = "product of two inputs, the first one through silu",
                                .source = "Shazeer 2020, arXiv:2002.05202",
                                .params = params,
                                .main_option = "act",
                                .n_inputs = 2,
                                .create = create,
                                .destroy = co_free,
                                .facts = facts,
                                .forward = forward,
                                .backward_input = backward_input};
