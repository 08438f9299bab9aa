/* models/layers/slice.c - columns from .. from + size - 1 of every row.
 *
 * dx is dy in those columns and zero in the others. Cost: one pass. */
#include "core/memory.h"
#include "models/layers/layer.h"
#include <string.h>

typedef struct {
    co_shape in;
    size_t from, size;
} slice;

static co_status create(const co_config *opt, const co_shape *in, size_t n_classes, co_shape *out,
                        void **self)
{
    char text[CO_SHAPE_TEXT];
    const size_t from = (size_t)co_config_int(opt, "from"),
                 size = (size_t)co_config_int(opt, "size");
    (void)n_classes;
    *self = NULL;
    co_shape_text(in, text);
    if (in->tokens || in->ndim != 1)
        return co_config_fail(opt, NULL, "needs rows of [features], its input is %s", text);
    if (from + size > in->dim[0])
        return co_config_fail(opt, co_config_node(opt, "size"),
                              "columns %zu to %zu are not all in an input of %s", from,
                              from + size - 1, text);
    slice *s = co_malloc(1, sizeof *s);
    if (!s) return CO_FAIL(CO_ENOMEM, "layer slice");
    *s = (slice){.in = *in, .from = from, .size = size};
    *out = *in;
    out->dim[0] = size;
    *self = s;
    return CO_OK;
}

static void forward(const void *self, const co_call *call)
{
    const slice *s = self;
    const size_t rows = co_shape_rows(&s->in, call->pass->batch), width = s->in.dim[0];
    for (size_t r = 0; r < rows; r++)
        memcpy(call->y + r * s->size, call->x[0] + r * width + s->from, s->size * sizeof *call->y);
}

static void backward_input(const void *self, const co_call *call)
{
    const slice *s = self;
    const size_t rows = co_shape_rows(&s->in, call->pass->batch), width = s->in.dim[0];
    memset(call->dx[0], 0, rows * width * sizeof *call->dy);
    for (size_t r = 0; r < rows; r++)
        memcpy(call->dx[0] + r * width + s->from, call->dy + r * s->size,
               s->size * sizeof *call->dy);
}

static co_facts facts(const void *self)
{
    (void)self;
    return (co_facts){
        .row_wise = true, .spares_input = true, .spares_output = true, .in_parts = true};
}

static const co_param params[] = {
    {"from", CO_INT, .lo = 0, .hi = 1 << 24, .flags = CO_REQUIRED, .doc = "first column, from 0"},
    {"size", CO_INT, .lo = 1, .hi = 1 << 24, .flags = CO_REQUIRED, .doc = "number of columns"},
    {0}};
const co_layer co_layer_slice = {.name = "slice",
                                 .summary = "some neighbouring columns of every row",
                                 .params = params,
                                 .create = create,
                                 .destroy = co_free,
                                 .facts = facts,
                                 .forward = forward,
                                 .backward_input = backward_input};
