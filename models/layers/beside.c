/* models/layers/beside.c - y = [x_0, x_1]: the columns of two inputs side by side, row by row.
 *
 * dx_0 and dx_1 are the columns of dy. Cost: one copy. */
#include "core/memory.h"
#include "models/layers/layer.h"
#include <string.h>

typedef struct {
    co_shape in;
    size_t n[2]; /* columns of each */
} beside;

static co_status create(const co_config *opt, const co_shape *in, size_t n_classes, co_shape *out,
                        void **self)
{
    char text[2][CO_SHAPE_TEXT];
    (void)n_classes;
    *self = NULL;
    const bool fits = in[0].ndim == 1 && in[1].ndim == 1 && !in[0].tokens && !in[1].tokens &&
                      in[0].sequence == in[1].sequence && in[0].target == in[1].target;
    for (size_t s = 0; s < 2; s++) co_shape_text(&in[s], text[s]);
    if (!fits)
        return co_config_fail(opt, NULL,
                              "needs two inputs with as many rows of [features], they are %s and "
                              "%s",
                              text[0], text[1]);
    beside *b = co_malloc(1, sizeof *b);
    if (!b) return CO_FAIL(CO_ENOMEM, "layer beside");
    *b = (beside){.in = in[0], .n = {in[0].dim[0], in[1].dim[0]}};
    *out = in[0];
    out->dim[0] = b->n[0] + b->n[1];
    *self = b;
    return CO_OK;
}

static co_facts facts(const void *self)
{
    (void)self;
    return (co_facts){.spares_input = true, .spares_output = true};
}

static void forward(const void *self, const co_call *call)
{
    const beside *b = self;
    const size_t rows = co_shape_rows(&b->in, call->pass->batch), wide = b->n[0] + b->n[1];
    for (size_t s = 0; s < 2; s++)
        for (size_t r = 0; r < rows; r++)
            memcpy(call->y + r * wide + s * b->n[0], call->x[s] + r * b->n[s],
                   b->n[s] * sizeof *call->y);
}

static void backward_input(const void *self, const co_call *call)
{
    const beside *b = self;
    const size_t rows = co_shape_rows(&b->in, call->pass->batch), wide = b->n[0] + b->n[1];
    for (size_t s = 0; s < 2; s++)
        for (size_t r = 0; call->dx[s] && r < rows; r++)
            memcpy(call->dx[s] + r * b->n[s], call->dy + r * wide + s * b->n[0],
                   b->n[s] * sizeof *call->dy);
}

const co_layer co_layer_beside = {.name = "beside",
                                  .summary = "two inputs side by side: the end of a concat block",
                                  .n_inputs = 2,
                                  .create = create,
                                  .destroy = co_free,
                                  .facts = facts,
                                  .forward = forward,
                                  .backward_input = backward_input};
