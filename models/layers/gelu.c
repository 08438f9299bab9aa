/* models/layers/gelu.c - y = x F(x), with F the share of the standard normal distribution below x
 * (form erf), or 1/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) in its place (form tanh).
 *
 * The slope F(x) + x F'(x) costs little beside y and is kept, one float each: so y may stand where
 * x stood, and backward is one product a float. Cost: one exponential and one division a float, two
 * floats written. Source: Hendrycks & Gimpel 2016, arXiv:1606.08415, section 2. */
#include "core/memory.h"
#include "models/layers/input.h"
#include "models/smooth.h"
#include <string.h>

typedef struct {
    co_shape shape;
    bool by_tanh;
} gelu;

static co_status create(const co_config *opt, const co_shape *in, size_t n_classes, co_shape *out,
                        void **self)
{
    (void)n_classes;
    *self = NULL;
    CO_TRY(co_input_floats(opt, in));
    gelu *g = co_malloc(1, sizeof *g);
    if (!g) return CO_FAIL(CO_ENOMEM, "layer gelu");
    *g = (gelu){.shape = *in, .by_tanh = strcmp(co_config_string(opt, "form"), "tanh") == 0};
    *out = *in;
    *self = g;
    return CO_OK;
}

static size_t cache_size(const void *self, size_t n, size_t rows)
{
    const gelu *g = self;
    return (g->shape.sequence ? rows : n) * co_shape_size(&g->shape);
}

/* y may be x. */
CO_CLONES static void gelu_erf(size_t n, const float *x, float *y, float *restrict slope)
{
    CO_IN_ANY_ORDER
    for (size_t i = 0; i < n; i++) y[i] = co_gelu(x[i], &slope[i]);
}

CO_CLONES static void gelu_tanh(size_t n, const float *x, float *y, float *restrict slope)
{
    CO_IN_ANY_ORDER
    for (size_t i = 0; i < n; i++) y[i] = co_gelu_tanh(x[i], &slope[i]);
}

CO_CLONES static void gelu_back(size_t n, const float *dy, const float *restrict slope, float *dx)
{
    CO_IN_ANY_ORDER
    for (size_t i = 0; i < n; i++) dx[i] = dy[i] * slope[i];
}

static void forward(const void *self, const co_call *call)
{
    const gelu *g = self;
    const size_t size = co_shape_size(&g->shape),
                 n = co_shape_rows(&g->shape, call->pass->batch) * size;
    float *slope = call->cache + call->pass->first * size;
    (g->by_tanh ? gelu_tanh : gelu_erf)(n, call->x[0], call->y, slope);
}

static void backward_input(const void *self, const co_call *call)
{
    const gelu *g = self;
    const size_t size = co_shape_size(&g->shape),
                 n = co_shape_rows(&g->shape, call->pass->batch) * size;
    gelu_back(n, call->dy, call->cache + call->pass->first * size, call->dx[0]);
}

static co_facts facts(const void *self)
{
    (void)self;
    return (co_facts){.row_wise = true,
                      .in_place = true,
                      .spares_input = true,
                      .spares_output = true,
                      .in_parts = true};
}

static const co_param params[] = {
    {"form", CO_CHOICE, .words = "erf|tanh", .doc = "the exact function, or near it by tanh"}, {0}};
const co_layer co_layer_gelu = {.name = "gelu",
                                .summary = "x times the normal distribution below x, by element",
                                .source = "Hendrycks & Gimpel 2016, arXiv:1606.08415",
                                .params = params,
                                .main_option = "form",
                                .create = create,
                                .destroy = co_free,
                                .facts = facts,
                                .cache_size = cache_size,
                                .forward = forward,
                                .backward_input = backward_input};
