/* models/layers/scale.c - y = factor x.
 *
 * dx = factor dy. Cost: one pass each way. Source: Vaswani et al., NeurIPS 2017, arXiv:1706.03762,
 * section 3.4 (embeddings times sqrt d). */
#include "core/memory.h"
#include "models/layers/input.h"

typedef struct {
    co_shape shape;
    float factor;
} scale;

static co_status create(const co_config *opt, const co_shape *in, size_t n_classes, co_shape *out,
                        void **self)
{
    (void)n_classes;
    *self = NULL;
    CO_TRY(co_input_floats(opt, in));
    scale *s = co_malloc(1, sizeof *s);
    if (!s) return CO_FAIL(CO_ENOMEM, "layer scale");
    *s = (scale){.shape = *in, .factor = (float)co_config_real(opt, "factor")};
    *out = *in;
    *self = s;
    return CO_OK;
}

/* to may be from. */
static void multiply(const scale *s, const co_call *call, const float *from, float *to)
{
    const size_t n = co_shape_rows(&s->shape, call->pass->batch) * co_shape_size(&s->shape);
    const float factor = s->factor;
    for (size_t i = 0; i < n; i++) to[i] = factor * from[i];
}

static void forward(const void *self, const co_call *call)
{
    multiply(self, call, call->x[0], call->y);
}

static void backward_input(const void *self, const co_call *call)
{
    multiply(self, call, call->dy, call->dx[0]);
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

static const co_param params[] = {{"factor", CO_REAL, .lo = -1e6, .hi = 1e6, .flags = CO_REQUIRED,
                                   .doc = "what every value is multiplied by"},
                                  {0}};
const co_layer co_layer_scale = {.name = "scale",
                                 .summary = "every value times a number",
                                 .source = "Vaswani et al., NeurIPS 2017, arXiv:1706.03762",
                                 .params = params,
                                 .main_option = "factor",
                                 .create = create,
                                 .destroy = co_free,
                                 .facts = facts,
                                 .forward = forward,
                                 .backward_input = backward_input};
