/* models/layers/dropout.c - in training each float is set to zero with probability p and else
 * multiplied by 1/(1 - p).
 *
 * The mask is kept from forward to backward: element i of the batch is dropped when draw i of
 * stream (seed, CO_DRAW_DROPOUT, round, device, call->draw) is below p. In evaluation y = x.
 * Cost: one draw a float, two passes. Source: Srivastava et al., JMLR 15, 2014; scaled in training
 * ("inverted"), as PyTorch does. */
#include "models/layers/input.h"
#include "core/clones.h"
#include "core/memory.h"
#include "core/random.h"
#include "models/layers/layout.h"
#include <string.h>

typedef struct {
    co_shape shape;
    float p;
    const co_kernels *fast;
} dropout;

static co_status create(const co_config *opt, const co_shape *in, size_t n_classes, co_shape *out,
                        void **self)
{
    (void)n_classes;
    *self = NULL;
    CO_TRY(co_input_floats(opt, in));
    dropout *d = co_malloc(1, sizeof *d);
    if (!d) return CO_FAIL(CO_ENOMEM, "layer dropout");
    *d = (dropout){.shape = *in, .p = (float)co_config_real(opt, "p"), .fast = co_kernels_in_use()};
    *out = *in;
    *self = d;
    return CO_OK;
}

static size_t cache_size(const void *self, size_t n, size_t rows)
{
    const dropout *d = self;
    return (d->shape.sequence ? rows : n) * co_shape_size(&d->shape);
}

/* For the draws in the order of planes, so that no layout changes them. */
static size_t scratch_size(const void *self, size_t n, size_t rows)
{
    return ((const dropout *)self)->shape.lanes ? cache_size(self, n, rows) : 0;
}

CO_CLONES static void dropout_mask(size_t n, float p, float *mask)
{
    const float factor = 1.0f / (1.0f - p);
    for (size_t i = 0; i < n; i++) mask[i] = mask[i] < p ? 0.0f : factor;
}

/* y may be x. */
CO_CLONES static void dropout_apply(size_t n, const float *x, const float *restrict mask, float *y)
{
    CO_IN_ANY_ORDER
    for (size_t i = 0; i < n; i++) y[i] = x[i] * mask[i];
}

/* n floats of the mask from number `first` on, in the order of planes. */
static void draw_mask(const dropout *d, const co_call *call, size_t first, size_t n, float *mask)
{
    const co_pass *pass = call->pass;
    const co_stream stream =
        co_stream_open(pass->seed, CO_DRAW_DROPOUT, pass->round, pass->device, call->draw);
    co_fill_uniform(&stream, first, n, mask);
    dropout_mask(n, d->p, mask);
}

/* Piece by piece, so that the mask is still in the first cache when it is used. */
static void draw_and_apply(const dropout *d, const co_call *call, size_t n, float *mask)
{
    enum { PIECE = 2048 };
    const size_t first = call->pass->first * co_shape_size(&d->shape);
    for (size_t i = 0; i < n; i += PIECE) {
        const size_t m = n - i < PIECE ? n - i : PIECE;
        draw_mask(d, call, first + i, m, mask + i);
        dropout_apply(m, call->x[0] + i, mask + i, call->y + i);
    }
}

static void forward(const void *self, const co_call *call)
{
    const dropout *d = self;
    const co_pass *pass = call->pass;
    const size_t n = co_shape_rows(&d->shape, pass->batch) * co_shape_size(&d->shape);
    float *mask = call->cache + pass->first * co_shape_size(&d->shape);
    if (!pass->train) {
        if (call->y != call->x[0]) memcpy(call->y, call->x[0], n * sizeof *call->y);
        return;
    }
    if (d->shape.lanes) {
        const size_t rows = co_shape_rows(&d->shape, pass->batch);
        const size_t planes = d->shape.dim[0] * d->shape.dim[1] * d->shape.dim[2];
        draw_mask(d, call, pass->first * planes, rows * planes, call->scratch);
        co_layout_to_lanes(d->fast, &d->shape, rows, call->scratch, mask);
    } else {
        draw_and_apply(d, call, n, mask);
        return;
    }
    dropout_apply(n, call->x[0], mask, call->y);
}

static void backward_input(const void *self, const co_call *call)
{
    const dropout *d = self;
    const co_pass *pass = call->pass;
    const size_t n = co_shape_rows(&d->shape, pass->batch) * co_shape_size(&d->shape);
    if (pass->train)
        dropout_apply(n, call->dy, call->cache + pass->first * co_shape_size(&d->shape),
                      call->dx[0]);
    else if (call->dx[0] != call->dy)
        memcpy(call->dx[0], call->dy, n * sizeof *call->dy);
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

static const co_param params[] = {{"p", CO_REAL, .lo = 0.0, .hi = 1.0,
                                   .flags = CO_REQUIRED | CO_HI_OPEN,
                                   .doc = "probability that a value is dropped"},
                                  {0}};
const co_layer co_layer_dropout = {.name = "dropout",
                                   .summary = "drops values at random in training",
                                   .source = "Srivastava et al., JMLR 15, 2014",
                                   .params = params,
                                   .main_option = "p",
                                   .create = create,
                                   .destroy = co_free,
                                   .facts = facts,
                                   .cache_size = cache_size,
                                   .scratch_size = scratch_size,
                                   .forward = forward,
                                   .backward_input = backward_input};
